"""CHECKs, foreign keys and indexes of a table in use, built while others write."""

from __future__ import annotations

from typing import Final

from ablo_pg.compile.checks import (
    NOT_FINITE,
    check_definitions,
    foreign_key_definition,
    mark_of,
)
from ablo_pg.compile.indexes import index_keys, indexed_columns
from ablo_pg.compile.migration.draft import ModelDraft
from ablo_pg.compile.migration.steps import Alone, Step
from ablo_pg.compile.migration.value import backfill_sql
from ablo_pg.compile.names import array_text, ident, literal, qualified, shorten
from ablo_pg.compile.plan import Column, Edge, ModelPlan
from ablo_pg.schema.neutral import FieldType

_FUNCTIONS: Final = (
    *("row", "read", "lock", "above", "groups", "capture", "guard", "adopt", "write", "explain"),
    *("reads", "sees", "permits"),
)
_UNBOUNDED: Final = (FieldType.NUMBER, FieldType.DECIMAL, FieldType.DATETIME, FieldType.DATE)


def check_constraints(m: ModelDraft) -> None:
    """Update the CHECKs to their definitions."""
    definitions = dict(check_definitions(m.new))
    columns = {f"{m.new.spec.table}_{c.name}": c for c in m.new.fields}
    for name, definition in definitions.items():
        column = columns[name.rsplit("_", 1)[0]]
        if _is_there(m, name, definition, column) or _keeps(m, column):
            continue
        if column.type is FieldType.ENUM:
            _enum(m, column, name, definition)
        elif column.type in _UNBOUNDED and m.column(column.name) is not None:
            _finite(m, column, name, definition)
        else:
            _add(m, name, definition)


def release_checks(m: ModelDraft) -> None:
    """Drop the CHECKs that no field has any more. Some do not apply to the column's new type."""
    definitions = dict(check_definitions(m.new))
    for column in m.new.fields:
        for end in ("_enum", "_finite"):
            name = f"{m.new.spec.table}_{column.name}{end}"
            if name not in definitions and _found(m, name) and not m.kept(column.name):
                m.change(f"alter table {m.table} drop constraint if exists {ident(name)};")


def _found(m: ModelDraft, name: str) -> str | None:
    """Return the current name of the constraint, if it exists."""
    for new, source in m.moved.items():
        start = f"{m.new.spec.table}_{new}_"
        if name.startswith(start):
            name = f"{m.new.spec.table}_{source}_{name.removeprefix(start)}"
    return shorten(name) if shorten(name) in m.facts.constraints else None


def _is_there(m: ModelDraft, name: str, definition: str, column: Column) -> bool:
    """Whether the constraint matches its definition; one under a renamed column stays valid."""
    found = _found(m, name)
    if found is None:
        return False
    facts = m.facts.constraints[found]
    wanted = definition
    if column.name in m.moved:
        wanted = definition.replace(column.sql, ident(m.before(column.name)))
    if facts.mark != mark_of(wanted):
        return False
    if wanted != definition:
        m.change(_comment(m, name, definition))
    if not facts.valid:
        m.draft.contract.append(_validate(m, name))
    return True


def _keeps(m: ModelDraft, column: Column) -> bool:
    """Whether an application's column goes without the CHECK. Rows must match an enum's list."""
    if not m.kept(column.name):
        return False
    if column.type is not FieldType.ENUM:
        return True
    facts, value = m.column(column.name), backfill_sql(m, column)
    assert facts is not None
    stray = f"::text <> all ({literal(array_text(column.enum_values))})"
    if m.given(column) is not None:
        step = m.batches(
            f"{m.key}: replace values of {column.wire} that are not allowed (one delta per row)",
            f"{column.sql} = {value}",
            f"t.{column.sql}{stray}",
            phase="backfill",
        )
        m.draft.backfill += [step] if step else []
    else:
        m.check(
            column,
            f"t.{ident(m.before(column.name))}{stray}",
            "{count} rows have a value that is not in the list",
            f"pass --backfill {m.key}.{column.wire}=VALUE, or declare what they have",
        )
    if not facts.native and not m.facts.has("c", m.before(column.name)):
        m.keep(column, "may contain values that are not listed")
    return True


