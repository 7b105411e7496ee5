"""An attempt to connect that is cancelled leaves no session, and a pool loses no connection."""

from __future__ import annotations

import asyncio
from typing import Any

import anyio
import psycopg
import pytest

from ablo_pg.db.pool import Database, PoolOptions
from ablo_pg.db.session import connect_async
from ablo_pg.testing import DatabaseHandle

pytestmark = pytest.mark.anyio
LEFT = "select from pg_stat_activity where application_name = 'cancelled'"


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


async def until_gone(watcher: psycopg.Connection) -> None:
    with anyio.fail_after(5):
        while True:
            if watcher.execute(LEFT).fetchone() is None:
                return
            await anyio.sleep(0.001)


async def turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.mark.parametrize("how", ["asyncio", "anyio"])
async def test_no_session_is_left(app_db: DatabaseHandle, how: str) -> None:
    """Cancelled at each of its steps, and on the server when its caller goes on."""

    async def attempt() -> None:
        conn = await connect_async(app_db.database_url, application_name="cancelled")
        await conn.close()

    with psycopg.connect(app_db.admin_url, autocommit=True) as watcher:
        for steps in range(24):
            if how == "asyncio":
                task = asyncio.ensure_future(attempt())
                await turns(steps)
                task.cancel()
                await asyncio.wait([task])
            else:
                async with anyio.create_task_group() as group:
                    group.start_soon(attempt)
                    await turns(steps)
                    group.cancel_scope.cancel()
            await until_gone(watcher)


async def test_a_cancellation_that_comes_with_the_connection(app_db: DatabaseHandle) -> None:
    """`asyncio.wait_for` of Python 3.11, on which psycopg's pool waits, loses it."""
    database = Database(app_db.database_url, PoolOptions(max_size=1))
    for steps in range(12):
        taken, go = asyncio.Event(), asyncio.Event()

        async def hold(conn: Any, taken: asyncio.Event = taken, go: asyncio.Event = go) -> None:
            taken.set()
            await go.wait()

        async def stay(conn: Any) -> None:
            await asyncio.Event().wait()

        holder = asyncio.ensure_future(database.run(hold))
        await taken.wait()
        waiter = asyncio.ensure_future(database.run(stay))
        await anyio.wait_all_tasks_blocked()
        go.set()
        await turns(steps)
        waiter.cancel()
        await asyncio.wait([holder, waiter], timeout=5)
        assert waiter.cancelled(), f"it goes on after {steps} turns"
        assert database.pool_stats()["pool_available"] == 1
    await database.close()


@pytest.mark.parametrize("exc", [asyncio.CancelledError(), psycopg.OperationalError("no")])
async def test_no_session_is_left_that_a_pool_could_not_prepare(
    app_db: DatabaseHandle, monkeypatch: pytest.MonkeyPatch, exc: BaseException
) -> None:
    database = Database(app_db.database_url, PoolOptions(application_name="cancelled"))
    refused: list[Any] = []  # kept: nothing is left to the garbage collector

    async def fail(database: Database, conn: Any) -> None:
        refused.append(conn)
        raise exc

    monkeypatch.setattr(Database, "_make_ready", fail)
    conn = await connect_async(app_db.database_url)
    with pytest.raises(type(exc)):
        await database._prepare(conn)  # type: ignore[arg-type]
    assert refused == [conn]
    assert conn.closed
