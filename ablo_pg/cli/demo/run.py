"""The course of the demo: set up, run the processes, check, and leave nothing behind."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

import anyio
from anyio.abc import Process
from anyio.streams.buffered import BufferedByteReceiveStream

from ablo_pg import AsyncAblo
from ablo_pg.cli.demo.messages import Message, Reads, Refused, Retried, Saw, Wrote, heard, now
from ablo_pg.cli.demo.schema import ORGANIZATION, SHARED, Task, schema
from ablo_pg.cli.demo.screen import Screen
from ablo_pg.cli.demo.verify import Evidence, latencies, problems
from ablo_pg.cluster import Cluster, Prefer
from ablo_pg.compile import compile_schema
from ablo_pg.errors import AbloServerError, AbloTimeoutError
from ablo_pg.kernel import Connected, admin_connection, apply, connect

WRITERS: Final = ("user:ada", "agent:triage")
# For a process to start, connect and be ready; guards against one that hangs. A false alarm needs a
# machine too slow for the demo.
READY_TIMEOUT: Final = 30
# After the last write: far above any latency, so a later change counts as lost.
CATCH_UP_TIMEOUT: Final = 20
LINE_MAX: Final = 1_000_000


@dataclass
class Course:
    """What has happened so far."""

    wrote: list[Wrote] = field(default_factory=list)
    saw: list[Saw] = field(default_factory=list)
    retried: list[Retried] = field(default_factory=list)
    refused: int = 0
    reader: str = ""
    table: dict[str, dict[str, object]] = field(default_factory=dict)

    @property
    def evidence(self) -> Evidence:
        """The input of the check."""
        return Evidence(self.wrote, self.retried, self.saw, self.table)


def run_demo(seconds: float, prefer: Prefer, screen: Screen) -> dict[str, object]:
    """Run the demo and return its summary; `problems` in it is empty if everything is correct."""
    with Cluster(prefer=prefer) as cluster:
        binaries = cluster.binaries
        kind = f"PostgreSQL {binaries.major} from {binaries.provider}, unix socket only"
        screen.step("Postgres started, temporary", f"{kind}, run as {cluster.user.name}")
        url = cluster.url(cluster.create_database("demo"))
        connected = set_up(url, screen)
        course = run_streaming(connected, seconds, screen)
    screen.step("Postgres stopped, its files deleted")
    found = problems(course.evidence)
    return summary(course, found)


def set_up(admin_url: str, screen: Screen) -> Connected:
    """Install the kernel, make the logins, compile the schema and apply it."""
    connected = connect(admin_url)
    screen.step("kernel installed, two least-privilege logins created", "as `ablo-pg connect` does")
    compiled = compile_schema(schema.spec)
    lines = len(compiled.sql.splitlines())
    screen.step("schema compiled", f"class Task(Model) -> {lines} lines of SQL (`ablo-pg compile`)")
    with admin_connection(admin_url) as conn:
        done = apply(conn, compiled)
    screen.step("schema applied", f"{done.statements} statements, one transaction")
    return connected


def run_streaming(connected: Connected, seconds: float, screen: Screen) -> Course:
    """Run `stream`; if several tasks fail at once, raise only the first error."""
    try:
        return anyio.run(interruptible, connected, seconds, screen)
    except BaseExceptionGroup as group:
        first: BaseException = group
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
        if isinstance(first, TimeoutError):
            first = AbloTimeoutError(
                "a process of the demo did not finish in time",
                remedy="run it on a machine with less load",
            )
        raise first from None


async def interruptible(connected: Connected, seconds: float, screen: Screen) -> Course:
    """Run `stream`. What fails while ^C ends it is only a consequence."""
    try:
        return await stream(connected, seconds, screen)
    except Exception:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise asyncio.CancelledError from None
        raise


async def stream(connected: Connected, seconds: float, screen: Screen) -> Course:
    """Run a subscriber and the writers, and collect their messages."""
    course = Course()
    environment = {
        **os.environ,
        "DATABASE_URL": connected.database_url,
        "ABLO_REPLICATION_URL": connected.replication_url or "",
    }
    await make_shared(connected.database_url, course)
    screen.step("one task written", "the subscriber catches up with it, then follows live")
    async with process("subscriber", environment) as subscriber:
        ready = anyio.Event()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(listen, subscriber, course, screen, ready)
            with anyio.fail_after(READY_TIMEOUT):
                await ready.wait()
            screen.step("subscriber is live", f"process {subscriber.pid}, reader: {course.reader}")
            await write(course, environment, seconds, screen)
            assert subscriber.stdin is not None
            last = max(one.sync_id for one in course.wrote)
            await subscriber.stdin.send(f"{last}\n".encode())
            with anyio.move_on_after(CATCH_UP_TIMEOUT):
                await subscriber.wait()
            tasks.cancel_scope.cancel()
    course.table = await read_table(connected.database_url)
    return course


async def write(
    course: Course, environment: Mapping[str, str], seconds: float, screen: Screen
) -> None:
    """Let the writers work until their time is up."""
    screen.step(f"{len(WRITERS)} writers started, for {seconds:g} s", ", ".join(WRITERS))
    screen.heading()
    async with anyio.create_task_group() as tasks:
        for participant in WRITERS:
            tasks.start_soon(run_writer, participant, course, environment, seconds)
    screen.step("writers done", f"{len(course.wrote)} writes confirmed")


async def run_writer(
    participant: str, course: Course, environment: Mapping[str, str], seconds: float
) -> None:
    """Run one writer to its end. Raises internal_error if it fails."""
    with anyio.fail_after(seconds + READY_TIMEOUT):
        async with process("writer", environment, participant, str(seconds)) as child:
            async for message in messages(child):
                note(message, course)
            code = await child.wait()
    if code != 0:
        raise AbloServerError(f"the writer {participant} ended with exit code {code}")


async def listen(child: Process, course: Course, screen: Screen, ready: anyio.Event) -> None:
    """Collect the subscriber's messages, and show them."""
    async for message in messages(child):
        if isinstance(message, Reads):
            course.reader = message.reader
            ready.set()
        elif isinstance(message, Saw):
            screen.change(message)
        note(message, course)
    if not ready.is_set():
        raise AbloServerError("the subscriber ended before it was live")


