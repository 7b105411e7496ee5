"""Waiting for a claim: fairness, waking, and what is lost or forged on the way."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import anyio
import anyio.to_thread
import psycopg
import pytest

from ablo_pg import (
    AbloNotFoundError,
    AbloPermissionError,
    AsyncAblo,
    Claim,
)
from ablo_pg.client.claims.listener import ClaimListener
from ablo_pg.client.claims.sidecar import join
from ablo_pg.client.claims.waiter import ClaimWait
from ablo_pg.client.claims.wakeup import WakeUp
from ablo_pg.client.direct.connector import DirectConnector
from ablo_pg.testing import DatabaseHandle
from ablo_pg.wire.kernel_bodies import ClaimBody

from .asked import Answer, on_ask
from .sidecar_sessions import LISTENER, end_sessions, sessions

pytestmark = pytest.mark.anyio


@pytest.fixture
def holder(make_client: Any) -> AsyncAblo:
    client: AsyncAblo = make_client(participant="agent:holder")
    return client


@pytest.fixture
async def listener(db: DatabaseHandle, until: Any) -> AsyncIterator[ClaimListener]:
    """The process's listener, which listens already: nobody is woken because it begins to."""
    sidecar = join(DirectConnector(db.database_url))
    try:
        with sidecar.listener.watch("somebody else", WakeUp()):
            await until(lambda: "" in sidecar.listener._said)
            yield sidecar.listener
    finally:
        await anyio.to_thread.run_sync(sidecar.leave)


def notified_only(client: AsyncAblo, looks: list[str]) -> None:
    """Let a client look at its claims only when it is told something; note each look."""

    async def patient(body: Any, answer: Answer) -> Any:
        if isinstance(body, ClaimBody):
            looks.append(body.claim_id)
        return replace(await answer(), recheck=3600.0)

    on_ask(client, "claim_acquire", patient)
    on_ask(client, "claim_look", patient)


async def until_listening(db: DatabaseHandle) -> None:
    """Wait until the process's listener has said LISTEN."""
    listening = (
        "select true from pg_stat_activity where datname = %s and application_name = %s"
        " and state = 'idle' and query ilike 'listen%%'"
    )
    with anyio.fail_after(30), psycopg.connect(db.admin_url, autocommit=True) as conn:
        while True:
            if conn.execute(listening, [db.name, LISTENER]).fetchone():
                return
            await anyio.sleep(0.005)


async def test_the_line_is_first_come_first_served(
    make_client: Any, holder: AsyncAblo, until_line: Any
) -> None:
    served: list[str] = []

    async def work(name: str) -> None:
        async with make_client(participant=f"agent:{name}").tasks.claim(id="t") as claim:
            served.append(name)
            assert claim.state.held_by == f"agent:{name}"

    async with anyio.create_task_group() as group, holder.tasks.claim(id="t", action="first"):
        for number in range(5):
            group.start_soon(work, str(number))
            await until_line(holder, "t", number + 1)
        line = await holder.tasks.claim.queue(id="t")
        assert [one.held_by for one in line] == [f"agent:{n}" for n in range(5)]
        assert [one.position for one in line] == list(range(5))
        assert [one.blocked_by[0].held_by for one in line] == ["agent:holder"] * 5
        assert line[0].blocked_by[0].action == "first"
        assert [one.held_by for one in line[2].blocked_by[1:]] == ["agent:0", "agent:1"]
    assert served == ["0", "1", "2", "3", "4"]


@pytest.mark.direct("looks at the process's own LISTEN; test_remote_claims has the relay's")
async def test_a_release_wakes_the_next_with_one_round_trip(
    ablo: AsyncAblo, holder: AsyncAblo, listener: ClaimListener, until_line: Any
) -> None:
    looks: list[str] = []
    notified_only(ablo, looks)
    async with anyio.create_task_group() as group:

        async def wait() -> None:
            async with ablo.tasks.claim(id="t"):
                assert len(looks) == 1

        claim = await holder.tasks.claim(id="t")
        group.start_soon(wait)
        await until_line(holder, "t", 1)
        assert not looks
        await claim.release()


