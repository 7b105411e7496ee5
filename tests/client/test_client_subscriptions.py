"""Changes through a client: live, resumed, filtered, over WAL and over LISTEN."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import Any

import anyio
import psycopg
import pytest

from ablo_pg import AbloError, AbloValidationError, AsyncAblo, Change
from ablo_pg.testing import DatabaseHandle

from .shared import own_organization, shared, shared_db, shared_relay  # noqa: F401 - fixtures

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["wal", "listen", "relay"])
def reader(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture
def transport(reader: str) -> str:
    """Every reader that a client may have, each once."""
    return "relay" if reader == "relay" else "direct"


@pytest.fixture
def ablo(reader: str, make_client: Any) -> AsyncAblo:
    """A client on that reader."""
    client: AsyncAblo = make_client(**{"replication_url": None} if reader == "listen" else {})
    return client


async def take(changes: Any, count: int) -> list[Change[Any]]:
    with anyio.fail_after(30):
        return [await anext(changes) for _ in range(count)]


async def test_every_kind_of_change_arrives(ablo: AsyncAblo, schema: Any) -> None:
    async with ablo.tasks.subscribe() as changes:
        task = await ablo.tasks.create({"title": "a"}, id="t1")
        await ablo.tasks.update("t1", {"title": "b", "due_date": dt.datetime.now(dt.UTC)})
        await ablo.tasks.archive("t1")
        await ablo.tasks.unarchive("t1")
        gone = await ablo.tasks.delete("t1")
        found = await take(changes, 5)
        assert changes.cursor == gone.last_sync_id
    assert [one.op for one in found] == ["create", "update", "archive", "unarchive", "delete"]
    assert {(one.model, one.id, one.actor) for one in found} == {("tasks", "t1", "agent:triage")}
    assert found[0].row == task
    assert isinstance(found[0].row, schema.models["tasks"])
    assert {"title", "due_date"} <= set(found[1].changed)
    assert found[4].row is None
    assert [one.before and one.before.get("title") for one in found] == [None, "a", None, None, "b"]
    assert found[1].before == {
        "title": "a", "due_date": None, "updated_at": task.updated_at
    }  # fmt: skip
    assert found[3].row is not None
    assert found[4].before == dict(found[3].row)
    assert all(one.created_at.utcoffset() == dt.timedelta(0) for one in found)
    ids = [one.sync_id for one in found]
    assert ids == sorted(set(ids))
    assert found[4].cursor == gone.last_sync_id
    receipt = ablo.receipt(task)
    assert receipt is not None
    assert found[0].sync_id == receipt.last_sync_id


async def test_a_row_from_a_change_is_a_premise(ablo: AsyncAblo) -> None:
    async with ablo.tasks.subscribe() as changes:
        await ablo.tasks.create({"title": "a"}, id="t1")
        (change,) = await take(changes, 1)
    await ablo.tasks.update("t1", {"title": "b"}, reads=[change.row])  # type: ignore[list-item]
    with pytest.raises(AbloError, match="changed"):
        await ablo.tasks.update("t1", {"title": "c"}, reads=[change.row])  # type: ignore[list-item]


async def test_a_saved_cursor_resumes_without_gap_or_repeat(ablo: AsyncAblo) -> None:
    for n in range(10):
        await ablo.tasks.create({"title": str(n)})
    seen: list[str] = []
    cursor: int | None = 0
    for count in (3, 1, 4):
        async with ablo.tasks.subscribe(cursor=cursor) as changes:
            seen += [one.row.title for one in await take(changes, count)]
            cursor = changes.cursor
    async with ablo.tasks.subscribe(cursor=cursor) as changes:
        await ablo.tasks.create({"title": "10"})
        seen += [one.row.title for one in await take(changes, 3)]
    assert seen == [str(n) for n in range(11)]


async def test_all_models_or_some(ablo: AsyncAblo, schema: Any) -> None:
    everything = ablo.subscribe()
    projects = ablo.subscribe(models=[schema.models["projects"]])
    async with everything, projects:
        await ablo.tasks.create({"title": "a"}, id="t1")
        await ablo.projects.create({"name": "p"}, id="p1")
        assert [one.model for one in await take(everything, 2)] == ["tasks", "projects"]
        assert [one.id for one in await take(projects, 1)] == ["p1"]


async def test_sync_groups_narrow(ablo: AsyncAblo) -> None:
    await ablo.projects.create({"name": "p"}, id="p1")
    async with ablo.tasks.subscribe(groups=["projects:p1"]) as changes:
        await ablo.tasks.create({"title": "elsewhere"}, id="t0")
        await ablo.tasks.create({"title": "inside", "project_id": "p1"}, id="t1")
        assert [one.id for one in await take(changes, 1)] == ["t1"]


async def test_a_row_that_enters_a_group_does_not_say_there_what_it_was(ablo: AsyncAblo) -> None:
    for name in ("p1", "p2"):
        await ablo.projects.create({"name": name}, id=name)
    await ablo.tasks.create({"title": "there", "project_id": "p2"}, id="t1")
    async with ablo.tasks.subscribe(groups=["projects:p1"]) as changes:
        await ablo.tasks.update("t1", {"title": "here", "project_id": "p1"})
        await ablo.tasks.update("t1", {"title": "still here"})
        await ablo.tasks.update("t1", {"title": "back", "project_id": "p2"})
        found = await take(changes, 3)
    assert [one.op for one in found] == ["update", "update", "delete"]
    assert [one.before and one.before["title"] for one in found] == [None, "here", None]


async def test_other_organizations_are_not_seen(ablo: AsyncAblo, make_client: Any) -> None:
    other = make_client(organization="umbrella")
    async with ablo.tasks.subscribe() as changes:
        await other.tasks.create({"title": "canary"})
        await ablo.tasks.create({"title": "mine"})
        assert [one.row.title for one in await take(changes, 1)] == ["mine"]


async def test_plain_sql_is_seen(ablo: AsyncAblo, db: DatabaseHandle, organization: str) -> None:
    async with ablo.tasks.subscribe() as changes:
        async with await psycopg.AsyncConnection.connect(db.admin_url) as conn:
            await conn.execute(
                "insert into tasks (id, organization_id, title, status, count, urgent, tags)"
                " values ('t1', %s, 'by hand', 'todo', 0, false, '[]')",
                [organization],
            )
        (change,) = await take(changes, 1)
    assert (change.op, change.row.title) == ("create", "by hand")
    assert (change.actor or "").startswith("system:")


async def test_callbacks_get_every_change_in_order(ablo: AsyncAblo, until: Any) -> None:
    seen: list[str] = []
    done = asyncio.Event()

    def plain(change: Change[Any]) -> None:
        seen.append(change.row.title)
        if change.row.title == "1":
            raise ZeroDivisionError
        if change.row.title == "4":
            done.set()

    async def coroutine(change: Change[Any]) -> None:
        await asyncio.sleep(0)
        seen.append(f"async {change.row.title}")

    first = await ablo.tasks.on_change(plain)
    second = await ablo.on_change(coroutine)
    for n in range(5):
        last = await ablo.tasks.create({"title": str(n)})
    with anyio.fail_after(30):
        await done.wait()
    receipt = ablo.receipt(last)
    assert receipt is not None
    await until(lambda: second.cursor == receipt.last_sync_id)
    await first.close()
    await second.close()
    await second.close()
    await ablo.tasks.create({"title": "after"})
    assert [one for one in seen if "async" not in one] == list("01234")
    assert [one for one in seen if "async" in one] == [f"async {n}" for n in range(5)]


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"cursor": -1}, "cursor_invalid"),
        ({"cursor": "7"}, "cursor_invalid"),
        ({"cursor": True}, "cursor_invalid"),
        ({"cursor": 10**15}, "cursor_ahead"),
        ({"groups": "org:acme"}, "invalid_options"),
        ({"models": ["nothing"]}, "server_execute_unknown_model"),
    ],
)
async def test_bad_subscriptions_are_refused(
    ablo: AsyncAblo, options: dict[str, Any], code: str
) -> None:
    with pytest.raises(AbloValidationError) as caught:
        async with ablo.subscribe(**options):
            pass
    assert caught.value.code == code
    assert caught.value.remedy


async def test_closing_ends_who_waits(make_client: Any) -> None:
    ablo = make_client()
    subscriptions = [ablo.tasks.subscribe() for _ in range(2)]
    for one in subscriptions:
        await one.__aenter__()

    async def drain(changes: Any) -> int:
        return len([change async for change in changes])

    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        waiting = [group.create_task(drain(one)) for one in subscriptions]
        await asyncio.sleep(0)
        await subscriptions[0].aclose()
        await ablo.close()
    assert [one.result() for one in waiting] == [0, 0]


@pytest.mark.parametrize("way", ["subscribe", "live"])
async def test_tasks_that_share_one_take_turns(ablo: AsyncAblo, until: Any, way: str) -> None:
    taken: list[str] = []

    async def take(feed: Any) -> None:
        async for one in feed:
            taken.append(one.id)

    async with (
        asyncio.timeout(30),
        getattr(ablo.tasks, way)() as feed,
        asyncio.TaskGroup() as group,
    ):
        for _ in range(3):
            group.create_task(take(feed))
        for number in range(20):
            await ablo.tasks.create({"title": "x"}, id=f"t{number:02}")
        await until(lambda: len(taken) >= 20)
        await feed.aclose()
    assert sorted(taken) == [f"t{number:02}" for number in range(20)]


@pytest.mark.direct("is about a database's URL")
async def test_the_status_says_which_reader_runs(
    make_client: Any, db: DatabaseHandle, until: Any
) -> None:
    idle = make_client()
    assert idle.reader_status.kind == "none"
    for url, kind in ((db.replication_url, "wal"), (None, "listen")):
        ablo = make_client(replication_url=url)
        async with ablo.tasks.subscribe():
            await until(lambda ablo=ablo, kind=kind: ablo.reader_status.kind == kind)
        assert (ablo.reader_status.reason is None) == (kind == "wal")


@pytest.mark.direct("is about a database's URL")
async def test_an_unreachable_server_is_an_error_at_the_start(make_client: Any) -> None:
    ablo = make_client(database_url="postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(AbloError) as caught:
        await anext(ablo.tasks.subscribe())
    assert caught.value.code == "database_unreachable"
