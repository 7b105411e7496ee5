"""Pass: the tables. Created with their base columns; missing fields are added.

Adding and altering take an ACCESS EXCLUSIVE lock, so each is behind a check of the catalogue: a run
that has nothing to change takes none. A table that exists already is adopted: it keeps its owner
and its columns, and gets the missing ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from ablo_pg.compile.forms import Guarded, do_block
from ablo_pg.compile.names import ident, indent, literal, qualified, shorten, text_array
from ablo_pg.compile.plan import Column, ModelPlan, SchemaPlan
from ablo_pg.compile.rls import CURRENT_ORG, binds_everybody, is_ours
from ablo_pg.compile.values import SQL_TYPE, STORED_AS, default_sql

# The comment on a column that we added to an adopted table.
ADDED: Final = "added by ablo_pg"


def tables(schema: SchemaPlan, model: ModelPlan) -> Iterator[str]:
    """Emit the table and its columns."""
    if model.spec.table_schema != "public":
        yield do_block(_schema(model))
    organization = (_organization(model),) if model.synced else ()
    yield do_block(_create(model), *organization, _columns(model), _owner(model))


def required(schema: SchemaPlan, model: ModelPlan) -> Iterator[str]:
    """Emit NOT NULL on and off, after all tables that an organization may come from.

    Not for an adopted table, whose application may write NULLs. Its rows still take their parent's
    organization.
    """
    columns = [*([model.org] if model.synced else []), *model.fields]
    parts = [
        _not_null(model, c) if c.required or c is model.org else _null(model, c) for c in columns
    ]
    if not parts:
        return
    own = indent("\n".join(part.block() for part in parts))
    adopted = indent("\n".join(_assign(model) if model.synced else ()))
    otherwise = f"\nelse\n{adopted}" if adopted else ""
    yield do_block(f"if {is_ours(model)} then\n{own}{otherwise}\nend if;")


def types(schema: SchemaPlan, model: ModelPlan) -> Iterator[str]:
    """Emit the refusal of columns whose type cannot hold the field: nothing is rewritten here."""
    if any(not column.native for column in model.fields):
        wanted = ",\n      ".join(
            f"({literal(c.name)}, {literal(c.wire)}, {text_array(STORED_AS[c.type])})"
            for c in model.fields
            if not c.native
        )
        title = model.title.replace("%", "%%")
        message = literal(f"{title}.%s: the column %s.%I is of type %s, not %s")
        detail = f"'code', 'incompatible_change', 'model', {literal(model.title)}"
        table = literal(f"{model.spec.table_schema}.{model.spec.table}")
        yield do_block(_TYPES.format(
            wanted=wanted, regclass=model.regclass, message=message, detail=detail, table=table
        ), declare="v_column record;")  # fmt: skip


def _schema(model: ModelPlan) -> Guarded:
    """The schema of a table outside public: created if missing, and opened to both roles."""
    name = model.spec.table_schema
    return Guarded(
        f"not exists (\n"
        f"  select from pg_catalog.pg_namespace n where n.nspname = {literal(shorten(name))}\n"
        f"    and pg_catalog.has_schema_privilege('ablo_runtime', n.oid, 'usage')\n"
        f"    and pg_catalog.has_schema_privilege('ablo_owner', n.oid, 'usage')\n"
        f"    and pg_catalog.has_schema_privilege('ablo_owner', n.oid, 'create')\n)",
        [
            f"create schema if not exists {ident(name)};",
            f"grant usage on schema {ident(name)} to ablo_runtime;",
            f"grant usage, create on schema {ident(name)} to ablo_owner;",
        ],
    )


def _create(model: ModelPlan) -> Guarded:
    lines = [f"{column.sql} {_base_type(column)}" for column in _own_columns(model)]
    key = [model.org.sql, model.id.sql] if model.synced else [model.id.sql]
    constraint = ident(f"{model.spec.table}_pkey")
    lines.append(f"constraint {constraint} primary key ({', '.join(key)})")
    body = ",\n  ".join(lines)
    there = model.regclass.removesuffix("::regclass")
    return Guarded(
        f"pg_catalog.to_regclass({there}) is null",
        [
            f"create table {model.table} (\n  {body}\n);",
            f"alter table {model.table} owner to ablo_owner;",
        ],
    )


def _own_columns(model: ModelPlan) -> tuple[Column, ...]:
    archived = () if model.archived_declared else (model.archived,)
    return (*model.stored_base, *archived)


def _base_type(column: Column) -> str:
    if column.wire in ("id", "organizationId"):
        return "text not null"
    if column.wire in ("createdAt", "updatedAt"):
        return "timestamptz not null default now()"
    return SQL_TYPE[column.type]


def column_clauses(model: ModelPlan) -> list[tuple[Column, str]]:
    """Return the ADD COLUMN clause of each column that a table may lack."""
    clauses: list[tuple[Column, str]] = []
    for column in _own_columns(model):
        if column.wire != "id":
            base_type = _base_type(column)
            if column is model.org:  # an adopted table has rows without an organization
                base_type = "text"
            clauses.append((column, base_type))
    for column in model.fields:
        default = ""
        if column.has_default and column.default is not None:
            default = f" default {default_sql(column)}"
        clauses.append((column, SQL_TYPE[column.type] + default))
    return clauses


def default_change(model: ModelPlan, column: Column) -> str:
    """Return the SQL that gives a column its declared default."""
    value = default_sql(column)
    return f"alter table {model.table} alter column {column.sql} set default {value};"


def _organization(model: ModelPlan) -> Guarded:
    """Existing rows of an adopted table get no organization; later ones get the session's."""
    return Guarded(
        _lacks(model, [model.org]),
        [
            f"alter table {model.table} add column {model.org.sql} text;",
            f"alter table {model.table} alter column {model.org.sql} set default ({CURRENT_ORG});",
            f"comment on column {model.table}.{model.org.sql} is {literal(ADDED)};",
        ],
    )


