"""Whether existing tables fit a schema. Read-only: every reason, and the SQL that fixes it.

Flow: `db.tables` (facts, counts) -> `fit` -> the command line. A problem prevents `migrate`, or
later reads and writes; a warning needs a decision; an addition is what `migrate` does
automatically.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import psycopg

from ablo_pg.compile.checks import NOT_FINITE, finite_test
from ablo_pg.compile.migration import place
from ablo_pg.compile.moves import unfit
from ablo_pg.compile.names import ident, literal
from ablo_pg.compile.plan import Column, ModelPlan, plan_schema
from ablo_pg.compile.tables import assign_organizations
from ablo_pg.compile.values import SQL_TYPE, fits
from ablo_pg.db.policies import PolicyFacts, all_policies
from ablo_pg.db.tables import (
    ColumnFacts,
    TableFacts,
    TextFacts,
    count_each,
    read_tables,
    snapshot,
    text_facts,
)
from ablo_pg.kernel.altered import changed
from ablo_pg.kernel.finding import Finding as Finding
from ablo_pg.kernel.policies import BadPolicy, policies
from ablo_pg.kernel.required import broken_rows, required_of_rows
from ablo_pg.kernel.row_copies import broken_copies
from ablo_pg.kernel.table_reasons import KEY_TYPES, base_reason, table_reasons
from ablo_pg.kernel.table_triggers import Unfit, unfit_triggers
from ablo_pg.kernel.table_values import default_as
from ablo_pg.schema import FieldType, SchemaSpec
from ablo_pg.schema.problems import Problem

# Counts rows under several conditions at once; a condition that cannot be counted is left out.
Counts: TypeAlias = Callable[[Mapping[str, str]], Mapping[str, int]]
_ORGANIZATION: Final = "organization"
_UTC: Final = ("UTC", "Etc/UTC", "GMT", "Etc/GMT", "Etc/UCT", "UCT", "Zulu", "Etc/Zulu")
# A database without conversion accepts any bytes; readers cannot decode what is not UTF-8.
SQL_ASCII: Final = (
    "the database is in SQL_ASCII, which converts and checks nothing: text that this package "
    "writes is UTF-8 and reads back unchanged; a row in which another program has left other "
    "bytes cannot be read; lengths and letter case count bytes"
)
_NO_SQL: Final = "name another table or column, or leave the model out"


@dataclass(frozen=True, slots=True)
class ModelFit:
    """The state of one model: new (no table yet), fits, or misfits."""

    model: str
    table: str
    findings: tuple[Finding, ...] = ()
    new: bool = False

    @property
    def state(self) -> Literal["new", "fits", "misfits"]:
        """The verdict in one word."""
        if self.new:
            return "new"
        return "misfits" if any(one.level == "problem" for one in self.findings) else "fits"


def fit(conn: psycopg.Connection, spec: SchemaSpec) -> tuple[ModelFit, ...]:
    """Compare every model of a schema with its table. Reads only, in one snapshot."""
    models = tuple(plan_schema(spec).stored)
    with snapshot(conn):
        tables, opened = _tables(conn, models), policies(conn, spec)
        text, ours = text_facts(conn), all_policies(conn, map(place, models))
        return tuple(
            _fit(
                conn,
                model,
                tables,
                opened.get(model.spec.key, ()),
                text,
                ours.get(place(model), []),
            )
            for model in models
        )


def obstacles(conn: psycopg.Connection, spec: SchemaSpec) -> tuple[Problem, ...]:
    """Return the problems that no migration or push fixes: of tables, base columns and policies.

    They check themselves what the fields require of the rows.
    """
    models = tuple(plan_schema(spec).stored)
    tables, opened = _tables(conn, models), policies(conn, spec)
    return tuple(
        Problem("incompatible_change", model.spec.key, one.field, one.message, one.sql or _NO_SQL)
        for model in models
        if (table := tables.get(place(model))) is not None
        for one in (
            *_reasons(model, table),
            *_base(model, table),
            *_inexact(model, table),
            *_policed(opened.get(model.spec.key, ())),
            *_copied(conn, model, table),
        )
        if one.level == "problem"
    )


def _tables(
    conn: psycopg.Connection, models: Sequence[ModelPlan]
) -> dict[tuple[str, str], TableFacts]:
    schemas = sorted({place(model)[0] for model in models})
    return {(t.schema, t.name): t for t in read_tables(conn, schemas)}


def _fit(
    conn: psycopg.Connection,
    model: ModelPlan,
    tables: Mapping[tuple[str, str], TableFacts],
    opened: Sequence[BadPolicy],
    text: TextFacts,
    ours: Sequence[PolicyFacts],
) -> ModelFit:
    where = place(model)
    name = ".".join(where)
    table = tables.get(where)
    if table is None:
        return ModelFit(model.spec.key, name, new=True)
    found = findings(model, table, lambda conditions: count_each(conn, model.table, conditions))
    fired = [Finding("warning", one.message, None, one.sql) for one in _unfit(conn, model)]
    fired += _copied(conn, model, table)
    found = (*found, *_policed(opened), *changed(model, table, ours))
    told = (*_reasons(model, table), *found, *_text(model, table, text), *fired)
    return ModelFit(model.spec.key, name, told)


def _text(model: ModelPlan, table: TableFacts, text: TextFacts) -> Iterator[Finding]:
    if text.encoding == "SQL_ASCII":
        yield Finding("warning", SQL_ASCII)
    facts = (table.column(column.name) for column in model.row_columns)
    names = [each.name for each in facts if each is not None and each.base == "timestamp"]
    if names and text.zone not in _UTC:
        alter = ",\n".join(
            f"  alter column {ident(name)} type timestamptz "
            f"using {ident(name)} at time zone {literal(text.zone)}"
            for name in names
        )
        yield Finding(
            "warning",
            f"without a time zone, and read and written as UTC: {', '.join(names)}; if the app "
            f"stores the time of {text.zone} in them, convert them",
            None,
            f"alter table {model.table}\n{alter};",
        )


def _copied(conn: psycopg.Connection, model: ModelPlan, table: TableFacts) -> Iterator[Finding]:
    """Functions that new columns break; for a trigger's, every write of the table's application."""
    if model.synced:
        added = [one.name for one in model.row_columns if table.column(one.name) is None]
        for message, fires in broken_copies(conn, model.table, table.name, added):
            yield Finding("problem" if fires else "warning", message)


def trigger_notes(conn: psycopg.Connection, spec: SchemaSpec) -> tuple[str, ...]:
    """Return what the tables' own triggers lack for writes through the API, one sentence each.

    Also the functions that the added columns break.
    """
    with snapshot(conn):
        models = tuple(plan_schema(spec).synced)
        tables = _tables(conn, models)
        return tuple(
            f"{model.spec.key}: {message}" + (f":\n{sql}" if sql else "")
            for model in models
            if (table := tables.get(place(model))) is not None
            for message, sql in (
                *((one.message, one.sql) for one in _unfit(conn, model)),
                *((one.message, one.sql) for one in _copied(conn, model, table)),
            )
        )


def _unfit(conn: psycopg.Connection, model: ModelPlan) -> Iterator[Unfit]:
    return unfit_triggers(conn, model.table) if model.synced else iter(())


def _policed(opened: Sequence[BadPolicy]) -> Iterator[Finding]:
    for one in opened:
        yield Finding("problem", one.message, None, one.sql)


def _reasons(model: ModelPlan, table: TableFacts) -> Iterator[Finding]:
    for message, sql in table_reasons(table, model.id.name, model.org.name):
        yield Finding("problem", message, "id", sql)


def findings(model: ModelPlan, table: TableFacts, counts: Counts) -> tuple[Finding, ...]:
    """Compare a model with an existing table."""
    rows = counts(_conditions(model, table))
    found: list[Finding] = []
    if not rows:
        message = "this login cannot read its rows: whether they fit is unknown"
        found.append(Finding("warning", message))
    for column in model.fields:
        facts = table.column(column.name)
        if facts is None:
            found += _missing(model, column, rows.get("all"))
        else:
            found += _typed(model, column, facts)
            found += _rounded(model, column, facts)
            found += _values(model, column, rows)
            found += _infinite(model, column, rows)
    found += required_of_rows(model, table, rows)
    found += _base(model, table)
    found += _inexact(model, table)
    found += _organization(model, table, rows)
    found += _others(model, table)
    return tuple(found)


def _conditions(model: ModelPlan, table: TableFacts) -> dict[str, str]:
    """Return the conditions to count, by name."""
    conditions = {"all": "true"}
    for column in model.fields:
        facts = table.column(column.name)
        if facts is None or not fits(column.type, facts.base, native=facts.native):
            continue
        if column.required and not facts.not_null:
            conditions[f"null {column.wire}"] = unfit(column, "field_made_required")
        if column.type is FieldType.ENUM and not facts.native:
            conditions[f"enum {column.wire}"] = unfit(column, "enum_value_removed")
        if test := finite_test(column):
            conditions[f"finite {column.wire}"] = f"not ({test})"
    conditions |= broken_rows(model, table)
    organization = table.column(model.org.name)
    if model.synced and organization is not None and not organization.not_null:
        conditions[_ORGANIZATION] = f"{model.org.sql} is null"
    return conditions


def _missing(model: ModelPlan, column: Column, rows: int | None) -> Iterator[Finding]:
    if not column.required or column.has_default or rows == 0:
        message = f"column {column.name} is missing: `migrate` adds it"
        yield Finding("addition", message, column.wire)
        return
    count = "there are rows" if rows is None else f"there are {rows:,} rows"
    yield Finding(
        "problem",
        f"column {column.name} is missing, required, and {count} have no value for it",
        column.wire,
        f"alter table {model.table} add column {column.sql} {SQL_TYPE[column.type]};\n"
        f"update {model.table} set {column.sql} = VALUE;",
    )


def _typed(model: ModelPlan, column: Column, facts: ColumnFacts) -> Iterator[Finding]:
    if fits(column.type, facts.base, native=facts.native):
        if facts.generated:
            message = f"column {column.name} is generated: writes of it fail"
            yield Finding("problem", message, column.wire)
        unknown = [v for v in column.enum_values if facts.labels and v not in facts.labels]
        if unknown:
            message = f"column {column.name} is {facts.type}, which has no {', '.join(unknown)}"
            add = "\n".join(
                f"alter type {facts.type} add value {literal(label)};" for label in unknown
            )
            yield Finding("problem", message, column.wire, add)
        return
    wanted = SQL_TYPE[column.type]
    drop = f"\n  alter column {column.sql} drop default," if facts.default else ""
    again = ""
    if facts.default:
        default = default_as(facts.default, wanted)
        again = f",\n  alter column {column.sql} set default {default}"
    yield Finding(
        "problem",
        f"column {column.name} is {facts.type}, which cannot hold {column.type.value}",
        column.wire,
        f"alter table {model.table}{drop}\n"
        f"  alter column {column.sql} type {wanted} using {column.sql}::text::{wanted}{again};",
    )


def _rounded(model: ModelPlan, column: Column, facts: ColumnFacts) -> Iterator[Finding]:
    if column.type is FieldType.NUMBER and facts.base == "float4":
        message = f"column {column.name} is real: of a number that is written, it keeps 6 digits"
        sql = f"alter table {model.table} alter column {column.sql} type double precision;"
        yield Finding("warning", message, column.wire, sql)


def _inexact(model: ModelPlan, table: TableFacts) -> Iterator[Finding]:
    """An enum's values are distinguished by their text, here and in every client."""
    for column in model.fields:
        facts = table.column(column.name)
        if column.type is FieldType.ENUM and facts is not None and not facts.exact:
            yield Finding(
                "problem",
                f"column {column.name} is {facts.type}, which compares other texts as equal to "
                "the listed ones; rows could hold values that no client accepts",
                column.wire,
                f"alter table {model.table} alter column {column.sql} type text "
                f'collate "default" using {column.sql}::text;',
            )


