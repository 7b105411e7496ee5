"""A grant that is made or taken back widens or narrows the streams that are open, both ways.

So it does for a participant whom permissions of models let read a part of the rows only: what
streams show is what the key may list, and nothing tells of the other rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import anyio
import pytest

from ablo_pg import AsyncAblo, Schema
from ablo_pg.changefeed import subscription

from ..http.world import World
from ..sight_world import (
    PERMITTED,
    Folded,
    Sql,
    events_of,
    listed,
    socket_of,
    until_equal_to,
)
from .scene import Chance, scene

pytestmark = pytest.mark.anyio


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


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.long)])
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
    """A local copy, live queries and a subscription of the library."""
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
        other.tasks.live_aggregate(group_by="title") as counts,
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

        async def watch(followed: AsyncIterator[Any]) -> None:
            async for _ in followed:
                pass

        changes = other.tasks.subscribe()
        await changes.__aenter__()
        group.start_soon(follow)
        group.start_soon(watch, live)
        group.start_soon(watch, counts)

        async def same() -> dict[str, str]:
            return await until_equal(
                lambda: other.tasks.list(limit=500),
                lambda: {str(title): one.count for title, one in counts.value.items()},
                lambda: {row.id: row.title for row in ablo.tasks.local.list()},
                lambda: {row.id: row.title for row in live.rows},
                lambda: dict(titles),
            )

        for _ in range(5):
            for _ in range(8):
                await chance.step()
            await same()
        sql("delete from memberships")
        assert await same() == {}
        assert changed
        group.cancel_scope.cancel()


async def test_a_row_that_changes_as_it_comes_into_sight_has_no_past(
    world: World, sql: Sql, schema: Schema
) -> None:
    """What it was then was never shown: totals would take it away."""
    owner = await scene(world)
    await owner.create("boards", "b4", title="t", projectId="p1")
    key = world.key("acme", "user:ann", prefix="ek")
    grant = """
        insert into memberships (id, organization_id, role, user_id, project_id)
        values ('m1', 'acme', 'r', 'ann', 'p1')"""
    takes = "delete from memberships"
    async with (
        AsyncAblo(schema=schema, base_url=world.relay.url, api_key=key) as ablo,
        ablo.boards.subscribe() as changes,
        ablo.boards.live_aggregate(group_by="title") as counts,
    ):
        sql(f"do $$ begin {grant}; update boards set title = 'u' where id = 'b1';"
            " delete from boards where id = 'b4'; update boards set title = 'v' where id = 'b1';"
            " end $$")  # fmt: skip
        with anyio.fail_after(10):
            came = [await anext(changes) for _ in range(3)]
            assert [(one.id, one.op, one.before) for one in came[:2]] == [
                ("b1", "update", None), ("b4", "delete", None),
            ]  # fmt: skip
            assert came[2].before is not None
            assert {title: one.count for title, one in (await anext(counts)).items()} == {"v": 1}
            sql(f"do $$ begin {takes}; update boards set title = 'w' where id = 'b1'; end $$")
            gone = await anext(changes)
            assert (gone.id, gone.op, gone.before) == ("b1", "delete", None)
            assert await anext(counts) == {}


async def test_rows_that_leave_are_removed_though_groups_are_asked_for_again(
    world: World, sql: Sql
) -> None:
    """A socket that joins a group while removals wait has no rows left of what it has lost."""
    owner = await scene(world)
    await owner.create("memberships", "m1", userId="ann", projectId="p1")
    service = world.relay.service
    key = world.key("acme", "user:ann", prefix="ek")
    view = (await service.authenticator.authenticate(key)).view
    removed: set[tuple[str, str]] = set()
    async with service.hub.follow("acme", (view,)) as stream:
        sql("do $$ begin delete from memberships; update boards set title = 'u'; end $$")
        with anyio.fail_after(10):
            while len(removed) < 4:
                delta = await anext(stream)
                assert (delta.op, delta.row, delta.before) == ("D", None, None)
                removed.add((delta.model, delta.row_id))
                stream.regroup(tuple(stream.views))
    assert removed == {
        ("projects", "p1"), ("boards", "b1"), ("tasks", "t1"), ("memberships", "m1"),
    }  # fmt: skip


async def until_equal(
    list_them: Callable[[], Awaitable[Any]],
    counted: Callable[[], dict[str, int]],
    *copies: Callable[[], dict[str, str]],
) -> dict[str, str]:
    """Wait until every copy holds the rows that a list returns, and they are counted by title;
    return those."""
    rows: dict[str, str] = {}
    with anyio.move_on_after(10):
        while True:
            rows = {row.id: row.title for row in await list_them()}
            if counted() == Counter(rows.values()) and all(copy() == rows for copy in copies):
                return rows
            await anyio.sleep(0.05)
    assert [copy() for copy in copies] == [rows for _ in copies]
    assert counted() == Counter(rows.values())
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