def _columns(model: ModelPlan) -> Guarded:
    """Add what is missing. A new column with a default fills existing rows."""
    clauses = column_clauses(model)
    adds = ",\n  ".join(f"add column if not exists {c.sql} {clause}" for c, clause in clauses)
    return Guarded(
        _lacks(model, [column for column, _ in clauses]),
        [f"alter table {model.table}\n  {adds};"],
    )


def _lacks(model: ModelPlan, columns: Sequence[Column]) -> str:
    names = text_array(column.name for column in columns)
    return (
        f"exists (\n  select from unnest({names}) n (name)\n"
        f"  where not exists (\n"
        f"    select from pg_catalog.pg_attribute a\n"
        f"    where a.attrelid = {model.regclass} and a.attname = n.name and not a.attisdropped\n"
        f"  )\n)"
    )


def assign_organizations(model: ModelPlan) -> Iterator[str]:
    """Emit that rows of an adopted table take their parent's organization, if it has one."""
    parent = model.parent_table
    if parent:
        yield (
            f"update {model.table} t set {model.org.sql} = p.{parent.org}\n"
            f"  from {qualified(parent.schema, parent.table)} p\n"
            f"  where t.{model.org.sql} is null and p.{parent.org} is not null\n"
            f"    and p.{parent.key} = t.{parent.local_key};"
        )


def _assign(model: ModelPlan) -> Iterator[str]:
    for statement in assign_organizations(model):
        yield statement
        # Captured now: a table with pending events cannot be altered.
        yield "set constraints all immediate;"
        yield "set constraints all deferred;"


def _owner(model: ModelPlan) -> Guarded:
    """A table that we created, restored without its owner; an adopted one keeps its own."""
    return Guarded(
        f"exists (\n  select from pg_catalog.pg_class c\n"
        f"  where c.oid = {model.regclass} and c.relowner <> 'ablo_owner'::regrole\n"
        f"    and c.relforcerowsecurity\n) and {binds_everybody(model)}",
        [f"alter table {model.table} owner to ablo_owner;"],
    )


_TYPES: Final = """\
for v_column in
  select w.wire, a.attname, pg_catalog.format_type(a.atttypid, null) as has, w.types
  from (
    values
      {wanted}
  ) w (name, wire, types)
  join pg_catalog.pg_attribute a on a.attname = w.name
  join pg_catalog.pg_type t on t.oid = ablo.base_type(a.atttypid)
  where a.attrelid = {regclass} and not a.attisdropped and t.typname <> all (w.types)
loop
  raise exception using
    errcode = 'AB040',
    message = pg_catalog.format({message},
      v_column.wire, {table}, v_column.attname, v_column.has, v_column.types[1]),
    hint = 'convert the column (alter table ... alter column ... type ...), or correct the field',
    detail = pg_catalog.json_build_object(
      {detail}, 'field', v_column.wire)::text;
end loop;"""


def _null(model: ModelPlan, column: Column) -> Guarded:
    return Guarded(
        f"exists (\n  select from pg_catalog.pg_attribute a\n"
        f"  where a.attrelid = {model.regclass} and a.attname = {literal(column.name)}\n"
        f"    and a.attnotnull\n)",
        [f"alter table {model.table} alter column {column.sql} drop not null;"],
    )


def _not_null(model: ModelPlan, column: Column) -> Guarded:
    return Guarded(
        f"exists (\n  select from pg_catalog.pg_attribute a\n"
        f"  where a.attrelid = {model.regclass} and a.attname = {literal(column.name)}\n"
        f"    and not a.attnotnull\n)",
        [
            *(_assign(model) if column is model.org else ()),
            "begin",
            f"  alter table {model.table} alter column {column.sql} set not null;",
            "exception when not_null_violation then",
            "  raise warning '%.% still holds nulls: backfill it, then run this again',",
            f"    {literal(model.table)}, {literal(column.name)};",
            "end;",
        ],
    )
