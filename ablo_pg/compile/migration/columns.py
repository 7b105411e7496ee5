"""Columns of a table in use: added, renamed, retyped, filled, required, dropped."""

from __future__ import annotations

from typing import Final

from ablo_pg.compile.migration.draft import ModelDraft
from ablo_pg.compile.migration.steps import Check, Step
from ablo_pg.compile.migration.value import backfill_sql
from ablo_pg.compile.names import dollar, ident, literal, qualified, shorten
from ablo_pg.compile.plan import Column
from ablo_pg.compile.rls import CURRENT_ORG
from ablo_pg.compile.tables import ADDED, column_clauses
from ablo_pg.compile.values import SQL_TYPE, STORED_AS, default_sql, fits
from ablo_pg.schema.neutral import FieldType
from ablo_pg.schema.problems import Problem

# A table of up to this many bytes is rewritten in about a third of a second on a small machine.
REWRITE_BYTES: Final = 16 << 20


def add_columns(m: ModelDraft) -> None:
    """Add what is missing: at once, whatever the table's size, since no row is touched.

    A default that the schema declares produces no deltas: older rows read as the default. A
    required field without one needs a backfill, whose rows produce deltas.
    """
    added, clauses = [], []
    for column, clause in column_clauses(m.new):
        if m.column(column.name) is not None:
            continue
        fills = column.required and " default " in clause
        added.append(column)
        clauses.append(f"add column if not exists {column.sql} {clause}" + " not null" * fills)
    if not added:
        return
    names = ", ".join(column.wire for column in added)
    taken = ",\n  ".join(f"drop column if exists {column.sql}" for column in added)
    marks = [f"comment on column {m.table}.{c.sql} is '{ADDED}';" for c in added]
    m.draft.expand.append(
        Step(
            "expand",
            f"{m.key}: add {names}",
            (
                f"alter table {m.table}\n  " + ",\n  ".join(clauses) + ";",
                *(marks if m.facts.adopted else ()),
            ),
            undo=(f"alter table {m.table}\n  {taken};",),
        )
    )


def rename_columns(m: ModelDraft) -> None:
    """Rename in the switch: neither the old nor the new functions ever meet the wrong name."""
    for name, source in m.moved.items():
        m.change(f"alter table {m.table} rename column {ident(source)} to {ident(name)};")
        for end in ("_enum", "_finite", "_fkey", "_rules"):
            old = shorten(f"{m.new.spec.table}_{source}{end}")
            new = shorten(f"{m.new.spec.table}_{name}{end}")
            if old in m.facts.constraints:
                pair = f"{ident(old)} to {ident(new)}"
                m.change(f"alter table {m.table} rename constraint {pair};")


def retype_columns(m: ModelDraft) -> None:
    """Convert in the switch, where every stored value keeps its JSON and the table is small."""
    for column in m.new.fields:
        facts = m.column(column.name)
        if facts is None or fits(column.type, facts.type, native=facts.native):
            continue
        if m.kept(column.name):
            m.refuse(
                column.wire,
                f"the column {column.name} is {facts.declared}, which cannot hold "
                f"{column.type.value}, and belongs to an application",
                "declare the field with the column's type; or, if its writers accept another "
                "type, pass --alter-adopted",
            )
            continue
        wanted = SQL_TYPE[column.type]
        name = ident(m.before(column.name))
        if column.type is FieldType.JSON or facts.type in ("json", "jsonb", "bytea"):
            m.refuse(
                column.wire,
                f"a column of type {facts.type} does not convert to {wanted} automatically",
                "add a field of the new type, copy the values with SQL or a script, then drop this",
            )
            continue
        value = f"t.{name}"
        differs = f"to_json({value})::text is distinct from to_json({value}::text::{wanted})::text"
        m.check(
            column,
            f"{value} is not null and {differs}",
            f"{{count}} rows have a value that would read differently as {column.type.value}",
            "add a field of the new type and convert into it, or correct these rows first",
        )
        if m.facts.size > REWRITE_BYTES and not m.draft.options.rewrite:
            m.refuse(
                column.wire,
                f"the table holds {m.facts.size >> 20} MB (about {m.facts.rows} rows), and a "
                "retype rewrites it while its writers wait",
                "add a field of the new type instead; or, in a quiet hour, pass --rewrite",
            )
            continue
        m.change(
            f"alter table {m.table} alter column {column.sql} drop default,\n"
            f"  alter column {column.sql} type {wanted} using {column.sql}::text::{wanted};"
        )


