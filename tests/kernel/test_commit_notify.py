"""onStale = notify: the stale operation is held back and reported, the rest of the commit lands."""

from __future__ import annotations

import pytest

from ablo_pg.errors import AbloStaleContextError

from .board import Board, Caller, Door, create, op, update

doors = pytest.mark.parametrize("door", ["commit", "batch"])


@pytest.fixture
def caller(board: Board) -> Caller:
    made = board.caller()
    made.commit(create("t1"), create("t2"), create("n1", "notes", text="a"))
    return made


@pytest.fixture
def other(board: Board, caller: Caller) -> Caller:
    return board.caller(participant="user:ann")


@doors
def test_the_receipt_reports_what_was_held(caller: Caller, other: Caller, door: Door) -> None:
    read_at = caller.stamp("t1")
    moved = other.commit(update("t1", count=7))["lastSyncId"]
    receipt = caller.commit(
        update("t2", count=1), update("t1", read_at, "notify", count=8), create("t3"), door=door
    )
    (told,) = receipt["notifications"]
    assert told.pop("currentValues") == caller.get("tasks", "t1")["row"]
    assert told == {
        "object": "stale_notification",
        "scope": "row",
        "target": {"model": "tasks", "id": "t1"},
        "readAt": read_at,
        "observedSyncId": moved,
        "writtenBy": {"kind": "user", "id": "ann"},
    }
    assert receipt["ops"] == 2
    assert caller.get("tasks", "t1")["row"]["count"] == 7
    assert caller.get("tasks", "t2")["row"]["count"] == 1
    assert caller.get("tasks", "t3")["row"] is not None


@doors
def test_all_held_is_still_a_confirmed_commit(
    board: Board, caller: Caller, other: Caller, door: Door
) -> None:
    read_at = caller.stamp("t1")
    moved = other.commit(update("t1", count=7))["lastSyncId"]
    held = update("t1", read_at, "notify", count=8)
    receipt = caller.commit(held, key="k", door=door)
    assert (receipt["ops"], receipt["status"]) == (0, "confirmed")
    assert receipt["lastSyncId"] == moved
    assert caller.commit(held, key="k", door=door) == receipt, "the replay reports it too"
    assert board.count("ablo.delta") == 4


@doors
def test_a_fresh_operation_is_applied(caller: Caller, door: Door) -> None:
    receipt = caller.commit(update("t1", caller.stamp("t1"), "notify", count=8), door=door)
    assert receipt["ops"] == 1
    assert "notifications" not in receipt
    assert caller.get("tasks", "t1")["row"]["count"] == 8


@doors
def test_a_commits_own_changes_hold_nothing_back(caller: Caller, door: Door) -> None:
    read_at = caller.stamp("t1")
    receipt = caller.commit(
        update("t1", read_at, "notify", count=8),
        update("t1", title="both"),
        door=door,
    )
    assert receipt["ops"] == 2, receipt
    assert caller.get("tasks", "t1")["row"]["title"] == "both"


@doors
def test_a_commits_own_changes_hide_nobody_elses(caller: Caller, other: Caller, door: Door) -> None:
    read_at = caller.stamp("t1")
    moved = other.commit(update("t1", title="theirs"))["lastSyncId"]
    receipt = caller.commit(
        update("t1", count=8), update("t1", read_at, "notify", title="mine"), door=door
    )
    assert receipt["notifications"][0]["observedSyncId"] == moved
    assert caller.get("tasks", "t1")["row"]["title"] == "theirs"


@doors
def test_a_deleted_row_is_reported_with_no_values(
    caller: Caller, other: Caller, door: Door
) -> None:
    read_at = caller.stamp("t1")
    other.commit(op("delete", "tasks", "t1"))
    receipt = caller.commit(update("t1", read_at, "notify", count=8), door=door)
    assert receipt["notifications"][0]["currentValues"] == {}


@doors
def test_reject_beside_notify_refuses_all(
    board: Board, caller: Caller, other: Caller, door: Door
) -> None:
    read_at = caller.stamp("t1")
    other.commit(update("t1", count=7), update("t2", count=7))
    before = board.traces()
    with pytest.raises(AbloStaleContextError):
        caller.commit(
            update("t1", read_at, "notify", count=8), update("t2", read_at, count=8), door=door
        )
    assert board.traces() == before


@doors
def test_the_models_policy_decides_by_kind_of_participant(
    board: Board, caller: Caller, other: Caller, door: Door
) -> None:
    """Notes are declared with conflict={"agent": "notify", "user": "overwrite"}."""
    read_at = caller.get("notes", "n1")["stamp"]
    board.run("update notes set text = 'psql' where organization_id = '{org}'")
    late = op("update", "notes", "n1", {"text": "late"}, readAt=read_at)
    assert caller.commit(late, door=door)["notifications"][0]["target"]["id"] == "n1"
    with pytest.raises(AbloStaleContextError):
        board.caller(participant="system:cron").commit(late, door=door)
    with pytest.raises(AbloStaleContextError):
        caller.commit(late | {"onStale": "reject"}, door=door)
    assert caller.get("notes", "n1")["row"]["text"] == "psql"
    assert other.commit(late, door=door)["ops"] == 1
    assert caller.get("notes", "n1")["row"]["text"] == "late"
