"""I3 within one commit: of two guarded writes of a row from one read, none undoes the other."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from ablo_pg.errors import AbloStaleContextError

from ..board import Board, Caller, Door, create, op, update
from ..claim_calls import claimer

doors = pytest.mark.parametrize("door", ["commit", "batch"])


@pytest.fixture
def caller(board: Board) -> Caller:
    made = board.caller()
    made.commit(create("t1", count=0), create("t2", count=0))
    return made


@doors
@pytest.mark.parametrize("word", [None, "reject", "notify", "merge"])
def test_two_from_one_read_are_refused(caller: Caller, door: Door, word: str | None) -> None:
    stamp = caller.stamp("t1")
    twice = update("t1", stamp, word, count=1), update("t1", stamp, word, count=1)
    with pytest.raises(AbloStaleContextError) as caught:
        caller.commit(*twice, door=door)
    assert caught.value.details["conflicts"][0]["id"] == "t1"
    assert caller.get("tasks", "t1")["row"]["count"] == 0


@doors
def test_siblings(caller: Caller, door: Door) -> None:
    """An update behind a create, a delete behind an update, other spellings of the model."""
    stamp = caller.stamp("t1")
    for operations in (
        (update("t1", count=1), op("delete", "tasks", "t1", readAt=stamp)),
        (update("t1", stamp, count=1), op("archive", "TASKS", "t1", readAt=stamp)),
        (create("t9"), update("t2", count=3), update("t9", stamp, count=1)),
    ):
        with pytest.raises(AbloStaleContextError):
            caller.commit(*operations, door=door)
    assert caller.get("tasks", "t1")["row"]["count"] == 0
    assert caller.get("tasks", "t9")["row"] is None


@doors
def test_what_may_be_written_twice(board: Board, caller: Caller, door: Door) -> None:
    stamp = caller.stamp("t1")
    caller.commit(update("t1", stamp, count=1), update("t1", title="x"), door=door)  # no guard
    stamp = caller.stamp("t1")
    for word in ("overwrite", "force", "flag"):
        caller.commit(update("t1", count=2), update("t1", stamp, word, count=3), door=door)
    caller.commit(*(update(row, caller.stamp(row), count=4) for row in ("t1", "t2")), door=door)
    holder = claimer(board, "h")
    holder.acquire("t1")
    stamp = holder.stamp("t1")
    holder.commit(update("t1", stamp, count=5), update("t1", stamp, title="y"))
    assert caller.get("tasks", "t1")["row"]["count"] == 5


@doors
def test_a_client_that_gathers_its_increments_loses_none(board: Board, door: Door) -> None:
    """Increments of one read are sent in one commit; one that is refused is computed again."""
    assert gathered(board, door) == 20


def test_the_check_catches_the_kernel_that_looks_at_the_log_alone(own_board: Board) -> None:
    own_board.run(
        "create or replace function ablo.operation_again(p_participant text, p_operation jsonb,"
        " p_model text, p_index int) returns void language plpgsql as 'begin end'"
    )
    assert gathered(own_board, "commit") < 20


def gathered(board: Board, door: Door) -> int:
    """Let four writers count to 5 each, two increments of one read a commit where they can."""
    board.caller().commit(create("c", count=0))
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: count_up(board.caller(), door, 5), range(4)))
    value: int = board.caller().get("tasks", "c")["row"]["count"]
    return value


def count_up(caller: Caller, door: Door, increments: int) -> None:
    at_once = 2
    while increments:
        read = caller.get("tasks", "c")
        several = min(at_once, increments)
        one = update("c", read["stamp"], count=read["row"]["count"] + 1)
        try:
            caller.commit(*[one] * several, door=door)
        except AbloStaleContextError:
            at_once = 1
        else:
            increments -= several