async def test_a_late_look_at_a_grant_lengthens_no_lease(
    ablo: AsyncAblo,
    holder: AsyncAblo,
    db: DatabaseHandle,
    until_line: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What the kernel need not renew is counted from the grant, not from the look."""
    look = ClaimWait._look

    async def wait_and_look(wait: ClaimWait, *args: Any) -> Any:
        await anyio.sleep(1.0)
        return await look(wait, *args)

    monkeypatch.setattr(ClaimWait, "_look", wait_and_look)
    query = (
        "select extract(epoch from expires_at - clock_timestamp()) from ablo.claim where id = %s"
    )
    async with anyio.create_task_group() as group:

        async def wait() -> None:
            async with ablo.tasks.claim(id="t", ttl="15s") as got:
                ends = got._hold.lease.deadline
                with psycopg.connect(db.admin_url, autocommit=True) as conn:
                    ((left,),) = conn.execute(query, [got.id]).fetchall()
                    assert released_at + 10 < ends <= time.monotonic() + float(left)

        claim = await holder.tasks.claim(id="t")
        group.start_soon(wait)
        await until_line(holder, "t", 1)
        released_at = time.monotonic()
        await claim.release()


@pytest.mark.direct("looks at the process's own LISTEN; test_remote_claims has the relay's")
async def test_a_waiter_that_comes_late_to_its_notification(
    ablo: AsyncAblo, holder: AsyncAblo, listener: ClaimListener, until: Any
) -> None:
    """The grant is told between the answer and the watch: the listener remembers it."""
    notified_only(ablo, [])
    claim = await holder.tasks.claim(id="t")

    async def granted_meanwhile(body: Any, answer: Answer) -> Any:
        found = await answer()
        await claim.release()
        await until(lambda: found.claim.id in listener._said)
        return found

    on_ask(ablo, "claim_acquire", granted_meanwhile)
    with anyio.fail_after(30):
        await ablo.tasks.claim(id="t")


@pytest.mark.direct("looks at the process's own LISTEN; test_remote_claims has the relay's")
async def test_one_listener_serves_all_clients_of_a_process(
    make_client: Any, holder: AsyncAblo, db: DatabaseHandle, until_line: Any
) -> None:
    async def wait(client: AsyncAblo) -> None:
        async with client.tasks.claim(id="t"):
            pass

    async with anyio.create_task_group() as group, holder.tasks.claim(id="t"):
        for number in range(4):
            group.start_soon(wait, make_client(participant=f"agent:{number}"))
        await until_line(holder, "t", 4)
        await until_listening(db)
        assert sessions(db, LISTENER) == 1


@pytest.mark.direct("looks at the process's own LISTEN; test_remote_claims has the relay's")
async def test_a_lost_listener_costs_nothing_but_time(
    ablo: AsyncAblo, holder: AsyncAblo, db: DatabaseHandle, until_line: Any
) -> None:
    async with anyio.create_task_group() as group:

        async def wait() -> None:
            async with ablo.tasks.claim(id="t"):
                got.set()

        got = anyio.Event()
        claim = await holder.tasks.claim(id="t")
        group.start_soon(wait)
        await until_line(holder, "t", 1)
        await until_listening(db)
        end_sessions(db, LISTENER)
        await claim.release()
        with anyio.fail_after(30):
            await got.wait()


@pytest.mark.direct("looks at the process's own LISTEN; test_remote_claims has the relay's")
async def test_without_any_listener_re_checks_carry_on(
    ablo: AsyncAblo, holder: AsyncAblo, db: DatabaseHandle, until_line: Any
) -> None:
    sidecar = join(DirectConnector(db.database_url))
    sidecar.listener._connector = DirectConnector("postgresql://nobody@127.0.0.1:1/none")
    try:
        async with anyio.create_task_group() as group:

            async def wait() -> None:
                async with ablo.tasks.claim(id="t"):
                    got.set()

            got = anyio.Event()
            claim = await holder.tasks.claim(id="t", ttl="1s")
            group.start_soon(wait)
            await until_line(holder, "t", 1)
            await claim.release()
            with anyio.fail_after(30):
                await got.wait()
            assert sessions(db, LISTENER) == 0
    finally:
        await anyio.to_thread.run_sync(sidecar.leave)


@pytest.mark.direct("looks at the process's own LISTEN; test_remote_claims has the relay's")
async def test_forged_and_repeated_notifications_grant_nothing(
    ablo: AsyncAblo,
    holder: AsyncAblo,
    listener: ClaimListener,
    db: DatabaseHandle,
    until_line: Any,
    until: Any,
) -> None:
    looks: list[str] = []
    notified_only(ablo, looks)
    granted: list[Claim[Any]] = []

    async def wait() -> None:
        async with ablo.tasks.claim(id="t") as claim:
            granted.append(claim)

    async with anyio.create_task_group() as group:
        claim = await holder.tasks.claim(id="t")
        group.start_soon(wait)
        await until_line(holder, "t", 1)
        (waiter,) = await holder.tasks.claim.queue("t")
        with psycopg.connect(db.database_url, autocommit=True) as conn:
            for payload in ("nonsense", "", waiter.id, waiter.id, claim.id, "'; drop"):
                seen = len(looks)
                conn.execute("select pg_notify('ablo_claim', %s)", [payload])
                if payload in ("", waiter.id):
                    await until(lambda seen=seen: len(looks) > seen)
        assert not granted
        assert await holder.tasks.claim.state("t") is not None
        await claim.release()
        await until(lambda: bool(granted))


async def test_reorder(make_client: Any, until_line: Any) -> None:
    holder = make_client(participant="user:boss")
    served: list[str] = []

    async def work(name: str) -> None:
        async with make_client(participant=f"agent:{name}").tasks.claim(id="t"):
            served.append(name)

    async with anyio.create_task_group() as group, holder.tasks.claim(id="t"):
        for number in range(3):
            group.start_soon(work, str(number))
            await until_line(holder, "t", number + 1)
        line = await holder.tasks.claim.queue("t")
        await holder.tasks.claim.reorder(id="t", order=[line[2].id, line[1]])
        assert [one.held_by for one in await holder.tasks.claim.queue("t")] == [
            "agent:2",
            "agent:1",
            "agent:0",
        ]
        with pytest.raises(AbloNotFoundError):
            await holder.tasks.claim.reorder(id="t", order=["clm_none"])
        outsider = make_client(participant="agent:outsider")
        with pytest.raises(AbloPermissionError):
            await outsider.tasks.claim.reorder(id="t", order=[line[0].id])
    assert served == ["2", "1", "0"]
