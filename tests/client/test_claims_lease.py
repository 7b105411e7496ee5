"""The lease: it renews itself whatever the holder's thread does, and its loss is told."""

from __future__ import annotations

import datetime as dt
import gc
import logging
import os
import signal
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import anyio
import psycopg
import pytest

from ablo_pg import AbloClaimedError, AsyncAblo
from ablo_pg.client.claims.sidecar import join
from ablo_pg.client.direct.connector import DirectConnector
from ablo_pg.testing import DatabaseHandle

from .conftest import wait_until
from .sidecar_sessions import LEASES, LISTENER, end_sessions, sessions

pytestmark = pytest.mark.anyio
# A program that claims t1 and, once told to go on, writes under the claim; it prints what happens.
HOLDER = """
import sys
from typing import Literal
from ablo_pg import Ablo, AbloClaimedError, Model, define_schema

class Task(Model):
    title: str
    status: Literal["todo", "doing", "done"] = "todo"
    count: int = 0

with Ablo(
    schema=define_schema(tasks=Task), database_url=sys.argv[1],
    organization="acme", participant="agent:program",
) as ablo:
    with ablo.tasks.claim(id="t1", ttl=sys.argv[2], action="crunching") as claim:
        print("claimed", flush=True)
        sys.stdin.readline()
        try:
            ablo.tasks.update("t1", {"count": 99})
            print("written", flush=True)
        except AbloClaimedError as error:
            print(error.code, flush=True)
        print(claim.lost.wait(0.5), claim.status, flush=True)
"""


@pytest.fixture
async def task(ablo: AsyncAblo) -> str:
    await ablo.tasks.create({"title": "Write", "count": 1}, id="t1")
    return "t1"


