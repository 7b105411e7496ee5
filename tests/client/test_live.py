"""Live queries: equal to the database's own SELECT at every stamp, whatever happens."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterable
from typing import Any

import anyio
import anyio.to_thread
import psycopg
import pytest

from ablo_pg import Ablo, AbloValidationError, AsyncAblo, Live, LiveEvent
from ablo_pg.changefeed.window import Window
from ablo_pg.testing import DatabaseHandle

from .conftest import SCHEMA, MakeClient
from .relay_thread import RelayThread, make_key

pytestmark = pytest.mark.anyio

DAY = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def replayed(rows: list[Any], events: Iterable[LiveEvent[Any]]) -> list[Any]:
    """Apply events to a list, as a user interface does."""
    found = list(rows)
    for event in events:
        if event.kind == "enter":
            found.insert(event.index, event.row)
        elif event.kind == "update":
            assert found[event.index].id == event.id
            found[event.index] = event.row
        elif event.kind == "leave":
            assert found.pop(event.index).id == event.id
        else:
            (old,) = [n for n, row in enumerate(found) if row.id == event.id]
            del found[old]
            found.insert(event.index, event.row)
    return found


async def until_stamp(live: Live[Any], stamp: int) -> list[LiveEvent[Any]]:
    """Take what leads to a stamp; a change outside the result has no event, so it is applied."""
    found: list[LiveEvent[Any]] = []
    with anyio.fail_after(15):
        while (live.stamp or 0) < stamp:
            found += await live._result.advance()
    return found


async def test_rows_enter_change_move_and_leave(ablo: AsyncAblo) -> None:
    await ablo.tasks.create({"title": "b", "count": 2}, id="b")
    await ablo.tasks.create({"title": "d", "count": 4}, id="d")
    async with ablo.tasks.live({"status": "todo"}, order_by="count") as live:
        assert [row.id for row in live.rows] == ["b", "d"]
        assert live.rows == await ablo.tasks.list({"status": "todo"}, order_by="count")
        await ablo.tasks.create({"title": "c", "count": 3}, id="c")
        await ablo.tasks.update("b", {"title": "B"})
        await ablo.tasks.update("b", {"count": 5})
        await ablo.tasks.create({"title": "x", "status": "done"}, id="x")
        await ablo.tasks.update("d", {"status": "done"})
        await ablo.tasks.archive("c")
        await ablo.tasks.update("x", {"status": "todo"})
        last = await ablo.tasks.delete("b")
        seen = []
        async for event in live:
            seen.append((event.kind, event.id, event.index))
            if live.stamp == last.last_sync_id and not live._events:
                break
    assert [row.id for row in live.rows] == ["x"]
    if len(seen) > 4:  # not all were taken together
        assert set(seen) <= {
            ("enter", "c", 1), ("update", "b", 0), ("move", "b", 2), ("leave", "d", 1),
            ("leave", "c", 0), ("enter", "x", 0), ("leave", "b", 0), ("leave", "b", 1),
        }  # fmt: skip


async def test_a_window_refills_and_pushes_out(ablo: AsyncAblo) -> None:
    for n in range(5):
        await ablo.tasks.create({"title": f"t{n}", "count": n}, id=f"t{n}")
    async with ablo.tasks.live(order_by="-count", limit=2) as live:
        assert [row.id for row in live.rows] == ["t4", "t3"]
        await ablo.tasks.delete("t4")
        kinds = [(one.kind, one.id, one.index) for one in await live.batch()]
        assert kinds == [("leave", "t4", 0), ("enter", "t2", 1)]
        await ablo.tasks.create({"title": "new", "count": 9}, id="t9")
        kinds = [(one.kind, one.id, one.index) for one in await live.batch()]
        assert kinds == [("leave", "t2", 1), ("enter", "t9", 0)]
        await ablo.tasks.update("t9", {"count": 0})
        kinds = [(one.kind, one.id, one.index) for one in await live.batch()]
        assert kinds == [("leave", "t9", 0), ("enter", "t2", 1)]


async def sizes_until(live: Live[Any], stamp: int) -> set[int]:
    """Return how many rows were shown on the way to a stamp."""
    found: set[int] = set()
    with anyio.fail_after(15):
        while (live.stamp or 0) < stamp:
            await live._result.advance()
            found.add(len(live.rows))
    return found


async def test_one_commit_is_one_step(ablo: AsyncAblo) -> None:
    other = {"action": "create", "model": "projects", "data": {"name": "p"}}
    async with ablo.tasks.live(order_by="count", limit=3) as live:
        for n in range(20):
            made = [
                {"action": "create", "model": "tasks", "id": f"{n}-{m}", "data": {"title": "t"}}
                for m in range(3)
            ]
            receipt = await ablo.commits.create([*made, other])
            assert await sizes_until(live, receipt.last_sync_id - 1) == {3}
            assert [row.id for row in live.rows] == [f"{n}-{m}" for m in range(3)]
            gone = [{"action": "delete", "model": "tasks", "id": f"{n}-{m}"} for m in range(3)]
            receipt = await ablo.commits.create(gone)
            assert await sizes_until(live, receipt.last_sync_id) == {0}


async def test_a_transaction_that_is_larger_than_a_batch_is_one_step(
    ablo: AsyncAblo, db: DatabaseHandle
) -> None:
    async with ablo.tasks.live(order_by="count", limit=1000) as live:
        with psycopg.connect(db.admin_url, autocommit=True) as conn:
            conn.execute(
                "insert into tasks (id, organization_id, title, count)"
                " select n, 'acme', 't', n from generate_series(1, 1500) n"
            )
            page = await ablo.tasks.list(order_by="count", limit=1000)
            assert await sizes_until(live, page.stamp) <= {0, 1000}
            assert live.rows == page
            conn.execute("delete from tasks where count > 1")
            head = (await ablo.tasks.list(limit=1)).stamp
            assert await sizes_until(live, head) <= {1000, 1}
            assert [row.id for row in live.rows] == ["1"]


async def test_what_a_live_query_refuses(ablo: AsyncAblo) -> None:
    with pytest.raises(AbloValidationError, match=r"now\(\)") as refused:
        ablo.tasks.live("due_date < now() + interval '1 day'")
    assert (refused.value.code, refused.value.field) == ("invalid_request", "where")
    with pytest.raises(AbloValidationError, match="no field") as refused:
        ablo.tasks.live(order_by="nothing")
    assert refused.value.field == "nothing"
    with pytest.raises(AbloValidationError, match="limit") as refused:
        ablo.tasks.live(limit=0)
    assert refused.value.field == "limit"


async def test_it_starts_again_if_the_log_no_longer_reaches_back(
    ablo: AsyncAblo, db: DatabaseHandle
) -> None:
    await ablo.tasks.create({"title": "a", "count": 1}, id="a")
    async with ablo.tasks.live(order_by="count") as live:
        last = await ablo.tasks.create({"title": "b", "count": 2}, id="b")
        await until_stamp(live, ablo.receipt(last).last_sync_id)
        changes = live._source.changes
        assert changes is not None
        await changes._drop()
        changes._cursor = 10**15  # of a database that was restored to an earlier time
        await ablo.tasks.delete("a")
        assert [(one.kind, one.id) for one in await live.batch()] == [("leave", "a")]
        await ablo.tasks.create({"title": "c"}, id="c")
        assert [(one.kind, one.id) for one in await live.batch()] == [("enter", "c")]


def test_the_sync_twin_follows(sync_ablo: Ablo) -> None:
    with sync_ablo.tasks.live({"status": "todo"}, order_by="count") as live:
        sync_ablo.tasks.create({"title": "a"}, id="a")
        assert [(one.kind, one.id) for one in live.batch()] == [("enter", "a")]
        sync_ablo.tasks.create({"title": "b", "count": -1}, id="b")
        for event in live:
            assert (event.kind, event.id, event.index) == ("enter", "b", 0)
            break
        assert [row.id for row in live.rows] == ["b", "a"]
        assert live.rows == sync_ablo.tasks.list({"status": "todo"}, order_by="count")
    assert live.batch() == []


# The oracle.

QUERIES: list[dict[str, Any]] = [
    {"where": {"status": "todo"}, "order_by": "count", "limit": 5},
    {"where": "count > 3 or urgent", "order_by": ["-due_date", "title"], "limit": 4},
    {"where": "lower(title) like 't%' and price is not null", "order_by": "price", "limit": 1000},
    {"where": None, "order_by": ["urgent", "-score"], "limit": 7},
    {"where": {"status": ["todo", "doing"]}, "order_by": None, "limit": 1},
]


# So that plain SQL may store NaN and infinity, as in a table that was adopted.
UNBOUNDED = """
do $$ declare v record; begin
  for v in select conname from pg_constraint
            where conrelid = 'tasks'::regclass and conname like '%finite' loop
    execute format('alter table tasks drop constraint %I', v.conname);
  end loop;