def set_defaults(m: ModelDraft) -> None:
    """Update the column's default to the declared one; it applies to later rows."""
    changed = {c.field for c in m.changes if c.kind in ("default_changed", "field_retyped")}
    for column in m.new.fields:
        if column.wire not in changed or m.column(column.name) is None or m.kept(column.name):
            continue
        does = "drop default"
        if column.has_default and column.default is not None:
            does = f"set default {default_sql(column)}"
        m.change(f"alter table {m.table} alter column {column.sql} {does};")


def require_columns(m: ModelDraft) -> None:
    """NOT NULL without a scan under a lock: a CHECK is validated first, while others write."""
    if m.new.synced:
        _require_organization(m)
    for column in m.new.fields:
        facts = m.column(column.name)
        if not column.required:
            if facts is not None and facts.not_null and not m.kept(column.name):
                m.change(f"alter table {m.table} alter column {column.sql} drop not null;")
            continue
        if facts is not None and facts.not_null:
            m.given(column)
            continue
        if facts is None and column.has_default and column.default is not None:
            m.given(column)
            continue
        _fill(m, column, missing=facts is None)


def _fill(m: ModelDraft, column: Column, *, missing: bool) -> None:
    value = backfill_sql(m, column)
    empty = f"t.{column.sql} is null"
    kept = m.keep(column, "may be null")
    if value is None:
        remedy = (
            f"pass --backfill {m.key}.{column.wire}=VALUE, declare a default, or make it `| None`"
        )
        if missing and not m.facts.live:
            if m.facts.adopted:
                m.draft.notes.append(
                    f"{m.key}.{column.wire}: may be null in the table, since {m.facts.owner}'s "
                    "inserts do not set it; a declared default would fill it"
                )
            else:
                not_null(m, column, None)
            return
        if missing:
            message = "there are rows, and they have no value for the new required field"
            m.refuse(column.wire, message, remedy)
            return
        before = f"t.{ident(m.before(column.name))} is null"
        m.check(column, before, "{count} rows have no value for the required field", remedy)
        if kept:
            return
    else:
        step = m.batches(
            f"{m.key}: fill {column.wire} where it has no value (one delta per row)",
            f"{column.sql} = {value}",
            empty,
            phase="backfill",
        )
        if step is None:
            return
        m.draft.backfill.append(step)
        if kept:
            return
        if m.facts.adopted and missing:
            _default(m, column, value)
    not_null(m, column, value)


def _default(m: ModelDraft, column: Column, value: str) -> None:
    """Writers of an adopted table do not know the column: its rows get this value."""
    m.draft.contract.append(
        Step(
            "contract",
            f"{m.key}: inserts that leave {column.wire} out get {value}",
            (f"alter table {m.table} alter column {column.sql} set default {value};",),
        )
    )


def not_null(m: ModelDraft, column: Column, value: str | None) -> None:
    """Declare that a column has a value in every row; value: what late rows get."""
    name = ident(f"{m.new.spec.table}_{column.name}_required")
    title = f"{m.key}: require {column.wire}"
    alter = f"alter table {m.table}"
    m.draft.contract.append(
        Step(
            "contract",
            f"{title} of new rows",
            (
                f"{alter} drop constraint if exists {name},\n"
                f"  add constraint {name} check ({column.sql} is not null) not valid;",
            ),
        )
    )
    if value is not None:
        late = m.batches(
            f"{m.key}: {column.wire} of rows that were added meanwhile",
            f"{column.sql} = {value}",
            f"t.{column.sql} is null",
            phase="contract",
        )
        m.draft.contract.append(late)
    m.draft.contract += [
        Step("contract", f"{title}: scan every row", (f"{alter} validate constraint {name};",)),
        Step(
            "contract",
            title,
            (f"{alter} alter column {column.sql} set not null,\n  drop constraint {name};",),
        ),
    ]


