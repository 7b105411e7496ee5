"""Rules of fields, checks and indexes: read from what authors write, or refused with the reason."""

from __future__ import annotations

import datetime as dt
import json
import re
from dataclasses import replace
from decimal import Decimal
from typing import Annotated, Any

import annotated_types
import pytest
from pydantic import AfterValidator, PositiveInt, StringConstraints

from ablo_pg import (
    AbloValidationError,
    Model,
    belongs_to,
    check,
    define_schema,
    field,
    index,
    model,
)
from ablo_pg.schema import SchemaSpec, diff, dump_schema_json, parse_schema_json
from ablo_pg.schema.neutral import Check
from ablo_pg.schema.rules import say_check, say_rules
from ablo_pg.schema.unenforced import require_enforced

# As an author may write it -> the rules in a pushed schema.
WRITTEN: dict[str, tuple[Any, dict[str, Any]]] = {
    "field": ((int, field(ge=0, le=5)), {"minimum": 0, "maximum": 5}),
    "exclusive": ((float, field(gt=0, lt=1)), {"exclusiveMinimum": 0.0, "exclusiveMaximum": 1.0}),
    "Annotated": (Annotated[int, annotated_types.Ge(1)], {"minimum": 1}),
    "optional": (Annotated[int, annotated_types.Interval(gt=1, le=2)] | None, {
        "exclusiveMinimum": 1, "maximum": 2}),
    "within": (Annotated[int, field(multiple_of=5)] | None, {"multipleOf": 5}),
    "pydantic's own": (PositiveInt, {"exclusiveMinimum": 0}),
    "text": ((str, field(min_length=1, max_length=9)), {"minLength": 1, "maxLength": 9}),
    "constrained": (
        Annotated[str, StringConstraints(max_length=3, pattern="^a", strip_whitespace=True)],
        {"maxLength": 3, "pattern": "^a"},
    ),
    "compiled": ((str, field(pattern=re.compile("b$"))), {"pattern": "b$"}),
    "Len": (Annotated[str, annotated_types.Len(0, 4)], {"maxLength": 4}),
    "decimal": ((Decimal, field(ge=Decimal("0.5"), lt=3)), {
        "minimum": "0.5", "exclusiveMaximum": "3"}),
    "date": ((dt.date, field(ge=dt.date(2026, 1, 1))), {"minimum": "2026-01-01"}),
    "time": (
        (dt.datetime, field(lt=dt.datetime(2026, 1, 1, tzinfo=dt.UTC))),
        {"exclusiveMaximum": "2026-01-01T00:00:00+00:00"},
    ),
    "a validator": (Annotated[int, AfterValidator(abs)], {}),
}  # fmt: skip


@pytest.mark.parametrize("name", WRITTEN)
def test_a_rule_is_read_however_it_is_written(name: str) -> None:
    declared, rules = WRITTEN[name]
    schema = define_schema(tasks=model(x=declared))
    (found,) = schema.spec.model("tasks").fields
    assert dict(found.rules) == rules
    back = parse_schema_json(schema.to_json())
    assert back == replace(schema.spec, models=back.models)
    assert back.models[0].fields[0].rules == found.rules
    assert (back.hash, dump_schema_json(back)) == (schema.hash, schema.to_json())
    require_enforced(back)