def _values(model: ModelPlan, column: Column, rows: Mapping[str, int]) -> Iterator[Finding]:
    nulls, odd = rows.get(f"null {column.wire}", 0), rows.get(f"enum {column.wire}", 0)
    if nulls:
        yield Finding(
            "problem",
            f"{nulls:,} rows have no value for it, and it is required",
            column.wire,
            f"update {model.table} set {column.sql} = VALUE where {column.sql} is null;",
        )
    if odd:
        yield Finding(
            "problem",
            f"{odd:,} rows have a value that is not one of: {', '.join(column.enum_values[:20])}",
            column.wire,
            f"update {model.table} set {column.sql} = VALUE\n"
            f"  where {unfit(column, 'enum_value_removed')};",
        )


def _infinite(model: ModelPlan, column: Column, rows: Mapping[str, int]) -> Iterator[Finding]:
    if count := rows.get(f"finite {column.wire}", 0):
        yield Finding(
            "problem",
            f"{count:,} {NOT_FINITE}",
            column.wire,
            f"update {model.table} set {column.sql} = VALUE\n  where not ({finite_test(column)});",
        )


def _base(model: ModelPlan, table: TableFacts) -> Iterator[Finding]:
    for column in (*model.stored_base, model.archived):
        if column.wire in ("id", "organizationId"):
            continue
        if table.column(column.name) is None:
            message = f"column {column.name} is missing: `migrate` adds it"
            yield Finding("addition", message, column.wire)
        elif reason := base_reason(table, column.name, column.type):
            yield Finding("problem", reason[0], column.wire, reason[1])


