"""I7, I8: connections cut, servers crashed, processes killed; nothing is lost, repeated or left."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import psycopg
import pytest

from ablo_pg.changefeed import AutoReader, Hub
from ablo_pg.cluster import Cluster, ClusterSettings
from ablo_pg.db.log import PostgresLog
from ablo_pg.db.pool import Database
from ablo_pg.testing import DatabaseHandle, make_database

pytestmark = [pytest.mark.anyio, pytest.mark.smoke]
END_SENDERS = "select pg_terminate_backend(pid) from pg_stat_replication"
END_LISTENERS = """select pg_terminate_backend(pid) from pg_stat_activity
 where application_name = 'ablo_pg listener' and datname = current_database()"""


@pytest.mark.parametrize(("kind", "end"), [("wal", END_SENDERS), ("auto", END_SENDERS),
                                           ("listen", END_LISTENERS)])  # fmt: skip
async def test_a_reader_ended_again_and_again(
    kind: str, end: str, make_reader: Any, run_hub: Any, admin: Any, kit: Any
) -> None:
    async with run_hub(make_reader(kind)) as hub, hub.subscribe("acme") as changes:
        for turn in range(5):
            await kit.until_rows(admin, end)  # there is one to end
            for part in range(6):
                await kit.write(admin, 10, prefix=f"{turn}-{part}-")
        found = [one.sync_id for one in await kit.take(changes, 300)]
        assert found == await kit.whole_log(admin)


@pytest.fixture
def own_cluster() -> Iterator[Cluster]:
    """A cluster to crash."""
    with Cluster(settings=ClusterSettings(durable=False)) as started:
        yield started


async def test_a_crashed_server(own_cluster: Cluster, tasks_schema: Any, kit: Any) -> None:
    """The server is stopped as by a crash, twice, while somebody follows."""
    with make_database(tasks_schema, server=own_cluster) as db:
        reader = AutoReader(db.database_url, db.replication_url)
        connect = psycopg.AsyncConnection.connect
        async with kit.running(reader, db.database_url) as hub, hub.subscribe("acme") as changes:
            for turn in range(3):
                if turn:
                    own_cluster.kill()
                    own_cluster.restart()
                async with await connect(db.admin_url, autocommit=True) as admin:
                    await kit.write(admin, 50, prefix=f"{turn}-")
            found = [one.sync_id for one in await kit.take(changes, 150)]
            async with await connect(db.admin_url, autocommit=True) as admin:
                assert found == await kit.whole_log(admin)


def follow_into_file(database_url: str, replication_url: str, path: str, go: Any) -> None:
    """Run in a process of its own: append every delta's sync id, from the last one in the file.

    It connects first and then waits for its turn, so that a start costs the test no time.
    """

    async def follow() -> None:
        database = Database(database_url)
        await database.open()
        hub = Hub(PostgresLog(database))
        go.recv()
        cursor = last_line(path)
        async with anyio.create_task_group() as group:
            group.start_soon(AutoReader(database_url, replication_url).run, hub)
            async with hub.subscribe("acme", cursor=cursor) as changes:
                file = os.open(path, os.O_WRONLY | os.O_APPEND)
                async for change in changes:
                    os.write(file, f"{change.sync_id}\n".encode())

    anyio.run(follow)


def last_line(path: str) -> int:
    """Return the id that was saved last, 0 if none was."""
    return int((Path(path).read_text().splitlines() or ["0"])[-1])


@pytest.mark.timeout(300)
async def test_i7_i8_a_subscriber_killed_50_times(
    db: DatabaseHandle, admin: Any, kit: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """kill -9 at any moment, resumed from what it had saved, while rows are written."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1]))  # where a process finds this module
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["ablo_pg", "ablo_pg.changefeed"])
    path = tmp_path / "seen"
    path.touch()
    lively = random.Random(7)

    async def lines(more: int) -> int:
        """Write until the file has grown by so many lines; return how many it has."""
        start = path.read_bytes().count(b"\n")
        with anyio.fail_after(30):
            while (now := path.read_bytes().count(b"\n")) < start + more:
                await kit.write(admin, 1, prefix=f"{random.random()}-")
                await admin.execute("select pg_sleep(0.005)")
        return now

    def start() -> tuple[Any, Any]:
        ours, theirs = processes.Pipe()
        arguments = (db.database_url, db.replication_url, str(path), theirs)
        process = processes.Process(target=follow_into_file, args=arguments, daemon=True)
        process.start()
        theirs.close()
        return process, ours

    waiting = [start() for _ in range(3)]

    async def run(more: int) -> None:
        waiting.append(start())
        process, go = waiting.pop(0)
        go.send(None)
        await lines(more)
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        go.close()

    for _ in range(50):
        await run(lively.choice([0, 1, 1, 3, 10]))
    due = len(await kit.whole_log(admin))
    await run(due - path.read_bytes().count(b"\n") + 1)
    for process, go in waiting:
        process.kill()
        process.join()
        go.close()
    seen = [int(line) for line in path.read_text().splitlines()]
    assert seen == (await kit.whole_log(admin))[: len(seen)]
    assert len(seen) > due
    await nothing_left(admin, kit)


async def nothing_left(admin: Any, kit: Any, seconds: float = 10) -> None:
    """No slot, session or lock of any of the killed ones; the server notices when it next looks."""
    left = """
        select where 0 = (select count(*) from pg_replication_slots)
             + (select count(*) from pg_stat_activity where application_name like 'ablo%'
                   and (datname = current_database() or backend_type = 'walsender'))
             + (select count(*) from pg_locks l join pg_database d on d.oid = l.database
                 where locktype = 'advisory' and datname = current_database())"""
    await kit.until_rows(admin, left, seconds=seconds)


@pytest.mark.parametrize(
    "leave",
    [
        "select pg_create_logical_replication_slot('kept', 'pgoutput')",
        "set application_name = 'ablo_pg orphan'",
        "select pg_advisory_lock(ablo.order_key('acme'))",
    ],
)
async def test_i8_what_is_left_behind_is_caught(
    db: DatabaseHandle, admin: Any, kit: Any, leave: str
) -> None:
    """A durable slot, a session, a lock: the checker of the test above sees each."""
    connect = psycopg.AsyncConnection.connect
    async with await connect(db.admin_url, autocommit=True) as orphan:
        await nothing_left(admin, kit)
        await orphan.execute(leave)
        # A connection of its own: the deadline may end it in the middle of a query.
        async with await connect(db.admin_url, autocommit=True) as watcher:
            with pytest.raises(TimeoutError):
                await nothing_left(watcher, kit, seconds=0.3)
        await admin.execute("select pg_drop_replication_slot('kept') from pg_replication_slots")
    await nothing_left(admin, kit)


async def test_nothing_is_left_of_a_reader_that_was_cancelled(
    make_reader: Any, run_hub: Any, admin: Any, kit: Any
) -> None:
    for kind in ("wal", "listen", "auto"):
        async with run_hub(make_reader(kind)) as hub, hub.subscribe("acme"):
            pass
    await nothing_left(admin, kit)