def note(message: Message, course: Course) -> None:
    """Keep a message."""
    match message:
        case Wrote():
            course.wrote.append(message)
        case Saw():
            course.saw.append(message)
        case Retried():
            course.retried.append(message)
        case Refused():
            course.refused += 1


@asynccontextmanager
async def process(name: str, environment: Mapping[str, str], *words: str) -> AsyncIterator[Process]:
    """Run a process of the demo; end it when the block is left, for any reason."""
    command = [sys.executable, "-m", f"ablo_pg.cli.demo.{name}", *words]
    # It shares our stderr, so its errors are visible.
    child = await anyio.open_process(
        command, stdin=subprocess.PIPE, stderr=None, env=environment, start_new_session=True
    )
    try:
        yield child
    finally:
        if child.returncode is None:
            child.kill()
        with anyio.CancelScope(shield=True):
            await child.aclose()


async def messages(child: Process) -> AsyncIterator[Message]:
    """Yield a process's messages until it ends."""
    assert child.stdout is not None
    lines = BufferedByteReceiveStream(child.stdout)
    while True:
        try:
            line = await lines.receive_until(b"\n", LINE_MAX)
        except (anyio.EndOfStream, anyio.IncompleteRead):
            return
        yield heard(line)


async def make_shared(database_url: str, course: Course) -> None:
    """Create the task that both writers count up."""
    async with client(database_url) as ablo:
        sent = now()
        row = await ablo.model(Task).create({"title": "Shared", "status": "doing"}, id=SHARED)
        receipt = ablo.receipt(row)
        assert receipt is not None
        course.wrote.append(Wrote(receipt.last_sync_id, "create", SHARED, sent))


async def read_table(database_url: str) -> dict[str, dict[str, object]]:
    """Return every task by id, as stored in the table."""
    rows: dict[str, dict[str, object]] = {}
    async with client(database_url) as ablo:
        after: str | None = None
        while True:
            page = await ablo.model(Task).list(limit=1000, after=after)
            rows |= {row.id: row.model_dump(mode="json") for row in page}
            after = page.next_cursor
            if not page.has_more:
                return rows


def client(database_url: str) -> AsyncAblo:
    """A client for the demo's own setup."""
    return AsyncAblo(
        schema=schema,
        database_url=database_url,
        organization=ORGANIZATION,
        participant="system:demo",
    )


def summary(course: Course, found: list[str]) -> dict[str, object]:
    """The outcome as one JSON object."""
    waits = latencies(course.wrote, course.saw)
    return {
        "ok": not found,
        "problems": found,
        "writes": len(course.wrote),
        "arrived": len(course.saw),
        "refused": course.refused,
        "retried": len(course.retried),
        "reader": course.reader,
        "p50Ms": round(waits[len(waits) // 2], 3) if waits else None,
        "p99Ms": round(waits[len(waits) * 99 // 100], 3) if waits else None,
    }
