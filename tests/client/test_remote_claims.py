"""Claims over a relay: grants are told, leases outlive the relay, losses are heard of."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from typing import Any

import anyio
import psycopg
import pytest

from ablo_pg import AbloClaimedError, AsyncAblo
from ablo_pg.client.claims import lease_keeper
from ablo_pg.db.notifications import Notifications
from ablo_pg.relay import claim_news
from ablo_pg.relay.kernel import Kernel
from ablo_pg.testing import DatabaseHandle
from ablo_pg.wire.kernel_bodies import ClaimBody, NewsBody
from ablo_pg.wire.kernel_calls import CLAIM_NEWS, News

from .asked import Answer, on_ask
from .relay_thread import RelayThread, make_key

pytestmark = [pytest.mark.anyio, pytest.mark.relay("grants and renewals over a relay")]


@pytest.fixture
def relay(db: DatabaseHandle) -> Iterator[RelayThread]:
    with RelayThread(db) as running:
        yield running


@pytest.fixture
async def clients(relay: RelayThread, db: DatabaseHandle, schema: Any) -> Any:
    """`clients("agent:a")`: a client of the relay as that participant."""
    made: list[AsyncAblo] = []

    def make(participant: str) -> AsyncAblo:
        key = make_key(db, "acme", participant)
        made.append(AsyncAblo(schema=schema, base_url=relay.url, api_key=key, timeout=30))
        return made[-1]

    yield make
    for one in made:
        await one.close()


def patient(client: AsyncAblo, looks: list[str]) -> None:
    """Let a client look at its claims only when it is told something; note each look."""

    async def slow(body: Any, answer: Answer) -> Any:
        if isinstance(body, ClaimBody):
            looks.append(body.claim_id)
        found = await answer()
        object.__setattr__(found, "recheck", 3600.0)
        return found

    on_ask(client, "claim_acquire", slow)
    on_ask(client, "claim_look", slow)


def listener_of(client: AsyncAblo) -> Any:
    door: Any = client._session.transport.claims
    return door._joined().listener


async def wait_for(client: AsyncAblo, got: anyio.Event) -> None:
    async with client.tasks.claim(id="t"):
        got.set()


async def test_a_grant_is_told_and_nobody_has_to_ask(clients: Any, until_line: Any) -> None:
    holder, waiter = clients("agent:holder"), clients("agent:waiter")
    looks: list[str] = []
    patient(waiter, looks)
    got = anyio.Event()
    async with anyio.create_task_group() as group:
        claim = await holder.tasks.claim(id="t")
        group.start_soon(wait_for, waiter, got)
        await until_line(holder, "t", 1)
        await claim.release()
        with anyio.fail_after(30):
            await got.wait()
    assert len(looks) <= 2  # once for each time that it began to listen


async def test_a_grant_comes_with_what_is_said_of_it(
    clients: Any, until: Any, until_line: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The relay looks once, the waiter not at all; its lease counts from before the look."""
    asked: list[tuple[str, float]] = []
    ask = Kernel.ask

    async def noted(self: Kernel, call: Any, *args: Any, **how: Any) -> bytes:
        asked.append((call.name, time.monotonic()))
        return await ask(self, call, *args, **how)

    monkeypatch.setattr(Kernel, "ask", noted)
    # A claim that is no longer new is listened for; then the poll begins again, and both may look.
    monkeypatch.setattr(lease_keeper, "LONG_SECONDS", 3600.0)
    holder, waiter = clients("agent:holder"), clients("agent:waiter")
    looks: list[str] = []
    patient(waiter, looks)
    got: list[Any] = []

    async def wait() -> None:
        got.append(await waiter.tasks.claim(id="t", ttl="60s"))

    await holder.tasks.create({"title": "a"}, id="t")
    async with anyio.create_task_group() as group:
        claim = await holder.tasks.claim(id="t")
        group.start_soon(wait)
        await until_line(holder, "t", 1)
        await until(lambda: "" in listener_of(waiter)._said)
        await holder.tasks.update("t", {"title": "b"})
        await until(lambda: len(looks) == 1)  # it has begun to listen
        asked.clear()
        released_at = time.monotonic()
        await claim.release()
        with anyio.fail_after(30):
            await until(lambda: got)
    ((_, looked_at),) = [one for one in asked if one[0] in ("claim_look", "claim_get")]
    assert len(looks) == 1
    assert got[0].row.title == "b"
    assert released_at + 20 < got[0]._hold.lease.deadline <= looked_at + 60


async def test_a_relay_that_starts_anew_costs_a_waiter_nothing(
    clients: Any, relay: RelayThread, db: DatabaseHandle, until: Any, until_line: Any
) -> None:
    """The grant falls into the time without a relay: who comes again is told to look."""
    holder, waiter = clients("agent:holder"), clients("agent:waiter")
    looks: list[str] = []
    patient(waiter, looks)
    got = anyio.Event()
    async with anyio.create_task_group() as group:
        claim = await holder.tasks.claim(id="t", ttl="30s")
        group.start_soon(wait_for, waiter, got)
        await until_line(holder, "t", 1)
        await until(lambda: "" in listener_of(waiter)._said)
        await anyio.to_thread.run_sync(relay.stop)
        with psycopg.connect(db.admin_url, autocommit=True) as conn:
            conn.execute("select ablo.claim_release('acme', 'agent:holder', %s)", [claim.id])
        await anyio.to_thread.run_sync(relay.start)
        with anyio.fail_after(30):
            await got.wait()


