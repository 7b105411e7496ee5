"""A stopped database answers `database_unreachable` at once, and works at once when back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any, Final

import anyio
import anyio.lowlevel
import psycopg
import pytest

from ablo_pg import Ablo, AbloConnectionError, AbloPermissionError, AsyncAblo
from ablo_pg.cluster import Cluster, ClusterSettings
from ablo_pg.db import routines
from ablo_pg.db.pool import Database
from ablo_pg.testing import DatabaseHandle, make_database

pytestmark = pytest.mark.anyio
# What is promised is a second. The pool's own time-out, which it must not take, is 30 s; a busy
# machine gets some room between the two.
SOON: Final = 5.0


@pytest.fixture(scope="module")
def own_cluster() -> Iterator[Cluster]:
    with Cluster(settings=ClusterSettings(durable=False)) as started:
        yield started


@pytest.fixture(scope="module")
def site(own_cluster: Cluster, schema: Any) -> Iterator[DatabaseHandle]:
    with make_database(schema, server=own_cluster) as handle:
        yield handle


@pytest.fixture
def options(site: DatabaseHandle, schema: Any) -> dict[str, Any]:
    return {
        "schema": schema,
        "database_url": site.database_url,
        "organization": "acme",
        "participant": "user:me",
    }


async def refused(call: Any) -> None:
    """The call fails by name, soon."""
    began = time.monotonic()
    with pytest.raises(AbloConnectionError) as caught:
        await call()
    assert caught.value.code == "database_unreachable"
    assert time.monotonic() - began < SOON


@pytest.mark.parametrize("callers", [1, 30])
async def test_a_pool_that_worked(
    own_cluster: Cluster, options: dict[str, Any], callers: int
) -> None:
    async with AsyncAblo(**options) as ablo:
        await asyncio.gather(*(ablo.tasks.list() for _ in range(callers)))
        own_cluster.kill()
        try:
            for _ in range(3):
                await asyncio.gather(*(refused(ablo.tasks.list) for _ in range(callers)))
                await refused(lambda: ablo.tasks.create({"title": "x"}))
        finally:
            own_cluster.restart()
        with anyio.fail_after(SOON):
            await ablo.tasks.create({"title": "y"})
            await asyncio.gather(*(ablo.tasks.list() for _ in range(callers)))


async def test_a_client_that_begins_meanwhile(
    own_cluster: Cluster, options: dict[str, Any]
) -> None:
    async with AsyncAblo(**options) as ablo:
        own_cluster.kill()
        try:
            await refused(ablo.tasks.list)
        finally:
            own_cluster.restart()
        with anyio.fail_after(SOON):
            await ablo.tasks.list()


def test_the_sync_twin(own_cluster: Cluster, options: dict[str, Any]) -> None:
    with Ablo(**options) as ablo:
        ablo.tasks.list()
        own_cluster.kill()
        began = time.monotonic()
        try:
            for call in (ablo.tasks.list, lambda: ablo.tasks.create({"title": "x"})):
                with pytest.raises(AbloConnectionError, match="reached"):
                    call()
        finally:
            assert time.monotonic() - began < SOON
            own_cluster.restart()
        ablo.tasks.list()


async def test_a_login_whose_start_fails_is_told_at_once(
    site: DatabaseHandle, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def denied(*arguments: Any) -> None:
        raise psycopg.errors.InsufficientPrivilege("no")

    monkeypatch.setattr(routines, "session_prepare", denied)
    database = Database(site.database_url)
    with anyio.fail_after(SOON), pytest.raises(AbloPermissionError):
        await database.read(routines.log_head, "acme")
    await database.close()


def grown(stats: dict[str, int], lent: int) -> bool:
    """Whether a pool is making no other connection."""
    return stats["pool_size"] == stats["pool_available"] + lent


async def test_who_waits_while_others_work_goes_on_waiting(
    own_cluster: Cluster, site: DatabaseHandle, until: Any
) -> None:
    """No connection more is to be had, but those that there are come back: that is no outage."""
    database = Database(site.database_url)
    go, held = asyncio.Event(), [asyncio.Event(), asyncio.Event()]

    async def hold(conn: Any, here: asyncio.Event) -> None:
        here.set()
        await go.wait()

    async def work(conn: Any) -> bool:
        return True

    async with anyio.create_task_group() as group:
        for here in held:
            group.start_soon(database.run, hold, here)
        for here in held:
            await here.wait()
        pool = database._pool
        assert pool is not None
        await until(lambda: grown(pool.get_stats(), len(held)))
        spare = [await pool.getconn() for _ in range(pool.get_stats()["pool_available"])]
        pool.conninfo = "host=127.0.0.1 port=1"
        waiting = asyncio.create_task(database.run(work))
        await until(lambda: pool.get_stats().get("connections_errors", 0) >= 2)
        assert not waiting.done()
        go.set()
        assert await waiting
        for conn in spare:
            await pool.putconn(conn)
    await database.close()
