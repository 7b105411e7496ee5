"""Predicates: one meaning in Postgres, in the kernel's rendering, in the compiler's and in Python.

Random SQL texts run four ways over the same rows: as they stand, by Postgres itself; parsed, by
the kernel; parsed, as the compiler prints them for CHECKs and indexes; and parsed, by the test of
Python values that local copies use.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ablo_pg.compile import predicates
from ablo_pg.compile.plan import plan_schema
from ablo_pg.compile.predicates import predicate_sql
from ablo_pg.compile.rules import own_columns
from ablo_pg.errors import AbloStaleContextError, AbloValidationError
from ablo_pg.predicate import evaluate
from ablo_pg.predicate import text as text_module
from ablo_pg.predicate.evaluate import compile_test
from ablo_pg.predicate.operands import Refused, python_value
from ablo_pg.predicate.text import parse
from ablo_pg.schema.neutral import FieldType, named_fields

from .board import SCHEMA, Board, Caller, create
from .test_read_filters import NULLABLE, VALUES

FIELDS = named_fields(SCHEMA.spec.model("tasks"))
COLUMNS = own_columns(next(m for m in plan_schema(SCHEMA.spec).models if m.spec.key == "tasks"))
COPY = "insert into copied select * from public.tasks where id = %s and organization_id = %s"
META = [None, {"k": "a"}, {"k": None}, {"k": 3, "t": True}, {"k": {"a": 1}}, {"a.b": "dotted"}, {}]
FINITE = "select pg_get_constraintdef(oid) from pg_constraint where conname = %s"
ORDER = ["=", "<>", "!=", "<", "<=", ">", ">="]


def quoted(value: Any) -> str:
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


TEXTS = ["title", "lower(title)", "upper(status)", "coalesce(title, status)"]
WHOLE = ["count", "length(title)", "count % 7", "count / 2", "abs(count)", "-count", "3", "0", "-1"]
WHOLE += ["count - length(title) * 2", "coalesce(count, 0)", "(count + 1) * 2"]
WHOLE += ["count / length(title)"]
EXACT = [
    "price",
    "coalesce(price, count)",
    "price * 2 - 1.5",
    "abs(price)",
    "price + count",
    "0.5",
    "price % 2",
    *WHOLE,
]
TIMES = ["due_at", "coalesce(due_at, created_at)", "due_at - interval '1 day'", "created_at"]
TIMES += ["now() - interval '2 weeks'", "due_at + interval '3 hours'"]


PATTERNS = ["'%'", "'a%'", "'A_'", "'_'", r"'a\%b'", "'%d%'", "''"]
KEYS = ["'k'", "'t'", "'a.b'", "'none'"]
NOT = ["", "not "]


def shaped(template: str, *choices: list[str]) -> st.SearchStrategy[str]:
    """`shaped("{} {}", ["a"], ["b"])`: the template, filled at random."""
    return st.builds(template.format, *(st.sampled_from(one) for one in choices))


def compared(left: list[str], field: str, *more: str) -> st.SearchStrategy[str]:
    """What is at the left, compared with something of the same or a literal of the field."""
    values = [quoted(one) for one in VALUES[field]]
    return shaped("{} {} {}", left, ORDER, [*left, *(v for v in values if len(v) < 40), *more])


TERMS = st.one_of(
    compared(TEXTS, "title"),
    compared(EXACT, "count"),
    compared(TIMES, "dueAt"),
    compared(["status"], "status", "title"),
    compared(["day"], "day"),
    compared(["ref"], "ref"),
    compared(["score", "abs(score)", "coalesce(score, 0)"], "score", "count", "0.1", "1"),
    shaped("urgent {} {}", ["=", "<>"], ["true", "false"]),
    st.sampled_from(["urgent", "urgent is true", "urgent is not false", "true", "false"]),
    shaped("{} is {}null", ["price", "due_at", "meta", "length(title)"], NOT),
    shaped("{} {}{} {}", TEXTS, NOT, ["like", "ilike"], PATTERNS),
    shaped("{} {}in ({})", ["count", "length(title)", "count + 1"], NOT, ["1", "0, 7", "1, 2, -1"]),
    shaped("status {}in ({})", NOT, ["'todo'", "'todo', 'done'"]),
    shaped("{} {}between {} and {}", WHOLE, NOT, ["-1", "0"], ["1", "count"]),
    shaped("meta ->> {} {} {}", KEYS, ["=", "<>"], ["'a'", "'true'", "'dotted'", "''"]),
    shaped("meta ->> {} is {}null", KEYS, NOT),
)
PREDICATES = st.recursive(
    TERMS,
    lambda inner: st.one_of(
        st.builds("({} and {})".format, inner, inner),
        st.builds("({} or {})".format, inner, inner),
        st.builds("not ({})".format, inner),
        st.builds("{} and {} or {}".format, TERMS, inner, TERMS),
        st.builds("not {}".format, TERMS),
    ),
    max_leaves=6,
)


class Fleet:
    """Rows with every value of every field, and the three ways to filter them."""

    def __init__(self, board: Board) -> None:
        self.caller: Caller = board.caller()
        self.admin = board.admin
        self.organization = board.organization
        made = []
        for n in range(60):
            row = {
                field: values[n * (3 + i) % len(values)]
                for i, (field, values) in enumerate(VALUES.items())
            } | {"meta": META[n % len(META)]}
            for i, field in enumerate(sorted(NULLABLE)):
                if (n + i) % 5 == 0:
                    row[field] = None
            made.append(create(f"r{n:02}", **row))
        self.caller.commit(*made)
        self.set_endless()
        read = self.caller.list("tasks", {"limit": 1000})["data"]
        self.rows = [SimpleNamespace(**{k: typed(k, v) for k, v in row.items()}) for row in read]

    def set_endless(self) -> None:
        """Give some rows numbers that only an application's own column may hold."""
        columns = ("price", "score")
        with self.admin.transaction():
            checks = [
                (name, *self.admin.execute(FINITE, [f"tasks_{name}_finite"]).fetchall()[0])
                for name in columns
            ]
            for name in columns:
                drop = f"alter table public.tasks drop constraint tasks_{name}_finite"
                self.admin.execute(drop.encode())
            for n, value in enumerate(("NaN", "Infinity", "-Infinity", "NaN")):
                update = "update public.tasks set price = %s, score = %s where id = %s"
                self.admin.execute(update, [value, value, f"r{n * 7 + 1:02}"])
            for name, check in checks:
                kept = f"alter table public.tasks add constraint tasks_{name}_finite {check}"
                self.admin.execute(f"{kept} not valid".encode())

    def by_postgres(self, text: str) -> list[str] | None:
        """Return the ids; None if Postgres fails on a row."""
        own = f"organization_id = '{self.organization}'"
        query = f"select id from public.tasks where {own} and ({text})"
        try:
            found = self.admin.execute(query.encode())
        except psycopg.DataError:
            return None
        return sorted(row[0] for row in found)

    def by_compiler(self, node: Any) -> list[str]:
        """Return the ids of the rows; that it would be refused as a CHECK is an error."""
        test = predicate_sql(node, FIELDS, COLUMNS)
        own = f"organization_id = '{self.organization}'"
        query = f"select id, ({test}) is not false from public.tasks where {own} and ({test})"
        found = self.admin.execute(query.encode()).fetchall()
        assert all(passes for _, passes in found)
        return sorted(row[0] for row in found)

    def refused(self, node: Any) -> list[str]:
        """Return the ids of the rows that a CHECK of it refuses; an index of it is made too."""
        test, found = predicate_sql(node, FIELDS, COLUMNS), []
        with self.admin.transaction(force_rollback=True):
            self.admin.execute("create temp table copied (like public.tasks)")
            self.admin.execute(f"create index on copied (title) where {test}".encode())
            self.admin.execute(f"alter table copied add check ({test})".encode())
            for row in self.rows:
                try:
                    with self.admin.transaction():
                        self.admin.execute(COPY, [row.id, self.organization])
                except psycopg.errors.CheckViolation:
                    found.append(row.id)
        return sorted(found)

    def by_kernel(self, *nodes: Any) -> list[str]:
        found = self.caller.list("tasks", {"where": list(nodes), "limit": 1000})
        return sorted(row["id"] for row in found["data"])

    def by_python(self, *nodes: Any) -> list[str]:
        test = compile_test(nodes, FIELDS, lambda field: lambda row: getattr(row, field.wire))
        return sorted(row.id for row in self.rows if test(row))


