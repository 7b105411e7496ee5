"""Table changes of a push beyond compiling: renames, retypings, values for stored rows.

Flow: `kernel.schema_push` runs `moves`, the compiled statements of the new schema, `fills`, and the
compiled ones again, by which columns without NULLs become NOT NULL, all in one transaction. For
tables with live writers, `compile.migration` plans the same in steps.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from ablo_pg.compile.checks import check_names
from ablo_pg.compile.forms import Guarded, do_block
from ablo_pg.compile.names import ident, literal, qualified, regclass, shorten
from ablo_pg.compile.plan import Column, ModelPlan, SchemaPlan, find_column, plan_schema
from ablo_pg.compile.rls import is_ours, policy_names
from ablo_pg.compile.rules import named_indexes, own_columns, rules
from ablo_pg.compile.values import SQL_TYPE, STORED_AS, default_sql
from ablo_pg.schema.diff import FIELD_MOVED, Change
from ablo_pg.schema.neutral import Field, FieldType, SchemaSpec
from ablo_pg.schema.rules import rules_name

# Captured now, by the current functions: a table with pending events cannot be altered.
_CAPTURE: Final = "set constraints all immediate; set constraints all deferred;"


@dataclass(frozen=True, slots=True)
class Pair:
    """A model before and after, and its columns: new name -> old column."""

    old: ModelPlan
    new: ModelPlan
    columns: Mapping[str, Column]


def moves(
    old: SchemaSpec,
    new: SchemaSpec,
    changes: Sequence[Change],
    backfills: Mapping[tuple[str, str], object],
) -> tuple[str, ...]:
    """Return the statements that prepare the tables of `old` for compiling `new`.

    Args: changes, all of `diff(old, new, renames=...)`. backfills: (model key, JSON name) -> value.
    """
    before, after = plan_schema(old), plan_schema(new)
    statements: list[str] = []
    for pair in _pairs(before, after, changes):
        both = [(pair.columns[c.name], c) for c in pair.new.fields if c.name in pair.columns]
        for origin, column in both:  # while the old names are valid: the triggers use these
            value = backfills.get((pair.new.spec.key, column.wire))
            statements += _replace_removed(pair.old, origin, column, value)
            statements += _replace_broken(pair, origin, column, value)
        statements += _drop_changed(pair)
        statements += _rename_table(pair)
        statements += _rename_columns(before, after, pair)
        for origin, column in both:
            statements += _retype(pair.new, origin, column)
            statements += _redefault(pair.new, origin, column)
        statements += _release_dropped(pair)
    return tuple(statements)


def fills(new: SchemaSpec, backfills: Mapping[tuple[str, str], object]) -> tuple[str, ...]:
    """Return the statements that fill rows without a value."""
    statements: list[str] = []
    for model in plan_schema(new).stored:
        for column in model.fields:
            value = backfills.get((model.spec.key, column.wire))
            if value is not None:
                condition = f"{column.sql} is null"
                statements += _update(model, column, value, condition)
    return tuple(statements)


def stored_columns(old: ModelPlan, new: ModelPlan, origins: Mapping[str, str]) -> dict[str, str]:
    """Return what the old table has for each column of the new one, by JSON name.

    Args: origins, renames: new `model.field` -> old.
    """
    stored = {c.wire: c for c in old.row_columns}
    found = {}
    for column in new.row_columns:
        named = origins.get(f"{new.spec.key}.{column.wire}", column.wire).rpartition(".")[2]
        origin = stored.get(named) or find_column(old, named)
        found[column.wire] = origin.sql if origin else default_as(column)
        if origin is not None and origin.type is not column.type:
            found[column.wire] = f"({_cast(origin, column)})"
    return found


def default_as(column: Column) -> str:
    """Return what stored rows have for a column that they lack."""
    if column.has_default and column.default is not None:
        return default_sql(column)
    return f"null::{SQL_TYPE[column.type]}"


def unfit(column: Column, kind: str) -> str:
    """Return the condition of the rows that violate a change of that kind."""
    if kind == "enum_value_removed":
        return f"{column.sql} <> all ({_values(column)})"
    return "true" if kind == "field_added" else f"{column.sql} is null"


def _pairs(before: SchemaPlan, after: SchemaPlan, changes: Iterable[Change]) -> Iterator[Pair]:
    models = {one.model: one.old for one in changes if one.kind == "model_renamed"}
    fields = {(one.model, one.field): one.old for one in changes if one.kind in FIELD_MOVED}
    olds = {model.spec.key: model for model in before.stored}
    for model in after.stored:
        key = model.spec.key
        origin = olds.get(models.get(key, key))
        if origin is None:
            continue
        wires = {column.wire: column for column in origin.fields}
        columns = {
            column.name: wires[wire]
            for column in model.fields
            if (wire := fields.get((key, column.wire), column.wire)) in wires
        }
        yield Pair(origin, model, columns)


def _rename_table(pair: Pair) -> Iterator[str]:
    old, new = pair.old.spec, pair.new.spec
    if (old.table_schema, old.table) == (new.table_schema, new.table):
        return
    here = regclass(old.table_schema, old.table)
    there = literal(f"{ident(new.table_schema)}.{ident(new.table)}")
    steps = [f"alter table {pair.old.table} rename to {ident(new.table)};"]
    if old.table_schema != new.table_schema:
        moved = qualified(old.table_schema, new.table)
        steps.append(f"alter table {moved} set schema {ident(new.table_schema)};")
    present = here.removesuffix("::regclass")
    yield do_block(
        Guarded(f"to_regclass({present}) is not null and to_regclass({there}) is null", steps)
    )


def _rename_columns(before: SchemaPlan, after: SchemaPlan, pair: Pair) -> Iterator[str]:
    """Rename columns, and our objects that are named after table and column."""
    new = pair.new
    steps: list[Guarded | str] = []
    for column in new.fields:
        origin = pair.columns.get(column.name)
        if origin is not None and origin.name != column.name:
            rename = f"alter table {new.table} rename column {origin.sql} to {column.sql};"
            steps.append(
                Guarded(f"{_has(new, origin.name)} and not {_has(new, column.name)}", [rename])
            )
        if origin is not None:
            steps += _rename_objects(before, after, pair, origin, column)
    was, will = pair.old.spec.table, new.spec.table
    if was != will:  # a later model may have the old name, and needs these
        steps += _rename_constraint(new, f"{was}_pkey", f"{will}_pkey")
        for name in policy_names(was):
            steps.append(f"drop policy if exists {ident(name)} on {new.table};")
    if steps:
        yield do_block(*steps)


def _rename_objects(
    before: SchemaPlan, after: SchemaPlan, pair: Pair, origin: Column, column: Column
) -> Iterator[Guarded]:
    new = pair.new
    for was, will in zip(check_names(pair.old, origin), check_names(new, column), strict=True):
        yield from _rename_constraint(new, was, will)
    was, will = before.index_name(pair.old, origin), after.index_name(new, column)
    if was != will:
        index = qualified(new.spec.table_schema, was)
        yield Guarded(_index(new, was), [f"alter index {index} rename to {ident(will)};"])


def _rename_constraint(model: ModelPlan, was: str, will: str) -> Iterator[Guarded]:
    if was != will:
        rename = f"alter table {model.table} rename constraint {ident(was)} to {ident(will)};"
        yield Guarded(f"{_constraint(model, was)} and not {_constraint(model, will)}", [rename])


def _retype(model: ModelPlan, origin: Column, column: Column) -> Iterator[str]:
    if origin.type is column.type or STORED_AS[origin.type] == STORED_AS[column.type]:
        return
    kind = SQL_TYPE[column.type]
    using = f"to_jsonb({column.sql})" if column.type is FieldType.JSON else _cast(origin, column)
    default = f",\n  alter column {column.sql} set default {default_sql(column)}"
    yield do_block(
        *(
            f"alter table {model.table} drop constraint if exists {ident(name)};"
            for name in check_names(model, column)[:2]  # a foreign key is not ours to drop
        ),
        f"alter table {model.table} alter column {column.sql} drop default,\n"
        f"  alter column {column.sql} type {kind} using {using}"
        + (default if column.has_default else "")
        + ";",
    )


def _redefault(model: ModelPlan, origin: Column, column: Column) -> Iterator[str]:
    """A column of a table of ours follows the declared default; an application's keeps its own."""
    if (origin.has_default, origin.default) == (column.has_default, column.default):
        return
    given = column.has_default and column.default is not None
    does = f"set default {default_sql(column)}" if given else "drop default"
    change = f"alter table {model.table} alter column {column.sql} {does};"
    yield do_block(Guarded(is_ours(model), [change]))