@contextmanager
def program(db: DatabaseHandle, ttl: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", HOLDER, db.database_url, ttl]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as running:
        try:
            assert running.stdout is not None
            assert running.stdout.readline() == "claimed\n"
            yield running
        finally:
            running.kill()


def times(db: DatabaseHandle) -> tuple[dt.datetime, dt.datetime]:
    """The database's time, and when the program's lease ends."""
    with psycopg.connect(db.admin_url, autocommit=True) as conn:
        query = """select clock_timestamp(), expires_at from ablo.claim
                    where participant = 'agent:program'"""
        now, ends = conn.execute(query).fetchone() or (None, None)
    assert now is not None
    assert ends is not None
    return now, ends


def renewals(db: DatabaseHandle, claim_id: str) -> Any:
    with psycopg.connect(db.admin_url, autocommit=True) as conn:
        return conn.execute(
            "select expires_at, expires_at > clock_timestamp() from ablo.claim where id = %s",
            [claim_id],
        ).fetchone()


async def test_a_blocked_event_loop_keeps_the_claim(
    ablo: AsyncAblo, make_client: Any, task: str, db: DatabaseHandle
) -> None:
    async with ablo.tasks.claim(id=task, ttl="600ms") as claim:
        granted_until = claim.expires_at
        wait_until(
            lambda: (
                renewals(db, claim.id)[0]
                > granted_until + 3 * (granted_until - claim.state.declared_at)
            )
        )
        assert not claim.lost.is_set()
        other = make_client(participant="agent:other")
        assert await other.tasks.claim(id=task, queue=False) is None
        await ablo.tasks.update(task, {"count": 2})


@pytest.mark.direct("looks at the keeper's connection; test_remote_claims has the relay's")
async def test_renewal_stops_with_the_block(
    ablo: AsyncAblo, task: str, db: DatabaseHandle, until: Any
) -> None:
    async with ablo.tasks.claim(id=task, ttl="600ms") as claim:
        first = renewals(db, claim.id)[0]
        await until(lambda: renewals(db, claim.id)[0] > first)
        assert sessions(db, LEASES) == 1
    keeper = ablo._session.transport.claims._joined().keeper
    assert not keeper._all()
    with psycopg.connect(db.admin_url, autocommit=True) as conn:
        assert conn.execute(
            "select status from ablo.claim where id = %s", [claim.id]
        ).fetchone() == ("committed",)


async def test_one_call_renews_all_claims_of_a_participant(
    ablo: AsyncAblo, db: DatabaseHandle, until: Any
) -> None:
    long = await ablo.tasks.claim(id="long", ttl="1h")
    first = renewals(db, long.id)[0]
    short = await ablo.tasks.claim(id="short", ttl="300ms")
    await until(lambda: renewals(db, long.id)[0] > first)
    assert renewals(db, short.id)[1]
    await short.release()
    await long.release()


@pytest.mark.direct("looks at the keeper's connection; test_remote_claims has the relay's")
async def test_a_broken_connection_is_replaced(
    ablo: AsyncAblo, task: str, db: DatabaseHandle, until: Any
) -> None:
    async with ablo.tasks.claim(id=task, ttl="1500ms") as claim:
        for _ in range(3):
            await until(lambda: sessions(db, LEASES) == 1)
            end_sessions(db, LEASES)
            cut = renewals(db, claim.id)[0]
            await until(lambda cut=cut: renewals(db, claim.id)[0] > cut)
        assert claim.status == "held"


@pytest.mark.direct("looks at the keeper's connection; test_remote_claims has the relay's")
async def test_a_lease_that_cannot_be_renewed_is_lost(
    ablo: AsyncAblo, task: str, db: DatabaseHandle, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "ablo_pg.client")
    sidecar = join(DirectConnector(db.database_url))
    sidecar.keeper._connector = DirectConnector("postgresql://nobody@127.0.0.1:1/none")
    try:
        async with ablo.tasks.claim(id=task, ttl="700ms") as claim:
            assert await claim.lost.wait(timeout=30)
            assert claim.status == "lost"
            with pytest.raises(AbloClaimedError, match="could not be renewed"):
                await ablo.tasks.update(task, {"count": 2})
        assert f"claim {claim.id} is lost" in caplog.text
    finally:
        await anyio.to_thread.run_sync(sidecar.leave)


async def test_a_claim_that_was_broken_is_noticed_at_the_next_beat(
    ablo: AsyncAblo, task: str, db: DatabaseHandle
) -> None:
    async with ablo.tasks.claim(id=task, ttl="900ms") as claim:
        with psycopg.connect(db.admin_url, autocommit=True) as conn:
            conn.execute("select ablo.claim_break('acme', 'user:boss', %s)", [claim.id])
        assert await claim.lost.wait(timeout=30)
        assert claim.status == "lost"


@pytest.mark.direct("looks at the keeper's connection; test_remote_claims has the relay's")
async def test_the_end_of_a_long_claim_is_heard_at_once(
    ablo: AsyncAblo, task: str, db: DatabaseHandle, until: Any
) -> None:
    """A claim that is held for more than a moment has a listener: its next beat is 8 h away."""
    async with ablo.tasks.claim(id=task, ttl="24h") as claim:
        await until(lambda: sessions(db, LISTENER) == 1)
        listener = ablo._session.transport.claims._joined().listener
        await until(lambda: "" in listener._said)
        with psycopg.connect(db.admin_url, autocommit=True) as conn:
            conn.execute("select ablo.claim_break('acme', 'user:boss', %s)", [claim.id])
        assert await claim.lost.wait(timeout=30)


@pytest.mark.direct("looks at the keeper's connection; test_remote_claims has the relay's")
async def test_a_short_claim_costs_no_connection(
    ablo: AsyncAblo, task: str, db: DatabaseHandle
) -> None:
    for _ in range(5):
        async with ablo.tasks.claim(id=task):
            await ablo.tasks.update(task, {"count": 2})
            keeper = ablo._session.transport.claims._joined().keeper
            assert not keeper._in_round
            assert keeper._open is None
    assert sessions(db, LEASES) == sessions(db, LISTENER) == 0


async def test_a_stopped_process_loses_it_and_its_write_is_refused(
    ablo: AsyncAblo, task: str, db: DatabaseHandle
) -> None:
    with program(db, "500ms") as running:
        running.send_signal(signal.SIGSTOP)
        async with ablo.tasks.claim(id=task, timeout=30):
            running.send_signal(signal.SIGCONT)
            out, _ = await anyio.to_thread.run_sync(lambda: running.communicate("go\n", 60))
            assert out.splitlines() == ["claim_lost", "True lost"]
        row = await ablo.tasks.retrieve(task)
        assert row is not None
        assert row.count == 1


async def test_a_killed_process_frees_it_within_the_ttl(
    ablo: AsyncAblo, make_client: Any, task: str, db: DatabaseHandle, until_line: Any
) -> None:
    watcher = make_client(participant="user:watcher")
    got = anyio.Event()

    async def wait() -> None:
        async with ablo.tasks.claim(id=task):
            got.set()

    with program(db, "4s") as running:
        async with anyio.create_task_group() as group:
            group.start_soon(wait)
            await until_line(watcher, task, 1)
            (waiter,) = await watcher.tasks.claim.queue(id=task)
            (why,) = waiter.blocked_by
            assert (why.held_by, why.action, why.row_id) == ("agent:program", "crunching", task)
            running.send_signal(signal.SIGKILL)
            killed, _ = times(db)
            with anyio.fail_after(30):
                await got.wait()
            _, ended = times(db)
            assert (ended - killed).total_seconds() < 4.5  # a last renewal may have been on its way
    assert await watcher.tasks.claim.state(task) is None


@pytest.mark.direct("the program has its own client on the database")
async def test_a_holder_that_is_left_alone_writes(task: str, db: DatabaseHandle) -> None:
    """The counterpart of the two above: the program as such outlives its ttl, and does its work."""
    with program(db, "5s") as running:
        _, would_end = times(db)
        wait_until(lambda: would_end < times(db)[0])
        out, _ = running.communicate("go\n", 60)
    assert out.splitlines() == ["written", "False held"]


async def test_a_forked_child_is_no_holder(ablo: AsyncAblo, task: str) -> None:
    wire = {"action": "update", "model": "tasks", "id": task, "data": {"count": 2}}
    async with ablo.tasks.claim(id=task) as claim:
        assert said_by_a_child(lambda: ablo._session.claims.cover([wire], [])) == "claim_lost"
        assert claim.status == "held"
        await ablo.tasks.update(task, {"count": 2})


def said_by_a_child(call: Callable[[], object]) -> str:
    """Call that in a forked child; return the code of the error that it meets."""
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # other threads run: that is the point
        child = os.fork()
    if child == 0:
        said = "nothing"
        try:
            call()
        except AbloClaimedError as exc:
            said = exc.code
        finally:
            os.write(writer, said.encode())
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    return said


@pytest.mark.direct("clients of one database share a thread; those of two keys have two")
async def test_the_thread_ends_with_the_last_client(make_client: Any, db: DatabaseHandle) -> None:
    def running() -> int:
        return sum(one.name == "ablo_pg claims" for one in threading.enumerate())

    before = running()
    one, two = make_client(), make_client(participant="agent:two")
    await one.tasks.claim(id="a", ttl="300ms")
    await two.tasks.claim(id="b", ttl="300ms")
    assert running() == before + 1
    await one.close()
    assert running() == before + 1
    await two.close()
    assert running() == before
    assert sessions(db, LEASES) == 0


@pytest.mark.direct("leaves a client of a database behind")
async def test_what_a_client_left_behind_is_not_renewed(
    db: DatabaseHandle, schema: Any, make_client: Any
) -> None:
    client = AsyncAblo(
        schema=schema, database_url=db.database_url, organization="acme", participant="agent:lost"
    )
    claim = await client.tasks.claim(id="t", ttl="500ms")
    sidecar = join(DirectConnector(db.database_url))
    try:
        await client._session.transport._database.close()  # type: ignore[attr-defined]
        del claim, client
        gc.collect()
        async with make_client().tasks.claim(id="t", timeout=30):
            pass
    finally:
        for _ in range(2):  # for the client, too
            await anyio.to_thread.run_sync(sidecar.leave)
