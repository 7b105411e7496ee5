"""Readers restarted under writers whose commits are held back at random: nothing is lost.

Every commit waits for a standby that is not there until it is let go, after a random while, in the
order of the commits. The oracle is the log at the end: each subscriber must have got each delta of
its organization, once and in order.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final

import anyio
import anyio.lowlevel
import psycopg
import pytest

from ablo_pg.changefeed import AutoReader, Hub, stream
from ablo_pg.cluster import Cluster, ClusterSettings
from ablo_pg.db.log import PostgresLog
from ablo_pg.db.pool import Database
from ablo_pg.db.session import connect_async
from ablo_pg.testing import DatabaseHandle, make_database

from .barrier_mutants import listed_only, no_barrier

pytestmark = pytest.mark.anyio
WRITERS: Final = 16
ORGANIZATIONS: Final = [f"org-{number}" for number in range(8)]
INSERT = """insert into tasks (id, organization_id, title, status)
 values (gen_random_uuid(), %s, 'x', 'todo')"""
WAITING = """select from pg_stat_activity
 where wait_event = 'SyncRep' and datname = current_database()"""
# The oldest first, as a standby answers: those that are left are younger than all that have ended.
LET_GO = """select pg_cancel_backend(pid) from pg_stat_activity
 where wait_event = 'SyncRep' and datname = current_database()
 order by age(backend_xid) desc limit (random() * 4)::int"""


@pytest.fixture(scope="module")
def standby_cluster() -> Iterator[Cluster]:
    """Every commit waits for a standby that is not there, but those of an administrator."""
    extra = {"synchronous_standby_names": "nobody", "synchronous_commit": "local"}
    with Cluster(settings=ClusterSettings(durable=False, extra=extra)) as started:
        yield started


@pytest.fixture
def db(standby_cluster: Cluster, tasks_schema: Any) -> Iterator[DatabaseHandle]:
    with make_database(tasks_schema, server=standby_cluster) as handle:
        yield handle


async def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Look every 10 ms; a loop that never rests would starve the load."""
    for _ in range(int(seconds * 100)):
        if condition():
            return True
        await anyio.sleep(0.01)
    return condition()


async def wait_between(least: float, most: float) -> None:
    """Pace the load: nothing is waited for."""
    await anyio.sleep(random.uniform(least, most))


@asynccontextmanager
async def session(url: str) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    """A connection that is closed also when its user is cancelled."""
    conn = await connect_async(url)
    try:
        yield conn
    finally:
        with anyio.CancelScope(shield=True):
            await conn.close()


@dataclass
class Load:
    """Writers, transactions that slots wait for, and what lets commits go."""

    url: str
    luck: random.Random

    async def write(self) -> None:
        """Commit rows, until cancelled."""
        while True:
            with suppress(psycopg.errors.QueryCanceled):  # let go between two commits
                await self._write()

    async def _write(self) -> None:
        async with session(self.url) as conn:
            conn.add_notice_handler(lambda notice: None)
            await conn.execute("set synchronous_commit = on")
            while True:
                await conn.execute(INSERT, [self.luck.choice(ORGANIZATIONS)])
                await wait_between(0, 0.05)

    async def let_go(self) -> None:
        """Release some of the commits that wait, again and again."""
        async with session(self.url) as conn:
            while True:
                await conn.execute(LET_GO)
                await wait_between(0, 0.03)

    async def hold_up(self) -> None:
        """Hold transactions open for some time each.

        Long, so that they are older than most commits in flight when they end. One that ends and
        is younger has a snapshot list those commits, and a barrier that goes by that list holds.
        """
        async with session(self.url) as conn:
            while True:
                async with conn.transaction(force_rollback=True):
                    await conn.execute("select pg_current_xact_id()")
                    await wait_between(0.1, 0.3)


