"""Premises under onStale = notify and flag: the receipt says what has moved.

Under notify no operation of the commit lands, under flag all do.
"""

from __future__ import annotations

from typing import Any

import pytest

from ablo_pg.errors import AbloError, AbloStaleContextError

from .board import Board, Caller, Door, create, op, update
from .staging import threads, wait_blocked

doors = pytest.mark.parametrize("door", ["commit", "batch"])


@pytest.fixture
def caller(board: Board) -> Caller:
    made = board.caller()
    made.commit(create("p1", "projects", name="P"), create("t1", projectId="p1"), create("t2"))
    return made


@pytest.fixture
def other(board: Board, caller: Caller) -> Caller:
    return board.caller(participant="user:ann")


@doors
@pytest.mark.parametrize("word", ["notify", "flag", "merge"])
def test_a_row_that_moved_is_told(caller: Caller, other: Caller, door: Door, word: str) -> None:
    read_at = caller.stamp("t1")
    moved = other.commit(update("t1", count=7))["lastSyncId"]
    read: dict[str, Any] = {"model": "tasks", "id": "t1", "readAt": read_at, "onStale": word}
    receipt = caller.commit(create("t3"), reads=[read | {"fields": ["count"]}], key="k", door=door)
    (told,) = receipt["notifications"]
    assert told == {
        "object": "stale_notification",
        "scope": "row",
        "target": {"model": "tasks", "id": "t1", "fields": ["count"]},
        "currentValues": caller.get("tasks", "t1")["row"],
        "readAt": read_at,
        "observedSyncId": moved,
        "writtenBy": {"kind": "user", "id": "ann"},
    }
    assert receipt["ops"] == (1 if word == "flag" else 0)
    assert (caller.get("tasks", "t3")["row"] is not None) == (word == "flag")
    assert "notifications" not in caller.commit(
        create("t4"), reads=[read | {"fields": ["title"]}], door=door
    )
    replay = caller.commit(create("t3"), reads=[read | {"fields": ["count"]}], key="k", door=door)
    assert replay == receipt


@doors
def test_a_group_that_moved_is_told_with_what_changed(
    caller: Caller, other: Caller, door: Door
) -> None:
    read_at = caller.snapshot([])["stamp"]
    group = {"group": "projects:p1", "readAt": read_at, "onStale": "notify"}
    assert "notifications" not in caller.commit(create("t3"), reads=[group], door=door)
    other.commit(update("t1", count=1), create("t5", projectId="p1"))
    moved = other.commit(update("t1", count=2))["lastSyncId"]
    receipt = caller.commit(create("t4", projectId="p1"), reads=[group], door=door)
    assert (receipt["ops"], caller.get("tasks", "t4")["row"]) == (0, None)
    assert receipt["notifications"] == [
        {
            "object": "stale_notification",
            "scope": "group",
            "group": "projects:p1",
            "readAt": read_at,
            "observedSyncId": moved,
            "writtenBy": {"kind": "user", "id": "ann"},
            "changed": {
                "count": 2,
                "sample": [{"model": "tasks", "id": "t1"}, {"model": "tasks", "id": "t5"}],
                "truncated": False,
            },
        }
    ]


@doors
def test_an_absence_that_ended_is_told(caller: Caller, other: Caller, door: Door) -> None:
    moved = other.commit(create("t9"))["lastSyncId"]
    absent = {"model": "tasks", "id": "t9", "absent": True, "onStale": "notify"}
    (told,) = caller.commit(create("t3"), reads=[absent], door=door)["notifications"]
    assert (told["readAt"], told["observedSyncId"]) == (moved, moved)


