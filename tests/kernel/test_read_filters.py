"""Filters against an oracle in Python: every operator, every type, nulls included."""

from __future__ import annotations

import datetime as dt
import operator
import re
import uuid
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from .board import Board, Caller, create

UUIDS = [str(uuid.UUID(int=n)) for n in (0, 1, 2**127)]
# The values that rows and filters take, by field; enough equal ones that every operator matters.
VALUES: dict[str, list[Any]] = {
    "title": ["", "a", "A", "ab", "a%b", "a_b", "a\\b", "a'b", 'a"b', "ä", "a\nb", "ﬁ", "😀"],
    "status": ["todo", "doing", "done"],
    "count": [-(2**63), -1, 0, 1, 7, 2**63 - 1],
    "price": ["-1.50", "0", "1.5", "1.50", "99999999999999999999.000000001"],
    "score": [-1.5, 0.0, 0.1, 1e300, 5e-324],
    "urgent": [True, False],
    "dueAt": ["2026-01-01T00:00:00Z", "2026-01-01T05:45:00+05:45", "1999-12-31T23:59:59.999999Z"],
    "day": ["0001-01-01", "2026-02-28", "9999-12-31"],
    "ref": UUIDS,
}
NULLABLE = {"price", "score", "urgent", "dueAt", "day", "ref"}
READ: dict[str, Callable[[Any], Any]] = {
    "price": Decimal,
    "dueAt": dt.datetime.fromisoformat,
    "day": dt.date.fromisoformat,
}
COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
PATTERNS = ["", "%", "a%", "%b", "_", "a\\%b", "a\\_b", "A", "a__", "%\n%", "ä", "a'%", "a\\\\b"]

Row = dict[str, Any]


def of(field: str) -> st.SearchStrategy[Any]:
    return st.sampled_from(VALUES[field])


rows_strategy = st.fixed_dictionaries(
    {field: (st.none() | of(field)) if field in NULLABLE else of(field) for field in VALUES}
)


@st.composite
def clauses(draw: st.DrawFn) -> list[Any]:
    field = draw(st.sampled_from(sorted(VALUES)))
    kinds = ["compare", "in"] + ["null"] * (field in NULLABLE) + ["like"] * (field == "title")
    match draw(st.sampled_from(kinds)):
        case "compare":
            return [field, draw(st.sampled_from(sorted(COMPARE))), draw(of(field))]
        case "in":
            words = st.sampled_from(["in", "not_in"])
            return [field, draw(words), draw(st.lists(of(field), max_size=4))]
        case "null":
            return [field, draw(st.sampled_from(["=", "!=", "is", "is_not"])), None]
    words = st.sampled_from(["like", "not_like", "ilike", "not_ilike"])
    return [field, draw(words), draw(st.sampled_from(PATTERNS))]


def matches(row: Row, clause: list[Any]) -> bool:
    """Say what SQL says: a null is neither equal nor unequal, in nor not in."""
    field, word, wanted = clause
    read = READ.get(field, lambda value: value)
    if wanted is None:
        return (row[field] is None) == (word in ("=", "is"))
    if word == "not_in" and wanted == []:
        return True
    if row[field] is None:
        return False
    value = read(row[field])
    if word in ("in", "not_in"):
        return (value in [read(one) for one in wanted]) == (word == "in")
    if "like" in word:
        return like(value, wanted, fold="ilike" in word) != word.startswith("not_")
    if field in ("title", "status"):  # the database's collation is C
        value, wanted = value.encode(), wanted.encode()
        return COMPARE[word](value, wanted)
    return COMPARE[word](value, read(wanted))


def like(text: str, pattern: str, *, fold: bool) -> bool:
    parts = re.findall(r"\\.|%|_|[^\\%_]", pattern, re.DOTALL)
    wild = {"%": ".*", "_": "."}
    regex = "".join(wild.get(part, re.escape(part.removeprefix("\\"))) for part in parts)
    if fold:  # in collation C only ASCII letters fold
        return re.fullmatch(regex, text, re.DOTALL | re.IGNORECASE | re.ASCII) is not None
    return re.fullmatch(regex, text, re.DOTALL) is not None


@pytest.fixture(scope="module")
def fleet(board_database: Any) -> Iterator[Board]:
    """Rows enough that each value of each field is there, with every other one beside it."""
    with Board(board_database, "fleet") as board:
        yield board


@pytest.fixture(scope="module")
def stored(fleet: Board) -> tuple[Caller, dict[str, Row]]:
    caller = fleet.caller()
    made: dict[str, Row] = {}
    for n in range(60):
        row = {
            field: values[n * (3 + i) % len(values)]
            for i, (field, values) in enumerate(VALUES.items())
        }
        for i, field in enumerate(sorted(NULLABLE)):
            if (n + i) % 5 == 0:
                row[field] = None
        made[f"r{n:02}"] = row
    caller.commit(*[create(row_id, **row) for row_id, row in made.items()])
    return caller, made


@settings(max_examples=150, deadline=None)
@given(where=st.lists(clauses(), max_size=3))
def test_filters_find_what_python_finds(
    stored: tuple[Caller, dict[str, Row]], where: list[list[Any]]
) -> None:
    caller, rows = stored
    found = caller.list("tasks", {"where": where, "limit": 1000})
    expected = [key for key, row in rows.items() if all(matches(row, one) for one in where)]
    assert sorted(row["id"] for row in found["data"]) == expected
    assert [one["id"] for one in found["evidence"]] == [row["id"] for row in found["data"]]


@pytest.mark.parametrize("field", VALUES)
@pytest.mark.parametrize("word", ["=", "!=", "<", "<=", ">", ">=", "in", "not_in"])
def test_each_operator_on_each_type(
    stored: tuple[Caller, dict[str, Row]], field: str, word: str
) -> None:
    caller, rows = stored
    for value in VALUES[field][:3]:
        clause = [field, word, [value] if "in" in word else value]
        found = caller.list("tasks", {"where": [clause]})["data"]
        expected = [key for key, row in rows.items() if matches(row, clause)]
        assert sorted(row["id"] for row in found) == expected, clause


def test_base_fields_and_columns_can_be_named(stored: tuple[Caller, dict[str, Row]]) -> None:
    caller, rows = stored
    for where, count in [
        ([["id", "in", ["r01", "r02", "x"]]], 2),
        ([["created_by", "=", "agent:triage"]], len(rows)),
        ([["createdAt", "<=", "2000-01-01T00:00:00Z"]], 0),
        ([["organizationId", "!=", caller.organization]], 0),
        ([["due_at", "is", None]], sum(row["dueAt"] is None for row in rows.values())),
        ([["count", 7]], sum(row["count"] == 7 for row in rows.values())),
        ([["count", "=", 7.0]], sum(row["count"] == 7 for row in rows.values())),
        ([["count", "in", [7.0, 1e0]]], sum(row["count"] in (1, 7) for row in rows.values())),
    ]:
        assert len(caller.list("tasks", {"where": where})["data"]) == count, where


def test_json_is_compared_as_a_value(board: Board) -> None:
    caller = board.caller()
    caller.commit(create("a", meta={"x": 1, "y": [2]}), create("b", meta={}), create("c"))
    for value, ids in (({"y": [2], "x": 1.0}, ["a"]), ({}, ["b"]), ({"x": 1}, []), (None, ["c"])):
        found = caller.list("tasks", {"where": [["meta", "=", value]]})["data"]
        assert [row["id"] for row in found] == ids