def _cast(origin: Column, column: Column) -> str:
    text = f"{column.sql} #>> '{{}}'" if origin.type is FieldType.JSON else f"{column.sql}::text"
    return f"({text})::{SQL_TYPE[column.type]}"


def _replace_removed(
    model: ModelPlan, origin: Column, column: Column, value: object
) -> Iterator[str]:
    """Replace values that are no longer allowed; their CHECK is created again later."""
    if value is None or column.type is not FieldType.ENUM:
        return
    if set(origin.enum_values) <= set(column.enum_values):
        return
    here = replace(column, name=origin.name)
    name = ident(check_names(model, here)[0])
    yield f"alter table {model.table} drop constraint if exists {name};"
    yield from _update(model, here, value, unfit(here, "enum_value_removed"))


def _replace_broken(pair: Pair, origin: Column, column: Column, value: object) -> Iterator[str]:
    """Replace values that the field's new rules do not admit."""
    for rule in rules(pair.new) if value is not None else ():
        if isinstance(rule.of, Field) and rule.part == column.wire:
            name = ident(rules_name(pair.old.spec.table, origin.name))
            yield f"alter table {pair.old.table} drop constraint if exists {name};"
            broken = f"({rule.test({column.wire: origin.sql})}) is false"
            yield from _update(pair.old, replace(column, name=origin.name), value, broken)


