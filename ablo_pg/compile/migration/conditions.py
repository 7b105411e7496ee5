"""Rules, checks and named indexes of a table in use: added while others write, or refused.

A CHECK holds for new rows from the switch on, and for all once they are validated. If a backfill
mends stored rows, it is added after them.
"""

from __future__ import annotations

from collections.abc import Iterator

from ablo_pg.compile.migration.draft import ModelDraft
from ablo_pg.compile.migration.facts import TableFacts
from ablo_pg.compile.migration.steps import Alone, Step
from ablo_pg.compile.migration.value import backfill_sql
from ablo_pg.compile.moves import default_as
from ablo_pg.compile.names import ident, literal, qualified, shorten
from ablo_pg.compile.plan import Column, ModelPlan
from ablo_pg.compile.rules import NamedIndex, Rule, named_indexes, own_columns, rules
from ablo_pg.compile.values import SQL_TYPE, fits
from ablo_pg.schema.neutral import Field
from ablo_pg.schema.problems import Problem
from ablo_pg.schema.rules import index_name, rules_name

_ALTER = "pass --alter-adopted, if its writers accept that, or leave it out of the schema"


def unheld(model: ModelPlan, facts: TableFacts, *, plain: bool) -> Iterator[Problem]:
    """Yield what an application's table does not hold although the schema declares it.

    plain: also indexes that refuse no row.
    """
    own = own_columns(model)
    for rule in rules(model) if facts.adopted else ():
        made = facts.constraints.get(rule.name)
        if made is None or made.mark != rule.mark(own):
            yield _unheld(model, facts, rule.part, rule.says)
    for index in named_indexes(model) if facts.adopted else ():
        there = facts.indexes.get(index.name)
        if (index.of.unique or plain) and (there is None or there.mark != index.mark(own)):
            yield _unheld(model, facts, index.part, index.says)


def _unheld(model: ModelPlan, facts: TableFacts, part: str, says: str) -> Problem:
    reason = f"the table of {facts.owner} has no constraint or index for it: {says}"
    return Problem("incompatible_change", model.spec.key, part, reason, f"`migrate`: {_ALTER}")


def hold_conditions(m: ModelDraft) -> None:
    """Bring the CHECKs of rules and conditions, and the named indexes, to their definitions."""
    refused = set()
    for problem in unheld(m.new, m.facts, plain=False):
        column = next((c for c in m.new.fields if c.wire == problem.field), None)
        if not m.draft.options.alter_adopted and (column is None or m.kept(column.name)):
            m.refuse(problem.field, problem.message, _ALTER)
            refused.add(problem.field)
    for rule in rules(m.new):
        if rule.part not in refused:
            _hold(m, rule)
    for index in named_indexes(m.new):
        if index.part not in refused:
            _index(m, index)
    _drop_others(m)


def _hold(m: ModelDraft, rule: Rule) -> None:
    own, found = own_columns(m.new), m.facts.constraints.get(_before(m, rule))
    if found is not None and found.mark == rule.mark(_stored(m)):
        if found.mark != rule.mark(own):
            m.change(_comment(m, rule))
        if not found.valid:
            m.draft.contract.append(_validate(m, rule))
        return
    column = next((c for c in m.new.fields if c.wire == rule.part), None)
    stored = _stored(m, "t.")
    if column is not None and isinstance(rule.of, Field) and m.given(column) is not None:
        _mend(m, rule, column)
        return
    mends = f"pass --backfill {m.key}.{rule.part}=VALUE, or " if isinstance(rule.of, Field) else ""
    m.check_rows(
        rule.part,
        f"({rule.test(stored)}) is false",
        f"{{count}} rows break the rule: they {rule.says}",
        f"{mends}correct these rows first",
    )
    m.change(*_swap(m, rule))
    m.draft.contract.append(_validate(m, rule))


def _mend(m: ModelDraft, rule: Rule, column: Column) -> None:
    """Write a value over those that break a rule; the new rule follows, then the late ones."""
    broken = f"({rule.test({column.wire: f't.{column.sql}'})}) is false"
    m.change(f"alter table {m.table} drop constraint if exists {ident(rule.name)};")
    for phase, title in (("backfill", "replace"), ("contract", "replace late")):
        step = m.batches(
            f"{m.key}: {title} values of {column.wire} that break its rules (one delta per row)",
            f"{column.sql} = {backfill_sql(m, column)}",
            broken,
            phase=phase,
        )
        if step is None:
            return
        if phase == "contract":
            title = f"{m.key}: {rule.name} applies to new rows"
            m.draft.contract.append(Step("contract", title, _swap(m, rule)))
        (m.draft.backfill if phase == "backfill" else m.draft.contract).append(step)
    m.draft.contract.append(_validate(m, rule))


