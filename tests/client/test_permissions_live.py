"""Permissions on a client's own stream: what a reader sees as it happens, and after a push."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import anyio
import pytest

from ablo_pg import AsyncAblo, Change, Model, allow, define_schema
from ablo_pg.testing import DatabaseHandle, apply_schema

MakeAppDb = Callable[[Any], DatabaseHandle]
pytestmark = pytest.mark.anyio


class Task(Model):
    owner_id: str
    status: Literal["draft", "public"] = "draft"
    permissions = allow(read="owner_id = actor.user_id or status = 'public'")


class Closed(Task, table="tasks", typename="tasks"):
    permissions = allow(read="owner_id = actor.user_id")


SCHEMA = define_schema(tasks=Task)


@pytest.fixture
def handle(make_app_db: MakeAppDb) -> DatabaseHandle:
    return make_app_db(SCHEMA)


def client(handle: DatabaseHandle, participant: str) -> AsyncAblo:
    url = handle.database_url
    return AsyncAblo(schema=SCHEMA, organization="acme", participant=participant, database_url=url)


async def take(changes: Any, count: int) -> list[Change[Any]]:
    with anyio.fail_after(15):
        return [await anext(changes) for _ in range(count)]


async def test_a_stream_shows_what_its_reader_may_see(handle: DatabaseHandle) -> None:
    async with (
        client(handle, "user:ann") as ann,
        client(handle, "user:bob") as bob,
        bob.tasks.subscribe() as changes,
        bob.tasks.live() as live,
    ):
        await ann.tasks.create({"owner_id": "ann"}, id="t")
        await ann.tasks.update("t", {"status": "public"})
        (came,) = await take(changes, 1)
        assert (came.op, came.row.status, came.before) == ("update", "public", None)
        with anyio.fail_after(15):
            assert [step.kind for step in [await anext(live)]] == ["enter"]
        await ann.tasks.update("t", {"status": "draft"})
        (went,) = await take(changes, 1)
        assert (went.op, went.row, went.before) == ("delete", None, None)
        with anyio.fail_after(15):
            assert (await anext(live)).kind == "leave"
        history = await bob.tasks.history("t")
        assert [one.op for one in history] == ["delete", "update"]


async def test_a_push_limits_open_streams(handle: DatabaseHandle) -> None:
    """Within seconds: until then, changes are judged by what was pushed before."""
    async with (
        client(handle, "user:ann") as ann,
        client(handle, "user:bob") as bob,
        bob.tasks.subscribe() as changes,
    ):
        await ann.tasks.create({"owner_id": "ann", "status": "public"}, id="t")
        await take(changes, 1)
        apply_schema(handle.admin_url, define_schema(tasks=Closed))
        with anyio.fail_after(15):
            while True:
                await bob.tasks.create({"owner_id": "bob"}, id=f"own{anyio.current_time()}")
                await ann.tasks.update("t", {"status": "public"})
                await bob.tasks.create({"owner_id": "bob"}, id=f"end{anyio.current_time()}")
                shown = [one.id for one in await until_end(changes)]
                if "t" not in shown:
                    break
        assert len(shown) == 2


async def until_end(changes: Any) -> list[Change[Any]]:
    found: list[Change[Any]] = []
    while not found or not found[-1].id.startswith("end"):
        found += await take(changes, 1)
    return found