@dataclass
class Follower:
    """One after another, readers that go on from where the last one got to."""

    db: DatabaseHandle
    luck: random.Random
    came: dict[str, list[int]] = field(default_factory=lambda: {o: [] for o in ORGANIZATIONS})

    async def restart(self, times: int) -> None:
        """Run so many readers, each until a moment after it streams."""
        for _ in range(times):
            async with self._reading() as reader:
                assert await wait_until(lambda reader=reader: reader.status.kind == "wal", 60)  # type: ignore[misc]
                await wait_between(0, 0.1)

    async def catch_up(self, heads: dict[str, int]) -> None:
        """Run a last reader until it has reached the heads, or as long as it could take."""
        async with self._reading():
            await wait_until(lambda: all(self.came[o][-1:] == [heads[o]] for o in heads), 5)

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[AutoReader]:
        reader = AutoReader(self.db.database_url, self.db.replication_url)
        database = Database(self.db.database_url)
        try:
            hub = Hub(PostgresLog(database))
            async with anyio.create_task_group() as group:
                for organization, came in self.came.items():
                    cursor = came[-1] if came else 0
                    changes = hub.subscribe(organization, cursor=cursor)
                    group.start_soon(self._follow, changes, came)
                group.start_soon(reader.run, hub)
                yield reader
                group.cancel_scope.cancel()
        finally:
            await database.close()

    async def _follow(self, changes: Any, came: list[int]) -> None:
        async for delta in changes:
            came.append(delta.sync_id)


async def compare(
    db: DatabaseHandle, admin: Any, kit: Any, followers: int, restarts: int, seed: int
) -> tuple[list[str], int]:
    """Return where what came differs from the log, and how many deltas the log has."""
    luck = random.Random(seed)
    load = Load(db.admin_url, luck)
    followed = [Follower(db, luck) for _ in range(followers)]
    async with anyio.create_task_group() as releasing:
        releasing.start_soon(load.let_go)
        async with anyio.create_task_group() as loading:
            for task in (*[load.write] * WRITERS, *[load.hold_up] * 2):
                loading.start_soon(task)
            async with anyio.create_task_group() as reading:
                for each in followed:
                    reading.start_soon(each.restart, restarts)
            loading.cancel_scope.cancel()
        await kit.until_rows(admin, f"select where not exists ({WAITING})")
        logged = {o: await kit.whole_log(admin, o) for o in ORGANIZATIONS}
        for each in followed:
            await each.catch_up({o: ids[-1] for o, ids in logged.items()})
        releasing.cancel_scope.cancel()
    differences = [
        f"reader {number}, {o}: missing {sorted(set(ids) - set(each.came[o]))[:5]}, "
        f"{len(each.came[o])} of {len(ids)}"
        for number, each in enumerate(followed)
        for o, ids in logged.items()
        if each.came[o] != ids
    ]
    return differences, sum(map(len, logged.values()))


async def test_readers_restarted_under_delayed_commits(
    db: DatabaseHandle, admin: Any, kit: Any
) -> None:
    assert (await compare(db, admin, kit, 2, 3, seed=1))[0] == []


@pytest.mark.parametrize("mutant", [listed_only, no_barrier])
async def test_mutants_are_caught(
    db: DatabaseHandle, admin: Any, kit: Any, monkeypatch: Any, mutant: Callable[..., Any]
) -> None:
    """The same load and as many restarts: of 33 such runs with `listed_only`, 32 lost changes."""
    monkeypatch.setattr(stream, "wait_until_visible", mutant)
    for seed in (1, 2, 3):
        differences, _ = await compare(db, admin, kit, 2, 3, seed)
        if differences:
            return
    raise AssertionError(f"{mutant.__name__} has lost nothing")


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", [1, 2])
async def test_200_readers_restarted_under_delayed_commits(
    db: DatabaseHandle, admin: Any, kit: Any, seed: int, capsys: Any
) -> None:
    differences, count = await compare(db, admin, kit, 4, 50, seed)
    with capsys.disabled():
        print(f"200 readers, {WRITERS} writers, {count} deltas: {len(differences)} differences")
    assert differences == []