def _drop_changed(pair: Pair) -> Iterator[str]:
    """Drop the CHECKs and indexes that are no longer declared so; compiling makes the others."""
    old, new = own_columns(pair.old), own_columns(pair.new)
    kept = {(rule.name, rule.mark(new)) for rule in rules(pair.new)}
    for rule in rules(pair.old):
        if (rule.name, rule.mark(old)) not in kept:
            yield f"alter table {pair.old.table} drop constraint if exists {ident(rule.name)};"
    indexes = {(one.name, one.mark(new)) for one in named_indexes(pair.new)}
    for one in named_indexes(pair.old):
        if (one.name, one.mark(old)) not in indexes:
            yield f"drop index if exists {one.qualified};"


def _release_dropped(pair: Pair) -> Iterator[str]:
    """A column that the schema no longer knows keeps its values, and stops being required."""
    kept = {column.name for column in pair.columns.values()}
    kept |= {column.name for column in pair.new.row_columns}
    gone = [column for column in pair.old.fields if column.name not in kept]
    if gone:
        yield do_block(
            *(
                Guarded(
                    _has(pair.new, column.name),
                    [f"alter table {pair.new.table} alter column {column.sql} drop not null;"],
                )
                for column in gone
            )
        )


def _update(model: ModelPlan, column: Column, value: object, condition: str) -> Iterator[str]:
    """Write a value into rows of every organization; compiling forces row-level security again."""
    filled = replace(column, default=value)
    yield f"alter table {model.table} no force row level security;"
    yield f"update {model.table} set {column.sql} = {default_sql(filled)} where {condition};"
    yield _CAPTURE


def _values(column: Column) -> str:
    return "array[" + ", ".join(literal(value) for value in column.enum_values) + "]::text[]"


def _has(model: ModelPlan, column: str) -> str:
    return (
        f"exists (\n  select from pg_catalog.pg_attribute a\n"
        f"  where a.attrelid = {model.regclass} and a.attname = {literal(column)}\n"
        f"    and not a.attisdropped\n)"
    )


def _constraint(model: ModelPlan, name: str) -> str:
    return (
        f"exists (\n  select from pg_catalog.pg_constraint c\n"
        f"  where c.conrelid = {model.regclass} and c.conname = {literal(shorten(name))}\n)"
    )


def _index(model: ModelPlan, name: str) -> str:
    return (
        f"exists (\n  select from pg_catalog.pg_index i\n"
        f"  join pg_catalog.pg_class c on c.oid = i.indexrelid\n"
        f"  where i.indrelid = {model.regclass} and c.relname = {literal(name)}\n)"
    )
