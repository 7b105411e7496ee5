"""What a client does about logins, lost connections, a spent pool and missing kernels."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from ablo_pg import (
    AbloAuthenticationError,
    AbloConflictError,
    AbloConnectionError,
    AbloPermissionError,
    AbloRateLimitError,
    AbloServerError,
    AbloTimeoutError,
    AbloValidationError,
    AsyncAblo,
    define_schema,
    model,
)
from ablo_pg.cluster import Server
from ablo_pg.db.pool import Database, PoolOptions
from ablo_pg.testing import DatabaseHandle

pytestmark = pytest.mark.anyio


async def test_ready_reports_the_kernel(ablo: AsyncAblo, schema: Any) -> None:
    status = await ablo.ready()
    assert status.ready
    assert status.drift == []
    assert status.schema is not None
    assert status.schema.hash == schema.hash
    assert status.wal_level == "logical"


@pytest.mark.direct("is about a database's URL")
async def test_a_superuser_is_refused(make_client: Any, db: DatabaseHandle) -> None:
    ablo = make_client(database_url=db.admin_url)
    for attempt in (ablo.ready, ablo.tasks.list):
        with pytest.raises(AbloPermissionError) as caught:
            await attempt()
        assert caught.value.code == "database_role_cannot_enforce_rls"
        assert "ablo-pg connect" in (caught.value.remedy or "")


@pytest.mark.direct("is about a database's URL")
async def test_a_server_that_is_not_there(make_client: Any) -> None:
    ablo = make_client(database_url="postgresql://nobody:secret@127.0.0.1:1/none")
    with pytest.raises(AbloConnectionError) as caught:
        await ablo.tasks.list()
    assert caught.value.code == "database_unreachable"
    assert "secret" not in str(caught.value)


@pytest.mark.direct("is about a database's URL")
async def test_a_wrong_database_is_named(make_client: Any, db: DatabaseHandle) -> None:
    ablo = make_client(database_url=db.database_url.replace(db.name, "no_such_database"))
    with pytest.raises(AbloConnectionError, match=r"cannot be reached|refused"):
        await ablo.ready()


@pytest.mark.direct("is about a database's URL")
async def test_a_database_without_kernel(make_client: Any, cluster: Server) -> None:
    name = cluster.create_database()
    try:
        ablo = make_client(database_url=cluster.url(name))
        with pytest.raises(AbloServerError) as caught:
            await ablo.ready()
        assert caught.value.code == "kernel_not_installed"
        await ablo.close()
    finally:
        cluster.drop_database(name)


async def test_altered_triggers_make_it_not_ready(ablo: AsyncAblo, db: DatabaseHandle) -> None:
    await ablo.ready()
    with psycopg.connect(db.admin_url, autocommit=True) as conn:
        conn.execute("alter table tasks disable trigger zz_ablo_capture")
    with pytest.raises(AbloServerError) as caught:
        await ablo.ready()
    assert caught.value.code == "kernel_checksum_mismatch"
    assert "zz_ablo_capture" in str(caught.value.details["drift"])


async def test_a_model_that_was_not_applied(
    make_client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    ghosts = define_schema(ghosts=model(name=str), tasks=model(title=str))
    ablo = make_client(schema=ghosts)
    assert (await ablo.ready()).schema.hash != ghosts.hash
    assert ghosts.hash in caplog.text
    for call in (ablo.ghosts.list, lambda: ablo.ghosts.create({"name": "x"})):
        with pytest.raises(AbloValidationError) as caught:
            await call()
        error = caught.value
        assert (error.code, error.model) == ("server_execute_unknown_model", "ghosts")
        assert error.remedy


@pytest.mark.direct("is about a database's URL")
async def test_a_database_without_schema(make_client: Any, make_app_db: Any) -> None:
    ablo = make_client(database_url=make_app_db(None).database_url)
    with pytest.raises(AbloConflictError) as caught:
        await ablo.ready()
    assert caught.value.code == "model_not_provisioned"
    await ablo.close()


@pytest.mark.direct("over a relay the key says who one is")
async def test_identity_is_checked_before_anything_connects(make_client: Any) -> None:
    for options in ({"organization": ""}, {"organization": None}, {"organization": "a\x00"}):
        with pytest.raises(AbloAuthenticationError):
            make_client(**options)
    for participant in (None, "", "robot:x", "agent:", "agent"):
        with pytest.raises(AbloValidationError) as caught:
            make_client(participant=participant)
        assert caught.value.code == "invalid_participant_kind"


@pytest.mark.direct("is about a database's URL")
async def test_the_environment_stands_in_for_the_url(
    make_client: Any, db: DatabaseHandle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    with pytest.raises(AbloValidationError, match="DATABASE_URL"):
        make_client(database_url=None)
    monkeypatch.setenv("DATABASE_URL", db.database_url)
    assert await make_client(database_url=None).tasks.list() == []


async def test_lost_connections_are_replaced(ablo: AsyncAblo, db: DatabaseHandle) -> None:
    await ablo.tasks.create({"title": "a"}, id="t1")
    await asyncio.gather(*(ablo.tasks.list() for _ in range(20)))
    with psycopg.connect(db.admin_url, autocommit=True) as conn:
        conn.execute(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
        )
    assert (await ablo.tasks.update("t1", {"title": "b"})).title == "b"
    assert [row.title for row in await ablo.tasks.list()] == ["b"]


async def test_a_spent_pool_says_so(db: DatabaseHandle) -> None:
    options = PoolOptions(min_size=1, max_size=1)
    database = Database(db.database_url, options)
    held = asyncio.Event()

    async def hold(conn: Any) -> None:
        held.set()
        await asyncio.Event().wait()

    async def nothing(conn: Any) -> None:
        return None

    holder = asyncio.create_task(database.run(hold))
    try:
        await held.wait()
        database.options = replace(options, acquire_timeout=0.2)  # from here on: connecting is slow
        with pytest.raises(AbloRateLimitError) as caught:
            await database.run(nothing)
        assert caught.value.code == "connection_limit_exceeded"
        assert caught.value.retryable
    finally:
        holder.cancel()
        await asyncio.gather(holder, return_exceptions=True)
        database.options = options
        await database.run(nothing)
        await database.close()


async def test_a_cancelled_read_gives_its_connection_back(
    make_client: Any, db: DatabaseHandle
) -> None:
    ablo = make_client(pool_max_size=1)
    await ablo.tasks.create({"title": "a"}, id="t1")
    with psycopg.connect(db.admin_url) as conn:
        conn.execute("lock table tasks in access exclusive mode")
        for _ in range(5):
            with pytest.raises(AbloTimeoutError):
                await ablo.tasks.retrieve("t1", timeout=0.1)
    assert (await ablo.tasks.retrieve("t1")).title == "a"


@pytest.mark.direct("looks into the client's pool")
async def test_the_identity_of_one_call_does_not_reach_the_next(
    make_client: Any, db: DatabaseHandle
) -> None:
    """Pooled connections carry no organization between statements."""
    ablo = make_client(pool_max_size=1)
    await ablo.tasks.create({"title": "a"})
    await ablo.tasks.list()
    seen = []

    async def look(conn: Any) -> None:
        for name in ("app.current_org_id", "app.current_participant_id"):
            cursor = await conn.execute("select current_setting(%s, true)", (name,))
            seen.append((await cursor.fetchone())[0])
        seen.append((await (await conn.execute("select count(*) from tasks")).fetchone())[0])

    await ablo._session.transport._database.run(look)
    assert [value or None for value in seen] == [None, None, None]


async def test_a_closed_client_says_so(ablo: AsyncAblo) -> None:
    await ablo.tasks.list()
    await ablo.close()
    await ablo.close()
    with pytest.raises(AbloValidationError, match="closed"):
        await ablo.tasks.list()


async def test_server_settings_of_the_session(db: DatabaseHandle) -> None:
    """A killed client's statement must not wait on: the server looks for it every 5 s."""
    database = Database(db.database_url)

    async def look(conn: Any) -> Any:
        cursor = await conn.execute("show client_connection_check_interval")
        return (await cursor.fetchone())[0]

    assert await database.run(look) == "5s"
    await database.close()