end $$"""


# A change of a row that passes every filter, so that all stamps reach it.
LAST = """
insert into tasks (id, organization_id, title, count, urgent, price)
  values ('last', 'acme', 't', 9, true, 1)
on conflict (organization_id, id) do update set ref = gen_random_uuid()"""
APPLY = Window.apply


def some_data(rng: random.Random) -> dict[str, Any]:
    day = rng.choice([None, DAY + dt.timedelta(days=rng.randrange(3))])
    data: dict[str, Any] = {
        "title": rng.choice(["t1", "T2", "ä", "x"]), "count": rng.randrange(7),
        "status": rng.choice(["todo", "doing", "done"]), "urgent": rng.random() < 0.3,
        "price": rng.choice([None, "1.5", "1.50", "2"]), "score": rng.choice([None, 0.5, -1.0]),
        "due_date": day,
    }  # fmt: skip
    return {name: data[name] for name in data if name == "title" or rng.random() < 0.5}


def sql_change(rng: random.Random, ids: list[str]) -> tuple[str, list[Any]]:
    some = rng.sample(ids, 3)
    changes: list[tuple[str, list[Any]]] = [
        ("update tasks set count = (count + %s) %% 7 where id = any(%s)", [rng.randrange(7), some]),
        ("update tasks set status = %s where id = any(%s)",
         [rng.choice(["todo", "doing", "done"]), some]),
        ("delete from tasks where id = any(%s)", [some[:2]]),
        ("update tasks set urgent = not urgent, due_date = null where id = any(%s)", [some]),
        ("update tasks set archived_at = case when archived_at is null then now() end"
         " where id = any(%s)", [some[:1]]),
        ("update tasks set price = 'NaN', score = 'NaN' where id = any(%s)", [some[:1]]),
        ("update tasks set due_date = 'infinity' where id = any(%s)", [some[:1]]),
    ]  # fmt: skip
    return rng.choice(changes)


async def api_change(rng: random.Random, ablo: AsyncAblo, ids: list[str]) -> None:
    """One commit of several operations."""
    operations: list[dict[str, Any]] = []
    for row_id in rng.sample(ids, rng.randrange(1, 4)):
        action = rng.choice(["create", "update", "update", "delete"])
        there = await ablo.tasks.retrieve(row_id) is not None
        if (action == "create") == there:
            action = "update" if there else "create"
        one: dict[str, Any] = {"action": action, "model": "tasks", "id": row_id}
        operations.append(one if action == "delete" else one | {"data": some_data(rng)})
    await ablo.commits.create(operations)


async def cut_connections(admin: psycopg.AsyncConnection[Any]) -> None:
    """End every other connection of the database: readers, pools, walsenders."""
    await admin.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where datname = current_database() and pid <> pg_backend_pid()"
        " and backend_type in ('client backend', 'walsender')"
    )


def spelled(rows: list[Any]) -> list[str]:
    """Rows to compare: NaN is not equal to itself."""
    return [repr(row) for row in rows]


async def follow_random_writes(
    seed: int, ablo: AsyncAblo, others: list[AsyncAblo], db: DatabaseHandle, steps: int = 12
) -> None:
    """Write at random; after each step compare every live query with the database's list.

    In one step every connection is cut.
    """
    rng = random.Random(seed)
    ids = [f"id{n}" for n in range(12)]
    async with await psycopg.AsyncConnection.connect(db.admin_url, autocommit=True) as admin:
        await admin.execute(UNBOUNDED)
        lives = [ablo.tasks.live(**query) for query in QUERIES]
        for live in lives:
            await live.__aenter__()
        shown = [live.rows for live in lives]
        for step in range(steps):
            for _ in range(rng.choice([1, 1, 1, 5])):
                if rng.random() < 0.4:
                    statement, values = sql_change(rng, ids)
                    await admin.execute(statement.encode(), values)
                else:
                    await api_change(rng, rng.choice(others), ids)
            if step == steps // 2:
                await cut_connections(admin)
            await admin.execute(LAST)
            for n, (live, query) in enumerate(zip(lives, QUERIES, strict=True)):
                page = await others[0].tasks.list(**query)
                shown[n] = replayed(shown[n], await until_stamp(live, page.stamp))
                assert live.stamp == page.stamp
                assert spelled(live.rows) == spelled(page), (seed, step, query)
                assert spelled(shown[n]) == spelled(page), (seed, step, query)
        for live in lives:
            await live.aclose()


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.long)])
async def test_it_equals_the_database_after_random_writes(
    make_client: MakeClient, db: DatabaseHandle, seed: int
) -> None:
    others = [make_client(participant="user:ann"), make_client(participant="agent:b")]
    await follow_random_writes(seed, make_client(), others, db)


def ignores_refill(window: Any, changes: Any) -> Any:
    """A mutant: a window that has lost a row is left with a gap."""
    found = APPLY(window, changes)
    return [] if found is None else found


def judges_old_rows(window: Any, changes: Any) -> Any:
    """A mutant: a row belongs if it did before the change."""
    return APPLY(window, {name: window.rows.get(name, row) for name, row in changes.items()})


@pytest.mark.direct("the same window serves both")
@pytest.mark.parametrize("mutant", [ignores_refill, judges_old_rows])
async def test_the_oracle_catches_a_mutant(
    make_client: MakeClient, db: DatabaseHandle, monkeypatch: pytest.MonkeyPatch, mutant: Any
) -> None:
    monkeypatch.setattr(Window, "apply", mutant)
    ablo = make_client()
    with pytest.raises(AssertionError):
        await follow_random_writes(1, ablo, [ablo], db)


async def test_an_ordinary_change_reads_nothing_again(
    ablo: AsyncAblo, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with ablo.tasks.live({"status": "todo"}, order_by="count", limit=3) as live:
        reads: list[object] = []
        monkeypatch.setattr(live._source, "page", lambda: reads.append(1))
        for n in range(5):
            await ablo.tasks.create({"title": "t", "count": -n}, id=f"t{n}")
        await ablo.tasks.update("t4", {"title": "T"})
        await ablo.tasks.update("t4", {"count": -3})
        await ablo.tasks.update("t1", {"count": 7})  # behind the window
        await ablo.tasks.delete("t0")
        last = await ablo.tasks.update("t3", {"count": -9})
        await until_stamp(live, ablo.receipt(last).last_sync_id)
        assert [row.id for row in live.rows] == ["t3", "t4", "t2"]
        assert reads == []


async def test_a_window_that_no_answer_holds_is_refused(
    ablo: AsyncAblo, db: DatabaseHandle
) -> None:
    with psycopg.connect(db.admin_url, autocommit=True) as conn:
        conn.execute(
            "insert into tasks (id, organization_id, title)"
            " select n, 'acme', repeat('x', 1000000) from generate_series(1, 7) n"
        )
    live = ablo.tasks.live(limit=7)
    with pytest.raises(AbloValidationError) as refused:
        await live.__aenter__()
    assert (refused.value.code, refused.value.field) == ("response_too_large", "limit")
    async with ablo.tasks.live(limit=3) as live:
        assert [row.id for row in live.rows] == ["1", "2", "3"]


@pytest.mark.relay("the relay goes away")
async def test_it_is_current_after_every_reconnect(db: DatabaseHandle) -> None:
    """Also if the page must be read again, for a refill, while the relay is away."""
    direct: dict[str, Any] = {
        "database_url": db.database_url, "organization": "acme", "participant": "agent:w",
    }  # fmt: skip
    with RelayThread(db) as relay:
        options: dict[str, Any] = {"base_url": relay.url, "api_key": make_key(db)}
        async with (
            AsyncAblo(schema=SCHEMA, **direct) as writer,
            AsyncAblo(schema=SCHEMA, timeout=30, **options) as ablo,
        ):
            for n in range(6):
                await writer.tasks.create({"title": "t", "count": n}, id=f"t{n}")
            async with ablo.tasks.live(order_by="count", limit=2) as live:
                shown = live.rows
                for step in range(2):
                    await anyio.to_thread.run_sync(relay.stop)
                    gone = await writer.tasks.delete(f"t{step}")
                    async with anyio.create_task_group() as group:
                        group.start_soon(anyio.to_thread.run_sync, relay.start)
                        events = await until_stamp(live, gone.last_sync_id)
                    shown = replayed(shown, events)
                    page = await writer.tasks.list(order_by="count", limit=2)
                    assert live.rows == page == shown
