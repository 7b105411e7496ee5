"""Pages against an oracle in Python: any order, nulls last either way, no gap and no repeat."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from functools import cmp_to_key
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .board import Board, Caller, create, op, update

READ: dict[str, Any] = {
    "title": str.encode,  # the database's collation is C
    "status": str.encode,
    "id": str.encode,
    "ref": str,
    "price": Decimal,
    "dueAt": dt.datetime.fromisoformat,
    "day": dt.date.fromisoformat,
    "count": int,
    "score": float,
    "urgent": bool,
}
values = {
    "title": st.sampled_from(["", "a", "B", "b", "ä", "a'b", 'a"\\b', "😀"]),
    "status": st.sampled_from(["todo", "doing"]),
    "count": st.sampled_from([-(2**63), 0, 1, 2**63 - 1]),
    "price": st.none() | st.sampled_from(["-1", "1.5", "1.50", "12345678901234567890.123456789"]),
    "score": st.none() | st.sampled_from([0.1, 1e300, -2.5, 5e-324]),
    "urgent": st.none() | st.booleans(),
    "dueAt": st.none()
    | st.sampled_from(["2026-01-01T00:00:00.123456Z", "2026-01-01T00:00:00.123457Z"]),
    "day": st.none() | st.sampled_from(["0001-01-01", "2026-02-28"]),
    "ref": st.none() | st.sampled_from([f"{n:08}-0000-0000-0000-000000000000" for n in (1, 2)]),
}
orders = st.lists(
    st.tuples(st.sampled_from([*values, "id"]), st.sampled_from(["asc", "desc"])), max_size=4
)
Row = dict[str, Any]


def sorted_like_sql(rows: dict[str, Row], order: list[tuple[str, str]]) -> list[str]:
    def compare(left: str, right: str) -> int:
        for field, direction in [*order, ("id", "asc")]:
            one, two = (rows[key].get(field, key) for key in (left, right))
            if one is None or two is None:
                if (one is None) != (two is None):
                    return 1 if one is None else -1
                continue
            one, two = READ[field](one), READ[field](two)
            if one != two:
                return (1 if one > two else -1) * (1 if direction == "asc" else -1)
        return 0

    return sorted(rows, key=cmp_to_key(compare))


def pages(caller: Caller, query: dict[str, Any]) -> list[list[str]]:
    """Return the ids of each page, from the first to the last."""
    found: list[list[str]] = []
    after = query.get("after")
    while True:
        page = caller.list("tasks", query | {"after": after})
        found.append([row["id"] for row in page["data"]])
        after = page["nextCursor"]
        assert (after is not None) == page["hasMore"]
        assert len(found) < 200
        if after is None:
            return found


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    data=st.lists(st.fixed_dictionaries(values), max_size=12),
    order=orders,
    limit=st.integers(1, 5),
)
def test_pages_join_to_the_sorted_list(
    board: Board, data: list[Row], order: list[tuple[str, str]], limit: int
) -> None:
    board.organization += "x"  # each example has an organization of its own
    caller = Caller(board.admin, board.organization, "agent:a")
    rows = {f"r{n:02}": row for n, row in enumerate(data)}
    if rows:
        caller.commit(*[create(key, **row) for key, row in rows.items()])
    found = pages(caller, {"orderBy": order, "limit": limit})
    assert [row_id for page in found for row_id in page] == sorted_like_sql(rows, order)
    assert all(len(page) == limit for page in found[:-1])


@pytest.fixture
def caller(board: Board) -> Caller:
    made = board.caller()
    made.commit(*[create(f"t{n}", count=n) for n in range(6)])
    return made


def test_the_default_order_is_total_and_limit_is_a_hundred(caller: Caller) -> None:
    caller.commit(*[create(f"u{n:03}") for n in range(200)])
    found = pages(caller, {})
    assert [len(page) for page in found] == [100, 100, 6]
    assert len({row_id for page in found for row_id in page}) == 206


def test_a_last_page_that_is_full_says_so(caller: Caller) -> None:
    assert pages(caller, {"limit": 3}) == [["t0", "t1", "t2"], ["t3", "t4", "t5"]]
    assert pages(caller, {"limit": 6}) == [[f"t{n}" for n in range(6)]]


def test_writes_between_pages_shift_nothing(caller: Caller) -> None:
    order = {"orderBy": [["count", "asc"]], "limit": 2}
    page = caller.list("tasks", order)
    caller.commit(
        op("delete", "tasks", "t1"),
        create("s0", count=-5),
        create("s9", count=9),
        update("t0", count=8),
    )
    rest = pages(caller, order | {"after": page["nextCursor"]})
    assert rest[0] == ["t2", "t3"], "goes on after t1, which is gone"
    following = caller.list("tasks", order | {"after": page["nextCursor"], "limit": 100})["data"]
    assert [row["id"] for row in following] == ["t2", "t3", "t4", "t5", "t0", "s9"]


def test_filters_and_archived_rows_page_too(caller: Caller) -> None:
    caller.commit(op("archive", "tasks", "t3"))
    where = {"where": [["count", ">=", 2]], "limit": 1}
    assert pages(caller, where) == [["t2"], ["t4"], ["t5"]]
    assert pages(caller, where | {"archived": True}) == [["t2"], ["t3"], ["t4"], ["t5"]]


def test_stamp_and_evidence_are_of_the_pages_snapshot(caller: Caller) -> None:
    moved = caller.commit(update("t2", title="x"))["lastSyncId"]
    page = caller.list("tasks", {})
    stamps = {one["id"]: one["stamp"] for one in page["evidence"]}
    assert page["stamp"] == moved == stamps["t2"]
    assert stamps == {f"t{n}": caller.stamp(f"t{n}") for n in range(6)}


@pytest.mark.parametrize("direction", ["asc", "desc"])
def test_a_required_column_of_an_adopted_table_may_still_hold_nulls(
    own_board: Board, direction: str
) -> None:
    caller = own_board.caller()
    caller.commit(*[create(f"t{n}", count=n) for n in range(4)])
    own_board.run("alter table tasks alter column count drop not null")
    own_board.run("update tasks set count = null where id in ('t1', 't2')")
    query = {"orderBy": [["count", direction]], "limit": 1}
    found = [row_id for page in pages(caller, query) for row_id in page]
    assert found == [*(["t0", "t3"] if direction == "asc" else ["t3", "t0"]), "t1", "t2"]
