"""Group commit: each commit of a batch stands on its own feet, and waits for nobody."""

from __future__ import annotations

from typing import Any

import pytest

from ablo_pg.errors import AbloError

from .board import Board, Caller, create, op, update
from .staging import holding, threads, wait_blocked


@pytest.fixture
def caller(board: Board) -> Caller:
    return board.caller()


def item(*operations: Any, key: str | None = None, **more: Any) -> dict[str, Any]:
    named = {} if key is None else {"key": key}
    return {"request": {"operations": list(operations), **more}} | named


def codes(answers: list[tuple[Any, AbloError | None]]) -> list[str | None]:
    """Return the error code of each answer, and check that it is a receipt or an error."""
    assert all((receipt is None) != (error is None) for receipt, error in answers)
    return [error.code if error else None for _, error in answers]


def test_answers_come_in_order_each_with_its_own_receipt(board: Board, caller: Caller) -> None:
    answers = caller.batch(item(create(f"t{n}"), key=f"k{n}") for n in range(60))
    assert codes(answers) == [None] * 60
    receipts = [receipt for receipt, _ in answers]
    assert [receipt["clientTxId"] for receipt in receipts] == [f"k{n}" for n in range(60)]
    ids = [receipt["lastSyncId"] for receipt in receipts]
    assert ids == sorted(set(ids))
    assert len({receipt["serverTxId"] for receipt in receipts}) == 60
    assert board.traces() == (60, 60, 60)


def test_a_failure_is_its_own(board: Board, caller: Caller) -> None:
    answers = caller.batch(
        [
            item(create("t1")),
            item(create("t2"), create("t1")),
            item(create("t3"), update("t9", count=1)),
            item(create("t4", status="later")),
            item(create("t5", projectId="p9")),
            item(create("t6"), reads=[{"model": "tasks", "id": "t1", "readAt": 0}]),
            item(op("delete", "nope", "t1")),
            {"request": None},
            {"request": {"operations": [create("t7")]}, "participant": "x"},
            item(create("t8")),
        ]
    )
    assert codes(answers) == [
        None,
        "unique_violation",
        "entity_not_found",
        "check_violation",
        "foreign_key_violation",
        "stale_context",
        "server_execute_unknown_model",
        "commit_operation_required",
        "invalid_participant_kind",
        None,
    ]
    assert board.traces() == (2, 2, 2)


def test_premises_see_the_commits_before_them_in_the_batch(caller: Caller) -> None:
    caller.commit(create("t1"))
    read_at = caller.stamp("t1")
    answers = caller.batch(item(update("t1", read_at, count=n)) for n in range(3))
    assert codes(answers) == [None, "stale_context", "stale_context"]
    assert caller.get("tasks", "t1")["row"]["count"] == 0


def test_one_participant_after_another(board: Board, caller: Caller) -> None:
    commits = [item(create(f"t{n}")) | {"participant": f"user:{n}"} for n in range(3)]
    capability = board.capability("user:1")
    commits[1] |= {"onBehalfOf": "user:boss", "capabilityId": capability}
    assert codes(caller.batch(commits)) == [None] * 3
    found = board.rows(
        "select actor, on_behalf_of, capability_id from ablo.delta"
        " where organization_id = '{org}' order by sync_id"
    )
    assert found == [
        ("user:0", None, None),
        ("user:1", "user:boss", capability),
        ("user:2", None, None),
    ]
    makers = "select created_by from tasks where organization_id = '{org}' order by id"
    assert board.rows(makers) == [("user:0",), ("user:1",), ("user:2",)]


def test_the_same_key_twice_in_a_batch(board: Board, caller: Caller) -> None:
    same = [item(create("t1"), key="k"), item(create("t1"), key="k"), item(create("t2"), key="k")]
    answers = caller.batch(same)
    assert codes(answers) == [None, None, "idempotency_conflict"]
    assert answers[0] == answers[1]
    assert board.traces() == (1, 1, 1)


@pytest.mark.parametrize(
    "held",
    [
        "update tasks set count = 9 where organization_id = '{org}' and id = 't1'",
        "insert into tasks (organization_id, id, title, status, count)"
        " values ('{org}', 't2', 'x', 'todo', 0)",
        "select * from projects for update",
    ],
)
def test_a_commit_that_would_wait_leaves_the_batch(board: Board, caller: Caller, held: str) -> None:
    caller.commit(create("p1", "projects", name="P"), create("t1"))
    waits = item(update("t1", count=1), create("t2"), op("update", "projects", "p1", {"name": "Q"}))
    with holding(board.connect_admin(), board.text(held)):
        answers = caller.batch([item(create("a")), waits, item(create("b"))])
        assert codes(answers) == [None, "lock_timeout", None]
    assert codes(caller.batch([waits])) == [None]


def test_a_commit_whose_key_is_in_flight_leaves_the_batch(board: Board, caller: Caller) -> None:
    caller.commit(create("t1"))
    lone, blocker = board.caller(), board.connect_admin()
    with threads() as start:
        with holding(blocker, "select from tasks for update"):
            flying = start(lone.commit, update("t1", count=1), key="k")
            wait_blocked(board.admin, lone.pid, by=blocker.info.backend_pid)
            answers = caller.batch([item(update("t1", count=1), key="k"), item(create("t2"))])
            assert codes(answers) == ["lock_timeout", None]
        receipt = flying.result()
    assert caller.batch([item(update("t1", count=1), key="k")]) == [(receipt, None)]


def test_a_batch_waits_for_the_order_lock_and_then_sees_what_moved(
    board: Board, caller: Caller
) -> None:
    caller.commit(create("t1"))
    read_at = caller.stamp("t1")
    writer = board.caller()
    with threads() as start:
        with writer.conn.transaction():
            writer.commit(update("t1", count=1))
            flying = start(caller.batch, [item(update("t1", read_at, count=2)), item(create("t2"))])
            wait_blocked(board.admin, caller.pid, by=writer.pid)
        assert codes(flying.result()) == ["stale_context", None]


def test_more_than_sixty_are_refused(board: Board, caller: Caller) -> None:
    with pytest.raises(AbloError) as caught:
        caller.batch(item(create(f"t{n}")) for n in range(61))
    assert (caught.value.code, board.traces()) == ("commit_too_many_operations", (0, 0, 0))


@pytest.mark.parametrize("commits", ["null", "{}", '"x"', None])
def test_a_batch_that_is_no_list_is_refused(caller: Caller, commits: str | None) -> None:
    with pytest.raises(AbloError) as caught:
        caller.call("select ordinal from ablo.commit_batch('acme', %s::jsonb)", commits)
    assert (caught.value.code, caught.value.field) == ("invalid_request", "commits")


@pytest.mark.parametrize("commit", ["1", "null", '{"request": 7}', "[]"])
def test_a_malformed_commit_has_an_error_of_its_own(
    board: Board, caller: Caller, commit: str
) -> None:
    batch = "select error from ablo.commit_batch(%s, %s::jsonb)"
    error = caller.call(batch, caller.organization, f"[{commit}]")
    assert error["sqlstate"].startswith("AB")
    assert board.traces() == (0, 0, 0)