def _stored(m: ModelDraft, prefix: str = "") -> dict[str, str]:
    """Return what the table has for each column before the switch, by JSON name."""
    found = {}
    for column in m.new.row_columns:
        facts, name = m.column(column.name), f"{prefix}{ident(m.before(column.name))}"
        if facts is None:
            name = default_as(column)
        elif column in m.new.fields and not fits(column.type, facts.type, native=facts.native):
            name = f"{name}::text::{SQL_TYPE[column.type]}"  # as `retype_columns` converts it
        found[column.wire] = name
    return found


def _before(m: ModelDraft, rule: Rule) -> str:
    """Return the name of its CHECK before the switch."""
    column = next((c for c in m.new.fields if c.wire == rule.part), None)
    if column is None or not isinstance(rule.of, Field):
        return rule.name
    return shorten(rules_name(m.new.spec.table, m.before(column.name)))


def _swap(m: ModelDraft, rule: Rule) -> tuple[str, str]:
    add = f"add constraint {ident(rule.name)} {rule.definition(own_columns(m.new))} not valid"
    drop = f"drop constraint if exists {ident(rule.name)}"
    return f"alter table {m.table}\n  {drop},\n  {add};", _comment(m, rule)


def _comment(m: ModelDraft, rule: Rule) -> str:
    mark = literal(rule.mark(own_columns(m.new)))
    return f"comment on constraint {ident(rule.name)} on {m.table} is {mark};"


def _validate(m: ModelDraft, rule: Rule) -> Step:
    statement = f"alter table {m.table} validate constraint {ident(rule.name)};"
    return Step("contract", f"{m.key}: {rule.name} applies to every row", (statement,))


def _index(m: ModelDraft, index: NamedIndex) -> None:
    """Build it before the switch, next to the one that it replaces."""
    name, was = index.name, _index_before(m, index)
    found, stored = m.facts.indexes.get(was), _stored(m)
    if found is not None and found.valid and found.mark == index.mark(stored):
        if was != name:
            m.change(f"alter index {_place(m, was)} rename to {ident(name)};")
        if found.mark != index.mark(own_columns(m.new)):
            m.change(index.comment(own_columns(m.new)))
        return
    if index.of.unique:
        where = index.repeated(m.table, stored)
        m.check_rows(
            index.part,
            where,
            "{count} rows have the values of another row, and must be unique",
            "correct these rows first, or narrow it with where=",
        )
    made = shorten(f"{name}_new")
    drop = f"drop index concurrently if exists {_place(m, made)};"
    title = f"{m.key}: index {index.part}"
    columns = {c.wire: ident(m.before(c.name)) for c in m.new.row_columns}
    build = index.create(columns, "concurrently", made)
    if made in m.facts.indexes:
        m.draft.expand.append(Alone("expand", f"{title}, left over", drop))
    m.draft.expand.append(Alone("expand", title, build, drop, (drop,)))
    m.change(
        f"drop index if exists {_place(m, was)};",
        f"alter index {_place(m, made)} rename to {ident(name)};",
        index.comment(own_columns(m.new)),
    )


def _index_before(m: ModelDraft, index: NamedIndex) -> str:
    column = next((c for c in m.new.fields if c.wire == index.part), None)
    if column is None or not isinstance(index.of, Field):
        return index.name
    return shorten(index_name(m.new.spec.table, m.before(column.name), unique=True))


def _place(m: ModelDraft, name: str) -> str:
    return qualified(m.new.spec.table_schema, name)


def _drop_others(m: ModelDraft) -> None:
    """Drop what a past schema declared: of ours, as their comments say."""
    if m.old is None:
        return
    kept = {one for rule in rules(m.new) for one in (rule.name, _before(m, rule))}
    for rule in rules(m.old):
        if rule.name not in kept and rule.name in m.facts.constraints:
            m.change(f"alter table {m.table} drop constraint if exists {ident(rule.name)};")
    wanted = {
        one for index in named_indexes(m.new) for one in (index.name, _index_before(m, index))
    }
    for index in named_indexes(m.old):
        if index.name not in wanted and index.name in m.facts.indexes:
            drop = f"drop index concurrently if exists {_place(m, index.name)};"
            m.draft.contract.append(Alone("contract", f"{m.key}: drop {index.name}", drop))
