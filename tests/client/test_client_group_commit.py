"""Concurrent commits leave together, and each still gets what is its own."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import psycopg
import pytest

from ablo_pg import AbloError, AsyncAblo
from ablo_pg.db import group_commit, routines
from ablo_pg.db.pool import Database
from ablo_pg.db.routines import BatchItem
from ablo_pg.testing import DatabaseHandle

from .conftest import until_blocked
from .shared import own_organization, shared, shared_db, shared_relay  # noqa: F401 - fixtures

pytestmark = pytest.mark.anyio


@pytest.fixture
def flights(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many commits each statement to the server carried."""
    sizes: list[int] = []
    alone, batch = routines.commit, routines.commit_batch

    async def commit(*args: Any) -> bytes:
        sizes.append(1)
        return await alone(*args)

    async def commit_batch(conn: Any, organization: str, commits: list[Any]) -> Any:
        sizes.append(len(commits))
        return await batch(conn, organization, commits)

    monkeypatch.setattr(routines, "commit", commit)
    monkeypatch.setattr(routines, "commit_batch", commit_batch)
    return sizes


async def make(ablo: AsyncAblo, row_id: str, **options: Any) -> Any:
    operation = {"action": "create", "model": "tasks", "id": row_id, "data": {"title": row_id}}
    return await ablo.commits.create([operation], **options)


async def test_a_lone_commit_goes_at_once_and_alone(ablo: AsyncAblo, flights: list[int]) -> None:
    for n in range(3):
        await make(ablo, f"t{n}")
    assert flights == [1, 1, 1]


@pytest.mark.direct("looks at the statements of the client's own process")
async def test_commits_gather_while_one_is_out(ablo: AsyncAblo, flights: list[int]) -> None:
    receipts = await asyncio.gather(*(make(ablo, f"t{n}") for n in range(120)))
    assert flights == [1, 50, 50, 19]
    ids = [receipt.last_sync_id for receipt in receipts]
    assert len(set(ids)) == 120
    assert len(await ablo.tasks.list(limit=200)) == 120


@pytest.mark.direct("looks at the statements of the client's own process")
async def test_each_gets_its_own_receipt_or_error(ablo: AsyncAblo, flights: list[int]) -> None:
    await make(ablo, "t3")
    results = await asyncio.gather(
        *(make(ablo, f"t{n}", idempotency_key=f"k{n}") for n in range(8)), return_exceptions=True
    )
    for n, result in enumerate(results):
        if n == 3:
            assert isinstance(result, AbloError)
            assert (result.code, result.row_id) == ("unique_violation", "t3")
        else:
            assert result.client_tx_id == f"k{n}"
    assert flights == [1, 1, 7]


async def test_the_same_key_at_once_applies_once(ablo: AsyncAblo) -> None:
    receipts = await asyncio.gather(*(make(ablo, "t1", idempotency_key="k") for _ in range(50)))
    assert len(set(receipts)) == 1
    assert len(await ablo.tasks.list()) == 1


async def test_one_that_waits_for_a_row_leaves_the_batch(
    ablo: AsyncAblo, db: DatabaseHandle
) -> None:
    await make(ablo, "held")
    async with await psycopg.AsyncConnection.connect(db.admin_url) as conn:
        await conn.execute("select from tasks where id = 'held' for update")
        async with asyncio.TaskGroup() as tasks:
            others = [tasks.create_task(make(ablo, f"t{n}")) for n in range(20)]
            waiting = tasks.create_task(ablo.tasks.update("held", {"title": "later"}))
            more = [tasks.create_task(make(ablo, f"u{n}")) for n in range(20)]
            await asyncio.gather(*others, *more)
            assert not waiting.done()
            await conn.commit()
    assert waiting.result().title == "later"


async def test_lone_waiters_hold_up_nobody(ablo: AsyncAblo, db: DatabaseHandle) -> None:
    """More commits wait for a row than may wait alone; one that need not wait still lands."""
    await make(ablo, "held")
    async with await psycopg.AsyncConnection.connect(db.admin_url) as conn:
        await conn.execute("select from tasks where id = 'held' for update")
        async with asyncio.TaskGroup() as tasks:
            waiting = [
                tasks.create_task(ablo.tasks.update("held", {"count": n})) for n in range(12)
            ]
            await until_blocked(db, 5)  # half of a pool of 10: the others wait for their leave
            for n in range(5):
                await make(ablo, f"free{n}", timeout=30)
            assert not any(task.done() for task in waiting)
            await conn.commit()
    assert len(await ablo.tasks.list()) == 6


