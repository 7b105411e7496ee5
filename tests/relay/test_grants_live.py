"""A grant that is made or taken back widens or narrows the streams that are open, both ways.

So it does for a participant whom permissions of models let read a part of the rows only: what
streams show is what the key may list, and nothing tells of the other rows.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from traceback import format_exception
from typing import Any

import anyio
import pytest

from ablo_pg import AsyncAblo, Schema
from ablo_pg.changefeed import sight, subscription
from ablo_pg.changefeed.permissions import Permissions
from ablo_pg.cluster import Server
from ablo_pg.testing import DatabaseHandle, make_database

from .http.world import World, start_relay
from .sight_world import (
    PERMITTED,
    SCHEMA,
    Folded,
    Sql,
    events_of,
    listed,
    socket_of,
    until_equal_to,
)

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module", params=["groups", "permissions"])
def schema(request: pytest.FixtureRequest) -> Schema:
    return PERMITTED if request.param == "permissions" else SCHEMA


@pytest.fixture(scope="module")
def db(cluster: Server, schema: Schema) -> Iterator[DatabaseHandle]:
    with make_database(schema, server=cluster) as handle:
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
    await owner.create("projects", "p3", name="three")
    await owner.create("boards", "b3", title="b", projectId="p3")
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


async def guarded_scene(world: World, sql: Sql) -> Any:
    """In each project a task of ann's, one of zoe's, and one that becomes zoe's."""
    owner = await scene(world)
    for number in (1, 2):
        board = f"b{number}"
        for name, whose in (("own", "ann"), ("zoe", "zoe"), ("gone", "ann")):
            title = f"canary of {whose}"
            await owner.create("tasks", f"{name}{number}", title=title, boardId=board, owner=whose)
        sql("update tasks set owner = 'zoe', title = 'secret' where id = %s", f"gone{number}")
    return owner


async def hidden_grant(owner: Any, sql: Sql) -> None:
    """Grant ann a project by a row that she may not read, change rows, and take it back."""
    await owner.create("memberships", "m1", userId="ann", projectId="p1", role="hidden")
    sql("update tasks set title = 'later' where id in ('own1', 'zoe1')")
    sql("delete from memberships where id = 'm1'")


MINE = {("projects", "p1"), ("boards", "b1"), ("tasks", "t1"), ("tasks", "own1")}
THEN = {("projects", "p2"), ("boards", "b2"), ("tasks", "t2"), ("tasks", "own2")}
THEN |= {("tasks", "end"), ("memberships", "m2")}


@pytest.mark.parametrize("schema", ["permissions"], indirect=True, scope="module")
async def test_a_grant_tells_of_no_row_that_may_not_be_read(world: World, sql: Sql) -> None:
    """Neither when it is given nor when it is taken back; the granting row itself is hidden."""
    await tell_of_no_other_row(world, sql)


async def tell_of_no_other_row(world: World, sql: Sql, seconds: float = 10) -> None:
    owner = await guarded_scene(world, sql)
    key = world.key("acme", "user:ann", prefix="ek")
    socket, events, late = Folded("ann"), Folded("ann"), Folded("ann")
    async with socket_of(world, key, socket), events_of(world, key, events):
        await owner.create("memberships", "m0", userId="ann", projectId="p1", role="hidden")
        ann = await world.with_key(key)
        for each in (socket, events):
            await until_equal_to(each, ann, seconds)
            assert set(each.rows) == MINE
        start = socket.ids[0] - 1
        sql("delete from memberships")
        for each in (socket, events):
            await until_equal_to(each, ann, seconds)
        await hidden_grant(owner, sql)
        await owner.create("tasks", "end", title="mine", boardId="b2", owner="ann")
        await owner.create("memberships", "m2", userId="ann", projectId="p2")
        for each in (socket, events):
            await until_equal_to(each, ann, seconds)
    async with socket_of(world, key, late, f"&cursor={start}"):
        await until_equal_to(late, ann, seconds)
    for each in (socket, events, late):
        assert each.wrong == []
        assert each.targets <= MINE | THEN
        said = repr(each.seen)
        assert "zoe" not in said
        assert "secret" not in said