@doors
def test_a_held_operation_and_a_told_premise_come_together(
    caller: Caller, other: Caller, door: Door
) -> None:
    read_at = caller.snapshot([])["stamp"]
    other.commit(update("t1", count=1), update("t2", count=1))
    flagged = {"model": "tasks", "id": "t2", "readAt": read_at, "onStale": "flag"}
    receipt = caller.commit(
        create("t3"), update("t1", read_at, "notify", count=5), reads=[flagged], door=door
    )
    assert [told["target"]["id"] for told in receipt["notifications"]] == ["t1", "t2"]
    assert receipt["ops"] == 1
    receipt = caller.commit(
        create("t4"),
        update("t2", count=9),
        op("delete", "tasks", "t1"),
        reads=[flagged | {"onStale": "notify"}, flagged | {"id": "t1"}],
        door=door,
    )
    assert [told["target"]["id"] for told in receipt["notifications"]] == ["t2", "t1"]
    assert receipt["ops"] == 0
    assert caller.get("tasks", "t2")["row"]["count"] == 1
    assert caller.get("tasks", "t1")["row"] is not None


@doors
def test_a_flagged_operation_lands_and_is_told(caller: Caller, other: Caller, door: Door) -> None:
    read_at = caller.stamp("t1")
    other.commit(update("t1", count=7))
    receipt = caller.commit(update("t1", read_at, "flag", title="mine"), door=door)
    (told,) = receipt["notifications"]
    assert (receipt["ops"], told["currentValues"]["count"]) == (1, 7)
    assert caller.get("tasks", "t1")["row"]["title"] == "mine"


@doors
def test_what_would_fail_is_held_before_it_fails(caller: Caller, other: Caller, door: Door) -> None:
    """A row that the premise is about is gone: an operation on it is held, not refused."""
    read_at = caller.stamp("t1")
    other.commit(op("delete", "tasks", "t1"))
    read = {"model": "tasks", "id": "t1", "readAt": read_at, "onStale": "notify"}
    receipt = caller.commit(update("t1", count=3), create("t3"), reads=[read], door=door)
    assert (receipt["ops"], len(receipt["notifications"])) == (0, 1)


def test_a_premise_that_moves_before_the_commit_point_holds_what_was_written(
    board: Board, caller: Caller, other: Caller
) -> None:
    read_at = caller.stamp("t2")
    read = {"model": "tasks", "id": "t2", "readAt": read_at, "onStale": "notify"}
    with threads(1) as start:
        with other.conn.transaction():
            other.commit(update("t2", count=2))  # it holds the order lock
            held = start(caller.commit, create("t3"), update("t1", count=9), reads=[read])
            wait_blocked(board.admin, caller.pid, other.pid)
        receipt = held.result()
    assert (receipt["ops"], len(receipt["notifications"])) == (0, 1)
    assert caller.get("tasks", "t3")["row"] is None
    assert caller.get("tasks", "t1")["row"]["count"] != 9


@doors
def test_one_that_rejects_rules(board: Board, caller: Caller, other: Caller, door: Door) -> None:
    read_at = caller.snapshot([])["stamp"]
    other.commit(op("delete", "tasks", "t1"), update("t2", count=1))
    notify = {"model": "tasks", "id": "t1", "readAt": read_at, "onStale": "notify"}
    reject = {"model": "tasks", "id": "t2", "readAt": read_at, "onStale": "reject"}
    before = board.traces()
    with pytest.raises(AbloStaleContextError) as caught:
        caller.commit(create("t3"), reads=[notify, reject], door=door)
    assert [one["id"] for one in caught.value.details["conflicts"]] == ["t2"]
    assert board.traces() == before
    (told,) = caller.commit(create("t3"), reads=[notify], door=door)["notifications"]
    assert told["currentValues"] == {}


@doors
@pytest.mark.parametrize("word", ["overwrite", "force"])
def test_overwriting_words(caller: Caller, other: Caller, door: Door, word: str) -> None:
    read_at = caller.stamp("t1")
    other.commit(update("t1", count=7))
    read = {"model": "tasks", "id": "t1", "readAt": read_at, "onStale": word}
    receipt = caller.commit(update("t1", read_at, word, count=8), reads=[read], door=door)
    assert receipt["ops"] == 1
    assert "notifications" not in receipt


def test_other_words_are_refused(caller: Caller) -> None:
    read = {"model": "tasks", "id": "t1", "readAt": caller.stamp("t1"), "onStale": "shrug"}
    with pytest.raises(AbloError) as caught:
        caller.commit(create("t3"), reads=[read])
    assert caught.value.code == "invalid_request"
