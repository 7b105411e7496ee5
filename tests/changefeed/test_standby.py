"""A hot standby: no xid can be assigned there, and none is needed.

With the slot on the standby and the log read on the primary, the primary's rule holds; with both on
the standby, what has been replayed is what queries show, and the slot is made of what has been
replayed: a reader that waits for nothing would lose nothing there.
"""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from ablo_pg.changefeed import AutoReader, Hub, Reader, WalReader, stream
from ablo_pg.cluster import Cluster, ClusterSettings
from ablo_pg.cluster.paths import temporary_home
from ablo_pg.db import log as db_log
from ablo_pg.db import routines
from ablo_pg.db.log import Horizon, PostgresLog
from ablo_pg.db.pool import Database, PoolOptions
from ablo_pg.db.urls import make_url
from ablo_pg.errors import AbloConnectionError
from ablo_pg.lsn import LSN
from ablo_pg.testing import DatabaseHandle, make_database, template_database

from .barrier_mutants import listed_only, no_barrier

pytestmark = pytest.mark.anyio
PORT = "5499"
CREATE = b"""{"operations": [{"action": "create", "model": "tasks", "id": "t",
                             "data": {"title": "x", "status": "todo"}}]}"""
IN_FLIGHT = "select pid from pg_stat_activity where wait_event = 'SyncRep' and datname is not null"
REPLAYED = "select true where pg_last_wal_replay_lsn() >= %s"
BEGUN = "select from pg_replication_slots where restart_lsn is not null"
SLOTS = "select from pg_replication_slots where confirmed_flush_lsn is not null"


@pytest.fixture(scope="module")
def primary() -> Iterator[Cluster]:
    extra = {"synchronous_standby_names": "nobody", "synchronous_commit": "local"}
    with Cluster(settings=ClusterSettings(durable=False, extra=extra)) as started:
        if started.binaries.major < 16:
            pytest.skip("slots on a standby need PostgreSQL 16")
        yield started


@pytest.fixture(scope="module")
def standby(primary: Cluster) -> Iterator[Path]:
    """A copy of the primary that follows it; yields the folder of its socket."""
    home = temporary_home(primary.user)
    data, program = home / "data", primary.binaries.program
    socket = str(primary.paths.socket)

    def run(*command: str) -> None:
        done = primary.user.run(command, timeout=60)
        assert done.returncode == 0, done.stderr

    run(
        *(program("pg_basebackup"), "-D", str(data), "-R", "-c", "fast", "-X", "stream"),
        *("-h", socket, "-p", str(conninfo_to_dict(primary.admin_url)["port"]), "-U", "postgres"),
    )
    options = f"-c port={PORT} -c unix_socket_directories={home} -c listen_addresses="
    options += " -c hot_standby_feedback=on -c synchronous_standby_names="
    control = (program("pg_ctl"), "-D", str(data), "-w")
    run(*control, "-l", str(home / "log"), "-o", options, "start")
    yield home
    run(*control, "-m", "immediate", "stop")
    shutil.rmtree(home)


@pytest.fixture(scope="module")
def template(primary: Cluster, tasks_schema: Any) -> Iterator[str]:
    with template_database(primary, tasks_schema) as name:
        yield name


@pytest.fixture
def db(primary: Cluster, standby: Path, template: str) -> Iterator[DatabaseHandle]:
    """A database that the standby has, too."""
    with (
        make_database(server=primary, template=template) as handle,
        psycopg.connect(handle.admin_url, autocommit=True) as here,
        psycopg.connect(on(standby, primary.admin_url), autocommit=True) as there,
    ):
        written = here.execute("select pg_current_wal_lsn()").fetchone()
        while not there.execute(REPLAYED, written).fetchone():
            pass
        here.close()
        yield handle


def on(standby: Path, url: str) -> str:
    return make_url(conninfo_to_dict(url) | {"host": standby, "port": PORT})


@asynccontextmanager
async def in_flight(db: DatabaseHandle, admin: Any, kit: Any) -> AsyncIterator[None]:
    """A commit that the standby may replay and the primary does not show."""

    async def commit() -> None:
        connect = psycopg.AsyncConnection.connect
        async with await connect(db.admin_url, autocommit=True) as conn:
            conn.add_notice_handler(lambda notice: None)
            await conn.execute("set synchronous_commit = on")
            await kit.write(conn, 1, prefix="x")

    async with anyio.create_task_group() as group:
        group.start_soon(commit)
        with anyio.fail_after(30):
            while not await (await admin.execute(IN_FLIGHT)).fetchall():
                await anyio.lowlevel.checkpoint()
        yield
        await admin.execute(f"select pg_cancel_backend(pid) from ({IN_FLIGHT}) w")


