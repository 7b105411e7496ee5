"""Expressions of columns become what the same SQL text becomes, or are refused with a remedy."""

from __future__ import annotations

import datetime as dt
import enum
import functools
import operator
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ablo_pg import AbloError, Model, col, define_schema
from ablo_pg.predicate.expression import expressed
from ablo_pg.predicate.text import parse
from ablo_pg.schema.neutral import named_fields

MOMENT = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
UUID = uuid.UUID(int=7)


class Kind(enum.Enum):
    BUG = "bug"


class Named(Model):
    title: str


class Task(Named):
    status: Literal["todo", "done"] = "todo"
    kind: Kind = Kind.BUG
    count: int = 0
    price: Decimal | None = None
    score: float | None = None
    done: bool = False
    due_at: dt.datetime | None = None
    ref: uuid.UUID | None = None
    tags: list[str] | None = None
    meta: dict[str, Any] | None = None


class Project(Model):
    name: str


FIELDS = named_fields(define_schema(tasks=Task, projects=Project).spec.model("tasks"))
SAME: list[tuple[Any, str, list[Any]]] = [  # expression, text, its parameters
    (col(Task.status) == "todo", "status = 'todo'", []),
    (col(Task.status) != "todo", "status <> 'todo'", []),
    (Task.status == "todo", "status = 'todo'", []),
    (col(Named.title) == "a", "title = 'a'", []),
    (col(Model.id) == "a", "id = 'a'", []),
    (3 < col(Task.count), "3 < count", []),  # noqa: SIM300
    (3 >= col(Task.count), "count <= 3", []),  # noqa: SIM300
    (col(Task.kind) == Kind.BUG, "kind = $1", [Kind.BUG]),
    (col(Task.kind).in_(list(Kind)), "kind in ('bug')", []),
    (col(Task.price) >= Decimal("1.50"), "price >= 1.50", []),
    (col(Task.score) < 1.5, "score < 1.5", []),
    (col(Task.due_at) < MOMENT, "due_at < $1", [MOMENT]),
    (col(Task.due_at) < col(Task.created_at), "due_at < created_at", []),
    (col(Task.ref) == UUID, "ref = $1", [UUID]),
    (col(Task.done), "done", []),
    (~col(Task.done) & col(Task.done), "not done and done", []),
    (col(Task.done) == True, "done = true", []),  # noqa: E712
    (col(Task.count).in_([]), "count in ($1)", [[]]),
    (col(Task.count).between(1, 3), "count between 1 and 3", []),
    (col(Task.due_at).is_null(), "due_at is null", []),
    (col(Task.meta)["a"].is_not_null(), "meta ->> 'a' is not null", []),
    (col(Task.meta)["a"].lower() == "b", "lower(meta ->> 'a') = 'b'", []),
    (col(Task.title).lower().like("a%"), "lower(title) like 'a%'", []),
    (~col(Task.title).ilike("_"), "title not ilike '_'", []),
    (col(Task.title).length() > col(Task.count), "length(title) > count", []),
    (col(Task.title).upper().in_(["A"]), "upper(title) in ('A')", []),
    (col(Task.tags).contains(["a"]), "tags @> array['a']", []),
    (col(Task.tags).overlaps(("a", "b")), "tags && array['a', 'b']", []),
]
T: Any = Task  # a type checker refuses most of these
REFUSED: dict[str, tuple[Callable[[], Any], str, str]] = {  # code, what the message names
    "a field of another class": (
        lambda: col(Project.name) == "a",
        "query_invalid_identifier",
        f"Project.name is a field of {__name__}.Project, not of {__name__}.Task",
    ),
    "an unknown value": (lambda: T.status == "gone", "check_violation", "'gone'"),
    "another type": (lambda: T.count == "3", "column_type_mismatch", "integer and text"),
    "an unknown type": (lambda: T.count == object(), "column_type_mismatch", "object"),
    "no time zone": (lambda: T.due_at < dt.datetime(2026, 1, 1), "column_type_mismatch", "zone"),
    "a pattern on numbers": (lambda: T.count.like("1"), "column_type_mismatch", "patterns"),
    "lower of a number": (lambda: T.count.lower() == "1", "column_type_mismatch", "lower"),
    "a key of text": (lambda: T.title["a"] == "b", "column_type_mismatch", "->>"),
    "a list of text": (lambda: T.title.contains(["a"]), "invalid_request", "lists"),
    "booleans ordered": (lambda: T.done > False, "query_unsupported_operator", "no order"),
    "json ordered": (lambda: T.tags > ["a"], "query_unsupported_operator", "no order"),
    "json that is not JSON": (lambda: T.meta == {"a": b"\xff"}, "column_type_mismatch", "JSON"),
    "json columns": (lambda: T.meta == T.tags, "column_type_mismatch", "json and json"),
    "text as condition": (lambda: T.done & T.title, "invalid_request", "text is not a cond"),
    "a value as condition": (
        lambda: T.done & True,
        "invalid_request",
        "bool is not a condition",
    ),
    "None": (lambda: T.count == None, "invalid_request", "equals None"),  # noqa: E711
    "None in a list": (lambda: T.count.in_([1, None]), "invalid_request", "equals None"),
    "None between": (lambda: T.count.between(1, None), "invalid_request", "equals None"),
    "text as list": (lambda: T.title.in_("abc"), "invalid_request", "str is not a list"),
    "a number as list": (lambda: T.tags.contains(3), "invalid_request", "int is not a list"),
    "a number as key": (lambda: T.tags[0], "invalid_request", "[0] is not a key"),
    "and": (lambda: T.done and T.count > 3, "invalid_request", "in Python"),
    "or": (lambda: (T.count > 3) or T.done, "invalid_request", "in Python"),
    "not": (lambda: not T.done, "invalid_request", "in Python"),
    "a chain": (lambda: 1 < T.count < 3, "invalid_request", "Task.count > 1 is"),
    "in": (lambda: T.status in ["todo", "done"], "invalid_request", "in Python"),
    "in a column": (lambda: "a" in T.tags, "invalid_request", "is not a key"),
    "col of a value": (lambda: col("the title of a row"), "invalid_request", "not a str"),
    "too deep": (
        lambda: functools.reduce(lambda one, _: ~one, range(30), T.done),
        "invalid_request",
        "too deep",
    ),
    "far too deep": (
        lambda: functools.reduce(lambda one, _: T.done & one, range(5000), T.done),
        "invalid_request",
        "too deep",
    ),
    "a call that is far too deep": (
        lambda: functools.reduce(lambda one, _: one.lower(), range(5000), T.title) == "a",
        "invalid_request",
        "too deep",
    ),
}


