"""A slot is made while commits are in flight: what it does not stream is in the log, and delivered.

Staged so that a snapshot cannot list the commit. One transaction holds the making of the slot up, a
second begins, then the writers write their commit records and wait for a standby that is not there.
The second ends: the slot's consistent point lies behind the commits, and nothing younger than they
are has ended, so that they are at or above xmax of whatever snapshot is taken next.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import anyio
import anyio.lowlevel
import psycopg
import pytest

from ablo_pg.changefeed import AutoReader, Hub, Reader, barrier, stream
from ablo_pg.cluster import Cluster, ClusterSettings
from ablo_pg.errors import AbloServerError
from ablo_pg.testing import DatabaseHandle, make_database, template_database

from .barrier_mutants import listed_only, no_barrier

pytestmark = pytest.mark.anyio
Connection: TypeAlias = psycopg.AsyncConnection[Any]
ORGANIZATIONS = [f"org-{number}" for number in range(12)]
IN_FLIGHT = "select pid from pg_stat_activity where wait_event = 'SyncRep' and datname is not null"
HELD_UP = """select from pg_stat_activity
 where backend_type = 'walsender' and %s = any (pg_blocking_pids(pid))"""
SLOTS = "select from pg_replication_slots where confirmed_flush_lsn is not null"


@pytest.fixture(scope="module", params=["system", "embedded"])
def standby_cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """Sessions that set synchronous_commit = on wait for a standby that is not there."""
    extra = {"synchronous_standby_names": "nobody", "synchronous_commit": "local"}
    settings = ClusterSettings(durable=False, extra=extra)
    try:
        cluster = Cluster(settings=settings, prefer=request.param)
    except AbloServerError as error:
        pytest.skip(error.message)
    with cluster:
        yield cluster


@pytest.fixture(scope="module")
def template(standby_cluster: Cluster, tasks_schema: Any) -> Iterator[str]:
    with template_database(standby_cluster, tasks_schema) as name:
        yield name


@pytest.fixture
def db(standby_cluster: Cluster, template: str) -> Iterator[DatabaseHandle]:
    with make_database(server=standby_cluster, template=template) as handle:
        yield handle


@asynccontextmanager
async def transaction(db: DatabaseHandle) -> AsyncIterator[Connection]:
    """A transaction with an xid."""
    async with await psycopg.AsyncConnection.connect(db.admin_url) as conn:
        await conn.execute("select pg_current_xact_id()")
        yield conn


@dataclass
class Followed:
    """A reader, its hub, and what has come to a subscriber of each organization."""

    reader: Reader
    hub: Hub
    came: dict[str, list[str]] = field(default_factory=dict)

    @property
    def live(self) -> bool:
        """Whether everybody relies on the stream."""
        return all(channel.live for channel in self.hub.channels.values())


@dataclass
class Stage:
    """first: a transaction that holds up the slots of the readers that begin."""

    db: DatabaseHandle
    admin: Any
    kit: Any
    first: Connection

    @asynccontextmanager
    async def following(self, reader: Reader) -> AsyncIterator[Followed]:
        """Follow every organization with a reader that has begun to ask for its slot."""
        async with (
            self.kit.running(None, self.db.database_url) as hub,
            anyio.create_task_group() as group,
        ):
            followed = Followed(reader, hub)
            for organization in ORGANIZATIONS:
                subscription = hub.subscribe(organization)
                await subscription.begin()
                came = followed.came.setdefault(organization, [])
                group.start_soon(self._follow, subscription, came)
            group.start_soon(reader.run, hub)
            yield followed
            group.cancel_scope.cancel()

    async def _follow(self, subscription: Any, came: list[str]) -> None:
        async for delta in subscription:
            came.append(delta.row_id)

    async def seen(self, query: str, count: int = 1, *arguments: object) -> None:
        """Wait until the query has so many rows."""
        with anyio.fail_after(30):
            while len(await (await self.admin.execute(query, arguments)).fetchall()) < count:
                await anyio.lowlevel.checkpoint()

    @asynccontextmanager
    async def commits_in_flight(self, readers: int) -> AsyncIterator[None]:
        """A commit of each organization, before the slots' consistent points and not visible."""
        await self.seen(HELD_UP, readers, self.first.info.backend_pid)
        async with transaction(self.db) as second, anyio.create_task_group() as group:
            await self.first.rollback()
            await self.seen(HELD_UP, readers, second.info.backend_pid)
            for organization in ORGANIZATIONS:
                group.start_soon(self._commit, organization)
            await self.seen(IN_FLIGHT, len(ORGANIZATIONS))
            await second.rollback()
            await self.seen(SLOTS, readers)
            yield
            await self.admin.execute(f"select pg_cancel_backend(pid) from ({IN_FLIGHT}) w")

    async def _commit(self, organization: str) -> None:
        connect = psycopg.AsyncConnection.connect
        async with await connect(self.db.database_url, autocommit=True) as conn:
            conn.add_notice_handler(lambda notice: None)
            await conn.execute("set synchronous_commit = on")
            await conn.execute("select set_config('app.current_org_id', %s, false)", [organization])
            await self.kit.write(conn, 1, organization, prefix="x")

    async def settle(self, followed: Followed) -> None:
        """Have another row of each organization written, and wait until it has come."""
        for organization in ORGANIZATIONS:
            await self.kit.write(self.admin, 1, organization, prefix="y")
        with anyio.move_on_after(3):
            await self.kit.until(lambda: all(c[-1:] == ["y1"] for c in followed.came.values()))


