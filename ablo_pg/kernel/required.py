"""The rules, checks and unique indexes of a model against its table, for `fit` and `drift`.

Stored rows that break one are a problem; one that the table lacks is an addition.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ablo_pg.compile.moves import default_as
from ablo_pg.compile.plan import ModelPlan
from ablo_pg.compile.rules import Rule, broken, named_indexes, own_columns, rules
from ablo_pg.compile.values import fits
from ablo_pg.db.tables import ConstraintFacts, MarkedIndex, TableFacts
from ablo_pg.kernel.finding import Finding
from ablo_pg.kernel.trees import Verdict, compare_checks


def broken_rows(model: ModelPlan, table: TableFacts) -> dict[str, str]:
    """Return the condition of rows that break each, by name."""
    columns, odd = {}, False
    for column in model.row_columns:
        facts = table.column(column.name)
        columns[column.wire] = default_as(column) if facts is None else column.sql
        if facts is not None and column in model.fields:
            odd |= not fits(column.type, facts.base, native=facts.native)
    if odd:  # which is a problem already
        return {}
    names = [*(rule.part for rule in rules(model))]
    names += [index.part for index in named_indexes(model) if index.of.unique]
    return {f"broken {part}": broken(model, part, model.table, columns) for part in names}


def required_of_rows(
    model: ModelPlan, table: TableFacts, rows: Mapping[str, int]
) -> Iterator[Finding]:
    """Yield what rows break, and what the table lacks."""
    own = own_columns(model)
    there: list[ConstraintFacts | MarkedIndex] = [*table.constraints, *table.marked]
    marks = {one.name: one.comment for one in there}
    valid = {one.name for one in there if one.valid}
    wanted = [(rule.part, rule.says, rule.name, rule.mark(own)) for rule in rules(model)]
    same = {rule.name: _same(rule, table) for rule in rules(model)}
    for index in named_indexes(model):
        wanted.append((index.part, index.says, index.name, index.mark(own)))
    for part, says, name, mark in wanted:
        verdict, made = same.get(name, ("different", None))
        if count := rows.get(f"broken {part}"):
            message = f"{count:,} row{'s' if count > 1 else ''} would be refused: it {says}"
            yield Finding("problem", message, part)
        elif marks.get(name) != mark and made is None:
            yield Finding("addition", f"{name} is missing ({says}): `migrate` adds it", part)
        elif marks.get(name) != mark and verdict == "different":
            message = f"{name} is {made}, and not: it {says}; `migrate` replaces it"
            yield Finding("addition", message, part)
        elif marks.get(name) != mark and verdict == "unknown":
            yield Finding("warning", f"whether {name} is this is unknown: {made}; it {says}", part)
        elif name not in valid:
            message = f"{name} may not hold for every row ({says}): `migrate` validates it"
            yield Finding("addition", message, part)


def _same(rule: Rule, table: TableFacts) -> tuple[Verdict, str | None]:
    """Whether the table's CHECK of that name is the rule's, however it is spelt; and its text."""
    made = next((one for one in table.constraints if one.name == rule.name), None)
    if made is None:
        return "different", None
    types = {column.name: column.base for column in table.columns}
    definition = rule.definition(own_columns(rule.model))
    return compare_checks(definition, made.definition, types), made.definition
