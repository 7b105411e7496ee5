"""Deltas that the WAL has and no query shows yet, staged with a standby that never answers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import anyio.lowlevel
import psycopg
import pytest

from ablo_pg.changefeed import WalReader
from ablo_pg.changefeed.state import State
from ablo_pg.cluster import Cluster, ClusterSettings
from ablo_pg.testing import DatabaseHandle, make_database

pytestmark = pytest.mark.anyio
WAITERS = "select pid from pg_stat_activity where wait_event = 'SyncRep' and datname is not null"


@pytest.fixture(scope="module")
def standby_cluster() -> Iterator[Cluster]:
    """Sessions that set synchronous_commit = on wait for a standby that is not there."""
    extra = {"synchronous_standby_names": "nobody", "synchronous_commit": "local"}
    with Cluster(settings=ClusterSettings(durable=False, extra=extra)) as started:
        yield started


@pytest.fixture
def db(standby_cluster: Cluster, tasks_schema: Any) -> Iterator[DatabaseHandle]:
    with make_database(tasks_schema, server=standby_cluster) as handle:
        yield handle


@asynccontextmanager
async def unseen_commit(db: DatabaseHandle, admin: Any, kit: Any) -> AsyncIterator[None]:
    """A row whose commit is flushed, and visible to nobody until the block is left."""

    async def commit(conn: Any) -> None:
        await conn.execute("set synchronous_commit = on")
        await kit.write(conn, 1, prefix="unseen")

    async with (
        await psycopg.AsyncConnection.connect(db.admin_url, autocommit=True) as conn,
        anyio.create_task_group() as group,
    ):
        conn.add_notice_handler(lambda notice: None)
        group.start_soon(commit, conn)
        await kit.until_rows(admin, WAITERS)
        yield
        await admin.execute(f"select pg_cancel_backend(pid) from ({WAITERS}) w")


async def test_a_joiner_waits_for_what_the_hub_has_sent(
    db: DatabaseHandle, run_hub: Any, admin: Any, kit: Any
) -> None:
    await kit.write(admin, 2)
    async with run_hub(WalReader(db.replication_url)) as hub, hub.subscribe("acme") as live:
        async with unseen_commit(db, admin, kit):
            (unseen,) = await kit.take(live, 1)
            assert await hub.log.head("acme") < unseen.sync_id
            resumed = hub.subscribe("acme", cursor=0)
            await resumed.begin()
            fresh = hub.subscribe("acme")
            await fresh.begin()
            assert [one.row_id for one in await kit.take(resumed, 2)] == ["t1", "t2"]
            with anyio.move_on_after(0.3) as waited:
                await anext(resumed)
            assert waited.cancelled_caught
            assert resumed.state is State.JOINING
            assert fresh.cursor == unseen.sync_id  # sent before it began: not news
        assert await kit.take(resumed, 1) == [unseen]
        await kit.write(admin, 1, prefix="after")
        for subscription in (live, resumed, fresh):
            assert [one.row_id for one in await kit.take(subscription, 1)] == ["after1"]


async def test_a_stream_is_not_relied_on_before_all_it_does_not_bring_is_visible(
    db: DatabaseHandle, run_hub: Any, admin: Any, kit: Any
) -> None:
    reader = WalReader(db.replication_url)
    database_url = db.database_url
    async with (
        kit.running(None, database_url) as hub,
        hub.subscribe("acme") as changes,
        anyio.create_task_group() as group,
    ):
        async with unseen_commit(db, admin, kit):
            group.start_soon(reader.run, hub)
            with anyio.move_on_after(0.3) as waited:
                await kit.until(lambda: reader.status.kind == "wal")
            assert waited.cancelled_caught
        await kit.until(lambda: reader.status.kind == "wal")
        await kit.write(admin, 1)
        assert [one.row_id for one in await kit.take(changes, 2)] == ["unseen1", "t1"]
        group.cancel_scope.cancel()