@contextmanager
def reworded(sql: Sql, routine: str, words: str, others: str) -> Iterator[None]:
    """Replace words of a kernel routine in the test's database, and put them back."""
    change = """do $mutant$ declare
        v_is text := pg_get_functiondef('ablo.{}'::regproc);
        v_will text := replace(v_is, $a${}$a$, $a${}$a$);
      begin assert v_is <> v_will; execute v_will; end $mutant$"""
    sql(change.format(routine, words, others))
    try:
        yield
    finally:
        sql(change.format(routine, others, words))


@contextmanager
def sight_that_ignores_permissions(sql: Sql, patch: pytest.MonkeyPatch) -> Iterator[None]:
    """The kernel hands over rows whatever their model limits."""
    limits = "v_model.definition ->> 'readsFunction' is null then"
    with reworded(sql, "sight_rows", limits, "true then"):
        yield


@contextmanager
def removals_that_ignore_permissions(sql: Sql, patch: pytest.MonkeyPatch) -> Iterator[None]:
    """What leaves the groups is removed, whoever might read it."""
    patch.setattr(Permissions, "had", lambda *_: True)
    yield


@contextmanager
def permissions_that_ignore_steps(sql: Sql, patch: pytest.MonkeyPatch) -> Iterator[None]:
    """Rows of a model that limits reading come and go by their own changes only."""
    patch.setattr(
        sight,
        "_showing",
        lambda views, row: [
            view for view in views if view.sees(row.model, row.groups) and row.readers is None
        ],
    )
    yield


@pytest.mark.parametrize("schema", ["permissions"], indirect=True, scope="module")
@pytest.mark.parametrize(
    ("mutant", "shown"),
    [
        (sight_that_ignores_permissions, "canary of zoe"),
        (removals_that_ignore_permissions, "('memberships', 'm0')"),
        (permissions_that_ignore_steps, "canary of ann"),
    ],
)
async def test_a_stream_that_keeps_sight_and_permissions_apart_is_caught(
    world: World,
    sql: Sql,
    monkeypatch: pytest.MonkeyPatch,
    mutant: Callable[..., Any],
    shown: str,
) -> None:
    with mutant(sql, monkeypatch), pytest.raises((AssertionError, ExceptionGroup)) as caught:
        await tell_of_no_other_row(world, sql, seconds=2)
    assert shown in "".join(format_exception(caught.value))


class Chance:
    """Random writes, by psql and over HTTP: grants made, moved, hidden, archived and taken back;
    rows, and whose they are."""

    def __init__(self, seed: int, sql: Sql, owner: Any) -> None:
        self._random = random.Random(seed)
        self._sql = sql
        self._owner = owner
        self._number = 0

    async def step(self) -> None:
        """Make one write or a transaction of several."""
        pick = self._random.choice
        project, board, user = pick(PROJECTS), pick(BOARDS), pick(("ann", "ann", "bob"))
        whose, role = pick(("ann", "bob", "zoe", None)), pick(("r", "hidden"))
        self._number += 1
        new = f"n{self._number}"
        kind = self._random.choice([0, 1, 2, 3, 4, 5, 6, 7, 8, 8, 9, 10, 11])
        if kind < 3:
            by = pick((self._grant_sql, self._grant_api))
            await by(f"m{new}", user, project, role)
        elif kind < 5:
            self._sql("delete from memberships where id = (select id from memberships"
                      " where user_id = %s order by random() limit 1)", user)  # fmt: skip
        elif kind == 5:
            self._sql("update memberships set project_id = %s, user_id = %s where id = (select id"
                      " from memberships order by random() limit 1)", project, user)  # fmt: skip
        elif kind == 6:
            self._sql("update memberships set archived_at = case when archived_at is null then"
                      " now() end, role = %s where id = (select id from memberships"
                      " order by random() limit 1)", role)  # fmt: skip
        elif kind == 7:
            self._sql("update tasks set owner = %s where id = (select id from tasks"
                      " order by random() limit 1)", whose)  # fmt: skip
        elif kind == 8:
            self._sql("insert into tasks (id, organization_id, title, board_id, owner)"
                      " values (%s, 'acme', 't', %s, %s)", new, board, whose)  # fmt: skip
            self._sql("update tasks set title = %s where id = %s", new, new)
        elif kind == 9:
            self._sql("update tasks set board_id = %s where id = (select id from tasks"
                      " order by random() limit 1)", board)  # fmt: skip
        elif kind == 10:
            self._sql("delete from tasks where id = (select id from tasks order by random()"
                      " limit 1)")  # fmt: skip
        else:
            owner = "null" if whose is None else f"'{whose}'"
            self._sql(f"do $$ begin insert into tasks (id, organization_id, title, board_id, owner)"
                      f" values ('{new}', 'acme', 'x', '{board}', {owner}); delete from memberships"
                      f" where user_id = 'ann'; insert into memberships (id, organization_id, role,"
                      f" user_id, project_id) values ('m{new}', 'acme', '{role}', 'ann',"
                      f" '{project}'); update tasks set title = 'y' where id = '{new}' or"
                      f" board_id = '{board}'; end $$")  # fmt: skip

    async def _grant_sql(self, row_id: str, user: str, project: str, role: str) -> None:
        self._sql("insert into memberships (id, organization_id, role, user_id, project_id)"
                  " values (%s, 'acme', %s, %s, %s)", row_id, role, user, project)  # fmt: skip

    async def _grant_api(self, row_id: str, user: str, project: str, role: str) -> None:
        await self._owner.create("memberships", row_id, userId=user, projectId=project, role=role)


