"""Sessions of a subscription: ended under it, and with it. Each test has a database of its own."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg
import pytest

from ablo_pg import AsyncAblo
from ablo_pg.testing import DatabaseHandle

from .test_client_subscriptions import ablo as ablo
from .test_client_subscriptions import reader as reader
from .test_client_subscriptions import take
from .test_client_subscriptions import transport as transport

pytestmark = pytest.mark.anyio


async def test_broken_connections_leave_no_gap(ablo: AsyncAblo, db: DatabaseHandle) -> None:
    """Every session of the client is ended, again and again, while changes flow."""
    titles = [str(n) for n in range(60)]

    async def write(admin: psycopg.AsyncConnection[Any]) -> None:
        for title in titles:
            if int(title) % 20 == 10:
                await admin.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity"
                    " where datname = current_database() and pid <> pg_backend_pid()"
                )
            await ablo.tasks.create({"title": title}, idempotency_key=f"k{title}")

    admin = await psycopg.AsyncConnection.connect(db.admin_url, autocommit=True)
    async with admin, ablo.tasks.subscribe() as changes, asyncio.TaskGroup() as group:
        group.create_task(write(admin))
        found = await take(changes, len(titles))
    assert [one.row.title for one in found] == titles


@pytest.mark.direct("the relay keeps connections of its own")
async def test_nothing_is_left_in_the_server(
    make_client: Any, db: DatabaseHandle, until: Any
) -> None:
    ablo = make_client()
    async with ablo.tasks.subscribe() as changes:
        await ablo.tasks.create({"title": "a"})
        await take(changes, 1)
    await ablo.close()
    with psycopg.connect(db.admin_url, autocommit=True) as conn:
        others = (
            "select from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
        )
        await until(lambda: conn.execute(others).fetchone() is None)
        slots = conn.execute(
            "select slot_name from pg_replication_slots where database = current_database()"
        ).fetchall()
    assert slots == []
