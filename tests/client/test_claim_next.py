"""claim_next: the first free row of a filter, for work to be done; each to one taker."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import psycopg
import pytest

from ablo_pg import Ablo, AbloError, AbloValidationError, AsyncAblo
from ablo_pg.testing import DatabaseHandle

from .conftest import MakeClient

pytestmark = pytest.mark.anyio
TODO = {"status": "todo"}


async def jobs(ablo: AsyncAblo, count: int) -> None:
    await ablo.commits.create(
        [
            {
                "action": "create",
                "model": "tasks",
                "id": f"t{n:03}",
                "data": {"title": "job", "count": n % 7},
            }
            for n in range(count)
        ]
    )


async def work(ablo: AsyncAblo, done: list[tuple[str, str]]) -> None:
    """Take jobs until there are none, and do each under its claim."""
    while (claim := await ablo.tasks.claim_next(TODO, order_by="-count")) is not None:
        async with claim:
            assert claim.data.status == "todo"
            done.append((claim.data.id, claim.id))
            await ablo.tasks.update(claim.data.id, {"status": "done", "score": 1.0})


async def test_each_row_goes_to_one_of_many_takers(
    ablo: AsyncAblo, make_client: MakeClient, db: DatabaseHandle
) -> None:
    """Two takers act as one participant: they exclude each other as well."""
    await jobs(ablo, 60)
    takers = [make_client(name) for name in ("agent:a", "agent:a", "agent:b", "user:ann")]
    done: list[tuple[str, str]] = []
    await asyncio.gather(*(work(one, done) for one in takers))
    assert len(done) == len({row for row, _ in done}) == 60
    assert len({claim for _, claim in done}) == 60
    with psycopg.connect(db.admin_url) as conn:
        query = (
            "select row_id, count(*) from ablo.delta where op = 'U' group by 1 having count(*) > 1"
        )
        assert conn.execute(query).fetchall() == []


@pytest.mark.direct("a routine of the kernel")
async def test_a_build_that_forgets_claims_is_caught(
    ablo: AsyncAblo, make_client: MakeClient, db: DatabaseHandle
) -> None:
    """Without the look for claims, a taker would return its participant's own claim."""
    with psycopg.connect(db.admin_url, autocommit=True) as conn:
        found = conn.execute(
            "select pg_get_functiondef(p.oid) from pg_proc p where p.proname = 'claim_next'"
        ).fetchone()
        assert found is not None
        body = found[0].replace("c.expires_at > clock_timestamp()", "false")
        body = body.replace("= v_request ->> 'claimId' then", "is not null then")
        conn.execute(body)
    await jobs(ablo, 2)
    first = await ablo.tasks.claim_next(TODO)
    second = await make_client().tasks.claim_next(TODO)
    assert first is not None
    assert second is not None
    assert first.id == second.id
    await first.release()


async def test_the_best_comes_first_and_what_is_not_free_is_passed_over(
    ablo: AsyncAblo, make_client: MakeClient
) -> None:
    other = make_client("agent:b")
    for n, (count, status) in enumerate([(1, "todo"), (5, "todo"), (9, "done"), (7, "todo")]):
        await ablo.tasks.create({"title": "x", "count": count, "status": status}, id=f"t{n}")
    async with other.tasks.claim(id="t3"):
        first = await taken(ablo.tasks.claim_next(TODO, order_by="-count", action="first"))
        assert (first.data.id, first.state.action) == ("t1", "first")
        second = await taken(other.tasks.claim_next(TODO, order_by="-count"))
        assert second.data.id == "t0"
        assert await ablo.tasks.claim_next(TODO) is None
        await other.tasks.update("t0", {"title": "mine"})
        await first.release()
        await second.release()
    async with await taken(ablo.tasks.claim_next("count > 6 and not urgent")) as claim:
        assert claim.data.id == "t2"
    await ablo.tasks.archive("t3")
    assert await ablo.tasks.claim_next({"count": {"gt": 6}, **TODO}) is None


async def taken(obtaining: Any) -> Any:
    claim = await obtaining
    assert claim is not None
    return claim


async def test_a_taker_waits_for_a_row(ablo: AsyncAblo, make_client: MakeClient) -> None:
    other = make_client("agent:b")
    began = time.monotonic()
    assert await ablo.tasks.claim_next(TODO, timeout=0.2) is None
    assert time.monotonic() - began < 10
    waiting = asyncio.create_task(ablo.tasks.claim_next(TODO, timeout=30))
    await asyncio.sleep(0)
    await other.tasks.create({"title": "x"}, id="t1")
    async with await taken(waiting) as claim:
        assert claim.data.id == "t1"
        released = asyncio.create_task(other.tasks.claim_next(TODO, timeout=30))
        await asyncio.sleep(0)
        assert not released.done()
    async with await taken(released) as claim:
        assert claim.data.id == "t1"
    # A filter that only the database can judge waits, too.
    by_case = asyncio.create_task(ablo.tasks.claim_next("lower(title) = 'xyz'", timeout=30))
    await other.tasks.update("t1", {"title": "XYZ"})
    async with await taken(by_case) as claim:
        assert claim.data.title == "XYZ"


async def test_a_wait_that_is_cancelled_holds_nothing(ablo: AsyncAblo, db: DatabaseHandle) -> None:
    waiting = asyncio.create_task(ablo.tasks.claim_next(TODO, timeout=30))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await ablo.tasks.create({"title": "x"})
    with psycopg.connect(db.admin_url) as conn:
        assert conn.execute("select count(*) from ablo.claim").fetchone() == (0,)
    async with await taken(ablo.tasks.claim_next()) as claim:
        assert claim.data.title == "x"


async def test_a_bad_filter_is_refused(ablo: AsyncAblo) -> None:
    for options in ({"where": "nope = 1"}, {"order_by": "nope"}, {"where": TODO, "ttl": "soon"}):
        with pytest.raises(AbloValidationError):
            await ablo.tasks.claim_next(**options)
    with pytest.raises(AbloError):
        await ablo.tasks.claim_next(TODO, timeout=-1)


def test_the_blocking_client_takes(sync_ablo: Ablo) -> None:
    sync_ablo.tasks.create({"title": "x"}, id="t1")
    claim = sync_ablo.tasks.claim_next(TODO)
    assert claim is not None
    with claim:
        assert claim.data.id == "t1"
        sync_ablo.tasks.update("t1", {"status": "done"})
    assert sync_ablo.tasks.claim_next(TODO) is None