def typed(wire: str, value: Any) -> Any:
    field = FIELDS.get(wire)
    if field is None or value is None:
        return value
    if field.type is FieldType.NUMBER:
        return float(value)
    return python_value(field.type.value, value) if isinstance(value, str) else value


@pytest.fixture(scope="module")
def fleet(board_database: Any) -> Iterator[Fleet]:
    with Board(board_database, "predicates") as board:
        board.admin.execute("set timezone to 'UTC'")
        yield Fleet(board)


@settings(max_examples=400, deadline=None)
@given(text=PREDICATES)
def test_four_evaluators_agree(fleet: Fleet, text: str) -> None:
    node = parse("tasks", text, (), FIELDS)
    found = fleet.by_kernel(node)
    said = fleet.by_postgres(text)
    assert said is None or found == said
    assert fleet.by_python(node) == found
    if "now()" in text:
        with pytest.raises(Refused, match="current time"):
            predicate_sql(node, FIELDS, COLUMNS)
    else:
        assert fleet.by_compiler(node) == found


# One text at least for each mutant below.
TEXTS_SURE = [
    "count / 2 = 0",
    "price is not null",
    "title not like 'a%'",
    "not price > 1",
    "price > 1 or urgent",
    "price > 1 and urgent",
    "urgent or count > 1 and price is null",
    "count in (0, 7)",
    "not (price = 1.5 and urgent)",
    "count / 2 = -4611686018427387904 or count % 7 = -1",
    "meta ->> 'a.b' = 'dotted'",
    "length(title) between 1 and 2",
    "coalesce(price, 0) = 0",
    "price > 1",
    "price = price",
    "not score <= 1",
]