def of(expression: Any) -> Any:
    return expressed("tasks", Task, expression, FIELDS)


@pytest.mark.parametrize("place", range(len(SAME)))
def test_an_expression_is_what_its_text_is(place: int) -> None:
    expression, text, parameters = SAME[place]
    assert of(expression) == parse("tasks", text, parameters, FIELDS)


def test_an_expression_is_shown_as_written() -> None:
    one = ~(T.title.lower() == "a") & T.count.in_([1, 2]) | (T.meta["a"] != "b") & T.done
    assert repr(one) == (
        "((~(Task.title.lower() == 'a')) & (Task.count.in_([1, 2]))) | "
        "((Task.meta['a'] != 'b') & (Task.done))"
    )


def test_json_compares_whole() -> None:
    assert of(col(Task.tags) == ["a"]) == ["tags", "=", ["a"]]
    assert of(col(Task.meta) != {"a": None}) == ["meta", "<>", {"a": None}]


def test_a_long_chain_is_one_level() -> None:
    chain = functools.reduce(operator.or_, (col(Task.count) == n for n in range(5000)))
    assert of(chain) == {"or": [["count", "=", n] for n in range(5000)]}


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_with_place_and_remedy(name: str) -> None:
    make, code, named = REFUSED[name]
    with pytest.raises(AbloError) as caught:
        of(make())
    assert (caught.value.code, caught.value.field) == (code, "where")
    assert named in str(caught.value)
    assert caught.value.remedy


PAIRS = st.recursive(
    st.sampled_from([(one, text) for one, text, parameters in SAME if not parameters]),
    lambda inner: st.one_of(
        st.builds(lambda a, b: (a[0] & b[0], f"({a[1]}) and ({b[1]})"), inner, inner),
        st.builds(lambda a, b: (a[0] | b[0], f"({a[1]}) or ({b[1]})"), inner, inner),
        st.builds(lambda a: (~a[0], f"not ({a[1]})"), inner),
    ),
    max_leaves=8,
)


def flat(node: Any) -> Any:
    """`(a and b) and c` as `a and b and c`: expressions do not know their parentheses."""
    if not isinstance(node, dict):
        return node
    if "not" in node:
        return {"not": flat(node["not"])}
    for word in node.keys() & {"and", "or"}:
        parts = [flat(one) for one in node[word]]
        known = [one[word] if isinstance(one, dict) and word in one else [one] for one in parts]
        return {word: [each for some in known for each in some]}
    return node


@settings(max_examples=300, deadline=None)
@given(pair=PAIRS)
def test_random_expressions_are_what_their_texts_are(pair: tuple[Any, str]) -> None:
    expression, text = pair
    assert flat(of(expression)) == flat(parse("tasks", text, [], FIELDS))
