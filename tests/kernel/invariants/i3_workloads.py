"""Workloads that lose updates unless guards hold at the commit point. They only run and record."""

from __future__ import annotations

import random
import threading
import uuid
from contextlib import suppress
from typing import Any, Final

import psycopg

from ablo_pg.errors import AbloError, AbloStaleContextError

from ..board import Board, Caller, Door, create, update
from ..staging import holding, threads, wait_blocked
from .i3_history import Guarded

ORDER_LOCK: Final = "select pg_advisory_xact_lock(ablo.order_key('{org}'))"


def write(
    caller: Caller, row: str, read: list[tuple[str, int]], door: Door, **data: Any
) -> Guarded:
    """Write one row on what was read, in a commit that marks its deltas with its key."""
    key = uuid.uuid4().hex
    reads = [{"model": "tasks", "id": one, "readAt": at} for one, at in read]
    caller.commit(update(row, **data) | {"transactionId": key}, reads=reads, key=key, door=door)
    return Guarded(key, tuple(read))


def crossed(board: Board, doors: tuple[Door, Door]) -> tuple[list[Guarded], list[AbloError]]:
    """Two commits, each of which writes what the other one has read, meet at the commit point.

    Both are made to wait for the order lock first, so neither can have seen the other's change.
    """
    one, two = board.callers(2)
    one.commit(create("a"), create("b"))
    at = one.snapshot([])["stamp"]
    holder = board.connect_admin()
    with threads() as start:
        with holding(holder, board.text(ORDER_LOCK)) as pid:
            flying = [
                start(write, one, "a", [("b", at)], doors[0], count=1),
                start(write, two, "b", [("a", at)], doors[1], count=1),
            ]
            for caller in (one, two):
                wait_blocked(board.admin, caller.pid, by=pid)
        errors = [error for error in (call.exception() for call in flying) if error]
        landed = [call.result() for call in flying if not call.exception()]
    assert all(isinstance(error, AbloStaleContextError) for error in errors), errors
    return landed, [error for error in errors if isinstance(error, AbloError)]


def crossed_with_plain_sql(board: Board) -> list[Guarded]:
    """A guarded commit that has judged too early would miss the plain writer ahead of it."""
    caller, plain, holder = board.caller(), board.caller(), board.connect_admin()
    caller.commit(create("a"), create("b"))
    at = caller.snapshot([])["stamp"]
    with threads() as start:
        with holding(holder, board.text(ORDER_LOCK)) as pid:
            writing = start(plain_write, plain, "b")
            wait_blocked(board.admin, plain.pid, by=pid)
            guarded = start(write, caller, "a", [("b", at)], "commit", count=1)
            # Behind the plain writer in the queue for the lock.
            wait_blocked(board.admin, caller.pid, by=plain.pid)
        writing.result()
        error = guarded.exception()
    assert error is None or isinstance(error, AbloStaleContextError)
    return [] if error else [guarded.result()]


def lost_race(error: AbloError) -> None:
    """Go on when a commit was refused as stale, would have waited in its batch, or may be retried.

    On a slow machine a single commit that has queued for a row for deadlock_timeout can be ended
    (write_conflict) by a check in the few milliseconds in which a batch waits behind it.
    """
    if error.code not in ("stale_context", "lock_timeout", "write_conflict"):
        raise error


def plain_write(caller: Caller, row: str) -> None:
    """Add one to a row's count in plain SQL."""
    with caller.conn.transaction():
        caller.call("select set_config('app.current_org_id', %s, true)", caller.organization)
        caller.conn.execute("update tasks set count = count + 1 where id = %s", (row,))


def random_walk(board: Board, seed: int, commits: int = 40, rows: int = 3) -> list[Guarded]:
    """Six threads: five write a row on the strength of another one, one writes plain SQL."""
    names = [f"w{n}" for n in range(rows)]
    board.caller().commit(*[create(name) for name in names])
    ready = threading.Barrier(6)

    def guarded(caller: Caller, number: int) -> list[Guarded]:
        dice = random.Random(seed * 10 + number)
        landed = []
        ready.wait()
        for _ in range(commits):
            written, read = dice.sample(names, 2)
            found = caller.snapshot([{"model": "tasks", "id": read}])["rows"][0]["stamp"]
            door: Door = "batch" if dice.random() < 0.4 else "commit"
            try:
                landed.append(
                    write(caller, written, [(read, found)], door, count=dice.randrange(9))
                )
            except AbloError as error:
                lost_race(error)
        return landed

    def plain(caller: Caller) -> None:
        dice = random.Random(seed)
        ready.wait()
        for _ in range(commits):
            with suppress(psycopg.errors.DeadlockDetected):
                plain_write(caller, dice.choice(names))

    with threads() as start:
        writing = start(plain, board.caller())
        walks = [start(guarded, caller, n) for n, caller in enumerate(board.callers(5))]
        writing.result()
        return [commit for walk in walks for commit in walk.result()]


def counter(board: Board, increments: int = 15) -> tuple[int, int]:
    """Nine writers add to one counter; return (its value, the acknowledged increments).

    Four go through commit and four through batches: read, add, write at the read's position, retry
    when stale. One uses plain SQL.
    """
    board.caller().commit(create("counter"))
    ready = threading.Barrier(9)

    def add(caller: Caller, door: Door) -> int:
        ready.wait()
        done = 0
        while done < increments:
            found = caller.get("tasks", "counter")
            try:
                more = update("counter", found["stamp"], count=found["row"]["count"] + 1)
                caller.commit(more, door=door)
                done += 1
            except AbloError as error:
                lost_race(error)
        return done

    def plain(caller: Caller) -> int:
        ready.wait()
        done = 0
        while done < increments:
            try:
                plain_write(caller, "counter")
                done += 1
            except psycopg.errors.DeadlockDetected:
                continue
        return done

    with threads(9) as start:
        doors: list[Door] = ["commit", "batch"] * 4
        adding = [start(add, board.caller(), door) for door in doors]
        adding.append(start(plain, board.caller()))
        acknowledged = sum(call.result() for call in adding)
    return board.caller().get("tasks", "counter")["row"]["count"], acknowledged
