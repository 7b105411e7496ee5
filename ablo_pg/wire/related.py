"""Rows that other rows name, or that name them: what to ask for, and where they belong. Pure.

A relation's two ends are compared as text: a key of an adopted table may be a number in one row and
the text of an id in the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ablo_pg.errors import error_for
from ablo_pg.json_text import joined, loads, members
from ablo_pg.schema.neutral import ModelSpec, Relation


def relation_of(model: ModelSpec, name: str) -> Relation:
    """Return a relation of a model. Raises query_unknown_relation."""
    for relation in model.relations:
        if relation.name == name:
            return relation
    known = ", ".join(relation.name for relation in model.relations) or "none"
    raise error_for(
        "query_unknown_relation",
        f"{model.key} has no relation {name[:80]!r}",
        model=model.key,
        remedy=f"known: {known}",
    )


def included(relation: Relation, typename: str) -> dict[str, object]:
    """Return a part of a list's `include`, as `ablo.row_related` reads it. typename: the target."""
    mine, theirs = keys_of(relation)
    part: dict[str, object] = {"name": relation.name, "model": typename}
    part |= {"of": mine, "field": theirs}
    if relation.order_by is not None:
        part["orderBy"] = [[relation.order_by, "asc"]]
    return part


def by_key(relation: Relation, rows: Sequence[bytes]) -> Mapping[str, list[int]]:
    """Return which of the related rows belong to a row whose end of the relation has this value."""
    found: dict[str, list[int]] = {}
    for index, row in enumerate(rows):
        found.setdefault(str(value_of(row, keys_of(relation)[1])), []).append(index)
    return found


def key_of(relation: Relation, row: bytes) -> str | None:
    """Return the value by which related rows belong to a row; None: none do."""
    value = value_of(row, keys_of(relation)[0])
    return None if value is None else str(value)


def nest(rows: Sequence[bytes], relation: Relation, related: Sequence[bytes]) -> list[bytes]:
    """Return rows with their related rows under the relation's name."""
    found = by_key(relation, related)
    nested = []
    for row in rows:
        here = [related[index] for index in found.get(key_of(relation, row) or "", ())]
        told = b"[%b]" % b",".join(here) if relation.kind == "hasMany" else (here or [b"null"])[0]
        nested.append(joined({**members(row), relation.name: told}))
    return nested


def keys_of(relation: Relation) -> tuple[str, str]:
    """Return the wire names that are equal: of the row, and of its related rows."""
    if relation.kind == "belongsTo":
        return relation.foreign_key, "id"
    return "id", relation.foreign_key


def values_of(rows: Iterable[bytes], name: str) -> list[object]:
    """Return the distinct values of one field."""
    found = dict.fromkeys(value_of(row, name) for row in rows)
    return [value for value in found if value is not None]


def value_of(row: bytes, name: str) -> object:
    """Return the value of a relation's field; None if a row has none."""
    return loads(members(row).get(name, b"null"))
