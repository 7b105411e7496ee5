"""Receipts, claims and tracks are forgotten when they have had their time, and not before."""

from __future__ import annotations

from typing import Any

import anyio
import anyio.lowlevel
import pytest
from psycopg import AsyncConnection

from ablo_pg.db import pool, routines
from ablo_pg.db.pool import Database, PoolOptions
from ablo_pg.relay.housekeeping import keep_house

from .board import Board, create, update
from .claim_calls import claimer

OLD = "interval '25 hours'"


@pytest.fixture
def kept(own_board: Board) -> Board:
    """Two receipts and two ended claims: one of each is old."""
    agent = claimer(own_board, "a")
    agent.commit(create("t1"), key="old")
    agent.release(agent.acquire(claimId="old"))
    own_board.run(f"update ablo.receipt set created_at = created_at - {OLD}")
    own_board.run(f"update ablo.claim set ended_at = ended_at - {OLD}")
    agent.commit(update("t1", title="new"), key="new")
    agent.release(agent.acquire(claimId="new"))
    return own_board


def left(board: Board) -> tuple[list[str], list[str]]:
    keys = board.rows("select key from ablo.receipt order by key")
    claims = board.rows("select id from ablo.claim order by id")
    return [key for (key,) in keys], [claim for (claim,) in claims]


def test_what_has_had_its_time_is_forgotten(kept: Board) -> None:
    caller = kept.caller()
    assert caller.call("select ablo.housekeep()") == 1
    assert left(kept) == (["new"], ["new"])
    assert caller.call("select ablo.housekeep()") == 0


def test_one_at_a_time(kept: Board) -> None:
    one, other = kept.caller(), kept.caller()
    with one.conn.transaction():
        assert one.call("select ablo.housekeep()") == 1
        assert other.call("select ablo.housekeep()") == 0


def test_no_more_than_the_limit(kept: Board) -> None:
    kept.run(f"update ablo.receipt set created_at = created_at - {OLD} where key = 'new'")
    caller = kept.caller()
    assert caller.call("select ablo.housekeep(1)") == 1
    assert len(left(kept)[0]) == 1
    assert caller.call("select ablo.housekeep(1)") == 1
    assert left(kept)[0] == []


def test_a_relay_keeps_house(kept: Board) -> None:
    async def until_forgotten() -> None:
        database = Database(kept.handle.database_url)
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(keep_house, database, 0.01)
                with anyio.fail_after(30):
                    while left(kept) != (["new"], ["new"]):
                        await anyio.lowlevel.checkpoint()
                group.cancel_scope.cancel()
        finally:
            await database.close()

    anyio.run(until_forgotten)


async def four_at_once(database: Database) -> None:
    """Have four connections open."""

    async def hold(conn: AsyncConnection[Any]) -> None:
        await conn.execute("select pg_sleep(0.2)")

    async with anyio.create_task_group() as group:
        for _ in range(4):
            group.start_soon(database.run, hold)


@pytest.mark.parametrize(
    ("maintenance", "seconds", "first", "then"),
    [
        (True, 60.0, ["new"], ["new"]),
        (True, 0.0, ["new"], []),
        (False, 60.0, ["new", "old"], ["new", "old"]),
    ],
)
def test_new_connections_of_a_pool_keep_house_once_a_minute(
    kept: Board,
    monkeypatch: pytest.MonkeyPatch,
    maintenance: bool,
    seconds: float,
    first: list[str],
    then: list[str],
) -> None:
    """Receipts that are old: of two one, then both; the pool opens one connection, then more."""
    monkeypatch.setattr(pool, "MAINTENANCE_SECONDS", seconds)

    async def come_to(keys: list[str]) -> None:
        with anyio.fail_after(30):
            while left(kept)[0] != keys:
                await anyio.lowlevel.checkpoint()

    async def open_them() -> None:
        database = Database(kept.handle.database_url, PoolOptions(maintenance=maintenance))
        try:
            await database.run(routines.identity_check)  # maybe while another connection is at it
            await come_to(first)
            kept.run(f"update ablo.receipt set created_at = created_at - {OLD}")
            await four_at_once(database)
            await come_to(then)
        finally:
            await database.close()

    anyio.run(open_them)
