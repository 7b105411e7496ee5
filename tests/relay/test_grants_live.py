"""A grant that is made or taken back widens or narrows the streams that are open, both ways."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any

import anyio
import pytest

from ablo_pg import AsyncAblo
from ablo_pg.changefeed import subscription
from ablo_pg.cluster import Server
from ablo_pg.testing import DatabaseHandle, make_database

from .http.world import World, start_relay
from .sight_world import SCHEMA, Folded, Sql, events_of, listed, socket_of, until_equal_to

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
            await until_equal_to(each, ann)
            assert set(each.rows) == {
                ("projects", "p1"), ("boards", "b1"), ("tasks", "t1"), ("memberships", "m1"),
            }  # fmt: skip
        sql("update tasks set title = 'u' where id = 't1'")
        await until_equal_to(socket, ann)
        sql("delete from memberships where id = 'm1'")
        for each in (socket, events):
            await until_equal_to(each, ann)
            assert each.rows == {}
        removed = [one for one in socket.seen if one["actionType"] == "D"]
        assert all(one["data"] is None for one in removed)
        assert len(removed) == 4
    assert socket.ids == sorted(set(socket.ids))


async def test_a_stream_that_looks_only_when_it_connects_is_caught(
    world: World, sql: Sql, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mutant: what a key sees is fixed when its stream begins."""
    owner = await scene(world)
    key = world.key("acme", "user:ann", prefix="ek")
    ann, socket = await world.with_key(key), Folded()
    monkeypatch.setattr(subscription, "markers", lambda views: frozenset())
    async with socket_of(world, key, socket):
        await owner.create("memberships", "m1", userId="ann", projectId="p1")
        with pytest.raises(AssertionError, match="projects"):
            await until_equal_to(socket, ann, seconds=2)


class Chance:
    """Random writes, by psql and over HTTP: grants made, moved, archived and taken back; rows."""

    def __init__(self, seed: int, sql: Sql, owner: Any) -> None:
        self._random = random.Random(seed)
        self._sql = sql
        self._owner = owner
        self._number = 0

    async def step(self) -> None:
        """Make one write or a transaction of several."""
        pick = self._random.choice
        project, board, user = pick(PROJECTS), pick(BOARDS), pick(("ann", "ann", "bob"))
        self._number += 1
        new = f"n{self._number}"
        kind = self._random.choice([0, 1, 2, 3, 4, 5, 6, 8, 8, 9, 10, 11])
        if kind < 3:
            by = pick((self._grant_sql, self._grant_api))
            await by(f"m{new}", user, project)
        elif kind < 5:
            self._sql("delete from memberships where id = (select id from memberships"
                      " where user_id = %s order by random() limit 1)", user)  # fmt: skip
        elif kind == 5:
            self._sql("update memberships set project_id = %s, user_id = %s where id = (select id"
                      " from memberships order by random() limit 1)", project, user)  # fmt: skip
        elif kind == 6:
            self._sql("update memberships set archived_at = case when archived_at is null then"
                      " now() end, role = %s where id = (select id from memberships"
                      " order by random() limit 1)", new)  # fmt: skip
        elif kind == 8:
            self._sql("insert into tasks (id, organization_id, title, board_id)"
                      " values (%s, 'acme', 't', %s)", new, board)  # fmt: skip
            self._sql("update tasks set title = %s where id = %s", new, new)
        elif kind == 9:
            self._sql("update tasks set board_id = %s where id = (select id from tasks"
                      " order by random() limit 1)", board)  # fmt: skip
        elif kind == 10:
            self._sql("delete from tasks where id = (select id from tasks order by random()"
                      " limit 1)")  # fmt: skip
        else:
            self._sql(f"do $$ begin insert into tasks (id, organization_id, title, board_id) values"
                      f" ('{new}', 'acme', 'x', '{board}'); delete from memberships where user_id ="
                      f" 'ann'; insert into memberships (id, organization_id, role, user_id,"
                      f" project_id) values ('m{new}', 'acme', 'r', 'ann', '{project}');"
                      f" update tasks set title = 'y' where id = '{new}'; end $$")  # fmt: skip

    async def _grant_sql(self, row_id: str, user: str, project: str) -> None:
        self._sql("insert into memberships (id, organization_id, role, user_id, project_id)"
                  " values (%s, 'acme', 'r', %s, %s)", row_id, user, project)  # fmt: skip

    async def _grant_api(self, row_id: str, user: str, project: str) -> None:
        await self._owner.create("memberships", row_id, userId=user, projectId=project)