# What cannot be held, and a part of the reason.
REFUSED: dict[str, tuple[Any, str]] = {
    "ge of text": ((str, field(ge="a")), "its ge: it applies to"),
    "length of a list": ((list[str], field(max_length=3)), "its max_length: it applies to string"),
    "multiple of a float": ((float, field(multiple_of=0.1)), "its multiple_of: it applies to"),
    "digits": ((Decimal, field(max_digits=4)), "max_digits has no counterpart"),
    "places": ((Decimal, field(decimal_places=2)), "decimal_places has no counterpart"),
    "a class": ((str, field(pattern=r"\d")), "is not read alike everywhere"),
    "a flag": ((str, field(pattern=re.compile("a", re.IGNORECASE))), "flags"),
    "a default that breaks it": (
        (int, field(default=9, le=5)),
        "its default: it must be at most 5",
    ),
    "unique json": ((list[str], field(unique=True)), "which is json"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_database_would_not_hold_is_refused(name: str) -> None:
    declared, reason = REFUSED[name]
    with pytest.raises(AbloValidationError) as caught:
        define_schema(tasks=model(x=declared))
    (problem,) = caught.value.details["problems"]
    assert reason in problem["message"]
    assert problem["remedy"]
    assert (problem["model"], problem["field"]) == ("tasks", "x")


CONDITIONS: dict[str, tuple[Any, str]] = {
    "no SQL": (check("count >"), "not an SQL expression"),
    "no field": (check("amount > 1"), "there is no field 'amount'"),
    "no condition": (check("count"), "is not a condition"),
    "a function": (check("pg_sleep(1) is null"), "is not allowed"),
    "text and number": (check("title > 1"), "do not compare"),
    "no fields": (index(), "0 fields"),
    "another field": (index("amount"), "'amount', which is not a field"),
    "json": (index("labels"), "'labels', which is json"),
    "a bad where": (index("count", where="count > now()"), "do not compare"),
    "the time": (check("created_at < now() - interval '1 day'"), "the current time changes"),
    "rows of the time": (index("count", where="created_at < now()"), "the current time changes"),
    "no text": (check(""), "not one SQL expression"),
}


@pytest.mark.parametrize("name", CONDITIONS)
def test_a_condition_is_refused_where_it_is_declared(name: str) -> None:
    condition, reason = CONDITIONS[name]
    with pytest.raises(AbloValidationError) as caught:
        define_schema(tasks=model(count=int, title=str, labels=list[str], one=condition))
    (problem,) = caught.value.details["problems"]
    assert reason in problem["message"]
    assert (problem["model"], problem["field"]) == ("tasks", "one")


class Base(Model):
    start: dt.date
    due_date: dt.date
    order = check("due_date >= start")


def test_a_subclass_has_the_conditions_of_its_bases() -> None:
    class Task(Base):
        count: int
        busy = index("count", "due_date", where={"null": {"field": "start"}})

    spec = define_schema(tasks=Task).spec.model("tasks")
    assert [one.name for one in spec.checks] == ["order"]
    assert spec.checks[0].text == "due_date >= start"
    assert [(one.name, one.fields) for one in spec.indexes] == [("busy", ("count", "dueDate"))]


def pushed(**attributes: Any) -> SchemaSpec:
    plain = {"type": "string", "isOptional": True, "isIndexed": False}
    return parse_schema_json({"v": 3, "models": {"tasks": {"fields": {"x": plain | attributes}}}})


@pytest.mark.parametrize(
    "attributes",
    [
        {"minimum": 3},
        {"maxLength": "9"},
        {"pattern": r"\w"},
        {"uniqueItems": True},
        {"const": "a"},
        {"unique": "yes"},
        {"type": "json", "unique": True},
        {"type": "number", "multipleOf": 2},
        {"type": "number", "format": "integer", "multipleOf": 0},
        {"type": "number", "format": "integer", "minimum": 0.5},
    ],
)
def test_a_pushed_rule_that_is_not_enforced_is_read_and_refused(attributes: Any) -> None:
    spec = pushed(**attributes)
    assert spec.models[0].fields[0].rules == ()
    with pytest.raises(AbloValidationError) as caught:
        require_enforced(spec)
    (problem,) = caught.value.details["problems"]
    assert (problem["code"], problem["field"]) == ("not_enforced", "x")


TEST = {"null": {"field": "x"}}
X = {"x": {"type": "string", "isOptional": True, "isIndexed": False}}


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("checks", "a"),
        ("checks", {"name": "a", "test": TEST, "deferrable": True}),
        ("checks", {"test": TEST}),
        ("indexes", "a"),
        ("indexes", {"name": "a", "fields": ["x"], "method": "gin"}),
        ("indexes", {"name": "a", "fields": ["x"], "unique": "yes"}),
    ],
)
def test_pushed_conditions_of_another_form_are_read_and_refused(name: str, given: Any) -> None:
    spec = parse_schema_json({"v": 3, "models": {"tasks": {"fields": X, name: [given]}}})
    with pytest.raises(AbloValidationError, match=f"{name} is not enforced"):
        require_enforced(spec)


def test_what_is_enforced_or_off_is_taken() -> None:
    require_enforced(pushed(maxLength=3, unique=False, minLength=None))
    given = {
        "checks": [{"name": "a", "test": TEST, "text": ""}],
        "indexes": [{"name": "a", "fields": ["x"], "unique": False, "where": None}],
    }
    spec = parse_schema_json({"v": 3, "models": {"tasks": {"fields": X} | given}})
    require_enforced(spec)
    (model,) = spec.models
    assert [one.test for one in model.checks] == [TEST]
    assert [(one.fields, one.unique) for one in model.indexes] == [(("x",), False)]


# The type in JSON, a rule, a default that breaks it, and one that does not.
DEFAULTS: list[tuple[dict[str, Any], dict[str, Any], Any, Any]] = [
    ({"type": "number", "format": "integer"}, {"minimum": 5}, 4, 5),
    ({"type": "number"}, {"exclusiveMaximum": 1.5}, 1.5, 1),
    ({"type": "string", "format": "decimal"}, {"multipleOf": "0.05"}, "0.07", "0.10"),
    ({"type": "string", "format": "date"}, {"maximum": "2026-01-01"}, "2026-01-02", "2026-01-01"),
    ({"type": "date"}, {"minimum": "2026-01-01T00:00:00Z"},
     "2025-12-31T23:00:00Z", "2026-01-01T01:00:00+01:00"),
    ({"type": "string"}, {"pattern": "^a"}, "b", "ab"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "rule", "bad", "good"), DEFAULTS)
