"""Pass: indexes of declared fields and of edges, tenant first as every query is."""

from __future__ import annotations

from collections.abc import Iterator

from ablo_pg.compile.forms import Guarded, do_block
from ablo_pg.compile.names import ident, literal
from ablo_pg.compile.plan import Column, ModelPlan, SchemaPlan
from ablo_pg.compile.rls import is_ours
from ablo_pg.compile.rules import Columns, NamedIndex, named_indexes, own_columns
from ablo_pg.schema.neutral import FieldType


def indexes(schema: SchemaPlan, model: ModelPlan) -> Iterator[str]:
    """Emit one btree index per column. CREATE INDEX locks first, so check the catalogue before."""
    parts = [_index(schema, model, column) for column in indexed_columns(model)]
    named = [_named(index, own_columns(model)).block() for index in named_indexes(model)]
    if named:  # a unique one is for a table of ours: an application may write other rows
        parts.append(Guarded(is_ours(model), named))
    if parts:
        yield do_block(*parts)


def indexed_columns(model: ModelPlan) -> tuple[Column, ...]:
    """Return the columns that get an index: those flagged, and those of edges."""
    edges = {e.column.wire for e in model.edges if e.fk or e.index or e.parent}
    flagged = {f.wire for f in model.spec.fields if f.indexed}
    return tuple(
        column
        for column in model.fields
        if column.wire in edges | flagged and column.type is not FieldType.JSON
    )


def _index(schema: SchemaPlan, model: ModelPlan, column: Column) -> Guarded:
    name = schema.index_name(model, column)
    return Guarded(
        f"not exists (\n  select from pg_catalog.pg_index i\n"
        f"  join pg_catalog.pg_class c on c.oid = i.indexrelid\n"
        f"  where i.indrelid = {model.regclass} and c.relname = {literal(name)}\n)",
        [f"create index {ident(name)} on {model.table} ({index_keys(model, column)});"],
    )


def _named(index: NamedIndex, columns: Columns) -> Guarded:
    mark = literal(index.mark(columns))
    return Guarded(
        f"not exists (\n  select from pg_catalog.pg_index i\n"
        f"  join pg_catalog.pg_class c on c.oid = i.indexrelid\n"
        f"  where i.indrelid = {index.model.regclass} and c.relname = {literal(index.name)}\n"
        f"    and pg_catalog.obj_description(c.oid, 'pg_class') = {mark}\n)",
        [
            f"drop index if exists {index.qualified};",
            index.create(columns),
            index.comment(columns),
        ],
    )


def index_keys(model: ModelPlan, column: Column) -> str:
    """Return the columns of a column's index: the tenant first."""
    return f"{model.org.sql}, {column.sql}" if model.synced else column.sql
