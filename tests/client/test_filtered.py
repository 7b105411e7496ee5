"""`subscribe(where=)`: only changes of rows that pass, before or after, each with what it does."""

from __future__ import annotations

import random
from typing import Any

import anyio
import psycopg
import pytest

from ablo_pg import Ablo, AbloError, AsyncAblo, Change, Model, define_schema
from ablo_pg.changefeed.filters import Filter
from ablo_pg.testing import DatabaseHandle

from .conftest import MakeClient
from .test_client_subscriptions import take
from .test_live import UNBOUNDED, api_change, cut_connections, sql_change

pytestmark = pytest.mark.anyio


def told(changes: list[Change[Any]]) -> list[tuple[str | None, str, str]]:
    return [(one.event, one.op, one.id) for one in changes]


async def test_rows_enter_change_and_leave(ablo: AsyncAblo) -> None:
    await ablo.tasks.create({"title": "before"}, id="old")
    async with ablo.tasks.subscribe(where={"status": "todo"}) as changes:
        await ablo.tasks.create({"title": "a", "status": "done"}, id="a")
        await ablo.tasks.update("a", {"status": "todo"})
        await ablo.tasks.update("a", {"title": "b"})
        await ablo.tasks.update("a", {"status": "doing"})
        await ablo.tasks.update("a", {"title": "unseen"})
        await ablo.tasks.archive("old")
        await ablo.tasks.unarchive("old")
        await ablo.tasks.delete("old")
        found = await take(changes, 6)
    assert told(found) == [
        ("enter", "update", "a"),
        ("update", "update", "a"),
        ("leave", "update", "a"),
        ("leave", "archive", "old"),
        ("enter", "unarchive", "old"),
        ("leave", "delete", "old"),
    ]
    assert (found[2].row.status, (found[2].before or {})["status"]) == ("doing", "todo")


async def test_it_resumes_where_it_was(ablo: AsyncAblo) -> None:
    await ablo.tasks.create({"title": "a"}, id="a")
    async with ablo.tasks.subscribe(where="count > 1", cursor=0) as changes:
        await ablo.tasks.update("a", {"count": 2})
        (first,) = await take(changes, 1)
    await ablo.tasks.update("a", {"count": 1})
    await ablo.tasks.create({"title": "b", "count": 5}, id="b")
    async with ablo.tasks.subscribe(where="count > 1", cursor=first.cursor) as changes:
        assert told(await take(changes, 2)) == [
            ("leave", "update", "a"), ("enter", "create", "b"),
        ]  # fmt: skip


async def test_callbacks_take_a_filter(ablo: AsyncAblo) -> None:
    seen: list[Change[Any]] = []
    came = anyio.Event()

    def take_one(change: Change[Any]) -> None:
        seen.append(change)
        came.set()

    handle = await ablo.tasks.on_change(take_one, where={"urgent": True})
    await ablo.tasks.create({"title": "a"})
    await ablo.tasks.create({"title": "b", "urgent": True}, id="b")
    with anyio.fail_after(15):
        await came.wait()
    await handle.close()
    assert told(seen) == [("enter", "create", "b")]


def test_the_sync_twin_takes_a_filter(sync_ablo: Ablo) -> None:
    with sync_ablo.tasks.subscribe(where="count = 1") as changes:
        sync_ablo.tasks.create({"title": "a"})
        sync_ablo.tasks.create({"title": "b", "count": 1}, id="b")
        assert (next(changes).event, changes.cursor is not None) == ("enter", True)


@pytest.mark.parametrize(
    ("where", "code"),
    [
        ("lower(title) = 'a'", "invalid_request"),
        ("due_date > now()", "invalid_request"),
        ({"nothing": 1}, "query_invalid_identifier"),
    ],
)
async def test_what_only_the_database_can_judge_is_refused(
    ablo: AsyncAblo,
    where: Any,
    code: str,
) -> None:
    with pytest.raises(AbloError) as refused:
        async with ablo.tasks.subscribe(where=where):
            pass
    assert refused.value.code == code


class Lean(Model, table="tasks", typename="tasks", before=False):
    title: str


async def test_a_model_without_previous_values_is_refused(make_client: MakeClient) -> None:
    lean = make_client(schema=define_schema(tasks=Lean))
    with pytest.raises(AbloError, match="before=False"):
        lean.tasks.subscribe(where={"title": "a"})


async def test_subscribers_share_a_filter(ablo: AsyncAblo, monkeypatch: Any) -> None:
    """Each delta is judged once for all of them."""
    judged = 0
    passes = Filter._passes

    def counted(self: Filter, row: Any) -> bool:
        nonlocal judged
        judged += 1
        return passes(self, row)

    async with anyio.create_task_group() as group:
        lines = [ablo.tasks.subscribe(where="count > 3") for _ in range(20)]
        for each in lines:
            await each.__aenter__()
        monkeypatch.setattr(Filter, "_passes", counted)
        for n in range(10):
            await ablo.tasks.create({"title": "x", "count": n}, id=f"t{n}")
        for each in lines:
            group.start_soon(take, each, 6)
    # Once in the hub, and once more for each change that a subscriber takes.
    assert judged <= 10 + 20 * 6
    for each in lines:
        await each.aclose()


FILTERS: list[tuple[Any, str]] = [
    ({"status": "todo"}, "status = 'todo'"),
    ("count > 2 or urgent", "count > 2 or urgent"),
    ("price is not null and title like 't%'", "price is not null and title like 't%'"),
]


async def follow_all(client: AsyncAblo, db: DatabaseHandle, seed: int, steps: int) -> bool:
    """Keep sets of ids by events alone, under random writes and cuts; are they what SQL finds?"""
    rng = random.Random(seed)
    ids = [f"t{n}" for n in range(8)]
    async with await psycopg.AsyncConnection.connect(db.admin_url, autocommit=True) as admin:
        await admin.execute(UNBOUNDED.encode())
        lines = [(client.tasks.subscribe(where=where), set[str]()) for where, _ in FILTERS]
        for line, _ in lines:
            await line.__aenter__()
        for step in range(steps):
            if rng.random() < 0.5:
                statement, values = sql_change(rng, ids)
                await admin.execute(statement.encode(), values)
            else:
                await api_change(rng, client, ids)
            if step % 25 == 24:
                await cut_connections(admin)
        # One that passes every filter, and is told from all by its id.
        await admin.execute(
            "insert into tasks (id, organization_id, title, count, price)"
            " values ('zz', 'acme', 't', 9, 1)"
        )
        for (line, found), (_, condition) in zip(lines, FILTERS, strict=True):
            with anyio.fail_after(30):
                while "zz" not in found:
                    change = await anext(line)
                    (found.discard if change.event == "leave" else found.add)(change.id)
            rows = await admin.execute(
                f"select id from tasks where archived_at is null and ({condition})".encode()
            )
            if found != {row[0] for row in await rows.fetchall()}:
                return False
            await line.aclose()
    return True


@pytest.mark.timeout(120)
@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.long)])
async def test_events_alone_keep_the_set_of_rows(
    ablo: AsyncAblo,
    db: DatabaseHandle,
    seed: int,
) -> None:
    assert await follow_all(ablo, db, seed, 100)


@pytest.mark.direct("the code is the same")
@pytest.mark.timeout(120)
async def test_a_filter_that_forgets_what_was_is_caught(
    make_client: MakeClient, db: DatabaseHandle, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge = Filter.judge
    monkeypatch.setattr(Filter, "judge", lambda self, delta: (False, judge(self, delta)[1]))
    assert not await follow_all(make_client(), db, 1, 60)
