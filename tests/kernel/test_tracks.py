"""Tracks: what others move is told on the participant's next receipt, or refuses its commits."""

from __future__ import annotations

from typing import Any

import pytest

from ablo_pg.errors import AbloError, AbloStaleContextError

from .board import Board, Caller, Door, Json, create, op, update

doors = pytest.mark.parametrize("door", ["commit", "batch"])
T1 = {"model": "tasks", "id": "t1"}


@pytest.fixture
def caller(board: Board) -> Caller:
    made = board.caller(participant="agent:tracker")
    made.commit(create("p1", "projects", name="P"), create("t1", projectId="p1"), create("t2"))
    return made


@pytest.fixture
def other(board: Board, caller: Caller) -> Caller:
    return board.caller(participant="user:ann")


def track(caller: Caller, door: Door = "commit", *targets: Json, **options: Any) -> Json:
    """Register targets (t1 unless named) in a commit of their own."""
    return caller.commit(track=[one | options for one in targets or (T1,)], door=door)


def told(caller: Caller, door: Door = "commit", *operations: Json) -> list[Json]:
    """Make a commit; return its notifications."""
    receipt = caller.commit(*operations or [create(f"n{caller.snapshot([])['stamp']}")], door=door)
    found: list[Json] = receipt.get("notifications", [])
    return found


def tracks(caller: Caller) -> list[Json]:
    found: list[Json] = caller.call(
        "select ablo.track_list(%s, %s)", caller.organization, caller.participant
    )
    return found


def remove(caller: Caller, targets: str | None = None) -> int:
    query = "select ablo.track_remove(%s, %s, %s::jsonb)"
    return int(caller.call(query, caller.organization, caller.participant, targets))


@doors
def test_a_move_by_somebody_else_is_told_once(caller: Caller, other: Caller, door: Door) -> None:
    receipt = track(caller, door)
    assert (receipt["ops"], receipt["status"]) == (0, "confirmed")
    read_at = receipt["lastSyncId"]
    assert told(caller, door) == []
    moved = other.commit(update("t1", count=7))["lastSyncId"]
    (found,) = told(caller, door, create("new"))
    assert found.pop("readAt") >= read_at
    assert found == {
        "object": "stale_notification",
        "scope": "row",
        "target": T1,
        "observedSyncId": moved,
        "writtenBy": {"kind": "user", "id": "ann"},
        "currentValues": caller.get("tasks", "t1")["row"],
    }
    assert told(caller, door) == [], "once"
    other.commit(op("delete", "tasks", "t1"))
    (found,) = told(caller, door)
    assert found["currentValues"] == {}
    other.commit(create("t1"))
    assert len(told(caller, door)) == 1, "it is tracked still"


@doors
def test_ones_own_writes_are_not_told(
    board: Board, caller: Caller, other: Caller, door: Door
) -> None:
    track(caller, door)
    assert told(caller, door, update("t1", count=1)) == []
    assert told(caller, door, update("t1", count=2), update("t1", title="x")) == []
    other.commit(update("t1", count=3))
    caller.commit(update("t2", count=1))  # told here
    assert told(caller, door, update("t1", count=4)) == []
    other.commit(update("t1", count=5))
    assert len(told(caller, door, update("t1", count=6))) == 1
    board.run("update tasks set title = 'psql' where id = 't1' and organization_id = '{org}'")
    (found,) = told(caller, door)
    assert found["writtenBy"]["kind"] == "system"


