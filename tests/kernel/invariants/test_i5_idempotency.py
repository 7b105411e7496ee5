"""I5: a key applies at most once, and a replay gets the first receipt.

Another payload is refused; a failed attempt leaves no record.
"""

from __future__ import annotations

from typing import Any

import pytest

from ablo_pg.errors import AbloError, AbloIdempotencyError, AbloStaleContextError

from ..board import Board, Door, create, op, update
from ..staging import holding, threads, wait_blocked, wait_until
from .i5_workloads import CREATE, fire, unlocked

doors = pytest.mark.parametrize("door", ["commit", "batch"])
WAITING = """select count(*) from pg_stat_activity
             where datname = current_database() and wait_event_type = 'Lock'"""
FLEETS: dict[str, list[Door]] = {
    "commit": ["commit"] * 50,
    "batch": ["batch"] * 50,
    "mixed": ["commit", "batch"] * 25,
}


@pytest.mark.parametrize("fleet", FLEETS.values(), ids=FLEETS.keys())
def test_one_key_fifty_times_at_once(board: Board, fleet: list[Door]) -> None:
    receipts = fire(board, fleet)
    assert len(receipts) == 50
    assert all(receipt == receipts[0] for receipt in receipts)
    assert board.traces() == (1, 1, 1)


@pytest.mark.parametrize("fleet", [FLEETS["mixed"]], ids=["mixed"])
def test_an_update_fifty_times_at_once_makes_one_delta(board: Board, fleet: list[Door]) -> None:
    caller = board.caller()
    caller.commit(create("t1"))
    operation = update("t1", caller.stamp("t1"), count=1)
    receipts = fire(board, fleet, request=operation)
    assert all(receipt == receipts[0] for receipt in receipts)
    assert board.traces() == (1, 2, 2)


@doors
@pytest.mark.parametrize("again", ["commit", "batch"])
def test_a_replay_is_verbatim_and_does_nothing(board: Board, door: Door, again: Door) -> None:
    caller = board.caller()
    first = caller.commit(CREATE, op("delete", "tasks", "nope"), key="k", door=door)
    caller.commit(op("delete", "tasks", "t1"))
    before = board.traces()
    replayed = caller.commit(CREATE, op("delete", "tasks", "nope"), key="k", door=again)
    assert replayed == first
    assert board.traces() == before
    texts = board.rows(
        "select response::text from ablo.receipt where organization_id = '{org}' and key = 'k'"
    )
    query = "select ablo.commit(%s, %s, 'k', %s::jsonb)::text"
    request = '{"operations": [%s, {"id": "nope", "model": "tasks", "action": "delete"}]}'
    spaced = '{"data": {"title":"once"}, "id": "t1",  "model": "tasks", "action": "create"}'
    arguments = (caller.organization, caller.participant, request % spaced)
    assert [(caller.call(query, *arguments),)] == texts, "spaces and key order do not matter"


@doors
@pytest.mark.parametrize(
    "other",
    [create("t1", title="twice"), create("t2"), update("t1", count=1), CREATE | {"readAt": 0}],
)
def test_another_payload_is_refused(board: Board, door: Door, other: Any) -> None:
    caller = board.caller()
    caller.commit(CREATE, key="k")
    before = board.traces()
    with pytest.raises(AbloIdempotencyError) as caught:
        caller.commit(other, key="k", door=door)
    assert caught.value.code == "idempotency_conflict"
    assert caught.value.remedy
    assert board.traces() == before


@doors
def test_premises_are_part_of_the_payload(board: Board, door: Door) -> None:
    caller = board.caller()
    caller.commit(CREATE, key="k")
    with pytest.raises(AbloIdempotencyError):
        caller.commit(CREATE, key="k", reads=[], door=door)


@doors
def test_a_key_belongs_to_organization_and_participant(board: Board, door: Door) -> None:
    ann = board.caller(participant="user:ann")
    bob = board.caller(participant="user:bob")
    far = board.caller(f"{board.organization}-b", "user:ann")
    ids = [
        caller.commit(create("t1" if caller is far else caller.participant), key="k", door=door)
        for caller in (ann, bob, far)
    ]
    assert len({receipt["serverTxId"] for receipt in ids}) == 3
    assert board.traces() == (2, 2, 2)


@pytest.mark.parametrize("key", ["k'", 'k"\\', "k k", "ключ", "k\u200b", "%s", "K"])
def test_keys_are_compared_exactly(board: Board, key: str) -> None:
    caller = board.caller()
    first = caller.commit(create("t1"), key=key)
    assert first["clientTxId"] == key
    caller.commit(create("t2"), key="k")
    assert caller.commit(create("t1"), key=key) == first


@doors
def test_a_failed_attempt_leaves_no_record(board: Board, door: Door) -> None:
    caller = board.caller()
    caller.commit(create("t1"))
    read_at = caller.stamp("t1")
    caller.commit(update("t1", count=1))
    before = board.traces()
    with pytest.raises(AbloStaleContextError):
        caller.commit(update("t1", read_at, count=2), key="k", door=door)
    with pytest.raises(AbloError):
        caller.commit(create("t2", status="later"), key="k", door=door)
    assert board.traces() == before
    assert caller.commit(create("t2"), key="k", door=door)["ops"] == 1, "the key is still free"


def test_a_key_in_flight_makes_the_second_wait_for_the_first(board: Board) -> None:
    one, two, blocker = board.caller(), board.caller(), board.connect_admin()
    one.commit(create("t1"))
    row = board.text("select from tasks where organization_id = '{org}' for update")
    with threads() as start:
        with holding(blocker, row) as pid:
            first = start(one.commit, update("t1", count=1), key="k")
            wait_blocked(board.admin, one.pid, by=pid)
            second = start(two.commit, update("t1", count=1), key="k")
            third = start(board.caller().commit, create("t2"), key="k")
            wait_blocked(board.admin, two.pid, by=one.pid)
            assert not first.done()
        assert second.result() == first.result()
        assert isinstance(third.exception(), AbloIdempotencyError)
    assert board.traces() == (1, 2, 2)


def test_a_key_whose_first_attempt_fails_in_flight_applies_then(board: Board) -> None:
    one, two = board.callers(2)
    with threads() as start:
        with one.conn.transaction(force_rollback=True):
            one.commit(CREATE, key="k")
            waiting = start(two.commit, CREATE, key="k")
            wait_blocked(board.admin, two.pid, by=one.pid)
        assert waiting.result()["ops"] == 1
    assert board.traces() == (1, 1, 1)


def test_swept_receipts_free_their_keys(own_board: Board) -> None:
    caller = own_board.caller()
    caller.commit(CREATE, key="old")
    own_board.run("update ablo.receipt set created_at = created_at - interval '25 hours'")
    caller.commit(create("t2"), key="young")
    assert own_board.value("select ablo.receipt_sweep()") == 1
    assert own_board.rows("select key from ablo.receipt") == [("young",)]


def test_the_check_catches_the_mutant_without_key_lock_and_unique_key(own_board: Board) -> None:
    caller = own_board.caller()
    caller.commit(create("t1"))
    unlocked(own_board.admin)
    row = own_board.text("select from tasks where organization_id = '{org}' for update")
    with threads() as start, holding(own_board.connect_admin(), row):
        fired = start(fire, own_board, FLEETS["mixed"], request=update("t1", count=1))
        wait_until(lambda: own_board.value(WAITING) > 1)  # none has a receipt yet
    receipts = fired.result()
    assert any(receipt != receipts[0] for receipt in receipts)
    assert own_board.traces() != (1, 2, 2)
