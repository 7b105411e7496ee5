"""Rules, checks and named indexes of a table in use: added while others write, or refused.

A CHECK holds for new rows from the switch on, and for all once they are validated. If a backfill
mends stored rows, it is added after them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Final

from ablo_pg.compile.migration.draft import ModelDraft
from ablo_pg.compile.migration.facts import ConstraintFacts, IndexFacts, TableFacts, place
from ablo_pg.compile.migration.steps import Alone, Step
from ablo_pg.compile.migration.value import backfill_sql
from ablo_pg.compile.moves import default_as
from ablo_pg.compile.names import ident, literal, qualified, shorten
from ablo_pg.compile.plan import Column, ModelPlan, plan_schema
from ablo_pg.compile.rules import NamedIndex, Rule, named_indexes, own_columns, rules
from ablo_pg.compile.values import SQL_TYPE, fits
from ablo_pg.schema.neutral import Field, SchemaSpec
from ablo_pg.schema.problems import Problem
from ablo_pg.schema.rules import index_name, rules_name

# Stands for a column; whether it has a value is the same in every session.
_LOCAL: Final = "null::timestamp"
_KNOWN: Final = (f"({_LOCAL} is null)", f"({_LOCAL} is not null)")
_ALTER: Final = "pass --alter-adopted, if its writers accept that, or leave it out of the schema"


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


def release_conditions(m: ModelDraft) -> None:
    """Drop what was declared of columns that get another type; `hold_conditions` makes the new."""
    stored = _stored(m)
    if not _retyped(m):
        return
    constraints, indexes = strays(
        m.facts,
        {name for rule in rules(m.new) if _has(m.facts.constraints, name := _before(m, rule),
                                               rule.mark(stored))},
        {name for index in named_indexes(m.new)
         if _has(m.facts.indexes, name := _index_before(m, index), index.mark(stored))},
    )  # fmt: skip
    table = m.new.spec.table  # whose columns have been renamed, with the CHECKs of their rules
    now = {shorten(rules_name(table, old)): rules_name(table, new) for new, old in m.moved.items()}
    for name in constraints:
        found = ident(shorten(now.get(name, name)))
        m.change(f"alter table {m.table} drop constraint if exists {found};")
    for name in indexes:
        m.change(f"drop index if exists {_place(m, name)};")


def _has(
    facts: Mapping[str, ConstraintFacts] | Mapping[str, IndexFacts], name: str, mark: str
) -> bool:
    return name in facts and facts[name].mark == mark


def hold_conditions(m: ModelDraft) -> None:
    """Bring the CHECKs of rules and conditions, and the named indexes, to their definitions."""
    refused = _refuse_local(m)
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


def _refuse_local(m: ModelDraft) -> set[str | None]:
    """Refuse conditions on times without a zone: sessions would disagree about them."""
    columns = own_columns(m.new)
    for column in m.new.row_columns:
        facts = m.column(column.name)
        if facts is not None and facts.type == "timestamp":
            columns[column.wire] = _LOCAL
    tests = [(rule.part, rule.test(columns)) for rule in rules(m.new)]
    tests += [(index.part, index.where(columns)) for index in named_indexes(m.new)]
    found: set[str | None] = {
        part for part, test in tests if test.count(_LOCAL) > sum(map(test.count, _KNOWN))
    }
    for part in found:
        m.refuse(part, "it compares a column of type timestamp, which has no time zone",
            "leave it out, or make the column timestamptz")  # fmt: skip
    return found


def _hold(m: ModelDraft, rule: Rule) -> None:
    own, found = own_columns(m.new), m.facts.constraints.get(_before(m, rule))
    adds = _swap(m, rule)
    if found is not None and found.mark == rule.mark(_stored(m)):
        adds = () if found.mark == rule.mark(own) else adds[1:]
        if found.valid:
            m.change(*adds)
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
    m.change(*adds)
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


def _retyped(m: ModelDraft) -> set[str]:
    """Return the fields whose columns get another type, by JSON name."""
    return {
        column.wire
        for column in m.new.fields
        if (facts := m.column(column.name)) is not None
        and not fits(column.type, facts.type, native=facts.native)
    }


def _stored(m: ModelDraft, prefix: str = "") -> dict[str, str]:
    """Return what the table has for each column before the switch, by JSON name."""
    found, retyped = {}, _retyped(m)
    for column in m.new.row_columns:
        facts, name = m.column(column.name), f"{prefix}{ident(m.before(column.name))}"
        if facts is None:
            name = default_as(column)
        elif column.wire in retyped:
            name = f"{name}::text::{SQL_TYPE[column.type]}"  # as `retype_columns` converts it
        found[column.wire] = name
    return found


def _before(m: ModelDraft, rule: Rule) -> str:
    """Return the name of its CHECK before the switch."""
    column = next((c for c in m.new.fields if c.wire == rule.part), None)
    if column is None or not isinstance(rule.of, Field):
        return rule.name
    return shorten(rules_name(m.new.spec.table, m.before(column.name)))


def _swap(m: ModelDraft, rule: Rule) -> tuple[str, ...]:
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
    columns = {c.wire: ident(m.before(c.name)) for c in m.new.row_columns}
    own = own_columns(m.new)
    if index.where(columns) != index.where(columns | {wire: stored[wire] for wire in _retyped(m)}):
        # The condition is one of the new type.
        drop = f"drop index if exists {_place(m, was)};"
        m.change(drop, index.create(own), index.comment(own))
        return
    made = shorten(f"{name}_new")
    drop = f"drop index concurrently if exists {_place(m, made)};"
    title = f"{m.key}: index {index.part}"
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


def strays(
    facts: TableFacts, constraints: Collection[str], indexes: Collection[str]
) -> tuple[list[str], list[str]]:
    """Return the constraints and indexes that a past schema declared, as their comments say.

    Args: constraints, indexes: names of those to keep.
    """
    return (
        [name for name, one in facts.constraints.items()
         if name not in constraints and _declared(one.mark)],
        [name for name, one in facts.indexes.items()
         if name not in indexes and _declared(one.mark)],
    )  # fmt: skip


def _declared(mark: str | None) -> bool:
    return mark is not None and mark.startswith("ablo_pg ") and " {" in mark


def forget(
    old: SchemaSpec, new: SchemaSpec, facts: Mapping[tuple[str, str], TableFacts]
) -> Iterator[str]:
    """Drop what schemas before `old` declared of tables that have a model again.

    Args: facts, of the tables that exist, by `place`.
    """
    modelled = {place(model) for model in plan_schema(old).stored}
    for model in plan_schema(new).stored:
        found = facts.get(place(model))
        if found is None or place(model) in modelled:
            continue
        kept = [one.name for one in rules(model)], [one.name for one in named_indexes(model)]
        constraints, indexes = strays(found, *kept)
        for name in constraints:
            yield f"alter table {model.table} drop constraint if exists {ident(name)};"
        for name in indexes:
            yield f"drop index if exists {qualified(model.spec.table_schema, name)};"


def _drop_others(m: ModelDraft) -> None:
    kept = {one for rule in rules(m.new) for one in (rule.name, _before(m, rule))}
    wanted = {
        one for index in named_indexes(m.new) for one in (index.name, _index_before(m, index))
    }
    constraints, indexes = strays(m.facts, kept, wanted)
    for name in constraints:
        m.change(f"alter table {m.table} drop constraint if exists {ident(name)};")
    for name in indexes:
        drop = f"drop index concurrently if exists {_place(m, name)};"
        m.draft.contract.append(Alone("contract", f"{m.key}: drop {name}", drop))
