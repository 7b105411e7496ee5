"""What a schema requires of rows, as SQL: CHECKs of rules and conditions, named and unique indexes.

`checks` and `indexes` emit them; `migration.conditions` adds them to a table in use; `kernel.pull`
reads them back from their comments, which record what each was made of.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from ablo_pg.compile.names import digest, ident, literal, qualified, shorten
from ablo_pg.compile.plan import Column, ModelPlan
from ablo_pg.compile.predicates import predicate_sql
from ablo_pg.compile.values import constant
from ablo_pg.predicate.operands import Refused
from ablo_pg.schema.neutral import Check, Field, Index, named_fields
from ablo_pg.schema.patterns import portable
from ablo_pg.schema.problems import Problem, schema_error
from ablo_pg.schema.rules import check_name, index_name, rules_name, say_check, say_rules
from ablo_pg.schema.wire_json import dump_condition

# What stands for each column, as SQL, by JSON name.
Columns = Mapping[str, str]

_RULES: Final = {
    "minimum": "{0} >= {1}",
    "exclusiveMinimum": "{0} > {1}",
    "maximum": "{0} <= {1}",
    "exclusiveMaximum": "{0} < {1}",
    "multipleOf": "{0} % {1} = 0",
    "minLength": "length({0}::text) >= {1}",
    "maxLength": "length({0}::text) <= {1}",
    "pattern": '{0}::text collate "C" ~ {1}',
}


@dataclass(frozen=True, slots=True)
class Rule:
    """A CHECK: of a field's rules, or of a `check()`. name: as Postgres has it."""

    model: ModelPlan
    name: str
    of: Field | Check

    @property
    def part(self) -> str:
        """The field's JSON name, or the check's name."""
        return part_of(self.of)

    @property
    def says(self) -> str:
        """What it requires, in words."""
        return say_rules(self.of) if isinstance(self.of, Field) else say_check(self.of)

    def test(self, columns: Columns) -> str:
        """Return what is not false of a row that fits. Raises schema_definition_invalid."""
        if isinstance(self.of, Field):
            return " and ".join(_rules(self.of, columns[self.of.wire]))
        return _condition(self.model, self.of.name, self.of.test, columns)

    def definition(self, columns: Columns) -> str:
        """Return its definition, as in CREATE TABLE."""
        return f"check ({self.test(columns)})"

    def mark(self, columns: Columns) -> str:
        """Return the comment that records it."""
        of = dict(self.of.rules) if isinstance(self.of, Field) else dump_condition(self.of)
        return _mark(self.definition(columns), of)


@dataclass(frozen=True, slots=True)
class NamedIndex:
    """An index that its author named, or that makes a field unique. name: as Postgres has it."""

    model: ModelPlan
    name: str
    of: Field | Index

    @property
    def part(self) -> str:
        """The field's JSON name, or the index's name."""
        return part_of(self.of)

    @property
    def wires(self) -> tuple[str, ...]:
        """The JSON names of its fields."""
        return (self.of.wire,) if isinstance(self.of, Field) else self.of.fields

    @property
    def says(self) -> str:
        """What it requires or does, in words."""
        return "must be unique" if self.of.unique else "is indexed"

    @property
    def qualified(self) -> str:
        """Its quoted name, with its schema."""
        return qualified(self.model.spec.table_schema, self.name)

    def where(self, columns: Columns) -> str:
        """Return the condition of its rows; '' for all. Raises schema_definition_invalid."""
        if isinstance(self.of, Field) or self.of.where is None:
            return ""
        return _condition(self.model, self.of.name, self.of.where, columns)

    def repeated(self, table: str, columns: Columns) -> str:
        """Return the condition of rows whose values another row has too."""
        keys = self._keys(columns)
        present = [f"{columns[wire]} is not null" for wire in self.wires]
        where = " and ".join([*present, *([one] if (one := self.where(columns)) else [])])
        twice = f"select {keys} from {table} where {where} group by {keys} having count(*) > 1"
        return f"({where} and ({keys}) in ({twice}))"

    def create(self, columns: Columns, how: str = "", name: str = "") -> str:
        """Return CREATE INDEX: the tenant first. how: concurrently, or nothing."""
        kind = "create unique index" if self.of.unique else "create index"
        words = " ".join(part for part in (kind, how, ident(name or self.name)) if part)
        return f"{words} on {self.model.table} {self._body(columns)};"

    def mark(self, columns: Columns) -> str:
        """Return the comment that records it."""
        of = {"unique": True} if isinstance(self.of, Field) else dump_condition(self.of)
        return _mark(self._body(columns), of)

    def comment(self, columns: Columns) -> str:
        """Return the statement that records it."""
        return f"comment on index {self.qualified} is {literal(self.mark(columns))};"

    def _keys(self, columns: Columns) -> str:
        org = [columns[self.model.org.wire]] if self.model.synced else []
        return ", ".join([*org, *(columns[wire] for wire in self.wires)])

    def _body(self, columns: Columns) -> str:
        where = self.where(columns)
        return f"({self._keys(columns)})" + (f" where {where}" if where else "")


