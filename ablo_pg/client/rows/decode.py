"""Rows from the JSON bytes of reads and deltas, with the evidence of the read attached."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, SupportsIndex, TypeVar

from ablo_pg.client.names import Entry
from ablo_pg.client.rows.where import ListQuery, Predicate
from ablo_pg.schema.rows import Evidence, Model, row_from_json
from ablo_pg.wire.results import PageRead

T = TypeVar("T")
RowT = TypeVar("RowT", bound=Model)


class PageEvidence(Evidence, frozen=True, kw_only=True):
    """The evidence of a page: the filter, and which rows were on it."""

    where: Sequence[Predicate]
    archived: bool
    ids: tuple[str, ...]


class Page(list[T]):
    """A page of rows: a list with its position.

    stamp: the organization's watermark at the read; has_more: rows follow; next_cursor: pass it as
    `after=` with the same filter and order to continue. As returned by `list`, a page is a premise:
    `reads=[page]` requires that what it lists has not changed. A copy carries no such evidence.
    """

    def __init__(
        self, rows: Iterable[T], stamp: int, has_more: bool, next_cursor: str | None
    ) -> None:
        super().__init__(rows)
        self.stamp = stamp
        self.has_more = has_more
        self.next_cursor = next_cursor
        self._ablo_evidence: PageEvidence | None = None

    def __reduce_ex__(self, protocol: SupportsIndex) -> tuple[object, ...]:
        return type(self), (list(self), self.stamp, self.has_more, self.next_cursor)


def row_of(entry: Entry, data: bytes, stamp: int) -> Model:
    """Build a row read at `stamp`."""
    evidence = Evidence(entry.key, stamp, entry.organization)
    return with_evidence(row_from_json(entry.row, data), evidence)


def before_of(
    entry: Entry, row: bytes | None, before: bytes | None, changed: Sequence[str]
) -> Mapping[str, Any] | None:
    """Return the values that a change replaced, by field name, as the old row's class reads them.

    Of an update, those of `changed` (Python names); of a delete, which has no `row`, all fields.
    """
    if before is None:
        return None
    old = row_from_json(entry.row, before if row is None else joined(row, before))
    names = type(old).model_fields
    return {
        name: getattr(old, name) for name in (names if row is None else changed) if name in names
    }


def joined(row: bytes, before: bytes) -> bytes:
    """Return the JSON of a row with the members of `before`: of equal keys, the last one counts."""
    return row[:-1] + b"," + before[1:]


def page_of(entry: Entry, page: PageRead, query: ListQuery) -> Page[Any]:
    """Build the page of rows that `query` requested."""
    cls, key, organization = entry.row, entry.key, entry.organization
    rows = [
        with_evidence(row_from_json(cls, bytes(raw)), Evidence(key, evidence.stamp, organization))
        for raw, evidence in zip(page.data, page.evidence, strict=True)
    ]
    made = Page(rows, page.stamp, page.has_more, page.next_cursor)
    made._ablo_evidence = PageEvidence(
        entry.key,
        page.stamp,
        entry.organization,
        where=query.where,
        archived=query.archived,
        ids=tuple(evidence.id for evidence in page.evidence),
    )
    return made


def page_evidence_of(page: Page[Any]) -> PageEvidence | None:
    """Return a page's evidence, or None for a copy."""
    return page._ablo_evidence


def with_evidence(row: Model, evidence: Evidence) -> Model:
    """Attach its evidence to a row; return the row."""
    object.__setattr__(row, "_ablo_evidence", evidence)
    return row
