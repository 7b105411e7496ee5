"""Readers, hubs and writers on a real server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeAlias

import anyio
import psycopg
import pytest

from ablo_pg.changefeed import AutoReader, Hub, ListenReader, Reader, WalReader
from ablo_pg.db.log import PostgresLog
from ablo_pg.db.pool import Database
from ablo_pg.delta import Delta
from ablo_pg.testing import DatabaseHandle

INSERT = """
    insert into tasks (id, organization_id, title, status)
    select %s || n, %s, 'Write', 'todo' from generate_series(1, %s) n"""

Connection: TypeAlias = psycopg.AsyncConnection[Any]
RunHub: TypeAlias = Callable[..., AbstractAsyncContextManager[Hub]]
Write: TypeAlias = Callable[..., Awaitable[None]]


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def db(app_db: DatabaseHandle) -> DatabaseHandle:
    return app_db


@pytest.fixture
async def admin(db: DatabaseHandle) -> AsyncIterator[Connection]:
    """An administrator's connection, autocommit."""
    async with await psycopg.AsyncConnection.connect(db.admin_url, autocommit=True) as conn:
        yield conn


@pytest.fixture
def make_reader(db: DatabaseHandle) -> Callable[[str], Reader]:
    """Make a reader by its kind: wal, listen, or auto."""

    def make(kind: str) -> Reader:
        if kind == "wal":
            return WalReader(db.replication_url)
        if kind == "listen":
            return ListenReader(db.database_url)
        return AutoReader(db.database_url, db.replication_url)

    return make


@asynccontextmanager
async def running(reader: Reader | None, database_url: str, **options: Any) -> AsyncIterator[Hub]:
    """Run a hub on a database, fed by a reader; wait until it reads."""
    database = Database(database_url)
    hub = Hub(PostgresLog(database), **options)
    try:
        async with anyio.create_task_group() as group:
            if reader is not None:
                group.start_soon(reader.run, hub)
                await until(lambda: reader.status.kind != "none")
            yield hub
            group.cancel_scope.cancel()
    finally:
        await database.close()


@pytest.fixture
def run_hub(db: DatabaseHandle) -> RunHub:
    """`async with run_hub(reader, ...) as hub`, on the test's database."""
    return lambda reader, **options: running(reader, db.database_url, **options)


async def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    """Wait until a condition holds."""
    with anyio.fail_after(seconds):
        while True:
            if condition():
                return
            await anyio.sleep(0.002)


async def until_rows(
    conn: Connection, query: str, *arguments: object, count: int = 1, seconds: float = 30
) -> list[Any]:
    """Wait until a query has so many rows; return them."""
    with anyio.fail_after(seconds):
        while True:
            found = await (await conn.execute(query.encode(), arguments or None)).fetchall()
            if len(found) >= count:
                return found
            await anyio.sleep(0.005)


async def take(subscription: AsyncIterator[Delta], count: int, seconds: float = 10) -> list[Delta]:
    """Take so many deltas."""
    with anyio.fail_after(seconds):
        return [await anext(subscription) for _ in range(count)]


async def write(
    conn: Connection, count: int, organization: str = "acme", prefix: str = "t"
) -> None:
    """Insert rows as a plain SQL writer, one transaction."""
    await conn.execute(INSERT, (prefix, organization, count))


async def whole_log(admin: Connection, organization: str = "acme") -> list[int]:
    """The ids that a subscriber from 0 must get."""
    query = "select sync_id from ablo.delta where organization_id = %s order by 1"
    return [row[0] for row in await (await admin.execute(query, (organization,))).fetchall()]


class Helpers:
    """The functions above, for tests (a conftest cannot be imported)."""

    running = staticmethod(running)
    until = staticmethod(until)
    until_rows = staticmethod(until_rows)
    take = staticmethod(take)
    write = staticmethod(write)
    whole_log = staticmethod(whole_log)


@pytest.fixture
def kit() -> type[Helpers]:
    return Helpers