@doors
def test_a_group(board: Board, caller: Caller, other: Caller, door: Door) -> None:
    group = {"group": "projects:p1"}
    track(caller, door, group)
    other.commit(update("t2", count=1))
    assert told(caller, door, create("mine", projectId="p1")) == []
    other.commit(update("t1", count=1), create("t5", projectId="p1"))
    moved = other.commit(update("t1", count=2))["lastSyncId"]
    (found,) = told(caller, door, update("t1", count=9))
    assert (found["scope"], found["group"], found["observedSyncId"]) == (
        "group",
        "projects:p1",
        moved,
    )
    assert found["changed"] == {
        "count": 2,
        "sample": [{"model": "tasks", "id": "t1"}, {"model": "tasks", "id": "t5"}],
        "truncated": False,
    }
    assert told(caller, door) == []
    track(caller, door, {"group": "default"}, onStale="reject")
    assert tracks(caller)[-1]["group"] == f"org:{board.organization}"
    other.commit(create("t6"))
    with pytest.raises(AbloStaleContextError) as caught:
        told(caller, door)
    (conflict,) = caught.value.details["conflicts"]
    assert (conflict["group"], conflict["tracked"]) == (f"org:{board.organization}", True)


@doors
def test_reject_refuses_until_registered_again(
    board: Board, caller: Caller, other: Caller, door: Door
) -> None:
    track(caller, door, onStale="reject")
    assert told(caller, door, update("t1", count=1)) == []
    moved = other.commit(update("t1", count=7))["lastSyncId"]
    before = board.traces()
    for _ in range(2):
        with pytest.raises(AbloStaleContextError) as caught:
            caller.commit(create("new"), door=door)
    assert board.traces() == before
    error = caught.value
    (conflict,) = error.details["conflicts"]
    assert (error.model, error.row_id, conflict["tracked"]) == ("tasks", "t1", True)
    assert (conflict["observedSyncId"], conflict["writtenBy"]["id"]) == (moved, "ann")
    assert "track it again" in (error.remedy or "")
    track(caller, door, onStale="reject")
    assert told(caller, door, create("new")) == []


@doors
def test_a_gate_is_lifted_by_the_commit_that_registers_again(
    caller: Caller, other: Caller, door: Door
) -> None:
    read_at = caller.stamp("t1")
    track(caller, door, T1, {"model": "tasks", "id": "t2"}, onStale="reject")
    other.commit(update("t1", count=1), update("t2", count=1))
    again = {**T1, "onStale": "reject"}
    with pytest.raises(AbloStaleContextError) as caught:
        caller.commit(create("new"), track=[again], door=door)
    assert [one["id"] for one in caught.value.details["conflicts"]] == ["t2"]
    assert len(tracks(caller)) == 2, "a refused commit registers nothing"
    with pytest.raises(AbloStaleContextError):
        caller.commit(create("new"), track=[again | {"readAt": read_at}], door=door)
    both = [again, again | {"id": "t2"}]
    caller.commit(create("new"), track=both, door=door)


@doors
def test_a_baseline_can_be_given(caller: Caller, other: Caller, door: Door) -> None:
    read_at = caller.stamp("t1")
    other.commit(update("t1", count=1))
    track(caller, door, readAt=read_at)
    (found,) = told(caller, door)
    assert found["readAt"] == read_at
    assert told(caller, door) == []
    with pytest.raises(AbloError, match="ahead of the log"):
        track(caller, door, readAt=10**12)


@doors
def test_it_belongs_to_the_participant(
    board: Board, caller: Caller, other: Caller, door: Door
) -> None:
    """Another process of the participant is told too, another participant is not."""
    track(caller, door)
    other.commit(update("t1", count=1))
    assert told(board.caller(participant="agent:else"), door) == []
    assert told(board.caller("stranger", "agent:tracker"), door) == []
    assert len(told(board.caller(participant="agent:tracker"), door)) == 1


@doors
def test_a_replay_tells_it_again_and_changes_nothing(
    caller: Caller, other: Caller, door: Door
) -> None:
    track(caller, door)
    other.commit(update("t1", count=1))
    first = caller.commit(create("new"), key="k", door=door)
    assert len(first["notifications"]) == 1
    other.commit(update("t1", count=2))
    assert caller.commit(create("new"), key="k", door=door) == first
    assert len(told(caller, door)) == 1


@doors
def test_a_refused_commit_has_told_nothing(caller: Caller, other: Caller, door: Door) -> None:
    track(caller, door)
    other.commit(update("t1", count=1))
    with pytest.raises(AbloError):
        caller.commit(create("t2"), door=door)
    assert len(told(caller, door)) == 1