def test_a_pushed_default_fits_its_rules(kind: Any, rule: Any, bad: Any, good: Any) -> None:
    require_enforced(pushed(**kind, **rule, isOptional=False, default=good))
    spec = pushed(**kind, **rule, isOptional=False, default=bad)
    with pytest.raises(AbloValidationError, match=r"x: its default: it must be"):
        require_enforced(spec)


# From -> to, the kind of change, and whether every stored row still fits.
CHANGED: list[tuple[dict[str, Any], dict[str, Any], str | None, bool]] = [
    ({}, {"le": 5}, "rules_tightened", False),
    ({"le": 5}, {"le": 6}, "rules_loosened", True),
    ({"le": 5}, {"le": 4}, "rules_tightened", False),
    ({"le": 5, "ge": 1}, {"le": 5}, "rules_loosened", True),
    ({"ge": 1}, {"ge": 0}, "rules_loosened", True),
    ({"ge": 1}, {"ge": 1, "multiple_of": 2}, "rules_tightened", False),
    ({"multiple_of": 2}, {"multiple_of": 4}, "rules_tightened", False),
    ({"le": 5}, {"le": 5}, None, True),
    ({}, {"unique": True}, "unique_added", False),
    ({"unique": True}, {}, "unique_dropped", True),
]


@pytest.mark.parametrize(("old", "new", "kind", "additive"), CHANGED)
def test_a_change_of_rules_says_whether_rows_may_break_it(
    old: Any, new: Any, kind: str | None, additive: bool
) -> None:
    before, after = (define_schema(tasks=model(x=(int, field(**each)))).spec for each in (old, new))
    changes = diff(before, after)
    assert [(one.kind, one.additive) for one in changes] == ([(kind, additive)] if kind else [])


def conditions(**declared: Any) -> SchemaSpec:
    return define_schema(tasks=model(x=int, y=int, **declared)).spec


@pytest.mark.parametrize(
    ("old", "new", "kind", "additive"),
    [
        ({}, {"a": check("x > y")}, "check_added", False),
        ({"a": check("x > y")}, {"a": check("x>y")}, None, True),
        ({"a": check("x > y")}, {"a": check("x > 1")}, "check_changed", False),
        ({"a": check("x > y")}, {}, "check_dropped", True),
        ({}, {"a": index("x", "y")}, "index_added", True),
        ({}, {"a": index("x", unique=True)}, "index_added", False),
        ({"a": index("x")}, {"a": index("x", where="y > 1")}, "index_changed", True),
        ({"a": index("x", unique=True)}, {"a": index("x")}, "index_changed", True),
    ],
)
def test_a_change_of_conditions_says_whether_rows_may_break_it(
    old: Any, new: Any, kind: str | None, additive: bool
) -> None:
    changes = diff(conditions(**old), conditions(**new))
    assert [(one.kind, one.additive) for one in changes] == ([(kind, additive)] if kind else [])


def test_rules_in_words() -> None:
    spec = define_schema(tasks=model(x=(int, field(ge=1, lt=5, multiple_of=2)), y=int)).spec
    x, y = spec.model("tasks").fields
    assert say_rules(x) == "must be at least 1, less than 5 and a multiple of 2"
    assert say_rules(y) == ""


def test_indexes_of_two_tables_that_would_share_a_name_are_refused() -> None:
    one = model(b_c=int, indexed=int, b=index("b_c"))
    with pytest.raises(AbloValidationError) as caught:
        define_schema({"a": model(x=int, b_c=index("x")), "a_b": model(x=int, c=index("x"))})
    (problem,) = caught.value.details["problems"]
    assert (problem["code"], problem["model"], problem["field"]) == ("name_clash", "a_b", "c")
    define_schema(a=one)


def test_an_index_may_not_take_the_name_of_a_relations() -> None:
    one = model(
        project_id=str, project=belongs_to("projects", index=True), projectId=index("project_id")
    )
    spec = define_schema(tasks=one, projects=model(name=str)).spec
    text = json.dumps(dump_schema_json(spec)).replace('"name": "projectId"', '"name": "project_id"')
    with pytest.raises(AbloValidationError) as caught:
        parse_schema_json(text)
    (problem,) = caught.value.details["problems"]
    assert (problem["code"], problem["field"]) == ("name_clash", "project_id")


def test_a_check_without_text_is_said_as_json() -> None:
    assert say_check(Check("a", {"null": {"field": "x"}})) == 'must fulfil {"null":{"field":"x"}}'


def test_rules_of_rows_behind_a_data_source_are_refused() -> None:
    spec = define_schema(tasks=model({"tenancy": "source"}, x=(int, field(ge=1)))).spec
    with pytest.raises(AbloValidationError, match="behind a data source"):
        require_enforced(spec)