def part_of(of: Field | Check | Index) -> str:
    """Return the name of a field, check or index in its model."""
    return of.wire if isinstance(of, Field) else of.name


def own_columns(model: ModelPlan) -> dict[str, str]:
    """Return the model's columns, quoted, by JSON name."""
    return {c.wire: c.sql for c in model.row_columns if model.synced or c is not model.org}


def broken(model: ModelPlan, part: str, table: str, columns: Columns) -> str:
    """Return the condition of rows that break what is named `part`: a field, check or index.

    Args: table and columns, where the rows are now.
    """
    tests = [f"({rule.test(columns)}) is false" for rule in rules(model) if rule.part == part]
    tests += [
        one.repeated(table, columns)
        for one in named_indexes(model)
        if one.part == part and one.of.unique
    ]
    return " or ".join(tests) or "false"


def rules(model: ModelPlan) -> Iterator[Rule]:
    """Yield the CHECKs of a model's rules and conditions."""
    for field, column in _fields(model):
        if field.rules:
            yield Rule(model, shorten(rules_name(model.spec.table, column.name)), field)
    for check in model.spec.checks:
        yield Rule(model, shorten(check_name(model.spec.table, check.name)), check)


def named_indexes(model: ModelPlan) -> Iterator[NamedIndex]:
    """Yield the indexes of unique fields, and those that the model names."""
    table = model.spec.table
    for field, column in _fields(model):
        if field.unique:
            name = index_name(table, column.name, unique=True)
            yield NamedIndex(model, shorten(name), field)
    for index in model.spec.indexes:
        name = index_name(table, index.name, unique=index.unique)
        yield NamedIndex(model, shorten(name), index)


def _fields(model: ModelPlan) -> Iterator[tuple[Field, Column]]:
    return zip(model.spec.fields, model.fields, strict=True)


def _condition(model: ModelPlan, name: str, test: object, columns: Columns) -> str:
    native = {column.wire for column in model.fields if column.native}
    readable = {wire: sql for wire, sql in columns.items() if wire not in native}
    try:
        return predicate_sql(test, named_fields(model.spec), readable)
    except Refused as exc:
        problem = Problem("invalid_check", model.spec.key, name, exc.reason, exc.remedy)
        raise schema_error([problem], code="schema_definition_invalid") from None


def _rules(field: Field, column: str) -> Iterator[str]:
    for word, value in field.rules:
        if word == "pattern":
            sql = literal(portable(str(value)))
        elif word in ("minLength", "maxLength"):
            sql = str(value)
        else:
            sql = constant(field.type, value)
        yield _RULES[word].format(column, sql)


def _mark(definition: str, of: Mapping[str, object]) -> str:
    return f"ablo_pg {digest(definition)} {json.dumps(of, ensure_ascii=False)}"