async def test_a_lease_outlives_a_relay_that_is_gone_for_a_moment(
    clients: Any, relay: RelayThread
) -> None:
    client = clients("agent:a")
    await client.tasks.create({"title": "a"}, id="t")
    async with client.tasks.claim(id="t", ttl="6s") as claim:
        await anyio.to_thread.run_sync(relay.stop)
        await anyio.to_thread.run_sync(relay.start)
        await client.tasks.update("t", {"title": "b"})
        assert claim.status == "held"


async def test_a_lease_that_cannot_be_renewed_is_lost(
    clients: Any, relay: RelayThread, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "ablo_pg.client")
    client = clients("agent:a")
    claim = await client.tasks.claim(id="t", ttl="700ms")
    await anyio.to_thread.run_sync(relay.stop)
    try:
        assert await claim.lost.wait(timeout=30)
        with pytest.raises(AbloClaimedError, match="could not be renewed"):
            await client.tasks.update("t", {"title": "b"})
    finally:
        await anyio.to_thread.run_sync(relay.start)
    assert f"claim {claim.id} is lost" in caplog.text


async def test_the_end_of_a_long_claim_is_heard_at_once(
    clients: Any, db: DatabaseHandle, until: Any
) -> None:
    """Its next beat is 8 h away."""
    client = clients("agent:a")
    async with client.tasks.claim(id="t", ttl="24h") as claim:
        await until(lambda: "" in listener_of(client)._said)
        with psycopg.connect(db.admin_url, autocommit=True) as conn:
            conn.execute("select ablo.claim_break('acme', 'user:boss', %s)", [claim.id])
        assert await claim.lost.wait(timeout=30)


async def test_claims_of_other_organizations_are_not_heard_of(
    relay: RelayThread, db: DatabaseHandle, schema: Any, clients: Any, until: Any
) -> None:
    """Who knows the id of a claim elsewhere is told nothing when something happens to it."""
    holder = clients("agent:a")
    stranger = AsyncAblo(
        schema=schema, base_url=relay.url, api_key=make_key(db, "globex", "agent:x"), timeout=30
    )
    try:
        claim = await holder.tasks.claim(id="t", ttl="24h")
        http: Any = stranger._session.transport
        first = await http.ask(CLAIM_NEWS, NewsBody([], None, 0))
        heard: list[News] = []

        async def ask() -> None:
            heard.append(await http.ask(CLAIM_NEWS, NewsBody([claim.id], first.after, 20)))
            while "" in heard[-1].claim_ids:  # the relay has just begun to listen
                again = NewsBody([claim.id], heard[-1].after, 20)
                heard.append(await http.ask(CLAIM_NEWS, again))

        with anyio.fail_after(30):
            async with anyio.create_task_group() as group:
                group.start_soon(ask)
                news = relay.relay.service.claim_news
                await until(lambda: news._count > 0)
                with psycopg.connect(db.admin_url, autocommit=True) as conn:
                    conn.execute("select ablo.claim_break('acme', 'user:boss', %s)", [claim.id])
        assert heard[-1].claim_ids == []
        assert not any(claim.id in one.claim_ids for one in heard)
    finally:
        await stranger.close()


async def test_news_are_remembered_between_two_questions() -> None:
    news = claim_news.ClaimNews(Notifications("postgresql://nobody@127.0.0.1:1/none", "ablo_pg"), 3)
    _, at = await news.ask([], None, 0)
    news._say("a")
    news._say("b")
    told, after = await news.ask(["b", "c"], at, 0)
    assert told == ["b"]
    assert await news.ask(["a", "b"], after, 0) == ([], after)
    for one in "wxyz":
        news._say(one)
    assert (await news.ask(["a"], after, 0))[0] == [""]  # too far back
    assert (await news.ask(["a"], "another:7", 0))[0] == [""]
    assert (await news.ask(["a"], "nonsense", 0))[0] == [""]


async def test_claims_of_our_own_client_are_counted(
    clients: Any, relay: RelayThread, until: Any
) -> None:
    value = relay.relay.service.metrics.registry.get_sample_value
    holder, waiter = clients("agent:a"), clients("agent:b")
    claim = await holder.tasks.claim(id="t")
    got = anyio.Event()
    with anyio.fail_after(30):
        assert await waiter.tasks.claim(id="t", queue=False) is None
        async with anyio.create_task_group() as group:
            group.start_soon(wait_for, waiter, got)
            await until(lambda: value("ablo_claims_total", {"outcome": "queued"}) == 1)
            await claim.release()
            await got.wait()
    assert value("ablo_claims_total", {"outcome": "active"}) == 1
    assert value("ablo_claims_total", {"outcome": "claim_conflict"}) == 1
    assert value("ablo_claim_wait_seconds_count") == 1