def _enum(m: ModelDraft, column: Column, name: str, definition: str) -> None:
    """Replace the list. Rows with a removed value are written first, under both lists."""
    allowed = literal(array_text(column.enum_values))
    stray = f"t.{column.sql} <> all ({allowed})"
    facts = m.column(column.name)
    if facts is None:
        _add(m, name, definition)
        return
    given = m.given(column)
    if given is None or facts.type not in ("text", "varchar", "bpchar", "citext"):
        if not _grows(m, column, name):
            m.check(
                column,
                f"t.{ident(m.before(column.name))}::text <> all ({allowed})",
                "{count} rows have a value that is no longer allowed",
                f"pass --backfill {m.key}.{column.wire}=VALUE, or change these rows first",
            )
        m.change(_swap(m, name, definition), _comment(m, name, definition))
        m.draft.contract.append(_validate(m, name))
        return
    value = backfill_sql(m, column)
    for phase, title in (("backfill", "replace"), ("contract", "replace late")):
        step = m.batches(
            f"{m.key}: {title} values of {column.wire} that are not allowed (one delta per row)",
            f"{column.sql} = {value}",
            stray,
            phase=phase,
        )
        if step is None:
            return
        (m.draft.backfill if phase == "backfill" else m.draft.contract).append(step)
        if phase == "backfill":
            if _found(m, name):
                m.change(f"alter table {m.table} drop constraint {ident(name)};")
            m.draft.contract.append(_added(m, name, definition))
    m.draft.contract.append(_validate(m, name))


def _grows(m: ModelDraft, column: Column, name: str) -> bool:
    """Whether the list that every row is known to match is part of the new one."""
    found = m.facts.constraints.get(_found(m, name) or "")
    before = m.before(column.name)
    past = next((c for c in (m.old.fields if m.old else ()) if c.name == before), None)
    if found is None or past is None or not found.valid or not past.enum_values:
        return False
    return set(past.enum_values) <= set(column.enum_values)


def _finite(m: ModelDraft, column: Column, name: str, definition: str) -> None:
    test = definition.removeprefix("check ").replace(column.sql, f"t.{column.sql}")
    now = test.replace(column.sql, ident(m.before(column.name)))
    m.check(
        column,
        f"not {now}",
        f"{{count}} {NOT_FINITE}",
        "correct these rows first",
    )
    _add(m, name, definition)


def _add(m: ModelDraft, name: str, definition: str) -> None:
    m.draft.contract += [_added(m, name, definition), _validate(m, name)]


def _added(m: ModelDraft, name: str, definition: str) -> Step:
    title = f"{m.key}: {shorten(name)} applies to new rows"
    return Step("contract", title, (_swap(m, name, definition), _comment(m, name, definition)))


def _swap(m: ModelDraft, name: str, definition: str) -> str:
    return (
        f"alter table {m.table}\n  drop constraint if exists {ident(name)},\n"
        f"  add constraint {ident(name)} {definition} not valid;"
    )


def _comment(m: ModelDraft, name: str, definition: str) -> str:
    target = f"constraint {ident(name)} on {m.table}"
    return f"comment on {target} is {literal(mark_of(definition))};"


def _validate(m: ModelDraft, name: str) -> Step:
    statement = f"alter table {m.table} validate constraint {ident(name)};"
    return Step("contract", f"{m.key}: {shorten(name)} applies to every row", (statement,))


def index_columns(m: ModelDraft) -> None:
    """Build what is missing with CONCURRENTLY before the switch, and drop what is not wanted."""
    wanted = {m.draft.schema.index_name(m.new, c): c for c in indexed_columns(m.new)}
    for name, column in wanted.items():
        source = m.before(column.name)
        if source != column.name:
            was = shorten(f"{m.new.spec.table}_{source}_idx")
            if was in m.facts.indexes and m.facts.indexes[was].valid:
                where = ident(m.new.spec.table_schema)
                m.change(f"alter index {where}.{ident(was)} rename to {ident(name)};")
                continue
        if name in m.facts.indexes and m.facts.indexes[name].valid:
            continue
        if name in m.facts.indexes:
            m.draft.expand.append(_drop_index(m, name, "expand"))
        keys = index_keys(m.new, column).replace(column.sql, ident(source))
        _build(m, f"index {column.wire}", name, keys)
    if m.old is None:
        return
    for column in indexed_columns(m.old):
        name = m.draft.schema.index_name(m.old, column)
        if name not in wanted and name in m.facts.indexes and column.name not in m.moved.values():
            m.draft.contract.append(_drop_index(m, name, "contract"))