def test_several_commits_of_one_batch(caller: Caller, other: Caller) -> None:
    track(caller)
    other.commit(update("t1", count=1))
    items = [{"request": {"operations": [create(f"b{n}")]}} for n in range(3)]
    mine = {"request": {"operations": [update("t1", count=5)]}}
    theirs = mine | {"participant": "user:ann"}
    answers = caller.batch([*items[:2], mine, theirs, items[2]])
    assert [len(receipt.get("notifications", [])) for receipt, _ in answers] == [1, 0, 0, 0, 1]


def test_the_list_and_its_end(caller: Caller, other: Caller) -> None:
    stamp = track(caller)["lastSyncId"]
    track(caller, "commit", {"group": "projects:p1"}, onStale="reject", readAt=stamp)
    track(caller, "commit", {"model": "Projects", "id": "p1"}, onStale="flag")
    row, group, project = tracks(caller)
    assert {name: group[name] for name in ("group", "readAt", "onStale")} == {
        "group": "projects:p1",
        "readAt": stamp,
        "onStale": "reject",
    }
    assert (row["model"], row["id"], row["onStale"]) == ("tasks", "t1", "notify")
    assert (project["model"], project["onStale"]) == ("projects", "notify")
    assert row["createdAt"].endswith("Z")
    assert row["readAt"] >= stamp
    assert tracks(other) == []
    assert remove(other) == 0
    assert remove(caller, '[{"model": "tasks", "id": "t1"}, {"model": "tasks", "id": "t2"}]') == 1
    assert remove(caller, '[{"group": "projects:p1"}]') == 1
    other.commit(update("t1", count=1))
    assert told(caller) == []
    assert remove(caller) == 1
    assert tracks(caller) == []


@pytest.mark.parametrize(
    ("targets", "code"),
    [
        ("t1", "invalid_request"),
        ({"model": "tasks"}, "invalid_request"),
        (["t1"], "invalid_request"),
        ([{}], "invalid_request"),
        ([{"model": "tasks"}], "invalid_request"),
        ([{"id": "t1"}], "invalid_request"),
        ([{"group": ""}], "invalid_request"),
        ([{"group": "g", "id": "t1"}], "invalid_request"),
        ([{"model": "tasks", "id": "x" * 513}], "invalid_request"),
        ([{"model": "nope", "id": "t1"}], "server_execute_unknown_model"),
        ([T1 | {"onStale": "overwrite"}], "invalid_request"),
        ([T1 | {"onStale": "shrug"}], "invalid_request"),
        ([T1 | {"readAt": "x"}], "invalid_request"),
        ([T1] * 501, "invalid_request"),
        ([], "commit_operation_required"),
    ],
)
def test_what_tracks_nothing_is_refused(caller: Caller, targets: Any, code: str) -> None:
    with pytest.raises(AbloError) as caught:
        caller.commit(track=targets)
    assert caught.value.code == code
    assert tracks(caller) == []


@pytest.mark.parametrize("request_", ['{"track": [%s]}', '{"operations": null, "track": [%s]}'])
def test_a_commit_that_tracks_needs_no_operations(caller: Caller, request_: str) -> None:
    caller.commit_text(request_ % '{"model": "tasks", "id": "t1"}', "k")
    assert len(tracks(caller)) == 1
    with pytest.raises(AbloError) as caught:
        caller.commit_text('{"reads": []}', "k2")
    assert caught.value.code == "commit_operation_required"


def test_a_participant_tracks_so_many(board: Board, caller: Caller) -> None:
    many = [{"model": "tasks", "id": f"x{n}"} for n in range(500)]
    caller.commit(track=many)
    caller.commit(track=many[:3])
    with pytest.raises(AbloError) as caught:
        track(caller)
    assert (caught.value.code, caught.value.http_status) == ("quota_exceeded", 429)
    assert len(tracks(caller)) == 500
    board.caller(participant="agent:else").commit(track=[T1])
