"""What a call asks of the event loop, counted: its time depends on the machine."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from ablo_pg import AsyncAblo
from ablo_pg.testing import DatabaseHandle

from .conftest import Until

pytestmark = pytest.mark.anyio
UPDATES = 10


@pytest.mark.direct("is about a database's connections")
async def test_a_lone_update_sets_one_timer_and_no_reader(
    ablo: AsyncAblo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its timer: the call's deadline. The connection keeps its reader from one to the next."""
    loop, counts = asyncio.get_running_loop(), Counter[str]()

    def counted(name: str) -> Callable[..., Any]:
        method = getattr(loop, name)

        def call(*args: Any, **options: Any) -> Any:
            counts[name] += 1
            return method(*args, **options)

        return call

    task = await ablo.tasks.create({"title": "a"})
    pool: Any = ablo._session.link._database._pool  # type: ignore[attr-defined]
    for name in ("add_reader", "call_at"):
        monkeypatch.setattr(loop, name, counted(name))
    acquired, caller = pool._lock.acquire, asyncio.current_task()

    def acquire() -> Any:
        if asyncio.current_task() is caller:  # and not a worker that adds a connection
            counts["lock"] += 1
        return acquired()

    monkeypatch.setattr(pool._lock, "acquire", acquire)
    for count in range(UPDATES):
        await ablo.tasks.update(task.id, {"count": count})
    monkeypatch.undo()
    assert counts["add_reader"] <= 5, counts  # of a worker that adds a connection
    assert UPDATES <= counts["call_at"] <= UPDATES + 5, counts
    assert counts["lock"] == 0, counts  # the pool had an idle connection


@pytest.mark.direct("is about a database's connections")
async def test_a_session_that_the_server_ends_leaves_no_reader(
    ablo: AsyncAblo, db: DatabaseHandle, until: Until
) -> None:
    """A socket at its end is always readable: a reader that stayed would keep the loop busy."""
    task = await ablo.tasks.create({"title": "a"})
    pool: Any = ablo._session.link._database._pool  # type: ignore[attr-defined]
    conn = pool._pool[0]
    assert conn._watched == conn.pgconn.socket
    with psycopg.connect(db.admin_url, autocommit=True) as admin:
        admin.execute("select pg_terminate_backend(%s)", [conn.info.backend_pid])
    await until(lambda: conn._watched is None)
    assert (await ablo.tasks.update(task.id, {"count": 1})).count == 1


@pytest.mark.direct("is about a database's connections")
async def test_a_request_larger_than_the_socket_takes_at_once_is_sent_whole(
    ablo: AsyncAblo,
) -> None:
    task = await ablo.tasks.create({"title": "a"})
    title = "long " * 200_000
    assert (await ablo.tasks.update(task.id, {"title": title})).title == title
    assert (await ablo.tasks.update(task.id, {"count": 1})).title == title
