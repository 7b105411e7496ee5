"""Filters and ordering on local rows: the grammar of `where`, evaluated here instead of in SQL.

Pure. NULL is as in SQL: compared with anything it is neither equal nor unequal. Text is ordered by
code point; a database may use another collation.
"""

from __future__ import annotations

import enum
import operator
from collections.abc import Callable, Iterable
from typing import Any

from ablo_pg.client.names import Entry
from ablo_pg.client.rows.where import OrderBy, Where, ordering, predicates
from ablo_pg.predicate.evaluate import compile_test
from ablo_pg.schema.neutral import Field, FieldType
from ablo_pg.schema.rows import Model, unread_fields

Test = Callable[[Model], bool]


def matcher(entry: Entry, where: Where | None) -> Test:
    """Return the test of whether a row matches. Raises as `list` does."""
    return compile_test(predicates(entry, where), entry.fields, getter)


def getter(field: Field) -> Callable[[object], object]:
    """Return what reads a field of a row; of an enum, its value."""
    get = operator.attrgetter(field.name)
    if field.type is not FieldType.ENUM:
        return get

    def of_enum(row: object) -> object:
        value = get(row)
        return value.value if isinstance(value, enum.Enum) else value

    return of_enum


def ordered(entry: Entry, rows: Iterable[Model], order_by: OrderBy | None) -> list[Model]:
    """Return rows in order, ties and no order by id, NULL last either way. Raises as `list`."""
    found = sorted(rows, key=lambda row: row.id)
    for wire, direction in reversed(ordering(entry, order_by)):
        name, descending = entry.python(wire), direction == "desc"
        some = [row for row in found if getattr(row, name) is not None]
        none = [row for row in found if getattr(row, name) is None]
        some.sort(key=lambda row: _place(row, name), reverse=descending)
        found = [*some, *none]
    return found


def _place(row: Model, name: str) -> tuple[bool, Any]:
    """Return a row's sort key by one field: values without a type sort above all others."""
    value = getattr(row, name)
    odd = name in unread_fields(row) or value != value  # NaN
    return odd, str(value) if odd or isinstance(value, dict | list) else value