async def follow(hub: Hub, came: list[str]) -> None:
    async for delta in hub.subscribe("acme"):
        came.append(delta.row_id)


async def log_running(admin: Any) -> None:
    """Have the primary log which transactions run; a standby's slots wait for that."""
    await admin.execute("select pg_log_standby_snapshot()")


async def slot_is_made(admin: Any, standby: Path, state: str = SLOTS) -> None:
    """Wait until the standby has a slot; of one that has only BEGUN, log nothing."""
    url = on(standby, admin.info.dsn)
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as there:
        with anyio.fail_after(30):
            while not await (await there.execute(state)).fetchall():
                if state == SLOTS:
                    await log_running(admin)


@asynccontextmanager
async def transaction(db: DatabaseHandle) -> AsyncIterator[psycopg.AsyncConnection]:
    """A transaction with an xid."""
    async with await psycopg.AsyncConnection.connect(db.admin_url) as conn:
        await conn.execute("select pg_current_xact_id()")
        yield conn


class WatchedLog(PostgresLog):
    """refused: whether a reader has been told to wait."""

    refused = False

    async def reached(self, horizon: Horizon) -> bool:
        shown = await super().reached(horizon)
        self.refused |= not shown
        return shown


@asynccontextmanager
async def reading(database_url: str, reader: Reader) -> AsyncIterator[Any]:
    """A hub on a database, its reader and what has come; the pool writes nothing of its own."""
    database = Database(database_url, PoolOptions(maintenance=False))
    came: list[str] = []
    hub = Hub(WatchedLog(database))
    try:
        async with anyio.create_task_group() as group:
            group.start_soon(follow, hub, came)
            while not hub.channels:
                await anyio.lowlevel.checkpoint()
            group.start_soon(reader.run, hub)
            yield hub, came
            group.cancel_scope.cancel()
    finally:
        await database.close()


async def shown_late(
    db: DatabaseHandle, admin: Any, kit: Any, standby: Path
) -> tuple[bool, list[str]]:
    """A commit that lies before the standby's slot, and that the primary does not show yet.

    As in test_slot_barrier: the slot waits for `first`, then for `second`, which begins before the
    commit does and ends after it. Returns whether the reader relied on the slot meanwhile, and what
    has come at the end.
    """
    reader = WalReader(on(standby, db.replication_url))
    async with transaction(db) as first, reading(db.database_url, reader) as (hub, came):

        def live() -> bool:
            return all(channel.live for channel in hub.channels.values())

        await slot_is_made(admin, standby, BEGUN)
        await log_running(admin)
        async with transaction(db) as second:
            await first.rollback()
            await log_running(admin)
            async with in_flight(db, admin, kit):
                await second.rollback()
                await slot_is_made(admin, standby)
                await kit.until(lambda: live() or hub.log.refused)
                early = live()
        await kit.until(live)
        await kit.write(admin, 1, prefix="y")
        await kit.until(lambda: came[-1:] == ["y1"])
    return early, came


async def test_a_slot_on_the_standby_and_the_log_on_the_primary(
    db: DatabaseHandle, admin: Any, kit: Any, standby: Path
) -> None:
    """What the standby has replayed is the primary's to show, so that is waited for."""
    assert await shown_late(db, admin, kit, standby) == (False, ["x1", "y1"])


async def no_xid(conn: Any) -> None:
    """Of a log on a primary: the bound of a standby, which a primary has reached at once."""


@pytest.mark.parametrize(
    ("module", "name", "mutant"),
    [
        (db_log, "xid_assign", no_xid),
        (stream, "wait_until_visible", listed_only),
        (stream, "wait_until_visible", no_barrier),
    ],
)
async def test_a_slot_on_the_standby_that_is_relied_on_at_once_is_caught(
    db: DatabaseHandle, admin: Any, kit: Any, standby: Path, monkeypatch: Any,
    module: Any, name: str, mutant: Any,
) -> None:  # fmt: skip
    monkeypatch.setattr(module, name, mutant)
    assert await shown_late(db, admin, kit, standby) == (True, ["y1"])


