"""Premises under onStale = notify: the commit lands, and its receipt says what has moved."""

from __future__ import annotations

from typing import Any

import pytest

from ablo_pg.errors import AbloError, AbloStaleContextError

from .board import Board, Caller, Door, create, op, update

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
    assert receipt["ops"] == 1
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
    receipt = caller.commit(
        create("t3"),
        update("t1", read_at, "notify", count=5),
        reads=[{"model": "tasks", "id": "t2", "readAt": read_at, "onStale": "notify"}],
        door=door,
    )
    assert [told["target"]["id"] for told in receipt["notifications"]] == ["t1", "t2"]
    assert receipt["ops"] == 1


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
