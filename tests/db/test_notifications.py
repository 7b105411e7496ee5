"""One connection listens on every channel, comes back, says what may be missed, stays bounded."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import ExitStack
from typing import Any

import anyio
import anyio.lowlevel
import psycopg
import pytest

from ablo_pg.db.notifications import (
    CLAIMS,
    DELTAS,
    EVERYTHING,
    KEPT,
    KEYS,
    Listener,
    Notifications,
)
from ablo_pg.db.pooled import Conn, PooledConnection
from ablo_pg.testing import DatabaseHandle

pytestmark = pytest.mark.anyio
NAME = "ablo_pg test notifications"
PIDS = """select pid from pg_stat_activity
 where application_name = %s and datname = current_database()"""
HELD = """select 1 from pg_locks where locktype = 'advisory' and objsubid = 1 and granted
 and classid::bigint << 32 | objid::bigint = ablo.listen_key() and mode = 'ExclusiveLock'"""
Sql = Callable[..., list[Any]]
Statement = Callable[[Conn, str], Coroutine[Any, Any, Any]]


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def sql(app_db: DatabaseHandle) -> Iterator[Sql]:
    """Run a statement as an administrator; return its rows."""
    with psycopg.connect(app_db.admin_url, autocommit=True) as conn:

        def run(query: str, *args: Any) -> list[Any]:
            done = conn.execute(query.encode(), args)
            return done.fetchall() if done.description else []

        yield run


@pytest.fixture
async def shared(app_db: DatabaseHandle) -> AsyncIterator[Notifications]:
    made = Notifications(app_db.database_url, NAME)
    async with anyio.create_task_group() as group:
        group.start_soon(made.run)
        yield made
        group.cancel_scope.cancel()


async def took(listener: Listener) -> list[str]:
    with anyio.fail_after(30):
        return await listener.take()


async def until(condition: Callable[[], Any]) -> None:
    with anyio.fail_after(30):
        while True:
            if condition():
                return
            await anyio.sleep(0.005)


async def test_one_connection_serves_all_channels(shared: Notifications, sql: Sql) -> None:
    with shared.listen(KEYS) as keys, shared.listen(CLAIMS) as claims:
        assert await took(keys) == await took(claims) == [EVERYTHING]
        with shared.listen(CLAIMS) as late:
            assert await took(late) == [EVERYTHING]  # what was said before it listened
            sql("notify ablo_claim, 'c1'")
            assert await took(claims) == await took(late) == ["c1"]
        sql("notify ablo_claim, 'c2'")
        assert await took(claims) == ["c2"]
        sql("notify ablo_key, 'k1'")
        assert await took(keys) == ["k1"]
        assert await claims.take(0) == []
        assert len(sql(PIDS, NAME)) == 1
    await until(lambda: not sql(PIDS, NAME))


async def lose_connections(shared: Notifications, sql: Sql) -> None:
    """Check that every listener learns that it may have missed something, and goes on."""
    with shared.listen(KEYS) as keys, shared.listen(DELTAS) as deltas:
        assert await took(keys) == [EVERYTHING]
        await until(lambda: sql(HELD))
        await deltas.take(0)
        for _ in range(3):
            sql(f"select pg_terminate_backend(pid) from ({PIDS}) ours", NAME)
            assert await took(keys) == await took(deltas) == [EVERYTHING]
            sql("notify ablo_key, 'k'")
            assert await took(keys) == ["k"]


async def test_after_a_new_connection_everything_may_have_been_missed(
    shared: Notifications, sql: Sql
) -> None:
    await lose_connections(shared, sql)


async def test_the_check_catches_one_that_says_nothing_of_a_new_connection(
    shared: Notifications, sql: Sql, monkeypatch: pytest.MonkeyPatch
) -> None:
    said, connections = shared._said, 0

    def silent(name: str, payload: str) -> None:
        nonlocal connections
        connections += payload == EVERYTHING
        if payload != EVERYTHING or connections <= 2:
            said(name, payload)

    monkeypatch.setattr(shared, "_said", silent)
    with pytest.raises((AssertionError, TimeoutError)), anyio.fail_after(2):
        await lose_connections(shared, sql)


async def test_a_channel_holds_its_lock_as_long_as_it_is_listened_on(
    shared: Notifications, sql: Sql
) -> None:
    with shared.listen(KEYS) as keys:
        await took(keys)
        (before,) = sql(PIDS, NAME)
        for _ in range(2):
            with shared.listen(DELTAS):
                await until(lambda: sql(HELD))
            await until(lambda: not sql(HELD))
        assert sql(PIDS, NAME) == [before]


async def test_what_is_not_taken_is_bounded() -> None:
    listener = Listener()
    for number in range(KEPT):
        listener.put(str(number))
        listener.put("0")
    assert len(await listener.take()) == KEPT
    for number in range(3 * KEPT):
        listener.put(str(number))
        assert len(listener._payloads) <= KEPT
    assert EVERYTHING in await listener.take()
    assert await listener.take(0) == []


async def test_the_connection_is_lent_between_notifications(
    shared: Notifications, sql: Sql
) -> None:
    with shared.listen(KEYS) as keys:
        await took(keys)
        for _ in range(3):
            async with shared.connection() as conn:
                await conn.execute("notify ablo_key, 'meanwhile'")
                query = "select pid from pg_stat_activity where pid = pg_backend_pid()"
                assert await (await conn.execute(query)).fetchall() == sql(PIDS, NAME)
            assert await took(keys) == ["meanwhile"]
            sql("notify ablo_key, 'after'")
            assert await took(keys) == ["after"]


@pytest.fixture
def patient_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let psycopg look again after an hour, not after a second, if its socket is not reported."""
    wait = PooledConnection[Any].wait

    async def patient(conn: PooledConnection[Any], generator: Any) -> Any:
        return await wait(conn, generator, interval=3600)

    monkeypatch.setattr(PooledConnection, "wait", patient)


