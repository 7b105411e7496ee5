"""Calls inside the scopes of either library: a program's own groups and deadlines."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import pytest

from ablo_pg import AbloError, AbloTimeoutError, AsyncAblo
from ablo_pg.db.waits import occurs

from .asked import Answer, on_ask
from .shared import own_organization, shared, shared_db, shared_relay  # noqa: F401 - fixtures

Work = Callable[[], Awaitable[object]]
Cut = Callable[[Work, asyncio.Event], Awaitable[None]]
pytestmark = pytest.mark.anyio


class BrokenError(Exception):
    """What ends a group."""


class Slow:
    """Requests of that name are on their way for a while. Nothing recalls them."""

    def __init__(self, client: AsyncAblo, name: str) -> None:
        self.sent = asyncio.Event()
        self._hurry = asyncio.Event()
        self._travelling: list[asyncio.Future[Any]] = []
        on_ask(client, name, self._travel)

    async def _travel(self, body: Any, answer: Answer) -> Any:
        async def arrive() -> Any:
            await occurs(self._hurry, 0.2)
            return await answer()

        self._travelling.append(asyncio.ensure_future(arrive()))
        self.sent.set()
        return await asyncio.shield(self._travelling[-1])

    async def arrive(self) -> None:
        """Let them arrive now, if they have not."""
        self._hurry.set()
        await asyncio.gather(*self._travelling)


async def by_scope(work: Work, when: asyncio.Event) -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(work)  # type: ignore[arg-type]
        await when.wait()
        group.cancel_scope.cancel()


async def by_sibling(work: Work, when: asyncio.Event) -> None:
    async def fail() -> None:
        await when.wait()
        raise BrokenError

    try:
        async with anyio.create_task_group() as group:
            group.start_soon(work)  # type: ignore[arg-type]
            group.start_soon(fail)
    except* BrokenError:
        pass
    else:
        pytest.fail("the group has ended")


async def by_asyncio_sibling(work: Work, when: asyncio.Event) -> None:
    async def fail() -> None:
        await when.wait()
        raise BrokenError

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(fail())
            await work()
    except* BrokenError:
        pass
    else:
        pytest.fail("the group has ended")


async def by_timeout(work: Work, when: asyncio.Event) -> None:
    async def expire(limit: asyncio.Timeout) -> None:
        await when.wait()
        limit.reschedule(0)

    async with asyncio.TaskGroup() as group:
        try:
            async with asyncio.timeout(None) as limit:
                group.create_task(expire(limit))
                await work()
        except TimeoutError:
            return
        pytest.fail("it has expired")


async def by_deadline(work: Work, when: asyncio.Event) -> None:
    async def expire(scope: anyio.CancelScope) -> None:
        await when.wait()
        scope.deadline = anyio.current_time()

    async with anyio.create_task_group() as group:
        with anyio.CancelScope() as scope:
            group.start_soon(expire, scope)
            await work()
        assert scope.cancelled_caught


CUTS = [by_scope, by_sibling, by_asyncio_sibling, by_timeout, by_deadline]


def cancelling() -> int:
    task = asyncio.current_task()
    return 0 if task is None else task.cancelling()


@pytest.mark.parametrize("cut", CUTS)
async def test_a_cut_waiter_has_left_the_queue(make_client: Any, until_line: Any, cut: Cut) -> None:
    holder, waiter = make_client(participant="agent:holder"), make_client()
    waits = asyncio.Event()
    async with holder.tasks.claim(id="t"):
        before = cancelling()
        await cut(
            lambda: waiter.tasks.claim(id="t", on_status=lambda _: waits.set()).__aenter__(), waits
        )
        assert cancelling() == before
        assert await holder.tasks.claim.queue("t") == []
    async with waiter.tasks.claim(id="t", timeout=5):
        pass


@pytest.mark.parametrize("cut", CUTS)
async def test_a_cut_block_has_released_its_claim(make_client: Any, cut: Cut) -> None:
    ablo, other = make_client(), make_client(participant="agent:other")
    held = asyncio.Event()

    async def hold() -> None:
        async with ablo.tasks.claim(id="t"):
            held.set()
            await asyncio.Event().wait()

    await cut(hold, held)
    assert await other.tasks.claim.state("t") is None


@pytest.mark.parametrize("group", [asyncio.TaskGroup, anyio.create_task_group])
async def test_a_calls_own_deadline_leaves_the_group_alone(
    make_client: Any, until_line: Any, group: Any
) -> None:
    holder, waiter = make_client(participant="agent:holder"), make_client()
    async with holder.tasks.claim(id="t"), group():
        with pytest.raises(AbloTimeoutError):
            await waiter.tasks.claim(id="t", timeout=0.05)
        assert cancelling() == 0
        assert await holder.tasks.claim.queue("t") == []


@pytest.mark.parametrize("cut", CUTS)
async def test_a_release_does_not_overtake_its_request(make_client: Any, cut: Cut) -> None:
    """A claim that is made after its release stays in the queue until its lease ends."""
    holder, waiter = make_client(participant="agent:holder"), make_client()
    request = Slow(waiter, "claim_acquire")
    async with holder.tasks.claim(id="t"):
        await cut(lambda: waiter.tasks.claim(id="t").__aenter__(), request.sent)
        await request.arrive()
        assert await holder.tasks.claim.queue("t") == []


async def test_a_release_at_the_deadline_does_not_overtake_its_request(make_client: Any) -> None:
    holder, waiter = make_client(participant="agent:holder"), make_client()
    request = Slow(waiter, "claim_acquire")
    async with holder.tasks.claim(id="t"):
        with pytest.raises(AbloTimeoutError, match="not granted within"):
            await waiter.tasks.claim(id="t", timeout=0.05)
        await request.arrive()
        assert await holder.tasks.claim.queue("t") == []


@pytest.mark.parametrize("cut", CUTS)
async def test_a_cut_release_is_finished(make_client: Any, cut: Cut) -> None:
    ablo, other = make_client(), make_client(participant="agent:other")
    request = Slow(ablo, "claim_release")
    claim = await ablo.tasks.claim(id="t")
    await cut(claim.release, request.sent)
    assert await other.tasks.claim.state("t") is None


@pytest.mark.parametrize("cut", CUTS)
async def test_a_cut_close_is_finished(make_client: Any, cut: Cut) -> None:
    ablo, other = make_client(), make_client(participant="agent:other")
    request = Slow(ablo, "presence_leave")
    await ablo.presence.set()
    await cut(ablo.close, request.sent)
    assert await other.presence.list() == []
    with pytest.raises(AbloError, match="closed"):
        await ablo.tasks.list()
