"""The way of a commit past psycopg's cursor: prepared once, and as safe as the cursor."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import psycopg
import pytest

from ablo_pg.db.pooled import Conn, PooledConnection
from ablo_pg.testing import DatabaseHandle

pytestmark = pytest.mark.anyio
PREPARED = "select name, statement from pg_prepared_statements"


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def conn(app_db: DatabaseHandle) -> AsyncIterator[Conn]:
    made: Conn = await PooledConnection.connect(app_db.database_url, autocommit=True)
    async with made:
        yield made


async def prepared(conn: Conn) -> dict[str, str]:
    return dict(await (await conn.execute(PREPARED)).fetchall())


async def test_a_statement_is_prepared_once(conn: Conn) -> None:
    for given in ("a", b"b", "ä", None):
        text = given.decode() if isinstance(given, bytes) else given
        found = await conn.value("select $1::text", given)
        assert found == (None if text is None else text.encode())
    assert await conn.value("select $1::int + $2::int", "1", "2") == b"3"
    texts = sorted((await prepared(conn)).values())
    assert texts == ["select $1::int + $2::int", "select $1::text"]


async def test_an_error_is_psycopgs_and_costs_nothing_else(conn: Conn) -> None:
    for _ in range(2):
        with pytest.raises(psycopg.errors.DivisionByZero):
            await conn.value("select 1 / $1::int", "0")
        with pytest.raises(psycopg.errors.UndefinedColumn):
            await conn.value("select missing")
        with pytest.raises(psycopg.DataError, match="NUL"):
            await conn.value("select $1::text", "a\0b")
    assert await conn.value("select 1 / $1::int", "1") == b"1"
    assert list((await prepared(conn)).values()) == ["select 1 / $1::int"]


async def test_a_broken_connection_is_an_operational_error(
    conn: Conn, app_db: DatabaseHandle
) -> None:
    with psycopg.connect(app_db.admin_url, autocommit=True) as admin:
        admin.execute("select pg_terminate_backend(%s, 5000)", [conn.info.backend_pid])
    for _ in range(2):
        with pytest.raises(psycopg.OperationalError):
            await conn.value("select 1")


async def test_a_cancelled_preparation_can_be_repeated(conn: Conn) -> None:
    """Whether it was prepared is unknown, so its name is not used again."""
    task = asyncio.create_task(conn.value("select $1::text", "a"))
    await asyncio.sleep(0)  # one turn: it has been sent, and waits
    assert conn.pgconn.transaction_status == psycopg.pq.TransactionStatus.ACTIVE
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await conn.value("select $1::text", "b") == b"b"


async def test_a_statement_is_prepared_again_after_a_rollback(conn: Conn) -> None:
    """psycopg deallocates every statement of the session then, once it has prepared any itself."""
    assert await conn.value("select $1::text", "a") == b"a"
    await conn.execute("select 1", prepare=True)
    with pytest.raises(psycopg.errors.DivisionByZero):
        async with conn.transaction():
            await conn.execute("select 1 / 0")
    assert await prepared(conn) == {}
    assert await conn.value("select $1::text", "b") == b"b"
    assert list((await prepared(conn)).values()) == ["select $1::text"]
