"""Pass: CHECK and FOREIGN KEY constraints, each replaced only when its definition has changed.

The digest of a definition is the constraint's comment. A new list of enum values therefore costs
one scan of the table, once, and a run without changes costs none.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from ablo_pg.compile.forms import Guarded, do_block
from ablo_pg.compile.names import array_text, digest, ident, literal, shorten, text_array
from ablo_pg.compile.plan import Column, Edge, ModelPlan, SchemaPlan
from ablo_pg.compile.rls import is_ours
from ablo_pg.compile.rules import own_columns, rules
from ablo_pg.schema.neutral import FieldType

# Postgres parses a CHECK again for every statement, so each is short. NaN sorts last.
_FINITE = {
    FieldType.NUMBER: "abs({0}) < 'Infinity'",
    FieldType.DECIMAL: "abs({0}) < 'Infinity'",
    FieldType.DATETIME: "isfinite({0})",
    FieldType.DATE: "isfinite({0})",
}
# Of rows that violate a `_finite`: their number precedes it.
NOT_FINITE: Final = "rows hold NaN or an infinity, which JSON has no spelling for"


def checks(schema: SchemaPlan, model: ModelPlan) -> Iterator[str]:
    """Emit the enum lists, the refusal of values that JSON cannot express, rules and conditions.

    Not on an adopted table: its application may write other values.
    """
    parts = [_constraint(model, *check) for check in check_definitions(model)]
    own = own_columns(model)
    parts += [
        _constraint(model, rule.name, rule.definition(own), rule.mark(own)) for rule in rules(model)
    ]
    if parts:
        yield do_block(Guarded(is_ours(model), [part.block() for part in parts]))


def foreign_keys(schema: SchemaPlan, live: Collection[str] = ()) -> Iterator[str]:
    """Emit the foreign keys, after all tables. They are checked within the tenant.

    live: keys of models whose tables `migration` handles.
    """
    for model in schema.synced:
        edges = [edge for edge in model.edges if edge.fk and model.spec.key not in live]
        parts = [_unique(edge.target) for edge in edges]
        parts += [_constraint(model, *foreign_key_definition(model, edge)) for edge in edges]
        if parts:
            yield do_block(*parts)


def check_names(model: ModelPlan, column: Column) -> tuple[str, str, str]:
    """Return this compiler's names for the constraints of a column: enum, finite, foreign key."""
    name = f"{model.spec.table}_{column.name}"
    return f"{name}_enum", f"{name}_finite", f"{name}_fkey"


def check_definitions(model: ModelPlan) -> Iterator[tuple[str, str]]:
    """Name and definition of each CHECK."""
    for column in model.fields:
        enum, finite, _ = check_names(model, column)
        if column.type is FieldType.ENUM:
            values = literal(array_text(column.enum_values))
            yield enum, f"check ({column.sql} = any ({values}))"
        elif test := finite_test(column):
            yield finite, f"check ({test})"


def finite_test(column: Column) -> str | None:
    """Return the test that JSON can express a column's value; None: it can express any."""
    test = _FINITE.get(column.type)
    return test and test.format(column.sql)


def finite_checks(column: str) -> frozenset[str]:
    """Return every CHECK of ours that JSON can express a column's value. column: quoted."""
    return frozenset(f"check ({test.format(column)})" for test in _FINITE.values())


def foreign_key_definition(model: ModelPlan, edge: Edge) -> tuple[str, str]:
    """Name and definition of an edge's FOREIGN KEY."""
    cascade = " on delete cascade" if edge.parent else ""
    target = edge.target
    return check_names(model, edge.column)[2], (
        f"foreign key ({model.org.sql}, {edge.column.sql})\n"
        f"    references {target.table} ({target.org.sql}, {target.id.sql}){cascade}\n"
        f"    deferrable initially immediate"
    )


def _unique(target: ModelPlan) -> Guarded:
    """A foreign key needs a unique target; an adopted table has a different primary key."""
    columns = sorted([target.id.name, target.org.name])
    name = f"{target.spec.table}_{target.org.name}_id_key"
    return Guarded(
        f"not exists (\n  select from pg_catalog.pg_index i\n"
        f"  where i.indrelid = {target.regclass} and i.indisunique and i.indpred is null\n"
        f"  and array(\n    select a.attname::text from pg_catalog.pg_attribute a\n"
        f"    where a.attrelid = i.indrelid and a.attnum = any (i.indkey) order by a.attname\n"
        f"  ) = {text_array(columns)}\n)",
        [
            f"create unique index {ident(name)} on {target.table} "
            f"({target.org.sql}, {target.id.sql});"
        ],
    )


def mark_of(definition: str) -> str:
    """Return the comment that records a constraint's definition."""
    return f"ablo_pg {digest(definition)}"


def _constraint(model: ModelPlan, name: str, definition: str, mark: str = "") -> Guarded:
    mark = literal(mark or mark_of(definition))
    target = f"constraint {ident(name)} on {model.table}"
    return Guarded(
        f"not exists (\n  select from pg_catalog.pg_constraint c\n"
        f"  where c.conrelid = {model.regclass} and c.conname = {literal(shorten(name))}\n"
        f"    and pg_catalog.obj_description(c.oid, 'pg_constraint') = {mark}\n)",
        [
            f"alter table {model.table}",
            f"  drop constraint if exists {ident(name)},",
            f"  add constraint {ident(name)} {definition};",
            f"comment on {target} is {mark};",
        ],
    )