def _build(m: ModelDraft, title: str, name: str, keys: str, *, unique: bool = False) -> None:
    index = qualified(m.new.spec.table_schema, name)
    drop = f"drop index concurrently if exists {index};"
    kind = "unique index" if unique else "index"
    statement = f"create {kind} concurrently {ident(name)} on {m.table} ({keys});"
    m.draft.expand.append(Alone("expand", f"{m.key}: {title}", statement, drop, (drop,)))


def _drop_index(m: ModelDraft, name: str, phase: str) -> Alone:
    index = qualified(m.new.spec.table_schema, name)
    statement = f"drop index concurrently if exists {index};"
    title = f"{m.key}: drop the index {name}"
    return Alone("expand" if phase == "expand" else "contract", title, statement)


def link(m: ModelDraft, targets: dict[str, ModelDraft]) -> None:
    """Foreign keys: dangling rows are counted first, the key is validated afterwards."""
    wanted = {}
    for edge in m.new.edges:
        if not edge.fk:
            continue
        name, definition = foreign_key_definition(m.new, edge)
        wanted[shorten(name)] = definition
        found = m.facts.constraints.get(_found(m, name) or "")
        if found is None and m.kept(edge.column.name):
            if not m.facts.has("f", m.before(edge.column.name)):
                m.keep(edge.column, f"has no foreign key to {edge.target.spec.key}")
            continue
        _unique(edge, targets)
        if found is not None and found.mark == mark_of(definition):
            if not found.valid:
                m.draft.contract.append(_validate(m, name))
            continue
        _orphans(m, edge, targets.get(edge.target.spec.key))
        title = f"{m.key}: {edge.column.wire} refers to a row in new rows"
        both = (_swap(m, name, definition), _comment(m, name, definition))
        m.draft.contract += [Step("contract", title, both, tables=2), _validate(m, name)]
    for edge in m.old.edges if m.old else ():
        name = shorten(f"{m.new.spec.table}_{edge.column.name}_fkey")
        if edge.fk and name in m.facts.constraints and name not in wanted:
            m.change(f"alter table {m.table} drop constraint if exists {ident(name)};")


def _orphans(m: ModelDraft, edge: Edge, target: ModelDraft | None) -> None:
    """Dangling rows: all that have a key, if the target's table does not exist yet.

    If organizations still have to be assigned, by the keys alone; the validation checks the rest.
    """
    if m.column(edge.column.name) is None:
        return
    value = f"t.{ident(m.before(edge.column.name))}"
    nowhere = ""
    if target is not None:
        same = f"p.{edge.target.id.sql} = {value}"
        ours, theirs = m.column(m.new.org.name), target.column(edge.target.org.name)
        if ours is not None and theirs is not None:
            names = ident(target.before(edge.target.org.name)), ident(m.before(m.new.org.name))
            same = f"p.{names[0]} = t.{names[1]} and {same}"
        nowhere = f" and not exists (select from {edge.target.table} p where {same})"
    m.check(
        edge.column,
        f"{value} is not null{nowhere}",
        f"{{count}} rows refer to no row of {edge.target.spec.key} in their organization",
        "correct or clear these rows first, or declare the relation without fk=True",
    )


def _unique(edge: Edge, targets: dict[str, ModelDraft]) -> None:
    """A foreign key's target must be unique; a primary key of ours is."""
    target = targets.get(edge.target.spec.key)
    if target is None:
        return
    columns = frozenset({edge.target.id.name, edge.target.org.name})
    facts = target.facts
    if frozenset(facts.key) == columns:
        return
    if any(index.unique and index.columns == columns for index in facts.indexes.values()):
        return
    name = shorten(f"{edge.target.spec.table}_{edge.target.org.name}_id_key")
    keys = f"{edge.target.org.sql}, {edge.target.id.sql}"
    _build(target, "make its ids unique", name, keys, unique=True)


def gone(model: ModelPlan) -> tuple[str, ...]:
    """Return the names of a model's functions."""
    return tuple(model.function_name(end) for end in _FUNCTIONS)