async def test_what_comes_with_an_answer_on_the_lent_connection_is_passed_on(
    shared: Notifications, sql: Sql
) -> None:
    with shared.listen(KEYS) as keys:
        await took(keys)
        for _ in range(3):
            async with shared.connection() as conn:
                sql("notify ablo_key, 'before'")  # stays in the socket until then
                await conn.answer("select pg_notify('ablo_key', 'own')")
            assert await took(keys) == ["before", "own"]
            sql("notify ablo_key, 'after'")
            assert await took(keys) == ["after"]


STATEMENTS = pytest.mark.parametrize(
    "statement", [PooledConnection.execute, PooledConnection.answer], ids=["execute", "answer"]
)


@STATEMENTS
@pytest.mark.usefixtures("patient_waits")
async def test_a_statement_keeps_its_socket_if_the_connection_was_lent_just_before(
    shared: Notifications, statement: Statement
) -> None:
    with shared.listen(KEYS) as keys, anyio.fail_after(10):
        await took(keys)
        for _ in range(3):
            async with shared.connection() as conn:
                await statement(conn, "select 1")


@STATEMENTS
@pytest.mark.usefixtures("patient_waits")
async def test_a_statement_keeps_its_socket_if_a_listener_comes(
    shared: Notifications, sql: Sql, statement: Statement
) -> None:
    sql("select pg_advisory_lock(1)")
    with shared.listen(KEYS) as keys, anyio.fail_after(10):
        await took(keys)
        with ExitStack() as late:
            async with shared.connection() as conn, anyio.create_task_group() as group:
                group.start_soon(statement, conn, "select pg_advisory_xact_lock(1)")
                await until(lambda: sql("select 1 from pg_locks where not granted and objid = 1"))
                claims = late.enter_context(shared.listen(CLAIMS))
                await anyio.lowlevel.checkpoint()  # the listening task has been woken
                sql("select pg_advisory_unlock(1)")
            assert await took(claims) == [EVERYTHING]


@pytest.mark.parametrize("statement", ["select pg_sleep(60)", "select 1 / 0"])
async def test_a_connection_on_which_work_fails_is_replaced(
    shared: Notifications, sql: Sql, statement: str
) -> None:
    with shared.listen(KEYS) as keys:
        await took(keys)
        before = sql(PIDS, NAME)
        with pytest.raises((TimeoutError, psycopg.Error)), anyio.fail_after(0.3):
            async with shared.connection() as conn:
                await conn.execute(statement.encode())
        assert await took(keys) == [EVERYTHING]
        sql("notify ablo_key, 'after'")
        assert await took(keys) == ["after"]
        await until(lambda: len(sql(PIDS, NAME)) == 1)
        assert before != sql(PIDS, NAME)


async def test_without_a_server_none_is_lent() -> None:
    nowhere = Notifications("postgresql://nobody@127.0.0.1:1/none", NAME)
    with nowhere.listen(KEYS) as keys:
        async with anyio.create_task_group() as group:
            group.start_soon(nowhere.run)
            assert await keys.take(0.1) == []
            with pytest.raises(TimeoutError), anyio.fail_after(0.1):
                async with nowhere.connection():
                    pass
            group.cancel_scope.cancel()
