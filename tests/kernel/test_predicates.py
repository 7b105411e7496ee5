"""Predicates: one meaning in Postgres, in the kernel's rendering and in Python.

Random SQL texts run three ways over the same rows: as they stand, by Postgres itself; parsed, by
the kernel; and parsed, by the test of Python values that local copies use.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ablo_pg.client.names import fields_of
from ablo_pg.predicate.evaluate import compile_test
from ablo_pg.predicate.operands import python_value
from ablo_pg.predicate.text import parse
from ablo_pg.schema.neutral import FieldType

from .board import SCHEMA, Board, Caller, create
from .test_read_filters import NULLABLE, VALUES

FIELDS = fields_of(SCHEMA.spec.model("tasks"))
META = [None, {"k": "a"}, {"k": None}, {"k": 3, "t": True}, {"k": {"a": 1}}, {"a.b": "dotted"}, {}]
ORDER = ["=", "<>", "!=", "<", "<=", ">", ">="]


def quoted(value: Any) -> str:
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


TEXTS = ["title", "lower(title)", "upper(status)", "coalesce(title, status)"]
WHOLE = ["count", "length(title)", "count % 7", "count / 2", "abs(count)", "-count", "3", "0", "-1"]
WHOLE += ["count - length(title) * 2", "coalesce(count, 0)", "(count + 1) * 2"]
WHOLE += ["count / length(title)"]
EXACT = ["price", "price * 2 - 1.5", "abs(price)", "price + count", "0.5", "price % 2", *WHOLE]
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
    compared(["score", "abs(score)"], "score", "count", "0.1", "1"),
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
        read = self.caller.list("tasks", {"limit": 1000})["data"]
        self.rows = [SimpleNamespace(**{k: typed(k, v) for k, v in row.items()}) for row in read]

    def by_postgres(self, text: str) -> list[str] | None:
        """Return the ids; None if Postgres fails on a row."""
        query = f"select id from public.tasks where organization_id = '{self.organization}' and ({text})"
        try:
            found = self.admin.execute(query.encode())
        except psycopg.DataError:
            return None
        return sorted(row[0] for row in found)

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
def test_three_evaluators_agree(fleet: Fleet, text: str) -> None:
    node = parse("tasks", text, (), FIELDS)
    found = fleet.by_kernel(node)
    said = fleet.by_postgres(text)
    assert said is None or found == said
    assert fleet.by_python(node) == found