PROJECTS = ("p1", "p2", "p3")
BOARDS = ("b1", "b2", "b3")


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_streams_show_what_the_key_may_list(world: World, sql: Sql, seed: int) -> None:
    """Sockets, event streams, a narrowed key and one that comes back at a cursor, to the end."""
    owner = await scene(world)
    await owner.create("projects", "p3", name="three")
    await owner.create("boards", "b3", title="b", projectId="p3")
    keys = {"ann": world.key("acme", "user:ann", prefix="ek")}
    keys["narrow"] = world.key("acme", "user:ann", prefix="ek", syncGroups=["projects:p1"])
    keys["bob"] = world.key("acme", "user:bob", prefix="ek")
    apis = {name: await world.with_key(key) for name, key in keys.items()}
    folded = {(name, kind): Folded() for name in keys for kind in ("socket", "events")}
    back = Folded()  # a socket that is closed, and comes back at its cursor
    chance = Chance(seed, sql, owner)
    async with AsyncExitStack() as stack:
        for (name, kind), one in folded.items():
            follow = socket_of if kind == "socket" else events_of
            await stack.enter_async_context(follow(world, keys[name], one))
        for _ in range(4):
            async with socket_of(world, keys["ann"], back, resume(back)):
                for _ in range(12):
                    await chance.step()
                await until_equal_to(back, apis["ann"])
            for _ in range(6):
                await chance.step()
            for (name, _), one in folded.items():
                await until_equal_to(one, apis[name])
        async with socket_of(world, keys["ann"], back, resume(back)):
            await until_equal_to(back, apis["ann"])
    for one in (*folded.values(), back):
        assert one.ids == sorted(set(one.ids))


async def test_clients_of_a_relay_follow_their_grants(world: World, sql: Sql) -> None:
    """A local copy, a live query and a subscription of the library."""
    owner = await scene(world)
    await owner.create("projects", "p3", name="three")
    await owner.create("boards", "b3", title="b", projectId="p3")
    key = world.key("acme", "user:ann", prefix="ek")
    chance = Chance(7, sql, owner)
    changed: dict[str, Any] = {}
    titles: dict[str, str] = {}
    shared: dict[str, Any] = {"schema": SCHEMA, "base_url": world.relay.url, "api_key": key}
    async with (
        AsyncAblo(**shared, local=True) as ablo,
        AsyncAblo(**shared) as other,
        other.tasks.live(order_by="title", limit=500) as live,
        anyio.create_task_group() as group,
    ):
        await ablo.ready()

        async def follow() -> None:
            async for change in changes:
                changed[change.id] = change.row
                if change.row is None:
                    titles.pop(change.id, None)
                else:
                    titles[change.id] = change.row.title

        async def watch() -> None:
            async for _ in live:
                pass

        changes = other.tasks.subscribe()
        await changes.__aenter__()
        group.start_soon(follow)
        group.start_soon(watch)
        for _ in range(5):
            for _ in range(8):
                await chance.step()
            rows = await until_equal(
                lambda: other.tasks.list(limit=500),
                lambda: {row.id: row.title for row in ablo.tasks.local.list()},
                lambda: {row.id: row.title for row in live.rows},
                lambda: dict(titles),
            )
        sql("delete from memberships")
        rows = await until_equal(
            lambda: other.tasks.list(limit=500),
            lambda: {row.id: row.title for row in ablo.tasks.local.list()},
            lambda: {row.id: row.title for row in live.rows},
            lambda: dict(titles),
        )
        assert rows == {}
        assert changed
        group.cancel_scope.cancel()


async def until_equal(
    list_them: Callable[[], Awaitable[Any]], *copies: Callable[[], dict[str, str]]
) -> dict[str, str]:
    """Wait until every copy holds the rows that a list returns; return those."""
    rows: dict[str, str] = {}
    with anyio.move_on_after(10):
        while True:
            rows = {row.id: row.title for row in await list_them()}
            if all(copy() == rows for copy in copies):
                return rows
            await anyio.sleep(0.05)
    assert [copy() for copy in copies] == [rows for _ in copies]
    return rows


def resume(folded: Folded) -> str:
    """Return where a socket continues."""
    return f"&cursor={folded.ids[-1]}" if folded.ids else ""