PROJECTS = ("p1", "p2", "p3")
BOARDS = ("b1", "b2", "b3")


@pytest.mark.parametrize("seed", [1, 2])
async def test_streams_show_what_the_key_may_list(
    world: World, sql: Sql, schema: Schema, seed: int
) -> None:
    """Sockets, event streams, a narrowed key and such as come back at a cursor, to the end."""
    owner = await scene(world)
    keys = {"ann": world.key("acme", "user:ann", prefix="ek")}
    keys["narrow"] = world.key("acme", "user:ann", prefix="ek", syncGroups=["projects:p1"])
    keys["bob"] = world.key("acme", "user:bob", prefix="ek")
    apis = {name: await world.with_key(key) for name, key in keys.items()}
    limits = schema is PERMITTED
    who = {name: (name if name == "bob" else "ann") if limits else "" for name in keys}
    folded = {(name, kind): Folded(who[name]) for name in keys for kind in ("socket", "events")}
    back = {each: Folded(who["ann"]) for each in (socket_of, events_of)}  # closed, and come back
    chance = Chance(seed, sql, owner)
    async with AsyncExitStack() as stack:
        for (name, kind), one in folded.items():
            follow = socket_of if kind == "socket" else events_of
            await stack.enter_async_context(follow(world, keys[name], one))
        for _ in range(4):
            async with again(world, keys["ann"], back):
                for _ in range(12):
                    await chance.step()
                for one in back.values():
                    await until_equal_to(one, apis["ann"])
            for _ in range(6):
                await chance.step()
            for (name, _), one in folded.items():
                await until_equal_to(one, apis[name])
        async with again(world, keys["ann"], back):
            for one in back.values():
                await until_equal_to(one, apis["ann"])
    for one in (*folded.values(), *back.values()):
        assert one.ids == sorted(set(one.ids))
        assert one.wrong == []
        assert not one.user or one.targets <= sql.once_readable(one.user)


async def test_clients_of_a_relay_follow_their_grants(
    world: World, sql: Sql, schema: Schema
) -> None:
    """A local copy, a live query and a subscription of the library."""
    owner = await scene(world)
    key = world.key("acme", "user:ann", prefix="ek")
    chance = Chance(7, sql, owner)
    changed: dict[str, Any] = {}
    titles: dict[str, str] = {}
    shared: dict[str, Any] = {"schema": schema, "base_url": world.relay.url, "api_key": key}
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


@asynccontextmanager
async def again(world: World, key: str, copies: dict[Any, Folded]) -> AsyncIterator[None]:
    """Follow where each copy ended."""
    async with AsyncExitStack() as stack:
        for follow, one in copies.items():
            at = f"cursor={one.ids[-1]}" if one.ids else ""
            mark = "&" if follow is socket_of else "?"
            await stack.enter_async_context(follow(world, key, one, mark + at if at else ""))
        yield
