"""How long tracks are kept, how far they look back, and that nothing waits for them."""

from __future__ import annotations

import pytest

from ablo_pg.errors import AbloStaleContextError

from .board import Board, Caller, create, update
from .invariants.i3_mutants import NEVER
from .invariants.i3_workloads import ORDER_LOCK
from .staging import holding, threads, wait_blocked
from .test_tracks import T1, told, track, tracks

AGE = "update ablo.track set used_at = now() - interval '%s' where participant = '%s'"


@pytest.fixture
def caller(own_board: Board) -> Caller:
    made = own_board.caller(participant="agent:tracker")
    made.commit(create("p1", "projects", name="P"), create("t1", projectId="p1"))
    return made


@pytest.fixture
def other(own_board: Board, caller: Caller) -> Caller:
    return own_board.caller(participant="user:ann")


def age(board: Board, interval: str, participant: str = "agent:tracker") -> None:
    board.run(AGE % (interval, participant))


def test_a_week_without_a_commit_ends_them(own_board: Board, caller: Caller) -> None:
    for number in range(4):
        track(caller, "commit", {"model": "tasks", "id": f"x{number}"})
    track(own_board.caller(participant="agent:else"))
    age(own_board, "6 days")
    assert own_board.value("select ablo.track_sweep()") == 0
    age(own_board, "8 days")
    assert own_board.value("select ablo.track_sweep(3)") == 3
    assert own_board.value("select ablo.track_sweep(3)") == 1
    assert own_board.count("ablo.track") == 1


def test_each_commit_keeps_them(own_board: Board, caller: Caller) -> None:
    track(caller)
    age(own_board, "6 days")
    told(caller)
    age_of = "select now() - used_at < interval '1 minute' from ablo.track"
    assert own_board.value(age_of) is True


def test_whoever_registers_takes_old_ones_away(own_board: Board, caller: Caller) -> None:
    track(own_board.caller("stranger", "agent:gone"))
    age(own_board, "8 days", "agent:gone")
    track(caller)
    assert own_board.value("select count(*) from ablo.track") == 1


def test_the_baseline_follows_quiet_targets(
    own_board: Board, caller: Caller, other: Caller
) -> None:
    """So that no commit looks back over more than the last ones, however long ago it began."""
    track(caller, "commit", T1, {"group": "projects:p1"})
    registered = [one["readAt"] for one in tracks(caller)]
    told(caller)
    assert [one["readAt"] for one in tracks(caller)] == registered, "not at every commit"
    other.commit(*[create(f"b{n}") for n in range(300)])
    other.commit(*[create(f"c{n}") for n in range(300)])
    head = other.snapshot([])["stamp"]
    assert told(caller) == []
    assert min(one["readAt"] for one in tracks(caller)) >= head
    other.commit(update("t1", count=1))
    assert len(told(caller)) == 2


def test_a_group_too_far_behind_passes_for_moved(
    own_board: Board, caller: Caller, other: Caller
) -> None:
    own_board.run(
        "create or replace function ablo.walk_limit() returns int language sql immutable"
        " as 'select 5'"
    )
    track(caller, "commit", {"group": "projects:p1"}, {"group": "projects:p2"})
    other.commit(update("t1", count=1))
    assert len(told(caller)) == 1
    other.commit(*[create(f"b{n}") for n in range(9)])
    found = told(caller)
    assert [one["changed"] for one in found] == [{"count": 0, "sample": [], "truncated": True}] * 2
    assert {one["writtenBy"]["id"] for one in found} == {"ann"}
    assert told(caller) == []
    track(caller, "commit", {"group": "projects:p1"}, onStale="reject")
    other.commit(*[create(f"c{n}") for n in range(9)])
    with pytest.raises(AbloStaleContextError):
        told(caller)


def test_nobody_waits_for_a_track(own_board: Board, caller: Caller, other: Caller) -> None:
    """An untracking transaction that stays open stops no commit of the participant."""
    track(caller)
    other.commit(update("t1", count=1))
    untracking = own_board.connect()
    remove = "select ablo.track_remove('acme', 'agent:tracker')"
    with holding(untracking, remove):
        caller.conn.execute("set lock_timeout = '1s'")
        assert len(told(caller)) == 1
    assert len(told(caller)) == 1, "its baseline could not be moved then"
    assert told(caller) == []


def test_tracks_survive_their_connection(own_board: Board, caller: Caller, other: Caller) -> None:
    track(caller)
    caller.conn.close()
    other.commit(update("t1", count=1))
    assert len(told(own_board.caller(participant="agent:tracker"))) == 1


def overtaken(board: Board, caller: Caller, other: Caller) -> bool:
    """Whether a commit lands although what it tracks moved ahead of it, at the commit point."""
    track(caller, onStale="reject")
    holder = board.connect_admin()
    with threads() as start:
        with holding(holder, board.text(ORDER_LOCK)) as pid:
            moving = start(other.commit, update("t1", count=1))
            wait_blocked(board.admin, other.pid, by=pid)
            guarded = start(caller.commit, create("new"))
            wait_blocked(board.admin, caller.pid, by=other.pid)
        moving.result()
        error = guarded.exception()
    assert error is None or isinstance(error, AbloStaleContextError)
    return error is None


def test_a_gate_is_judged_at_the_commit_point(
    own_board: Board, caller: Caller, other: Caller
) -> None:
    assert not overtaken(own_board, caller, other)


def test_the_gate_check_catches_the_mutant(own_board: Board, caller: Caller, other: Caller) -> None:
    own_board.run(NEVER)
    assert overtaken(own_board, caller, other)
