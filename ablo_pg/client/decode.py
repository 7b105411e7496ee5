"""Rows from the JSON bytes of reads and deltas, with the evidence of the read attached.

The write's receipt travels in the same hidden slot, so that `ablo.receipt(row)` finds it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from ablo_pg.client.names import Entry
from ablo_pg.client.receipt import Receipt
from ablo_pg.db.results import PageRead
from ablo_pg.schema.rows import Evidence, Model, evidence_of, row_from_json

T = TypeVar("T")
RowT = TypeVar("RowT", bound=Model)


@dataclass(frozen=True, slots=True)
class WriteEvidence(Evidence):
    """The evidence of a row that a write gave back."""

    receipt: Receipt


class Page(list[T]):
    """A page of rows: a list, and where it stands.

    stamp: the organization's watermark at the read; has_more: rows follow; next_cursor: pass it as
    `after=` with the same filter and order to read on.
    """

    def __init__(
        self, rows: Iterable[T], stamp: int, has_more: bool, next_cursor: str | None
    ) -> None:
        super().__init__(rows)
        self.stamp = stamp
        self.has_more = has_more
        self.next_cursor = next_cursor


def row_of(entry: Entry, data: bytes, stamp: int) -> Model:
    """Build a row read at `stamp`."""
    return _with(row_from_json(entry.row, data), Evidence(entry.key, stamp))


def written_row_of(entry: Entry, data: bytes, stamp: int, receipt: Receipt) -> Model:
    """Build the row that a write gives back."""
    return _with(row_from_json(entry.row, data), WriteEvidence(entry.key, stamp, receipt))


def page_of(entry: Entry, page: PageRead) -> Page[Any]:
    """Build a page of rows."""
    rows = [
        row_of(entry, bytes(raw), evidence.stamp)
        for raw, evidence in zip(page.data, page.evidence, strict=True)
    ]
    return Page(rows, page.stamp, page.has_more, page.next_cursor)


def receipt_of_row(row: Model) -> Receipt | None:
    """Return the receipt of the write that gave this row back, or None."""
    evidence = evidence_of(row)
    return evidence.receipt if isinstance(evidence, WriteEvidence) else None


def _with(row: Model, evidence: Evidence) -> Model:
    object.__setattr__(row, "_ablo_evidence", evidence)
    return row