async def test_slot_and_log_on_the_standby(
    db: DatabaseHandle, admin: Any, kit: Any, standby: Path
) -> None:
    """What the primary does not show yet is there, once, as it was replayed."""
    reader = WalReader(on(standby, db.replication_url))
    async with reading(on(standby, db.database_url), reader) as (hub, came):
        horizon = await hub.log.horizon(LSN(0))
        assert horizon.xid is None
        assert await hub.log.reached(horizon)
        await slot_is_made(admin, standby)
        await kit.until(lambda: reader.status.kind == "wal")
        async with in_flight(db, admin, kit):
            await kit.until(lambda: came == ["x1"])
        await kit.write(admin, 1, prefix="y")
        await kit.until(lambda: came == ["x1", "y1"])


async def replayed_late(
    db: DatabaseHandle, admin: Any, kit: Any, standby: Path
) -> tuple[str, list[str]]:
    """A commit that lies before the slot of a reader and is replayed only after a while.

    Returns how the reader goes on meanwhile, and what has come at the end.
    """
    reader = AutoReader(on(standby, db.database_url), db.replication_url)
    connect = psycopg.AsyncConnection.connect
    async with await connect(on(standby, db.admin_url), autocommit=True) as there:
        await there.execute("select pg_wal_replay_pause()")
        await kit.write(admin, 1, prefix="x")
        try:
            async with reading(on(standby, db.database_url), reader) as (hub, came):

                def streams() -> bool:
                    live = all(channel.live for channel in hub.channels.values())
                    return live and reader.status.kind == "wal"

                def waits() -> bool:
                    return hub.log.refused and reader.status.kind == "listen"

                # A reader that waits for nothing streams now.
                await kit.until(lambda: streams() or waits())
                kind = reader.status.kind
                await there.execute("select pg_wal_replay_resume()")
                await kit.until(streams)
                await kit.write(admin, 1, prefix="y")
                await kit.until(lambda: came[-1:] == ["y1"])
        finally:
            await there.execute("select pg_wal_replay_resume()")
    return kind, came


async def test_a_slot_on_the_primary_and_the_log_on_the_standby(
    db: DatabaseHandle, admin: Any, kit: Any, standby: Path
) -> None:
    """What lies before the slot is the standby's to show, so its replay is waited for."""
    assert await replayed_late(db, admin, kit, standby) == ("listen", ["x1", "y1"])


async def test_a_standby_that_waits_for_no_replay_is_caught(
    db: DatabaseHandle, admin: Any, kit: Any, standby: Path, monkeypatch: Any
) -> None:
    """The mutant: the bound of a primary, of which a standby has none."""

    async def reached(log: PostgresLog, horizon: Horizon) -> bool:
        return horizon.xid is None

    monkeypatch.setattr(PostgresLog, "reached", reached)
    assert await replayed_late(db, admin, kit, standby) == ("wal", ["y1"])


async def test_a_position_that_is_not_replayed_yet_is_waited_for(
    db: DatabaseHandle, admin: Any, kit: Any, standby: Path
) -> None:
    database = Database(on(standby, db.database_url), PoolOptions(maintenance=False))
    log = PostgresLog(database)
    async with await psycopg.AsyncConnection.connect(
        on(standby, db.admin_url), autocommit=True
    ) as there:
        await there.execute("select pg_wal_replay_pause()")
        await kit.write(admin, 1)
        row = await (await admin.execute("select pg_current_wal_lsn()")).fetchone()
        horizon = await log.horizon(LSN.parse(row[0]))
        assert not await log.reached(horizon)
        await there.execute("select pg_wal_replay_resume()")
        with anyio.fail_after(30):
            while not await log.reached(horizon):
                await anyio.lowlevel.checkpoint()
        assert await log.head("acme") == await hub_head(admin)
    await database.close()


async def hub_head(admin: Any) -> int:
    row = await (await admin.execute("select max(sync_id) from ablo.delta")).fetchone()
    return int(row[0])


async def test_reads_are_served_and_writes_are_refused_by_name(
    db: DatabaseHandle, admin: Any, kit: Any, standby: Path
) -> None:
    database = Database(on(standby, db.database_url))
    await kit.write(admin, 1)
    with anyio.fail_after(30):
        while await PostgresLog(database).head("acme") < await hub_head(admin):
            await anyio.lowlevel.checkpoint()
        with pytest.raises(AbloConnectionError, match="accepts no writes here"):
            await database.run(routines.commit, "acme", "user:me", "key", CREATE)
    await database.close()
