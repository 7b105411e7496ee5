"""ablo.commit inside a transaction of the caller: it shares its end, and leaves it as it was."""

from __future__ import annotations

import psycopg
import pytest

from ablo_pg.errors import AbloStaleContextError

from .board import Board, Caller, create, op, update

SETTINGS = (
    "app.current_org_id",
    "app.current_participant_id",
    "app.current_participant_kind",
    "ablo.on_behalf_of",
    "ablo.capability_id",
    "ablo.transaction_ids",
)


@pytest.fixture
def caller(board: Board) -> Caller:
    board.run("create table if not exists orders (organization_id text)")
    board.run("grant select, insert on orders to ablo_runtime")
    return board.caller()


def settings(caller: Caller) -> list[str]:
    return [
        caller.call("select coalesce(current_setting(%s, true), '')", name) for name in SETTINGS
    ]


def test_it_lands_with_the_transaction(board: Board, caller: Caller) -> None:
    with caller.conn.transaction():
        caller.conn.execute("insert into orders values (%s)", (caller.organization,))
        receipt = caller.commit(create("t1"))
        assert board.traces() == (0, 0, 0), "nobody else sees it yet"
    assert board.traces() == (1, 1, 1)
    assert board.count("orders") == 1
    assert caller.get("tasks", "t1")["stamp"] == receipt["lastSyncId"]


@pytest.mark.parametrize("savepoint", [False, True])
def test_it_vanishes_with_the_transaction(board: Board, caller: Caller, savepoint: bool) -> None:
    with caller.conn.transaction(force_rollback=not savepoint):
        caller.conn.execute("select 1")
        with caller.conn.transaction(force_rollback=savepoint):
            caller.conn.execute("insert into orders values (%s)", (caller.organization,))
            caller.commit(create("t1"), key="k")
    assert board.traces() == (0, 0, 0)
    assert board.count("orders") == 0
    caller.commit(create("t1"), key="k")
    assert board.traces() == (1, 1, 1), "the key was not used up"


def test_the_settings_are_given_back(board: Board, caller: Caller) -> None:
    operation = create("t1") | {"transactionId": "tx"}
    capability = board.capability()
    with caller.conn.transaction():
        before = settings(caller)
        caller.commit(operation, on_behalf_of="user:ann", capability_id=capability)
        assert settings(caller) == before
    with caller.conn.transaction():
        for name in SETTINGS[:5]:
            caller.call("select set_config(%s, 'mine', true)", name)
        before = settings(caller)
        caller.commit(create("t2"), on_behalf_of="user:ann", capability_id=capability)
        assert settings(caller) == before


def test_the_callers_own_writes_are_its_own(board: Board, caller: Caller) -> None:
    """What the caller writes after a commit in the same transaction is not the participant's."""
    caller.commit(create("t1"))
    with caller.conn.transaction():
        caller.commit(update("t1", count=1) | {"transactionId": "tx"}, on_behalf_of="user:ann")
        caller.call("select set_config('app.current_org_id', %s, true)", caller.organization)
        caller.conn.execute("update tasks set count = 2")
    (found,) = board.rows(
        "select actor, on_behalf_of, transaction_id from ablo.delta"
        " where organization_id = '{org}' order by sync_id desc limit 1"
    )
    assert found == (f"system:{caller.conn.info.user}", None, None)


def test_a_refusal_can_be_rolled_back_to_a_savepoint(board: Board, caller: Caller) -> None:
    caller.commit(create("t1"))
    read_at = caller.stamp("t1")
    caller.commit(update("t1", count=1))
    with caller.conn.transaction():
        caller.conn.execute("insert into orders values (%s)", (caller.organization,))
        before = settings(caller)
        with pytest.raises(AbloStaleContextError), caller.conn.transaction():
            caller.commit(update("t1", read_at, count=2))
        assert settings(caller) == before
        caller.commit(update("t1", caller.stamp("t1"), count=2))
    assert board.count("orders") == 1
    assert caller.get("tasks", "t1")["row"]["count"] == 2


def test_several_commits_in_one_transaction(board: Board, caller: Caller) -> None:
    with caller.conn.transaction():
        first = caller.commit(create("t1"), key="a")
        second = caller.commit(update("t1", first["lastSyncId"], count=1), key="b")
        assert caller.commit(create("t1"), key="a") == first
        with pytest.raises(AbloStaleContextError), caller.conn.transaction():
            caller.commit(update("t1", first["lastSyncId"], count=2), key="c")
        third = caller.commit(create("t2"), op("delete", "tasks", "t1"), key="d")
    assert first["lastSyncId"] < second["lastSyncId"] < third["lastSyncId"]
    assert board.traces() == (1, 4, 3)