def disagreement(fleet: Fleet) -> list[str]:
    """The texts of which two ways find different rows."""
    found = []
    for text in TEXTS_SURE:
        node = parse("tasks", text, (), FIELDS)
        ways = [fleet.by_postgres(text), fleet.by_kernel(node), fleet.by_python(node)]
        ways.append(fleet.by_compiler(node))
        if any(way != ways[0] for way in ways):
            found.append(text)
    return found


def swapped(tests: list[Any], *, stop: bool) -> Any:
    return ALL(tests, stop=not stop)


def unknown_is_false(get: Any, test: Any) -> Any:
    return lambda row: False if (value := get(row)) is None else test(value)


def printed_with(old: str, new: str) -> Any:
    def called(*given: Any) -> str:
        return CALLED(*given).replace(old, new)

    return called


ALL = evaluate._all
CALLED = predicates._called
MUTANTS: dict[str, tuple[Any, str, Any]] = {
    "IS NOT reads as IS": (text_module, "_negated", lambda node, found: found),
    "and reads as or": (evaluate, "_all", swapped),
    "null is false": (evaluate, "_known", unknown_is_false),
    "division rounds down": (evaluate._ARITHMETIC, "/", lambda one, other: one // other),
    "a rest has the sign of the divisor": (
        evaluate._ARITHMETIC,
        "%",
        lambda one, other: one % other,
    ),
    "a key is a path": (text_module, "_key", lambda node: "a"),
    "coalesce takes the last": (evaluate, "_first", lambda getters: getters[-1]),
    "compiled division rounds": (predicates, "_called", printed_with("div(", "mod(")),
    "compiled length counts bytes": (predicates, "_called", printed_with("length", "octet_length")),
    "compiled coalesce is its first": (
        predicates,
        "_called",
        printed_with("coalesce(", "greatest("),
    ),
}


def test_the_sure_texts_agree(fleet: Fleet) -> None:
    assert disagreement(fleet) == []


@pytest.mark.parametrize("text", TEXTS_SURE)
def test_a_check_refuses_what_is_false_and_passes_what_is_unknown(fleet: Fleet, text: str) -> None:
    node = parse("tasks", text, (), FIELDS)
    assert fleet.refused(node) == fleet.by_python({"not": node})


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_disagrees(fleet: Fleet, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    place, attribute, instead = MUTANTS[name]
    if isinstance(place, dict):
        monkeypatch.setitem(place, attribute, instead)
    else:
        monkeypatch.setattr(place, attribute, instead)
    assert disagreement(fleet)


# What a client of the kernel may send instead of a parsed text; none of it is run.
HOSTILE: dict[str, Any] = {
    "no form": {},
    "unknown form": {"exists": []},
    "two forms": {"and": [], "or": []},
    "a form of another type": {"and": {"field": "title"}},
    "no operand": {"null": "title"},
    "unknown field": {"null": {"field": "title; drop table x"}},
    "unknown function": {"null": {"call": "pg_sleep", "args": [{"value": 3}]}},
    "operator as function": {"null": {"call": "||", "args": [{"field": "title"}, {"value": "a"}]}},
    "text as number": {"null": {"call": "+", "args": [{"field": "title"}, {"value": 1}]}},
    "unknown comparison": {"compare": "~", "left": {"field": "title"}, "right": {"value": "a"}},
    "text and number": {"compare": "=", "left": {"field": "title"}, "right": {"value": 1}},
    "text that is no date": {"compare": "=", "left": {"field": "dueAt"}, "right": {"value": "x"}},
    "json compared": {"compare": "=", "left": {"field": "meta"}, "right": {"field": "meta"}},
    "float arithmetic": {"null": {"call": "*", "args": [{"field": "score"}, {"field": "score"}]}},
    "no decimal": {"null": {"decimal": "1; select 1"}},
    "long decimal": {"null": {"decimal": "1" * 500}},
    "pattern on a number": {"like": "a", "left": {"field": "count"}},
    "pattern that ends in an escape": {"like": "a\\", "left": {"field": "title"}},
    "list of a text": {"contains": ["a"], "left": {"field": "title"}},
    "object in a value": {"null": {"value": {"a": 1}}},
    "endless interval": {"null": {"call": "+", "args": [{"now": True}, {"seconds": 1e300}]}},
    "an interval alone": {"null": {"call": "coalesce", "args": [{"seconds": 1}]}},
    "too deep": json.loads('{"not":' * 40 + '["title","a"]' + "}" * 40),
    "too deep an operand": json.loads(
        '{"null":' + '{"call":"lower","args":[' * 40 + '{"field":"title"}' + "]}" * 40 + "}"
    ),
    "too many": {"or": [["count", n] for n in range(3000)]},
}


@pytest.mark.parametrize("name", HOSTILE)
def test_the_kernel_refuses_other_json_by_type(fleet: Fleet, name: str) -> None:
    with pytest.raises(AbloValidationError) as caught:
        fleet.by_kernel(HOSTILE[name])
    assert caught.value.remedy


@pytest.mark.parametrize("name", [one for one in HOSTILE if one != "too many"])
def test_the_compiler_refuses_other_json(name: str) -> None:
    with pytest.raises(Refused) as caught:
        predicate_sql(HOSTILE[name], FIELDS, COLUMNS)
    assert caught.value.remedy


def test_a_premise_may_be_any_predicate(board: Board) -> None:
    caller, other = board.callers(2)
    caller.commit(create("a", title="a", count=1))
    where = parse("tasks", "count > 5 or lower(title) = 'b'", (), FIELDS)
    read = {"model": "tasks", "where": [where], "readAt": caller.stamp("a")}
    other.commit(create("c", title="c", count=2))
    caller.commit(create("d", title="d"), reads=[read])
    other.commit(create("b", title="B", count=2))
    with pytest.raises(AbloStaleContextError):
        caller.commit(create("e", title="e"), reads=[read])
