"""Pages of rows, with the rows that belong to them: `include=["project", "messages"]`.

One call, one snapshot. A row keeps what was included where its relation's attribute finds it
(`schema.declare`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from ablo_pg.client.names import Entry, did_you_mean
from ablo_pg.client.registry import Registry
from ablo_pg.client.rows.decode import Page, page_of, row_of
from ablo_pg.client.rows.where import ListQuery
from ablo_pg.client.session import Session
from ablo_pg.errors import error_for
from ablo_pg.schema.neutral import Relation
from ablo_pg.schema.rows import Model
from ablo_pg.wire.kernel_bodies import ListBody
from ablo_pg.wire.kernel_calls import ROW_LIST
from ablo_pg.wire.related import by_key, included, key_of
from ablo_pg.wire.results import PageRead


def relations(entry: Entry, include: Sequence[str], at: int | None = None) -> dict[str, Relation]:
    """Return the named relations, by the author's names. Raises query_unknown_relation."""
    if isinstance(include, str) or (include and at is not None):
        raise error_for(
            "invalid_options",
            "include is a list of relations, and goes without `at`",
            model=entry.key,
            field="include",
            remedy='pass include=["project"]; retrieve related rows of the past separately',
        )
    found = {}
    for name in include:
        relation = entry.relations.get(name)
        if relation is None:
            raise error_for(
                "query_unknown_relation",
                f"{entry.key} has no relation {name!r}",
                model=entry.key,
                field="include",
                remedy=did_you_mean(str(name), entry.attributes.values()),
            )
        found[entry.attributes[relation.name]] = relation
    return found


def including(registry: Registry, wanted: dict[str, Relation]) -> dict[str, object]:
    """Return the member of a list's query that asks for related rows, if any are wanted."""
    asked = [included(one, registry.entry(one.target).typename) for one in wanted.values()]
    return {"include": asked} if asked else {}


async def read_page(
    session: Session, entry: Entry, query: ListQuery, wanted: dict[str, Relation]
) -> tuple[Page[Model], PageRead]:
    """Read a page of rows, with these of their relations; return it, and as it was read."""
    async with session.asking():
        body = ListBody(entry.typename, msgspec.Raw(query.body))
        found = await session.transport.ask(ROW_LIST, body)
    page = page_of(entry, found, query)
    await session.admit(entry, page)
    if wanted:
        for other, related in _attach(session.registry, wanted, page, found):
            await session.admit(other, related)
    return page, found


def related_of(row: Model) -> object:
    """Return a row's related rows by relation; None if they were not read."""
    return getattr(row, "_ablo_related", None)


def _attach(
    registry: Registry, wanted: dict[str, Relation], rows: Sequence[Model], page: PageRead
) -> Iterator[tuple[Entry, list[Model]]]:
    """Give each row what belongs to it; yield the related rows of each relation."""
    if page.related is None:
        raise error_for(
            "kernel_not_installed",
            "the database's kernel does not include related rows",
            field="include",
            remedy="upgrade it with `ablo-pg connect --admin-url URL`",
        )
    given: list[dict[str, Model | list[Model] | None]] = [{} for _ in rows]
    for name, relation in wanted.items():
        entry, read = registry.entry(relation.target), page.related[relation.name]
        texts = list(map(bytes, read.data))
        related = [
            row_of(entry, text, evidence.stamp)
            for text, evidence in zip(texts, read.evidence, strict=True)
        ]
        where = by_key(relation, texts)
        for mine, text in zip(given, page.data, strict=True):
            here = [related[index] for index in where.get(key_of(relation, bytes(text)) or "", ())]
            mine[name] = here if relation.kind == "hasMany" else next(iter(here), None)
        yield entry, related
    for row, mine in zip(rows, given, strict=True):
        object.__setattr__(row, "_ablo_related", mine)
