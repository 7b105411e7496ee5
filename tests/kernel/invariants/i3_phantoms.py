"""Pairs of commits of which only one may land: skew, phantoms, two creators of one natural key.

Each pair has read the same state, and meets at the commit point: both wait for the order lock
before either has judged. `both` returns how many landed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from ablo_pg.errors import AbloError, AbloStaleContextError

from ..board import Board, Caller, Door, Json, create, op, update
from ..staging import holding, threads, wait_blocked
from .i3_workloads import ORDER_LOCK

Half = tuple[list[Json], list[Json]]  # operations, reads
Pair = tuple[Half, Half]
Maker = Callable[[Caller], Pair]


def both(board: Board, make: Maker, doors: tuple[Door, Door]) -> int:
    """Let the halves of a pair meet at the commit point; return how many landed."""
    one, two = board.callers(2)
    pair = make(one)
    holder = board.connect_admin()
    with threads() as start:
        with holding(holder, board.text(ORDER_LOCK)) as pid:
            flying = []
            for caller, (operations, reads), door in zip((one, two), pair, doors, strict=True):
                flying.append(start(caller.commit, *operations, reads=reads, door=door))
                wait_blocked(board.admin, caller.pid, by=pid)
        errors = [error for error in (call.exception() for call in flying) if error]
    assert all(isinstance(error, AbloStaleContextError) for error in errors), errors
    return 2 - len(errors)


def listed(caller: Caller, *where: Any) -> Json:
    """List tasks; return the page as a premise."""
    found = caller.list("tasks", {"where": list(where)})
    ids = [one["id"] for one in found["evidence"]]
    return {"model": "tasks", "where": list(where), "readAt": found["stamp"], "ids": ids}


def skew(caller: Caller) -> Pair:
    """Each goes off call because the other is on: rows a and b."""
    caller.commit(create("a", urgent=True), create("b", urgent=True))
    at = caller.snapshot([])["stamp"]
    reads = [{"model": "tasks", "id": one, "readAt": at} for one in ("a", "b")]
    return ([update("a", urgent=False)], reads), ([update("b", urgent=False)], reads)


def skew_over_a_list(caller: Caller) -> Pair:
    """The same, each having counted those on call."""
    caller.commit(create("a", urgent=True), create("b", urgent=True))
    reads = [listed(caller, ["urgent", "=", True])]
    return ([update("a", urgent=False)], reads), ([update("b", urgent=False)], reads)


def phantom(caller: Caller) -> Pair:
    """Each makes the only row of status doing."""
    reads = [listed(caller, ["status", "=", "doing"])]
    return ([create("a", status="doing")], reads), ([create("b", status="doing")], reads)


def moved_in(caller: Caller) -> Pair:
    """Each moves a row of its own into an empty list."""
    caller.commit(create("a"), create("b"))
    reads = [listed(caller, ["status", "=", "doing"])]
    return ([update("a", status="doing")], reads), ([update("b", status="doing")], reads)


def natural_key(caller: Caller) -> Pair:
    """Each makes the row of a title, under an id of its own."""
    reads = [listed(caller, ["title", "=", "unique"])]
    return ([create("a", title="unique")], reads), ([create("b", title="unique")], reads)


def absence(caller: Caller) -> Pair:
    """Each writes a row of its own because the other's is not there."""
    absent = {"model": "tasks", "absent": True}
    return ([create("a")], [absent | {"id": "b"}]), ([create("b")], [absent | {"id": "a"}])


def emptied(caller: Caller) -> Pair:
    """Each deletes one of the last two rows because the other is left."""
    caller.commit(create("a", status="doing"), create("b", status="doing"))
    reads = [listed(caller, ["status", "=", "doing"])]
    return ([op("delete", "tasks", "a")], reads), ([op("delete", "tasks", "b")], reads)


PAIRS: Final = {
    make.__name__.replace("_", " "): make
    for make in (skew, skew_over_a_list, phantom, moved_in, natural_key, absence, emptied)
}


def creators(board: Board, names: int = 6) -> dict[str, int]:
    """Six callers each make a row of every name that no list shows; return how many each has."""

    def make(caller: Caller, number: int, door: Door) -> None:
        for name in range(names):
            title = f"name {name}"
            while not (page := listed(caller, ["title", "=", title]))["ids"]:
                try:
                    caller.commit(create(f"{name}.{number}", title=title), reads=[page], door=door)
                except AbloError as error:
                    if error.code not in ("stale_context", "lock_timeout"):
                        raise

    with threads() as start:
        doors: list[Door] = ["commit", "batch"] * 3
        calls = [start(make, board.caller(), number, door) for number, door in enumerate(doors)]
        for call in calls:
            call.result()
    query = "select title, count(*) from tasks where organization_id = '{org}' group by title"
    return {title: int(count) for title, count in board.rows(query)}


def appends(board: Board, through: str, times: int = 8) -> tuple[list[str], list[str]]:
    """Six callers append to one list; return what it holds, and what was acknowledged.

    through: `readAt` of the operation, or a premise in `reads`, of the row or of the list it is on.
    """
    board.caller().commit(create("list", meta={"items": []}))

    def append(caller: Caller, number: int, door: Door) -> list[str]:
        done: list[Any] = []
        while len(done) < times:
            item = f"{number}.{len(done)}"
            page = listed(caller, ["id", "=", "list"])
            found = caller.get("tasks", "list")
            items = [*found["row"]["meta"]["items"], item]
            row = {"model": "tasks", "id": "list", "readAt": found["stamp"]}
            stamp = found["stamp"] if through == "readAt" else None
            reads = {"readAt": None, "reads": [row], "page": [page]}[through]
            try:
                caller.commit(update("list", stamp, meta={"items": items}), reads=reads, door=door)
                done.append(item)
            except AbloError as error:
                if error.code not in ("stale_context", "lock_timeout", "write_conflict"):
                    raise
        return done

    with threads() as start:
        doors: list[Door] = ["commit", "batch"] * 3
        calls = [start(append, board.caller(), number, door) for number, door in enumerate(doors)]
        acknowledged = [item for call in calls for item in call.result()]
    row = board.caller().get("tasks", "list")["row"]
    return row["meta"]["items"], acknowledged
