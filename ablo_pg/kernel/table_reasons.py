"""Why a table cannot be a model's, each reason with the SQL that would change it. Pure.

Flow: `db.tables` (facts) -> here -> `pull`, which leaves the table out, and `fit`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from ablo_pg.compile.names import ident, qualified
from ablo_pg.compile.values import SQL_TYPE, STORED_AS
from ablo_pg.db.tables import UNLOGGED, ColumnFacts, TableFacts
from ablo_pg.schema import FieldType, Tenancy

# Types of an `id` or of an organization that can be cast from text.
WHOLE_NUMBERS: Final = STORED_AS[FieldType.INTEGER]
_NO_TRIGGERS: Final = "changes of it fire no triggers"
_KINDS: Final = {
    "v": f"it is a view: {_NO_TRIGGERS}",
    "m": f"it is a materialized view: {_NO_TRIGGERS}",
    "f": f"it is a foreign table: {_NO_TRIGGERS} if they are made on the other server",
    "p": "it is partitioned: rows of a partition that is detached, dropped or truncated "
    "separately disappear without firing a row trigger, so subscribers would miss it",
}
KEY_TYPES: Final = ("text", "varchar", "bpchar", "citext", "uuid", *WHOLE_NUMBERS)


def find_id(table: TableFacts, organization_column: str) -> str:
    """Return the column that identifies a table's rows: `id`, else that of its primary key.

    A key may start with the organization.
    """
    own = [column for column in table.key if column != organization_column]
    by_id = table.column("id")
    named = by_id is not None and by_id.not_null and _identifies(table, "id", organization_column)
    return "id" if named or len(own) != 1 else own[0]


def table_reasons(
    table: TableFacts, id_column: str, organization_column: str
) -> Iterator[tuple[str, str | None]]:
    """List why a table cannot be a model's, each with the SQL that would change it."""
    name = qualified(table.schema, table.name)
    if table.kind != "r":
        yield _KINDS[table.kind], None
        return
    if table.is_partition:
        yield "it is a partition of another table", None
        return
    if not table.is_logged:
        yield UNLOGGED, f"alter table {name} set logged;"
    if table.children:
        kin = ", ".join(table.children)
        reason = f"{kin} inherit from it: their rows would be read here, and writes to them missed"
        yield reason, "\n".join(f"alter table {one} no inherit {name};" for one in table.children)
    column = table.column(id_column)
    if column is None:
        yield _no_id(table, id_column, organization_column)
    elif column.base not in KEY_TYPES or column.labels:
        yield f"its {id_column} is {column.type}, which cannot be cast from text", None
    elif not _identifies(table, id_column, organization_column):
        reason = f"its {id_column} does not identify a row: no key or unique index is on it alone"
        yield reason, f"alter table {name} add unique ({ident(id_column)});"
        yield from _nullable_id(name, column)
    elif not column.not_null:
        yield from _nullable_id(name, column)
    elif column.generated and not column.identity:
        yield f"its {id_column} is computed, but a create names the row's id", None
    yield from _inexact(table, (id_column, organization_column))


def _inexact(table: TableFacts, names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """List columns that treat as equal texts that guards, claims and the log distinguish."""
    for column in map(table.column, names):
        if column is not None and not column.exact:
            yield (
                f"its {column.name} ({column.type}) compares different texts as equal, such as "
                "'a' and 'A': under a second name a write would bypass claims and guards",
                f"alter table {qualified(table.schema, table.name)} alter column "
                f'{ident(column.name)} type text collate "default";',
            )


def _nullable_id(name: str, column: ColumnFacts) -> Iterator[tuple[str, str]]:
    if not column.not_null:
        reason = f"its {column.name} may be null, and a row without one cannot be identified"
        yield reason, f"alter table {name} alter column {ident(column.name)} set not null;"


def base_reason(table: TableFacts, name: str, kind: FieldType) -> tuple[str, str] | None:
    """Explain why a column cannot be the base column of that name; with SQL for it."""
    column = table.column(name)
    if column is None or (column.base in STORED_AS[kind] and not column.generated):
        return None
    what = "generated" if column.base in STORED_AS[kind] else column.type
    return (
        f"column {name} is {what}; every row needs one of type {SQL_TYPE[kind]}",
        f"alter table {qualified(table.schema, table.name)} rename column {ident(name)} "
        f"to {ident(name + '_old')};",
    )


def _no_id(table: TableFacts, id_column: str, organization_column: str) -> tuple[str, str | None]:
    """Suggest a column that identifies the rows of a table without that one."""
    own = [each for each in table.key if each != organization_column]
    if len(own) == 1:
        return f'it has no column {id_column}; its key is {own[0]}: id_column="{own[0]}"', None
    has = f"its key is ({', '.join(own)})" if own else "it has no primary key"
    name = qualified(table.schema, table.name)
    add = f"alter table {name} add column id uuid not null unique default gen_random_uuid();"
    return f"{has}, and one column must identify a row", add


def _identifies(table: TableFacts, column: str, organization_column: str) -> bool:
    keys = [set(one.columns) for one in table.constraints if one.kind in ("p", "u")]
    keys += [set(index.columns) for index in table.indexes if index.unique]
    own = organization_column if table.column(organization_column) else Tenancy().column
    return any(column in key and key <= {column, own} for key in keys)