@pytest.mark.direct("looks at the statements of the client's own process")
async def test_a_cancelled_pilot_takes_nobody_down(
    ablo: AsyncAblo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The caller that flies the batch is cancelled in flight: the others still land, once."""
    out = asyncio.Event()
    batch = routines.commit_batch
    calls = 0

    async def commit_batch(*args: Any) -> Any:
        nonlocal calls
        calls += 1
        answers = await batch(*args)
        if calls == 1:
            out.set()
            await asyncio.Event().wait()
        return answers

    monkeypatch.setattr(routines, "commit_batch", commit_batch)
    tasks = [asyncio.create_task(make(ablo, f"t{n}")) for n in range(10)]
    await out.wait()
    tasks[1].cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(results[1], asyncio.CancelledError)
    assert not any(isinstance(one, BaseException) for one in results[:1] + results[2:])
    assert len(await ablo.tasks.list()) == 10


async def test_one_cancelled_in_the_queue_is_never_sent(
    ablo: AsyncAblo, db: DatabaseHandle
) -> None:
    tasks = [asyncio.create_task(make(ablo, f"t{n}")) for n in range(5)]
    await asyncio.sleep(0)
    tasks[3].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert sorted(row.id for row in await ablo.tasks.list()) == ["t0", "t1", "t2", "t4"]


async def test_random_cancellations_leave_the_gate_open(ablo: AsyncAblo) -> None:
    """However callers are cancelled, the next commit gets through and no lead is lost."""
    for wave in range(10):
        tasks = [asyncio.create_task(make(ablo, f"w{wave}-{n}")) for n in range(30)]
        for n in range(0, 30, 1 + wave % 4):
            asyncio.get_running_loop().call_later(0.0005 * n, tasks[n].cancel)
        await asyncio.gather(*tasks, return_exceptions=True)
        await make(ablo, f"after{wave}", timeout=30)


async def test_a_broken_connection_is_retried_under_the_same_key(
    ablo: AsyncAblo, db: DatabaseHandle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commit lands, the connection breaks before the answer: the retry gives its receipt."""
    commit = routines.commit
    broken = False

    async def break_after(conn: Any, *args: Any) -> bytes:
        nonlocal broken
        answer = await commit(conn, *args)
        if not broken:
            broken = True
            async with await psycopg.AsyncConnection.connect(db.admin_url) as admin:
                await admin.execute(
                    "select pg_terminate_backend(%s, 5000)", (conn.info.backend_pid,)
                )
            await conn.execute("select 1")
        return answer

    monkeypatch.setattr(routines, "commit", break_after)
    receipt = await make(ablo, "t1", idempotency_key="k")
    assert broken
    assert receipt.client_tx_id == "k"
    assert len(await ablo.tasks.list()) == 1


async def test_large_requests_travel_in_several_batches(
    ablo: AsyncAblo, flights: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_commit, "BATCH_BYTES", 1_500)
    await asyncio.gather(*(make(ablo, f"{n}".rjust(250, "x")) for n in range(10)))
    assert flights[0] == 1
    assert max(flights) == 2


def test_batch_items_leave_out_what_is_not_set() -> None:
    item = routines.BatchItem("agent:a", "k", msgspec.Raw(b'{"operations":[]}'))
    assert msgspec.json.encode(item) == (
        b'{"participant":"agent:a","key":"k","request":{"operations":[]}}'
    )


async def test_a_commit_that_ends_in_a_deadlock_is_sent_again(
    ablo: AsyncAblo, db: DatabaseHandle, flights: list[int]
) -> None:
    await make(ablo, "one")
    await make(ablo, "two")
    flights.clear()
    async with await psycopg.AsyncConnection.connect(db.admin_url) as conn:
        # The other side never looks for deadlocks, so that the commit is the one to be ended.
        await conn.execute("set deadlock_timeout = '60s'")
        await conn.execute("update tasks set title = 'sql' where id = 'one'")
        async with asyncio.TaskGroup() as tasks:
            crossing = tasks.create_task(
                ablo.commits.create(
                    [
                        {"action": "update", "model": "tasks", "id": row_id, "data": {"count": 1}}
                        for row_id in ("two", "one")
                    ]
                )
            )
            await until_blocked(db, 1)
            await conn.execute("update tasks set title = 'sql' where id = 'two'")
            await conn.commit()
    assert crossing.result().ops == 2
    assert flights == [1, 1]
    rows = await ablo.tasks.list()
    assert {(row.title, row.count) for row in rows} == {("sql", 1)}


@pytest.mark.parametrize("number", ["1e200000", '"\\u0000"', '"\\ud800"'])
async def test_one_that_spoils_the_statement_fails_alone(db: DatabaseHandle, number: str) -> None:
    """Postgres refuses the whole batch as JSON; each of its commits then goes on its own."""
    request = '{"operations": [{"action": "create", "model": "tasks", "id": "t%s", "data": %s}]}'
    bodies = [
        request % (n, f'{{"title": "t", "tags": [], "meta": {{"a": {number if n == 3 else n}}}}}')
        for n in range(8)
    ]
    database = Database(db.database_url)
    await database.open()
    try:
        commits = group_commit.GroupCommit(database, "acme")
        found = await asyncio.gather(
            *(
                commits.submit(BatchItem("agent:a", f"k{n}", msgspec.Raw(body.encode())))
                for n, body in enumerate(bodies)
            ),
            return_exceptions=True,
        )
    finally:
        await database.close()
    failed = [n for n, one in enumerate(found) if isinstance(one, BaseException)]
    assert failed == [3]
    assert isinstance(found[3], AbloError)
    assert found[3].http_status == 400
