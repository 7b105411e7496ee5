"""Grants for a participant who may read a part of the rows only: nothing tells of the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from traceback import format_exception
from typing import Any

import pytest

from ablo_pg.changefeed import sight
from ablo_pg.changefeed.permissions import Permissions

from ..http.world import World
from ..sight_world import Folded, Sql, events_of, socket_of, until_equal_to
from .scene import scene

pytestmark = pytest.mark.anyio


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
    """A row that leaves the groups is removed, for every reader."""
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
