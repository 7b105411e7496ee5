"""Random cancellations: no connection is lost to the pool, no identity stays on one, I6 holds."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import anyio
import psycopg
import pytest

from ablo_pg import AbloError
from ablo_pg.db.pool import Database, PoolOptions
from ablo_pg.testing import DatabaseHandle

pytestmark = pytest.mark.anyio


@pytest.mark.direct("looks at the pool of the client")
@pytest.mark.parametrize("how", ["asyncio", "anyio", "deadline"])
async def test_cancelled_calls_give_everything_back(
    make_client: Any, db: DatabaseHandle, until: Any, how: str
) -> None:
    """Calls of several organizations are cut at random; each later sees its own rows only."""
    random.seed(7)
    clients = [make_client(organization=f"org{n}", pool_max_size=3) for n in range(4)]
    for n, client in enumerate(clients):
        await client.tasks.create({"title": f"canary{n}"}, id="t1")

    async def call(n: int) -> None:
        client = clients[n]
        work = random.choice(
            [
                lambda: client.tasks.retrieve("t1"),
                lambda: client.tasks.list(),
                lambda: client.tasks.update("t1", {"title": f"canary{n}"}),
                lambda: client.snapshot(tasks="t1"),
            ]
        )
        after = random.uniform(0, 0.01)
        if how == "anyio":
            with anyio.move_on_after(after):
                await work()  # type: ignore[no-untyped-call]
        elif how == "asyncio":
            task = asyncio.ensure_future(work())  # type: ignore[no-untyped-call]
            await asyncio.wait([task], timeout=after)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        else:
            try:
                async with asyncio.timeout(after):
                    await work()  # type: ignore[no-untyped-call]
            except (TimeoutError, AbloError):
                pass

    for _ in range(10):
        async with anyio.create_task_group() as group:
            for n in range(4):
                for _ in range(5):
                    group.start_soon(call, n)
    for n, client in enumerate(clients):
        rows = await asyncio.gather(*(client.tasks.list() for _ in range(6)))
        assert [[row.title for row in page] for page in rows] == [[f"canary{n}"]] * 6
        pool = client._session.transport._database._pool
        await until(lambda pool=pool: pool.get_stats()["pool_available"] > 0)
        assert pool.get_stats()["pool_size"] <= 3
        assert pool.get_stats()["requests_waiting"] == 0
    with psycopg.connect(db.admin_url, autocommit=True) as conn:
        stuck = (
            "select from pg_stat_activity where datname = current_database()"
            " and pid <> pg_backend_pid() and state <> 'idle'"
        )
        await until(lambda: conn.execute(stuck).fetchone() is None)


async def test_a_call_cancelled_while_it_gives_its_connection_back(db: DatabaseHandle) -> None:
    """The cancellation lands after the answer, while the pool is busy: nothing may be lost."""
    database = Database(db.database_url, PoolOptions(max_size=1, acquire_timeout=30))
    taken, go = asyncio.Event(), asyncio.Event()

    async def routine(conn: Any) -> str:
        taken.set()
        await go.wait()
        return "answer"

    task = asyncio.create_task(database.run(routine))
    await taken.wait()
    pool = database._pool
    assert pool is not None
    async with pool._lock:
        go.set()
        for _ in range(10):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task], timeout=1)
    assert await database.run(routine) == "answer"
    await database.close()


@pytest.mark.parametrize("how", ["asyncio", "anyio"])
async def test_a_statement_has_ended_when_its_cancellation_gets_through(
    db: DatabaseHandle, how: str
) -> None:
    """Nothing that was given up can still commit, and its connection serves the next call."""
    database = Database(db.database_url, PoolOptions(max_size=1))

    async def backend(conn: Any) -> int:
        return (await (await conn.execute("select pg_backend_pid()")).fetchone())[0]

    async def stuck(conn: Any) -> None:
        await conn.execute("select pg_sleep(600)")

    pid = await database.run(backend)
    if how == "anyio":
        with anyio.move_on_after(0.05) as scope:
            await database.run(stuck)
        assert scope.cancelled_caught
    else:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await database.run(stuck)
    with psycopg.connect(db.admin_url, autocommit=True) as conn:
        state = conn.execute("select state from pg_stat_activity where pid = %s", (pid,)).fetchone()
    assert state == ("idle",)
    assert await database.run(backend) == pid
    await database.close()


async def test_a_first_subscription_that_is_cancelled_leaves_the_client_whole(
    make_client: Any,
) -> None:
    """At every step of its beginning. The next one begins, and closing raises nothing."""
    for steps in range(16):
        ablo = make_client()
        begins = asyncio.ensure_future(ablo.tasks.subscribe().__aenter__())
        for _ in range(steps):
            await asyncio.sleep(0)
        begins.cancel()
        await asyncio.gather(begins, return_exceptions=True)
        async with ablo.tasks.subscribe() as changes:
            made = await ablo.tasks.create({"title": "a"})
            with anyio.fail_after(30):
                assert (await anext(changes)).id == made.id
        await ablo.close()


async def test_first_subscriptions_begin_together(make_client: Any) -> None:
    ablo = make_client()
    begun = [ablo.tasks.subscribe().__aenter__() for _ in range(6)]
    handles = [ablo.tasks.on_change(lambda change: None) for _ in range(2)]
    await asyncio.gather(*begun, *handles)
