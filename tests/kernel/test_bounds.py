"""Callers of the kernel: what they send is bounded, and an answer ends at its budget of bytes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from ablo_pg.db.log import is_whole
from ablo_pg.delta import Delta
from ablo_pg.errors import AbloError
from ablo_pg.wire import limits

from .board import ROW_HISTORY, Board, Caller, create

READ = "ablo.delta_read(%s, %s, 100)"
BIG = 3 << 20  # bytes of a title: two such rows are more than an answer holds
QUERIES: dict[str, tuple[dict[str, Any], str, str, int]] = {
    "order terms": ({"orderBy": [["title", "asc"]] * 20_000}, "invalid_request", "orderBy", 16),
    "one order term more": ({"orderBy": [["count"]] * 17}, "invalid_request", "orderBy", 16),
    "terms": ({"where": [["count", 1]] * 65}, "invalid_request", "where", 64),
    "one long list": ({"where": [["count", "in", [1] * 2001]]}, "invalid_request", "where", 2000),
    "several lists": (
        {"where": [["count", "in", [1] * 700], ["count", "not_in", [2] * 700]] * 2},
        "invalid_request",
        "where",
        2000,
    ),
    "groups": ({"groups": ["a:b"] * 201}, "invalid_request", "groups", 200),
    "bytes of a value": ({"where": [["title", "x" * 270_000]]}, "request_too_large", "query", 1),
    "bytes of a cursor": ({"after": "x" * 270_000}, "request_too_large", "query", 1),
    "bytes of JSON": ({"where": [["meta", {"a": "x" * 270_000}]]}, "request_too_large", "query", 1),
}


@pytest.fixture
def caller(board: Board) -> Caller:
    return board.caller()


def fill(board: Board, count: int, size: int = BIG) -> Caller:
    """Make rows larger than the API would take them, as plain SQL can."""
    board.run(
        "insert into tasks (id, organization_id, title, status, count)"
        f" select 't' || n, '{board.organization}', repeat('x', {size}), 'todo', 0"
        f" from generate_series(0, {count - 1}) n"
    )
    return board.caller()


def deltas(caller: Caller, call: str, place: int | None) -> list[Delta]:
    query = f'select sync_id, "row"::text from {call}'.encode()
    rows = caller.conn.execute(query, (caller.organization, place))
    return [
        Delta(i, "acme", "Task", "t", "I", (), row.encode(), (), *[None] * 5, 1, "")  # type: ignore[arg-type, call-arg]
        for i, row in rows.fetchall()
    ]


@pytest.mark.parametrize("what", QUERIES)
def test_a_query_is_bounded(caller: Caller, what: str) -> None:
    query, code, field, limit = QUERIES[what]
    with pytest.raises(AbloError) as caught:
        caller.list("tasks", query)
    assert caught.value.code == code
    assert caught.value.field == field
    assert caught.value.details["limit"] == (limit if limit > 1 else limits.QUERY_BYTES)
    assert caught.value.remedy


def test_a_filter_premise_is_bounded_like_a_list(caller: Caller) -> None:
    reads = [{"model": "tasks", "readAt": 0, "where": [["count", "in", [1] * 2001]]}]
    with pytest.raises(AbloError, match="2001"):
        caller.commit(create("t1"), reads=reads)


def test_as_much_as_may_be_passes(caller: Caller) -> None:
    caller.commit(create("t1"))
    query = {
        "where": [["count", "in", [0] * 2000], *[["title", "t1"]] * 63],
        "orderBy": [["count", "asc"], ["title", "desc"]] * 8,
    }
    assert [row["id"] for row in caller.list("tasks", query)["data"]] == ["t1"]


def test_the_tables_of_limits_agree(board: Board) -> None:
    names = {
        "where": limits.WHERE_TERMS,
        "in": limits.IN_VALUES,
        "orderBy": limits.ORDER_TERMS,
        "groups": limits.NAMES,
        "query_bytes": limits.QUERY_BYTES,
        "answer_bytes": limits.ANSWER_BYTES,
    }
    found = board.connect_admin().execute(
        "select name, ablo.bound(name) from unnest(%s::text[]) name", (list(names),)
    )
    assert dict(found.fetchall()) == names


def test_a_page_ends_at_the_budget_and_goes_on_behind_it(board: Board) -> None:
    caller = fill(board, 3)
    query: dict[str, Any] = {"limit": 10}
    pages = []
    while True:
        page = caller.list("tasks", query)
        pages.append([row["id"] for row in page["data"]])
        assert [one["id"] for one in page["evidence"]] == pages[-1]
        if not page["hasMore"]:
            break
        query["after"] = page["nextCursor"]
    assert pages == [["t0", "t1"], ["t2"]]


def test_history_and_log_end_at_the_budget(board: Board) -> None:
    caller = fill(board, 1)
    for number in range(1, 3):
        board.run(
            f"update tasks set count = {number} where organization_id = '{board.organization}'"
        )
    who = (caller.organization, caller.participant, "tasks", "t0", 100)
    first = caller.call(ROW_HISTORY, *who, None, None)
    assert (len(first["entries"]), first["hasMore"]) == (2, True)
    rest = caller.call(ROW_HISTORY, *who, first["entries"][-1]["syncId"], None)
    assert (len(rest["entries"]), rest["hasMore"]) == (1, False)

    page = deltas(caller, READ, 0)
    assert (len(page), is_whole(page, 100)) == (2, False)
    page = deltas(caller, READ, page[-1].sync_id)
    assert (len(page), is_whole(page, 100)) == (1, True)
    page = deltas(caller, "ablo.delta_tail(%s, %s, 100)", None)
    assert (len(page), is_whole(page, 100)) == (2, False)


def test_a_row_larger_than_the_budget_comes_alone(board: Board) -> None:
    caller = fill(board, 2, 2 * BIG)
    page = caller.list("tasks", {})
    assert ([row["id"] for row in page["data"]], page["hasMore"]) == (["t0"], True)
    assert len(caller.get("tasks", "t1")["row"]["title"]) == 2 * BIG


def test_a_snapshot_that_is_too_large_is_refused(board: Board) -> None:
    caller = fill(board, 3)
    targets = [{"model": "tasks", "id": f"t{number}"} for number in range(3)]
    assert len(caller.snapshot(targets[:1])["rows"]) == 1
    with pytest.raises(AbloError) as caught:
        caller.snapshot(targets)
    assert (caught.value.code, caught.value.details["limit"]) == (
        "response_too_large",
        limits.ANSWER_BYTES,
    )


BUDGETS: dict[str, tuple[str, Callable[[Caller], int]]] = {
    "row_list": (
        "text, text, text, jsonb, text",
        lambda caller: len(caller.list("tasks", {})["data"]),
    ),
    "delta_read": (
        "text, bigint, int, bigint, text, boolean, boolean",
        lambda caller: len(deltas(caller, READ, 0)),
    ),
}


@pytest.mark.parametrize("routine", BUDGETS)
def test_a_kernel_that_does_not_stop_at_the_budget_is_caught(
    own_board: Board, routine: str
) -> None:
    """The mutant: the budget is never reached."""
    signature, count = BUDGETS[routine]
    caller = fill(own_board, 3)
    assert count(caller) == 2
    admin = own_board.connect_admin()
    found = admin.execute(
        "select pg_get_functiondef(%s::regprocedure)", (f"ablo.{routine}({signature})",)
    ).fetchone()
    assert found is not None
    mutant = found[0].replace("ablo.bound('answer_bytes')", "999999999")
    assert mutant != found[0]
    admin.execute(mutant.encode())
    assert count(caller) == 3


def test_a_query_that_is_no_object_is_still_told(caller: Caller) -> None:
    with pytest.raises(AbloError) as caught:
        caller.list("tasks", json.loads("[[1]]"))
    assert caught.value.code == "invalid_request"
