"""One key fired by many at once, and what it left behind."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any, Final

import psycopg

from ablo_pg.db.group_commit import RETRIES
from ablo_pg.errors import AbloError

from ..board import Board, Caller, Door, Json, create
from ..staging import threads

CREATE: Final = create("t1", title="once")

# Both guards of a key gone: its lock, and its being unique.
MUTANT: Final = """
alter table ablo.receipt drop constraint receipt_pkey;
create function ablo.no_lock(bigint) returns text language sql as $$ select '' $$;
"""


def fire(board: Board, doors: Sequence[Door], *, request: Any = None, key: str = "k") -> list[Json]:
    """Send the same commit through each door at once; again on 55P03 and 40P01, as clients do."""
    operation = request or CREATE
    ready = threading.Barrier(len(doors))

    def send(caller: Caller, door: Door) -> Json:
        ready.wait()
        for again in reversed(range(RETRIES)):
            try:
                return caller.commit(operation, key=key, door=door)
            except AbloError as error:
                if error.code not in ("lock_timeout", "write_conflict") or not again:
                    raise
            door = "commit"
        raise AssertionError("unreachable: the last attempt returns or raises")

    with threads(len(doors)) as start:
        calls = [start(send, board.caller(), door) for door in doors]
        return [call.result() for call in calls]


def unlocked(conn: psycopg.Connection[Any]) -> None:
    """Take the two guards of a key out of a database."""
    (source,) = conn.execute(
        "select pg_get_functiondef('ablo.commit_run'::regproc)"
    ).fetchone() or ("",)
    broken = source.replace(
        "pg_advisory_xact_lock(ablo.idempotency_key",
        "ablo.no_lock(ablo.idempotency_key",
    )
    assert broken != source
    conn.execute(MUTANT)
    conn.execute(broken.encode())
