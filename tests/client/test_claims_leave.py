"""Leaving the line: cancellation, deadlines, depth, the end of one's own place; what is told."""

from __future__ import annotations

import asyncio
from typing import Any

import anyio
import anyio.lowlevel
import psycopg
import pytest

from ablo_pg import AbloClaimedError, AbloTimeoutError, AsyncAblo, ClaimStatus
from ablo_pg.testing import DatabaseHandle

from .asked import Answer, on_ask

pytestmark = pytest.mark.anyio


@pytest.fixture
def holder(make_client: Any) -> AsyncAblo:
    client: AsyncAblo = make_client(participant="agent:holder")
    return client


async def test_a_cancelled_waiter_leaves_the_line(
    make_client: Any, holder: AsyncAblo, until_line: Any
) -> None:
    first, second = (make_client(participant=f"agent:{n}") for n in range(2))
    got = anyio.Event()

    async def wait(client: AsyncAblo, scope: anyio.CancelScope) -> None:
        with scope:
            async with client.tasks.claim(id="t"):
                got.set()

    async with anyio.create_task_group() as group:
        claim = await holder.tasks.claim(id="t")
        impatient = anyio.CancelScope()
        group.start_soon(wait, first, impatient)
        await until_line(holder, "t", 1)
        group.start_soon(wait, second, anyio.CancelScope())
        await until_line(holder, "t", 2)
        impatient.cancel()
        await until_line(holder, "t", 1)
        assert not got.is_set()
        await claim.release()
        with anyio.fail_after(30):
            await got.wait()


async def test_cancelled_while_it_asks(ablo: AsyncAblo) -> None:
    """Whether the claim was made is not known then: it is given back by its id."""

    async def made_but_not_heard(body: Any, answer: Answer) -> Any:
        await answer()
        task.cancel()
        await anyio.sleep_forever()

    async def ask() -> None:
        await ablo.tasks.claim(id="t")

    on_ask(ablo, "claim_acquire", made_but_not_heard)
    task = asyncio.ensure_future(ask())
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await ablo.tasks.claim.state("t") is None


@pytest.mark.direct("looks at the client's own connections")
async def test_cancelled_while_the_database_is_at_it(
    ablo: AsyncAblo, db: DatabaseHandle, until: Any
) -> None:
    """The statement runs to its end, on a connection that lives, and its claim is given back."""
    async with ablo.tasks.claim(id="t"):
        pass
    pool = "select pid from pg_stat_activity where application_name = 'ablo_pg' and datname = %s"
    scope = anyio.CancelScope()

    async def ask() -> None:
        with scope:
            await ablo.tasks.claim(id="t")
        assert scope.cancelled_caught

    with (
        psycopg.connect(db.admin_url, autocommit=True) as watcher,
        psycopg.connect(db.admin_url) as blocker,
    ):
        blocker.execute("select from ablo.claim_target where row_id = 't' for update")
        found: list[tuple[Any, ...]] = []
        async with anyio.create_task_group() as group:
            group.start_soon(ask)
            blocked = f"{pool} and {blocker.info.backend_pid} = any (pg_blocking_pids(pid))"
            await until(lambda: found.extend(watcher.execute(blocked, [db.name])) or bool(found))  # type: ignore[func-returns-value]
            scope.cancel()
            await anyio.lowlevel.checkpoint()
            blocker.rollback()
        assert found[0] in watcher.execute(pool, [db.name]).fetchall()
        alive = "select count(*) from ablo.claim where status in ('active', 'queued')"
        assert watcher.execute(alive).fetchone() == (0,)


async def test_a_wait_has_a_deadline(ablo: AsyncAblo, holder: AsyncAblo) -> None:
    await ablo.tasks.list()  # connected: what is timed is the wait
    async with holder.tasks.claim(id="t", action="thinking"):
        with pytest.raises(AbloTimeoutError, match=r"agent:holder \(thinking\)") as caught:
            async with ablo.tasks.claim(id="t", timeout=1):
                pytest.fail("somebody else has it")
        assert caught.value.code == "grant_timeout"
        assert caught.value.details["blocked_by"][0].held_by == "agent:holder"
        assert await holder.tasks.claim.queue("t") == []


async def test_a_line_may_be_too_deep(
    ablo: AsyncAblo, make_client: Any, holder: AsyncAblo, until_line: Any
) -> None:
    async with anyio.create_task_group() as group:

        async def wait() -> None:
            async with make_client(participant="agent:first").tasks.claim(id="t"):
                pass

        async with holder.tasks.claim(id="t"):
            group.start_soon(wait)
            await until_line(holder, "t", 1)
            with pytest.raises(AbloClaimedError) as caught:
                await ablo.tasks.claim(id="t", max_queue_depth=1, timeout=5)
            assert caught.value.code == "queue_too_deep"
            assert caught.value.retryable
            assert len(await holder.tasks.claim.queue("t")) == 1
            assert await ablo.tasks.claim(id="t", queue=False) is None


async def test_on_status_tells_what_happens(
    make_client: Any, holder: AsyncAblo, db: DatabaseHandle, until_line: Any, until: Any
) -> None:
    seen: list[ClaimStatus] = []

    async def told(status: ClaimStatus) -> None:
        seen.append(status)

    first, second = (make_client(participant=f"agent:{n}") for n in range(2))

    async def wait() -> None:
        async with first.tasks.claim(id="t"):
            pass

    async with anyio.create_task_group() as group:
        held = await holder.tasks.claim(id="t")
        group.start_soon(wait)
        await until_line(holder, "t", 1)
        waiting = second.tasks.claim(id="t", on_status=told, ttl="1s")
        group.start_soon(waiting.__aenter__)
        await until_line(holder, "t", 2)
        await held.release()
        await until(lambda: bool(seen) and seen[-1].status == "held")
        with psycopg.connect(db.admin_url, autocommit=True) as conn:
            conn.execute("select ablo.claim_break('acme', 'user:boss', %s)", [seen[-1].claim_id])
        await until(lambda: seen[-1].status == "lost")
        await waiting.__aexit__()
    assert [one.status for one in seen[:1]] == ["queued"]
    assert seen[0].position == 1
    assert [one.held_by for one in seen[0].blocked_by] == ["agent:holder", "agent:0"]
    assert len({one.claim_id for one in seen}) == 1
    assert [one.status for one in seen[-2:]] == ["held", "lost"]


async def test_an_error_of_on_status_leaves_the_line(ablo: AsyncAblo, holder: AsyncAblo) -> None:
    def told(status: ClaimStatus) -> None:
        raise RuntimeError(status.status)

    async with holder.tasks.claim(id="t"):
        with pytest.raises(RuntimeError, match="queued"):
            await ablo.tasks.claim(id="t", on_status=told)
        assert await holder.tasks.claim.queue("t") == []


async def test_a_waiter_whose_claim_is_ended(
    ablo: AsyncAblo, holder: AsyncAblo, until_line: Any
) -> None:
    async with anyio.create_task_group() as group:

        async def wait() -> None:
            with pytest.raises(AbloClaimedError) as caught:
                await ablo.tasks.claim(id="t")
            assert caught.value.code == "claim_lost"
            ended.set()

        ended = anyio.Event()
        async with holder.tasks.claim(id="t"):
            group.start_soon(wait)
            await until_line(holder, "t", 1)
            assert await ablo.tasks.claim.release(id="t")  # its own participant, elsewhere
            with anyio.fail_after(30):
                await ended.wait()