def test_commits_of_two_organizations_in_one_transaction(board: Board, caller: Caller) -> None:
    other = Caller(caller.conn, f"{board.organization}-b", "agent:b")
    with caller.conn.transaction():
        caller.commit(create("t1"), key="k")
        other.commit(create("t1"), key="k")
        caller.commit(update("t1", count=1), key="k2")
    assert caller.get("tasks", "t1")["row"]["count"] == 1
    assert other.get("tasks", "t1")["row"]["count"] == 0
    found = board.rows(
        "select organization_id, op from ablo.delta"
        " where organization_id like '{org}%' order by sync_id"
    )
    mine, others = caller.organization, other.organization
    assert found == [(mine, "I"), (others, "I"), (mine, "U")]


def test_an_absent_row_created_under_a_savepoint(caller: Caller) -> None:
    absent = [{"model": "tasks", "id": "t1", "absent": True}]
    with caller.conn.transaction(), caller.conn.transaction():
        caller.commit(create("t1"), reads=absent)
    assert caller.get("tasks", "t1")["row"] is not None


def test_a_callers_own_plain_write_and_a_commit(board: Board, caller: Caller) -> None:
    """Both make their delta, in the order in which they were written."""
    caller.commit(create("t1"))
    with caller.conn.transaction():
        caller.call("select set_config('app.current_org_id', %s, true)", caller.organization)
        caller.conn.execute("update tasks set title = 'plain'")
        receipt = caller.commit(update("t1", count=1))
    deltas = board.rows(
        "select sync_id, changed from ablo.delta where organization_id = '{org}' order by 1"
    )
    assert [set(changed or ()) - {"updatedAt"} for _, changed in deltas] == [
        set(),
        {"title"},
        {"count"},
    ]
    assert receipt["lastSyncId"] == deltas[-1][0]


def test_a_prepared_commit_lands_at_commit_prepared(board: Board, caller: Caller) -> None:
    caller.conn.execute("begin")
    caller.commit(create("t1"))
    caller.conn.execute("prepare transaction 'later'")
    assert board.traces() == (0, 0, 0)
    caller.conn.execute("commit prepared 'later'")
    assert board.traces() == (1, 1, 1)


def test_a_failed_transaction_takes_no_commit(caller: Caller) -> None:
    caller.conn.execute("begin")
    with pytest.raises(psycopg.errors.DivisionByZero):
        caller.conn.execute("select 1/0")
    with pytest.raises(Exception, match="already failed"):
        caller.commit(create("t1"))
    caller.conn.execute("rollback")


def test_a_second_commit_after_constraints_were_deferred_again(caller: Caller) -> None:
    with caller.conn.transaction():
        first = caller.commit(create("t1"))
        caller.conn.execute("set constraints all deferred")
        second = caller.commit(create("t2"))
    assert second["lastSyncId"] > first["lastSyncId"]
    assert caller.get("tasks", "t2")["stamp"] == second["lastSyncId"]


def test_a_forged_claim_to_the_order_lock_is_no_way_past_it(board: Board, caller: Caller) -> None:
    """`ablo.ordered` says that the lock is held; it is looked up, and taken where it is free."""
    stamp = caller.commit(create("t1"))["lastSyncId"]
    with caller.conn.transaction():
        caller.call("select set_config('ablo.ordered', %s, true)", caller.organization)
        receipt = caller.commit(update("t1", count=1) | {"readAt": stamp})
    assert caller.get("tasks", "t1")["stamp"] == receipt["lastSyncId"]
    board.run(f"begin; select ablo.order_lock('{caller.organization}')")
    with caller.conn.transaction():
        caller.call("select set_config('ablo.ordered', %s, true)", caller.organization)
        caller.call("select set_config('lock_timeout', '50ms', true)")
        with pytest.raises(psycopg.errors.LockNotAvailable), caller.conn.transaction():
            caller.conn.execute(
                "select ablo.commit(%s, 'agent:a', 'k', %s::jsonb)",
                (
                    caller.organization,
                    '{"operations": [{"action": "delete", "model": "tasks", "id": "t1"}]}',
                ),
            )
    board.run("rollback")