def _require_organization(m: ModelDraft) -> None:
    """Rows of an adopted table: a backfill or their parents determine their organization."""
    column, facts = m.new.org, m.column(m.new.org.name)
    if facts is not None and facts.not_null:
        return
    given, parent = m.given(column), m.new.parent_table
    if m.facts.adopted and parent is None:
        _default_organization(m, given)
    if given is None and parent is None:
        m.draft.notes.append(
            f"{m.key}: rows without an organization stay hidden; --backfill "
            f"{m.key}.organizationId=NAME assigns one"
        )
        if facts is not None and not m.facts.adopted:
            m.draft.contract.append(_if_full(m, column))
        return
    adopted = "zz_ablo_guard" in m.facts.triggers
    if adopted and parent is not None and given is not None:
        message = f"the organization of its rows is that of their rows in {parent.table}"
        m.refuse(column.wire, message, "leave it out: they get it once those rows have one")
        return
    value = literal(str(given)) if given is not None else _of_parent(m)
    step = m.batches(
        f"{m.key}: assign rows their organization",
        f"{column.sql} = {value}",
        f"t.{column.sql} is null and {value} is not null",
        phase="backfill",
    )
    if step is None:
        return
    if adopted:  # after the switch: its functions accept rows without an organization
        m.draft.backfill.append(step)
    else:  # before the triggers come: these rows are unknown, so no log records them
        m.draft.expand.append(step)
    if m.facts.adopted and (given is None or m.kept(column.name)):
        return  # its application may insert rows without an organization
    if given is not None:
        not_null(m, column, value)
        return
    m.draft.contract.append(_if_full(m, column))


def _default_organization(m: ModelDraft, given: object) -> None:
    """Inserts of an adopted table's application: the session's organization, else the given one."""
    column, facts = m.new.org, m.column(m.new.org.name)
    if facts is not None and ((facts.default and not facts.added) or given is None):
        return
    value, whose = CURRENT_ORG, "the session's organization, or to none"
    if given is not None:
        value = f"coalesce({CURRENT_ORG}, {literal(str(given))})"
        whose = f"the session's organization, else to {given}"
    if facts is not None and facts.type not in STORED_AS[FieldType.STRING]:
        value = f"({value})::{facts.declared}"
        held = f"select count(*) from (select {literal(str(given))}::{facts.declared} as v) x"
        message = f"organization {given} does not fit its column {column.name} {facts.declared}"
        remedy = "name an organization that the column can hold"
        problem = Problem("incompatible_change", m.key, column.wire, message, remedy)
        m.draft.checks.append(Check(f"{held} where v is null", problem))
    value = f"({value})"
    m.draft.expand.append(
        Step(
            "expand",
            f"{m.key}: inserts that name no organization belong to {whose}",
            (f"alter table {m.table} alter column {column.sql} set default {value};",),
            undo=(f"alter table {m.table} alter column {column.sql} drop default;",),
        )
    )


def _of_parent(m: ModelDraft) -> str:
    parent = m.new.parent_table
    assert parent is not None
    table = qualified(parent.schema, parent.table)
    return f"(select p.{parent.org} from {table} p where p.{parent.key} = t.{parent.local_key})"


def _if_full(m: ModelDraft, column: Column) -> Step:
    """NOT NULL if no row violates it; an adopted table may keep hidden rows."""
    empty = f"select from {m.table} t where t.{column.sql} is null"
    alter = f"alter table {m.table} alter column {column.sql} set not null"
    body = f"\nbegin\n  if not exists ({empty}) then\n    {alter};\n  end if;\nend\n"
    sql = f"do {dollar(body)};"
    unless = f"select count(*) from ({empty} limit 1) x"
    return Step("contract", f"{m.key}: require organizationId", (sql,), unless=unless)


def let_go(m: ModelDraft, dropped: tuple[Column, ...]) -> None:
    """Fields that are no longer declared: their columns stay, and do not block creates."""
    for column in dropped:
        facts = m.facts.columns.get(column.name)
        if facts is None or (m.kept(column.name) and not m.draft.options.drop):
            continue
        if m.draft.options.drop:
            m.draft.late.append(f"alter table {m.table} drop column if exists {column.sql};")
            m.draft.changed.add(m.key)
            continue
        lifts = [f"alter column {column.sql} drop not null"] if facts.not_null else []
        for end in ("_enum", "_finite", "_fkey", "_rules"):
            name = shorten(f"{m.new.spec.table}_{column.name}{end}")
            if name in m.facts.constraints:
                lifts.append(f"drop constraint if exists {ident(name)}")
        if lifts:
            m.change(f"alter table {m.table}\n  " + ",\n  ".join(lifts) + ";")
            m.draft.notes.append(
                f"{m.key}: the column {column.name} stays with its values; --drop removes it"
            )
