"""The field types in SQL: the column type, JSON to column, column to JSON, and the test of a value.

The tests call the small functions of `support`, which the planner inlines.
"""

from __future__ import annotations

from typing import Final

from ablo_pg.compile.names import json_literal, literal
from ablo_pg.compile.plan import Column
from ablo_pg.schema.kinds import KINDS
from ablo_pg.schema.neutral import FieldType

SQL_TYPE: Final = {one: kind.sql for one, kind in KINDS.items()}
STORED_AS: Final = {one: kind.stored_as for one, kind in KINDS.items()}


def fits(type_: FieldType, base: str, *, native: bool) -> bool:
    """Whether a column of that base type can hold a field: also an enum type, or an array."""
    if native:
        return base.startswith("_") if type_ is FieldType.JSON else type_ is FieldType.ENUM
    return base in STORED_AS[type_]


def from_json(column: Column, table: str, data: str = "p_data") -> str:
    """Return the column's value out of a jsonb object; NULL when it is absent or JSON null.

    table: quoted. Its columns decide how an enum type or an array converts a value.
    """
    if column.native:
        return native(column, table, f"{data} -> {column.key}")
    if column.type is FieldType.JSON:
        return f"nullif({data} -> {column.key}, 'null')"
    text = f"{data} ->> {column.key}"
    cast = KINDS[column.type].cast
    return f"({text}){cast}" if cast else text


def native(column: Column, table: str, value: str) -> str:
    """Return a jsonb value as one of the type of the table's column."""
    pair = f"jsonb_build_object({literal(column.name)}, {value})"
    return f"(jsonb_populate_record(null::{table}, {pair})).{column.sql}"


def to_json(column: Column, row: str) -> str:
    """Return the expression that JSON gets: a decimal as text, so that no reader rounds it.

    A char(n)'s padding is not part of its value, and the cast to text removes it.
    """
    value = f"{row}.{column.sql}"
    if column.type in (FieldType.STRING, FieldType.ENUM, FieldType.DECIMAL):
        return f"{value}::text"
    if column.type is FieldType.DATETIME:
        return f"{value}::timestamptz"  # only needed for an adopted `timestamp` column
    return value


def differs(column: Column, one: str, other: str) -> str:
    """Return whether a change of a row is visible in a column.

    A column's own equality may equate texts that readers distinguish (nondeterministic collations).
    """
    values = [f"{row}.{column.sql}" for row in (one, other)]
    if column.type in (FieldType.STRING, FieldType.ENUM):
        values = [f'{value}::text collate "C"' for value in values]
    return " is distinct from ".join(values)


def valid(column: Column, data: str = "p_data") -> str:
    """Return the test that a JSON value fits the column; NULL if the key is absent."""
    value = f"{data} -> {column.key}"
    if column.type is FieldType.ENUM:
        values = ", ".join(json_literal(item) for item in column.enum_values)
        return f"{value} = any (array[{values}]::jsonb[])"
    return f"ablo_model.is_{column.type.value}({value})"


def default_sql(column: Column) -> str:
    """Return a declared default as an SQL expression of the column's type."""
    return "null" if column.default is None else constant(column.type, column.default)


def constant(type_: FieldType, value: object) -> str:
    """Return a field's JSON value as an SQL constant of its column's type."""
    if type_ is FieldType.JSON:
        return f"{json_literal(value)}::jsonb"
    if type_ is FieldType.BOOLEAN:
        return "true" if value else "false"
    text = value if isinstance(value, str) else _number_text(value)
    sql_type = SQL_TYPE[type_]
    return literal(text) if sql_type == "text" else f"{literal(text)}::{sql_type}"


def _number_text(value: object) -> str:
    return repr(value) if isinstance(value, float) else str(value)
