"""Waiting for a claim: fairness, waking, leaving the line, deadlines."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import anyio
import anyio.lowlevel
import psycopg
import pytest

from ablo_pg import (
    AbloClaimedError,
    AbloNotFoundError,
    AbloPermissionError,
    AbloTimeoutError,
    AsyncAblo,
    Claim,
    ClaimStatus,
)
from ablo_pg.client.bell import Bell
from ablo_pg.client.sidecar import join
from ablo_pg.testing import DatabaseHandle

pytestmark = pytest.mark.anyio
LISTENER = "ablo_pg claim listener"


@pytest.fixture
def holder(make_client: Any) -> AsyncAblo:
    client: AsyncAblo = make_client(participant="agent:holder")
    return client


def notified_only(client: AsyncAblo, looks: list[str]) -> None:
    """Let a client look at its claims only when it is told something; note each look."""
    door: Any = client._session.transport.claims

    def patient(call: Callable[..., Any], note: bool) -> Callable[..., Any]:
        async def answer(*args: Any) -> Any:
            if note:
                looks.append(args[0])
            return replace(await call(*args), recheck=3600.0)

        return answer

    door.claim_acquire = patient(door.claim_acquire, note=False)
    door.claim_look = patient(door.claim_look, note=True)


def listeners(db: DatabaseHandle, query: str = "count(*)") -> int:
    with psycopg.connect(db.admin_url, autocommit=True) as conn:
        found = conn.execute(
            f"select {query} from pg_stat_activity where datname = %s and application_name = %s",
            [db.name, LISTENER],
        ).fetchone()
    return int(found[0] or 0) if found else 0


async def until_listening(db: DatabaseHandle) -> None:
    """Wait until the process's listener has said LISTEN."""
    listening = (
        "select true from pg_stat_activity where datname = %s and application_name = %s"
        " and state = 'idle' and query ilike 'listen%%'"
    )
    with anyio.fail_after(10), psycopg.connect(db.admin_url, autocommit=True) as conn:
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


async def test_a_release_wakes_the_next_with_one_round_trip(
    ablo: AsyncAblo, holder: AsyncAblo, db: DatabaseHandle, until_line: Any, until: Any
) -> None:
    looks: list[str] = []
    notified_only(ablo, looks)
    async with anyio.create_task_group() as group:

        async def wait() -> None:
            async with ablo.tasks.claim(id="t") as claim:
                assert looks.count(claim.id) == len(looks)
                woken.append(len(looks))

        woken: list[int] = []
        claim = await holder.tasks.claim(id="t")
        group.start_soon(wait)
        await until_line(holder, "t", 1)
        await until_listening(db)
        await until(lambda: len(looks) == 1)  # the look after LISTEN: what was said before is lost
        before = len(looks)
        await claim.release()
        await until(lambda: bool(woken))
    assert woken == [before + 1]


async def test_a_waiter_that_comes_late_to_its_notification(
    ablo: AsyncAblo, make_client: Any, holder: AsyncAblo, db: DatabaseHandle, until: Any
) -> None:
    """The grant is told between the answer and the watch: the listener remembers it."""
    notified_only(ablo, [])
    sidecar = join(db.database_url)
    door: Any = ablo._session.transport.claims
    acquire = door.claim_acquire
    try:
        with sidecar.listener.watch("somebody else", Bell()):
            await until_listening(db)
            claim = await holder.tasks.claim(id="t")

            async def acquire_while_it_is_granted(*args: Any) -> Any:
                answer = await acquire(*args)
                await claim.release()
                await until(lambda: answer.claim.id in sidecar.listener._said)
                return answer

            door.claim_acquire = acquire_while_it_is_granted
            with anyio.fail_after(5):
                await ablo.tasks.claim(id="t")
    finally:
        await anyio.to_thread.run_sync(sidecar.leave)


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
        assert listeners(db) == 1


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
        listeners(db, "count(pg_terminate_backend(pid))")
        await claim.release()
        with anyio.fail_after(10):
            await got.wait()


async def test_without_any_listener_re_checks_carry_on(
    ablo: AsyncAblo, holder: AsyncAblo, db: DatabaseHandle, until_line: Any
) -> None:
    sidecar = join(db.database_url)
    sidecar.listener._url = "postgresql://nobody@127.0.0.1:1/none"
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
            with anyio.fail_after(10):
                await got.wait()
            assert listeners(db) == 0
    finally:
        await anyio.to_thread.run_sync(sidecar.leave)


async def test_forged_and_repeated_notifications_grant_nothing(
    ablo: AsyncAblo, holder: AsyncAblo, db: DatabaseHandle, until_line: Any, until: Any
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
        await until_listening(db)
        await until(lambda: len(looks) == 1)
        (waiter,) = await holder.tasks.claim.queue("t")
        with psycopg.connect(db.database_url, autocommit=True) as conn:
            for payload in ("nonsense", "", waiter.id, waiter.id, claim.id, "'; drop"):
                conn.execute("select pg_notify('ablo_claim', %s)", [payload])
                if payload in ("", waiter.id):
                    seen = len(looks)
                    await until(lambda seen=seen: len(looks) > seen - 1)
        assert not granted
        assert await holder.tasks.claim.state("t") is not None
        await claim.release()
        await until(lambda: bool(granted))


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
        with anyio.fail_after(5):
            await got.wait()


async def test_cancelled_while_it_asks(ablo: AsyncAblo) -> None:
    """Whether the claim was made is not known then: it is given back by its id."""
    door: Any = ablo._session.transport.claims
    acquire = door.claim_acquire

    async def made_but_not_heard(*args: Any) -> Any:
        await acquire(*args)
        task.cancel()
        await anyio.sleep_forever()

    async def ask() -> None:
        await ablo.tasks.claim(id="t")

    door.claim_acquire = made_but_not_heard
    task = asyncio.ensure_future(ask())
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await ablo.tasks.claim.state("t") is None


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
            await until(lambda: found.extend(watcher.execute(blocked, [db.name])) or bool(found))
            scope.cancel()
            await anyio.lowlevel.checkpoint()
            blocker.rollback()
        assert found[0] in watcher.execute(pool, [db.name]).fetchall()
        alive = "select count(*) from ablo.claim where status in ('active', 'queued')"
        assert watcher.execute(alive).fetchone() == (0,)


async def test_a_wait_has_a_deadline(ablo: AsyncAblo, holder: AsyncAblo) -> None:
    async with holder.tasks.claim(id="t", action="thinking"):
        with pytest.raises(AbloTimeoutError, match=r"agent:holder \(thinking\)") as caught:
            async with ablo.tasks.claim(id="t", timeout=0.3):
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
            with anyio.fail_after(10):
                await ended.wait()


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