@pytest.fixture
async def stage(db: DatabaseHandle, admin: Any, kit: Any) -> AsyncIterator[Stage]:
    async with transaction(db) as first:
        yield Stage(db, admin, kit, first)


async def come_to(stage: Stage, reader: Reader) -> dict[str, list[str]]:
    """Stage it; return what comes to the subscribers of a reader that begins meanwhile."""
    async with stage.following(reader) as followed:
        async with stage.commits_in_flight(1):
            with anyio.move_on_after(0.3):  # a reader that does not wait begins now
                await stage.kit.until(lambda: followed.live)
        await stage.kit.until(lambda: followed.live)
        await stage.settle(followed)
    return followed.came


EXPECTED = {organization: ["x1", "y1"] for organization in ORGANIZATIONS}


@pytest.mark.parametrize("kind", ["wal", "auto"])
async def test_a_commit_in_flight_while_a_reader_makes_its_slot(
    stage: Stage, make_reader: Any, kind: str
) -> None:
    assert await come_to(stage, make_reader(kind)) == EXPECTED


@pytest.mark.parametrize("mutant", [listed_only, no_barrier])
@pytest.mark.parametrize("kind", ["wal", "auto"])
async def test_mutants_are_caught(
    stage: Stage, make_reader: Any, monkeypatch: Any, mutant: Callable[..., Any], kind: str
) -> None:
    monkeypatch.setattr(stream, "wait_until_visible", mutant)
    came = await come_to(stage, make_reader(kind))
    assert all(ids == ["y1"] for ids in came.values())


async def test_readers_come_and_go_meanwhile(stage: Stage, monkeypatch: Any) -> None:
    """Some are ended behind their slots, and leave nothing; others go on or begin."""
    monkeypatch.setattr(barrier, "TELL_FIRST", 0.05)

    def auto() -> AutoReader:
        return AutoReader(stage.db.database_url, stage.db.replication_url)

    async with stage.following(auto()) as stays:
        async with stage.following(auto()) as first, stage.commits_in_flight(2):
            # The rest of the world goes on: LISTEN serves, and the status says who is waited for.
            await stage.kit.write(stage.admin, 1, "org-of-nobody")
            await stage.kit.until(
                lambda: "a synchronous standby" in (stays.reader.status.reason or "")
            )
            await stage.kit.until(lambda: stays.reader.status.kind == "listen")
            async with stage.following(auto()) as late:
                await stage.kit.until(lambda: late.reader.status.kind == "listen")
            await stage.kit.until(lambda: first.reader.status.kind == "listen")
        async with stage.following(auto()) as last:
            for each in (stays, last):
                await stage.kit.until(lambda each=each: each.live)
        await stage.settle(stays)
    assert stays.came == EXPECTED
