"""Who is here: set, seen, repeated, left; with the claims that participants hold and wait for."""

from __future__ import annotations

from typing import Any

import anyio
import psycopg
import pytest

from ablo_pg import AbloValidationError, AsyncAblo, Presence
from ablo_pg.testing import DatabaseHandle

pytestmark = pytest.mark.anyio


async def here(ablo: AsyncAblo) -> dict[str, Presence]:
    return {one.participant: one for one in await ablo.presence.list()}


async def test_set_list_leave(ablo: AsyncAblo, make_client: Any) -> None:
    watcher = make_client(participant="user:watcher")
    assert await here(watcher) == {}
    await ablo.presence.set(
        status="busy", activity={"model": "tasks", "id": "t1"}, meta={"host": "a"}, ttl="30s"
    )
    found = (await here(watcher))["agent:triage"]
    assert (found.status, found.sessions) == ("busy", 1)
    assert found.activity == {"model": "tasks", "id": "t1"}
    assert found.meta == {"host": "a"}
    assert found.expires_at is not None
    assert found.seen_at is not None
    assert 29 < (found.expires_at - found.seen_at).total_seconds() <= 30
    await ablo.presence.set(status="idle")
    found = (await here(watcher))["agent:triage"]
    assert (found.status, found.activity) == ("idle", {"model": "tasks", "id": "t1"})
    assert await ablo.presence.leave()
    assert not await ablo.presence.leave()
    assert await here(watcher) == {}


async def test_what_is_said_must_be_sayable(ablo: AsyncAblo) -> None:
    for wrong in ({"status": ""}, {"activity": ["x"]}, {"meta": {"f": print}}, {"ttl": "soon"}):
        with pytest.raises(AbloValidationError):
            await ablo.presence.set(**wrong)
    assert not ablo.presence.is_set


async def test_claims_show(ablo: AsyncAblo, make_client: Any, until_line: Any) -> None:
    watcher, waiter = make_client(participant="user:watcher"), make_client(participant="agent:b")
    async with anyio.create_task_group() as group:

        async def wait() -> None:
            async with waiter.tasks.claim(id="t1"):
                pass

        async with ablo.tasks.claim(id="t1", action="editing", fields=["due_date"]):
            group.start_soon(wait)
            await until_line(watcher, "t1", 1)
            found = await here(watcher)
            (claim,) = found["agent:triage"].claims
            assert (claim.model, claim.row_id, claim.action) == ("tasks", "t1", "editing")
            assert claim.fields == ("due_date",)
            (waiting,) = found["agent:b"].waiting
            assert waiting.position == 0
            assert found["agent:triage"].sessions == 0


async def test_it_repeats_itself_until_the_client_closes(
    make_client: Any, ablo: AsyncAblo, until: Any, db: DatabaseHandle
) -> None:
    client = make_client(participant="agent:b")
    await client.presence.set(ttl="400ms")
    first = (await here(ablo))["agent:b"].seen_at

    def again() -> bool:
        with psycopg.connect(db.admin_url, autocommit=True) as conn:
            query = """select expires_at > clock_timestamp() and seen_at > %s + interval '100 ms'
                         from ablo.presence"""
            return conn.execute(query, [first]).fetchone() == (True,)

    await until(again)
    await client.close()
    assert await here(ablo) == {}


async def test_it_goes_with_its_time_when_nobody_repeats_it(
    ablo: AsyncAblo, make_client: Any
) -> None:
    client = make_client(participant="agent:b")
    door = client._session.transport.claims
    door.keep = lambda renewal: None  # as a process that dies
    await client.presence.set(ttl="300ms")
    assert "agent:b" in await here(ablo)
    with anyio.fail_after(30):
        await until_gone(ablo)


async def until_gone(ablo: AsyncAblo) -> None:
    while True:
        if "agent:b" not in await here(ablo):
            return
        await anyio.sleep(0.01)