@pytest.mark.direct("is about a database's connections")
async def test_the_event_loop_rests_while_a_statement_runs(db: DatabaseHandle) -> None:
    """The pool waits on the socket: with psycopg's default of 0 s it polled the loop instead."""
    database = Database(db.database_url)
    loop, registered = asyncio.get_running_loop(), 0

    def count(*args: Any) -> None:
        nonlocal registered
        registered += 1
        add_reader(*args)

    try:
        await database.run(sleep, 0.0)  # the pool has opened
        add_reader, loop.add_reader = loop.add_reader, count  # type: ignore[assignment, method-assign]
        await database.run(sleep, 0.3)
    finally:
        loop.__dict__.pop("add_reader", None)
        await database.close()
    assert 1 <= registered <= 20  # was some thousands


async def sleep(conn: psycopg.AsyncConnection[Any], seconds: float) -> None:
    await conn.execute("select pg_sleep(%s)", [seconds])


async def test_calls_one_after_the_other_go_to_one_backend(db: DatabaseHandle) -> None:
    """A connection is back before its caller's next call, and is the next to be handed out."""
    database = Database(db.database_url, PoolOptions(min_size=3))

    async def backend(conn: Any) -> int:
        return int(conn.info.backend_pid)

    try:
        await asyncio.gather(*[database.run(backend) for _ in range(10)])
        assert len({await database.run(backend) for _ in range(20)}) == 1
    finally:
        await database.close()
