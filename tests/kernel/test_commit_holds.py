"""A premise under onStale = notify has moved: the commit is held whole, and its receipt is kept.

Each scenario holds on the kernel as it is; each mutant of it is caught by those that it names.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest

from ablo_pg.errors import AbloError

from .board import Board, Door, create, op, update
from .invariants.i4_mutants import Mutant

LOG: Final = (
    "select model, row_id, op from ablo.delta where organization_id = '{org}' order by 1, 2"
)


def moved(board: Board) -> list[dict[str, Any]]:
    """Make t1 and t2; return a premise on t1, which has changed since."""
    caller = board.caller()
    caller.commit(create("t1"), create("t2"))
    premise = {"model": "tasks", "id": "t1", "readAt": caller.stamp("t1"), "onStale": "notify"}
    board.caller(participant="user:ann").commit(update("t1", count=7))
    return [premise]


def lands_nowhere(board: Board, door: Door = "commit") -> None:
    """Create, update and delete: none of them, and the log has nothing of them."""
    reads, caller, before = moved(board), board.caller(), board.rows(LOG)
    operations = (create("t3"), update("t1", count=9), op("delete", "tasks", "t2"))
    receipt = caller.commit(*operations, reads=reads, door=door)
    assert (receipt["ops"], receipt["status"]) == (0, "confirmed")
    assert [told["target"]["id"] for told in receipt["notifications"]] == ["t1"]
    assert caller.get("tasks", "t3")["row"] is None
    assert caller.get("tasks", "t1")["row"]["count"] == 7
    assert caller.get("tasks", "t2")["row"] is not None
    assert board.rows(LOG) == before


def lands_nowhere_in_a_batch(board: Board) -> None:
    """The same, by the routine that applies several commits at once."""
    lands_nowhere(board, "batch")


def replays(board: Board) -> None:
    """Sent again under its key it is still held, and another request is refused."""
    reads, caller = moved(board), board.caller()
    receipt = caller.commit(create("t3"), reads=reads, key="k")
    fresh = [reads[0] | {"readAt": caller.stamp("t1")}]
    assert caller.commit(create("t3"), reads=reads, key="k") == receipt
    with pytest.raises(AbloError, match="key"):
        caller.commit(create("t3"), reads=fresh, key="k")
    assert caller.get("tasks", "t3")["row"] is None


def judged_when_an_operation_fails(board: Board) -> None:
    """It fails because of what has moved, so that is what the receipt reports."""
    reads, caller = moved(board), board.caller()
    board.caller(participant="user:ann").commit(op("delete", "tasks", "t2"))
    receipt = caller.commit(update("t2", count=1), reads=reads)
    assert (receipt["ops"], len(receipt["notifications"])) == (0, 1)


def raises_what_has_another_cause(board: Board) -> None:
    """What fails while nothing has moved is an error, and leaves no record of its key."""
    reads, caller = moved(board), board.caller()
    fresh = [reads[0] | {"readAt": caller.stamp("t1")}]
    with pytest.raises(AbloError) as caught:
        caller.commit(create("t3"), update("t9", count=1), reads=fresh, key="k")
    assert caught.value.code == "entity_not_found"
    receipt = caller.commit(create("t3"), reads=fresh, key="k")
    assert (receipt["ops"], "notifications" in receipt) == (1, False)


SCENARIOS: Final[dict[str, Callable[[Board], None]]] = {
    each.__name__: each
    for each in (
        lands_nowhere,
        lands_nowhere_in_a_batch,
        replays,
        judged_when_an_operation_fails,
        raises_what_has_another_cause,
    )
}
CALLED: Final = "and ablo.commit_holds(p_request -> 'reads')"
RAISE: Final = "raise exception using errcode = 'AB0HD'"
RECEIPT: Final = "insert into ablo.receipt"
HELD: Final = "if not v_judged.held or"
MUTANTS: Final[dict[str, Mutant]] = {
    "commits are not held": Mutant(
        ("lands_nowhere", "lands_nowhere_in_a_batch", "replays", "judged_when_an_operation_fails"),
        (("commit_run", CALLED, "and false"),),
    ),
    "only lone commits are held": Mutant(
        ("lands_nowhere_in_a_batch",), (("commit_run", CALLED, f"{CALLED} and not p_ordered"),)
    ),
    "premises under notify hold nothing": Mutant(
        ("lands_nowhere", "lands_nowhere_in_a_batch"),
        (("premise_check", "v_judged.held and v_operations <> '[]'", "false"),),
    ),
    "what was written stays": Mutant(
        ("lands_nowhere",), (("premise_check", RAISE, RAISE.replace("exception", "notice")),)
    ),
    "no receipt is kept": Mutant(
        ("replays",), (("commit_hold", RECEIPT, f"return v_response; {RECEIPT}"),)
    ),
    "nothing is reported": Mutant(
        ("lands_nowhere",), (("commit_hold", "v_told::jsonb, null)", "null, null)"),)
    ),
    "a failure hides what has moved": Mutant(
        ("judged_when_an_operation_fails",), (("commit_hold", HELD, "if true or"),)
    ),
    "every failure is a held commit": Mutant(
        ("raises_what_has_another_cause",), (("commit_hold", "        raise;", "        null;"),)
    ),
    "it says that it has applied one": Mutant(
        ("lands_nowhere", "judged_when_an_operation_fails"),
        (("commit_hold", "receipt_json(p_key, 0,", "receipt_json(p_key, 1,"),),
    ),
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_moved_premise_holds_the_commit(board: Board, name: str) -> None:
    SCENARIOS[name](board)


@pytest.mark.parametrize(
    ("mutant", "scenario"), [(m, s) for m, made in MUTANTS.items() for s in made.caught_by]
)
def test_mutants_are_caught(own_board: Board, mutant: str, scenario: str) -> None:
    MUTANTS[mutant].install(own_board)
    with pytest.raises((AssertionError, AbloError, KeyError, pytest.fail.Exception)):
        SCENARIOS[scenario](own_board)