def _organization(
    model: ModelPlan, table: TableFacts, rows: Mapping[str, int]
) -> Iterator[Finding]:
    if not model.synced:
        return
    facts = table.column(model.org.name)
    assign = next(
        assign_organizations(model),
        f"update {model.table} set {model.org.sql} = 'ORGANIZATION' where {model.org.sql} is null;",
    )
    wire = "organizationId"
    if facts is None:
        yield Finding("addition", f"column {model.org.name} is missing: `migrate` adds it", wire)
        if rows.get("all", 1) and model.parent_table is None:
            message = "rows without an organization are invisible"
            add = f"alter table {model.table} add column if not exists {model.org.sql} text;"
            yield Finding("warning", message, wire, f"{add}\n{assign}")
    elif facts.base not in KEY_TYPES or facts.labels:
        yield Finding("problem", f"column {model.org.name} is {facts.type}, not text", wire)
    elif rows.get(_ORGANIZATION):
        message = f"{rows[_ORGANIZATION]:,} rows have no organization and are invisible"
        yield Finding("warning", message, wire, assign)


def _others(model: ModelPlan, table: TableFacts) -> Iterator[Finding]:
    """Required columns that are missing from the schema."""
    known = {column.name for column in model.row_columns}
    for facts in table.columns:
        given = facts.default or facts.generated or facts.identity
        if facts.name in known or not facts.not_null or given:
            continue
        yield Finding(
            "warning",
            f"column {facts.name} is required, has no default and is not in the schema: "
            "creating rows fails",
            None,
            f"alter table {model.table} alter column {ident(facts.name)} drop not null;",
        )


def sound(fits: Sequence[ModelFit]) -> bool:
    """Whether there is no problem."""
    return all(one.state != "misfits" for one in fits)
