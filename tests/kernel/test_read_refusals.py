"""Bad reads: each gets its code, field and remedy."""

from __future__ import annotations

from typing import Any

import pytest

from ablo_pg.errors import AbloError

from .board import Board, Caller

UNKNOWN = "server_execute_unknown_model"
MISMATCH = "column_type_mismatch"

# The query of a list of tasks, and what is said of it: code and field.
QUERIES: dict[str, tuple[Any, str, str | None]] = {
    "limit 0": ({"limit": 0}, "invalid_request", "limit"),
    "limit 1001": ({"limit": 1001}, "invalid_request", "limit"),
    "limit text": ({"limit": "9"}, "invalid_request", "limit"),
    "limit 1.5": ({"limit": 1.5}, "invalid_request", "limit"),
    "field": ({"where": [["x", "=", 1]]}, "query_invalid_identifier", "x"),
    "no field": ({"where": [[None, "=", 1]]}, "query_invalid_identifier", None),
    "operator": ({"where": [["count", "~", 1]]}, "query_unsupported_operator", "count"),
    "no operator": ({"where": [["count", None, 1]]}, "query_unsupported_operator", "count"),
    "type": ({"where": [["count", "=", "a"]]}, MISMATCH, "count"),
    "fraction": ({"where": [["count", "=", 1.5]]}, MISMATCH, "count"),
    "text for a boolean": ({"where": [["urgent", "=", "maybe"]]}, MISMATCH, "urgent"),
    "boolean for text": ({"where": [["title", "=", True]]}, MISMATCH, "title"),
    "object": ({"where": [["title", "=", {}]]}, MISMATCH, "title"),
    "moment": ({"where": [["dueAt", "<", "soon"]]}, MISMATCH, "dueAt"),
    "uuid": ({"where": [["ref", "=", "x"]]}, MISMATCH, "ref"),
    "in no list": ({"where": [["count", "in", 1]]}, MISMATCH, "count"),
    "null in a list": ({"where": [["count", "in", [1, None]]]}, MISMATCH, "count"),
    "less than null": ({"where": [["count", "<", None]]}, MISMATCH, "count"),
    "is 1": ({"where": [["count", "is", 1]]}, "query_unsupported_operator", "count"),
    "like a number": ({"where": [["count", "like", "1%"]]}, MISMATCH, "count"),
    "like, escape": ({"where": [["title", "like", "a\\"]]}, "query_invalid_like_pattern", "title"),
    "where an object": ({"where": {"count": 1}}, "invalid_request", "where"),
    "where a text": ({"where": "count"}, "invalid_request", "where"),
    "clause a text": ({"where": ["count"]}, "invalid_request", "where"),
    "clause of one": ({"where": [["count"]]}, "invalid_request", "where"),
    "clause of four": ({"where": [["count", "=", 1, 2]]}, "invalid_request", "where"),
    "order field": ({"orderBy": [["x", "asc"]]}, "query_invalid_identifier", "x"),
    "order word": ({"orderBy": [["count", "up"]]}, "invalid_request", "count"),
    "order json": ({"orderBy": [["meta", "asc"]]}, "invalid_request", "meta"),
    "order a text": ({"orderBy": "count"}, "invalid_request", "orderBy"),
    "order of texts": ({"orderBy": ["count"]}, "invalid_request", "orderBy"),
    "cursor junk": ({"after": "junk!"}, "cursor_invalid", "after"),
    "cursor of another order": (
        {"after": "WzFd", "orderBy": [["count"]]},
        "cursor_invalid",
        "after",
    ),
    "cursor of another type": ({"after": "WzFd"}, "cursor_invalid", "after"),
    "query a text": ("x", "invalid_request", None),
    "query null": (None, "invalid_request", None),
}


@pytest.fixture
def caller(board: Board) -> Caller:
    return board.caller()


@pytest.mark.parametrize("bad", QUERIES.values(), ids=QUERIES.keys())
def test_a_bad_query_is_refused(caller: Caller, bad: tuple[Any, str, str | None]) -> None:
    query, code, field = bad
    with pytest.raises(AbloError) as caught:
        caller.list("tasks", query)
    error = caught.value
    assert (error.code, error.field) == (code, field)
    assert error.remedy
    if field not in (None, "limit", "where", "orderBy", "after"):
        assert error.model == "tasks"


@pytest.mark.parametrize("name", ["tsks", "", None])
def test_an_unknown_model_is_refused(caller: Caller, name: str | None) -> None:
    for routine, last in (("row_get", "x"), ("row_list", "{}")):
        cast = "::jsonb" if routine == "row_list" else ""
        query = f"select ablo.{routine}(%s, 'agent:a', %s, %s{cast})"
        with pytest.raises(AbloError) as caught:
            caller.call(query, caller.organization, name, last)
        assert (caught.value.code, caught.value.model) == (UNKNOWN, name)
        assert "tasks" in str(caught.value.remedy)
    with pytest.raises(AbloError) as caught:
        caller.snapshot([{"model": name, "id": "t1"}])
    assert caught.value.code == UNKNOWN


@pytest.mark.parametrize("targets", ["{}", "null", '"x"', f"[{'{},' * 500}{{}}]"])
def test_a_bad_snapshot_is_refused(caller: Caller, targets: str) -> None:
    with pytest.raises(AbloError) as caught:
        caller.call(
            "select ablo.snapshot_read(%s, 'agent:a', %s::jsonb)", caller.organization, targets
        )
    assert (caught.value.code, caught.value.field) == ("invalid_request", "targets")
