"""A cut scope leaves nothing in the server. Each test has a database of its own to look at."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg
import pytest

from ablo_pg import AsyncAblo
from ablo_pg.testing import DatabaseHandle

from .test_client_scopes import CUTS, Cut

pytestmark = pytest.mark.anyio


@pytest.mark.direct("looks at the client's own connections")
@pytest.mark.parametrize("cut", CUTS)
async def test_a_cut_write_has_ended(
    make_client: Any, db: DatabaseHandle, until: Any, cut: Cut
) -> None:
    """It waited for the row; nothing of it is left that could commit later."""
    ablo = make_client(pool_max_size=1)
    await ablo.tasks.create({"title": "before"}, id="t")
    waits = asyncio.Event()
    blocked = "select from pg_stat_activity where %s = any (pg_blocking_pids(pid))"
    active = "select from pg_stat_activity where application_name = 'ablo_pg' and state <> 'idle'"
    with psycopg.connect(db.admin_url) as blocker:
        with psycopg.connect(db.admin_url, autocommit=True) as watcher:
            blocker.execute("select from tasks where id = 't' for update")

            async def watch() -> None:
                found = [blocker.info.backend_pid]
                await until(lambda: watcher.execute(blocked, found).fetchone() is not None)
                waits.set()

            async with asyncio.TaskGroup() as group:
                group.create_task(watch())
                await cut(lambda: ablo.tasks.update("t", {"title": "after"}), waits)
            mine = f"{active} and datname = current_database()"
            assert watcher.execute(mine).fetchone() is None
        blocker.rollback()
    assert (await ablo.tasks.retrieve("t")).title == "before"
    assert (await ablo.tasks.update("t", {"title": "then"})).title == "then"


@pytest.mark.parametrize("cut", CUTS)
async def test_a_client_closes_in_a_cut_scope(
    place: Any, schema: Any, db: DatabaseHandle, until: Any, cut: Cut
) -> None:
    """With its claim, its presence, its subscription and every connection."""
    began = asyncio.Event()

    async def program() -> None:
        async with AsyncAblo(schema=schema, timeout=10, **place("agent:program")) as ablo:
            await ablo.presence.set()
            await ablo.tasks.claim(id="t")
            await ablo.on_change(lambda change: None)
            began.set()
            await asyncio.Event().wait()

    await cut(program, began)
    left = """
        select application_name from pg_stat_activity
         where datname = current_database() and application_name like 'ablo_pg%'"""
    alive = "select from ablo.claim where status = 'active'"
    with psycopg.connect(db.admin_url, autocommit=True) as watcher:
        assert watcher.execute(alive).fetchone() is None
        if "database_url" in place("agent:program"):
            await until(lambda: watcher.execute(left).fetchall() == [])
