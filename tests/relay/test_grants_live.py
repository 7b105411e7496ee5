"""A grant that is made or taken back widens or narrows the streams that are open, both ways."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from ablo_pg.cluster import Server
from ablo_pg.testing import DatabaseHandle, make_database

from .http.world import World, start_relay
from .sight_world import SCHEMA, Folded, Sql, equal, events_of, listed, socket_of

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def db(cluster: Server) -> Iterator[DatabaseHandle]:
    with make_database(SCHEMA, server=cluster) as handle:
        yield handle


@pytest.fixture(params=["wal", "listen"])
async def world(db: DatabaseHandle, request: pytest.FixtureRequest) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        given: dict[str, Any] = {"requests_per_second": 1e6, "request_burst": 10**6}
        if request.param == "listen":
            given["replication_url"] = None
        relay = await start_relay(stack, db, **given)
        yield World(db, stack, relay)


@pytest.fixture
def sql(db: DatabaseHandle) -> Iterator[Sql]:
    made = Sql(db)
    made("delete from memberships; delete from tasks; delete from boards; delete from projects")
    yield made
    made.close()


async def scene(world: World) -> Any:
    owner = await world.api("acme", "system:owner")
    await owner.create("projects", "p1", name="one")
    await owner.create("projects", "p2", name="two")
    await owner.create("boards", "b1", title="b", projectId="p1")
    await owner.create("boards", "b2", title="b", projectId="p2")
    await owner.create("tasks", "t1", title="t", boardId="b1")
    await owner.create("tasks", "t2", title="t", boardId="b2")
    return owner


async def test_a_grant_shows_and_removes_rows(world: World, sql: Sql) -> None:
    owner = await scene(world)
    key = world.key("acme", "user:ann", prefix="ek")
    ann = await world.with_key(key)
    assert await listed(ann) == {}
    socket, events = Folded(), Folded()
    async with socket_of(world, key, socket), events_of(world, key, events):
        await owner.create("memberships", "m1", userId="ann", projectId="p1")
        for each in (socket, events):
            await equal(each, ann)
            assert set(each.rows) == {
                ("projects", "p1"), ("boards", "b1"), ("tasks", "t1"), ("memberships", "m1"),
            }  # fmt: skip
        assert (await owner("PATCH", "/api/v1/models/tasks/t1", {"data": {"title": "u"}})).is_success
        await equal(socket, ann)
        sql("delete from memberships where id = 'm1'")
        for each in (socket, events):
            await equal(each, ann)
            assert each.rows == {}
        removed = [one for one in socket.seen if one["actionType"] == "D"]
        assert all(one["data"] is None for one in removed)
        assert len(removed) == 4
    assert socket.ids == sorted(set(socket.ids))
