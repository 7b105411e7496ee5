"""The replication connection: a temporary slot, streamed through libpq's COPY BOTH mode.

psycopg has no replication API; its libpq wrapper (`conn.pgconn`) is enough. `open_stream` makes the
slot and waits until it may be relied on (`barrier` says when), `ReplicationStream.run` hands what
arrives to a sink. Neighbours: `copydata` and `arrival` read the bytes, `reader` opens streams again
when they break.

Why a temporary slot: it dies with the connection, so a killed process leaves nothing in the
database and holds back no WAL.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

import anyio
import psycopg
from psycopg import AsyncConnection
from psycopg.pq import ExecStatus

from ablo_pg.db.errors import translate
from ablo_pg.db.log import LogSource
from ablo_pg.errors import AbloConnectionError, AbloError, error_for
from ablo_pg.lsn import LSN
from ablo_pg.relay.arrival import Arrival, Assembler
from ablo_pg.relay.barrier import tell_waiting, wait_until_visible
from ablo_pg.relay.connecting import connect
from ablo_pg.relay.copydata import CLOCK_EPOCH, encode_status

PUBLICATION: Final = "ablo_delta"
# What one wake-up may take in before other tasks get their turn: some 10 ms of decoding.
GULP_MESSAGES: Final = 3000
GULP_BYTES: Final = 1 << 20
# A status goes out at least this often, so that WAL is freed, and four times in wal_sender_timeout,
# so that a status that is late three times over still saves the connection.
STATUS_SECONDS: Final = 5.0
# A server that has not answered so many seconds of statuses is gone; a half-open connection would
# tell nobody. Or wal_sender_timeout, where that is less: it gives us up after the same time. A
# false alarm costs a new slot.
SILENCE_SECONDS: Final = 60.0
# Between two looks at the publication. It bounds how long subscribers go without what an altered
# one leaves out; a look is an index probe.
CHECK_SECONDS: Final = 5.0


class ReplicationStream:
    """A streaming slot. Attributes of `assembler` say how far it has come."""

    def __init__(
        self,
        conn: AsyncConnection[Any],
        slot: str,
        sender_timeout: float,
        check: Callable[[], Awaitable[None]],
    ) -> None:
        self.slot = slot
        self._check = check  # that the publication is what it was before the slot was made
        self.assembler = Assembler()
        self.confirmed = 0
        self.heard = time.monotonic()  # when something last came from the server
        self._conn = conn
        self._pgconn = conn.pgconn
        self._silence = min(SILENCE_SECONDS, sender_timeout or SILENCE_SECONDS)
        self._every = min(STATUS_SECONDS, self._silence / 4)
        self._next_status = 0.0
        self._next_check = time.monotonic() + CHECK_SECONDS

    async def run(self, sink: Callable[[list[Arrival]], None]) -> None:
        """Hand every batch to `sink` as it arrives, until cancelled or the connection breaks.

        The socket's readiness calls us straight from the event loop, without a task switch. `sink`
        must not block: back-pressure ends at the subscribers' queues, so statuses go out in time
        whatever the subscribers do. What `sink` has taken is what is confirmed to the server.
        Raises AbloConnectionError when the connection is lost, and what `check` raises.

        What an altered publication leaves out is never sent, and nothing says so. But before the
        next insert the server describes the log again, as it does now and then for other reasons:
        then nothing goes on before `check` has passed. Also now and then, for one that stays so.
        """
        while True:
            await self._run(sink)
            self.assembler.described = False
            await self._check()

    async def _run(self, sink: Callable[[list[Arrival]], None]) -> None:
        """Run until the log is described."""
        loop = asyncio.get_running_loop()
        broken: asyncio.Future[None] = loop.create_future()
        socket = self._pgconn.socket

        def on_readable() -> None:
            if broken.done():
                return
            try:
                more = self._gulp(sink)
                if time.monotonic() >= self._next_status:
                    self._send_status()
                if self.assembler.described:
                    loop.remove_reader(socket)
                    broken.set_result(None)
                    return
            except Exception as exc:
                # Now, not later: libpq may have closed the socket, and its number may come to
                # stand for somebody else's before the task that waits for us runs.
                loop.remove_reader(socket)
                broken.set_exception(exc)
                return
            if more:  # complete messages may be left in libpq's buffer, where no poll sees them
                loop.call_soon(on_readable)

        loop.add_reader(socket, on_readable)
        try:
            while not broken.done():
                on_readable()
                await asyncio.wait([broken], timeout=self._every / 2)
                if time.monotonic() - self.heard > self._silence:
                    raise _lost(None)
                if time.monotonic() >= self._next_check:
                    self._next_check = time.monotonic() + CHECK_SECONDS
                    await self._check()
            broken.result()
        except psycopg.Error as exc:
            raise _lost(exc) from exc
        finally:
            if broken.cancel():
                loop.remove_reader(socket)
            else:
                broken.exception()  # seen, also when we were cancelled meanwhile

    async def aclose(self) -> None:
        """Close the socket, which ends the walsender and drops its slot; nothing to wait for."""
        with anyio.CancelScope(shield=True):
            await self._conn.close()

    def _gulp(self, sink: Callable[[list[Arrival]], None]) -> bool:
        """Take in what is there; return whether it stopped because it had enough."""
        assembler = self.assembler
        feed, get = assembler.feed, self._pgconn.get_copy_data
        messages = size = 0
        reply_wanted = ended = more = False
        while not more:
            self._pgconn.consume_input()
            before = messages
            while True:
                length, view = get(1)
                if length <= 0:
                    ended = length < 0
                    break
                messages += 1
                size += length
                keepalive = feed(bytes(view))
                if keepalive is not None and keepalive.reply_wanted:
                    reply_wanted = True
                if assembler.described or messages >= GULP_MESSAGES or size >= GULP_BYTES:
                    more = True
                    break
            if ended or messages == before:
                break
        if messages:
            self.heard = time.monotonic()
        if assembler.batch:
            batch, assembler.batch = assembler.batch, []
            sink(batch)
        if reply_wanted:
            self._send_status()
        if ended:
            raise self._end()
        return more

    def _send_status(self) -> None:
        self.confirmed = self.assembler.confirmable
        clock = int((time.time() - CLOCK_EPOCH) * 1_000_000)
        # An answer is asked for: it says how far the server is, and that it is there.
        self._pgconn.put_copy_data(encode_status(self.confirmed, clock, reply=True))
        # 34 bytes; what the socket does not take now goes out with the next call
        self._pgconn.flush()
        self._next_status = time.monotonic() + self._every

    def _end(self) -> psycopg.Error:
        """Say why the server ended the stream."""
        result = self._pgconn.get_result()
        if result is None or result.status == ExecStatus.COMMAND_OK:
            return psycopg.OperationalError("the server ended the stream and gave no reason")
        return psycopg.errors.error_from_result(result)


async def open_stream(
    url: str, log: LogSource, say: Callable[[str], None] = lambda reason: None
) -> ReplicationStream:
    """Connect, make a temporary slot, wait until it may be relied on, and start it.

    Args: log, what the stream is joined with; say is told what is waited for. May wait as long as
    the longest transaction that is running: run it under a deadline. Raises what `db.errors` makes
    of the failure, with Postgres's error as `__cause__`.
    """

    async def make_slot(conn: AsyncConnection[Any]) -> str:
        slot = f"ablo_{os.getpid()}_{secrets.token_hex(4)}"
        command = f"CREATE_REPLICATION_SLOT {slot} TEMPORARY LOGICAL pgoutput NOEXPORT_SNAPSHOT"
        failure: Exception | None = None
        async with anyio.create_task_group() as group:
            group.start_soon(tell_waiting, log, say)
            try:
                consistent_point = (await _row(conn, command))[1]
                await wait_until_visible(log, LSN.parse(consistent_point))
            except (psycopg.Error, AbloError) as exc:  # out of the task group it would come wrapped
                failure = exc
            group.cancel_scope.cancel()
        if failure is not None:
            raise failure
        return slot

    before = await log.publication()

    async def unaltered() -> None:
        if await log.publication() != before:
            raise error_for(
                "kernel_checksum_mismatch",
                "The publication ablo_delta was altered: changes may be missing from this stream, "
                "and are read from the log",
            )

    return await _open(url, make_slot, unaltered)


async def open_slot(url: str, slot: str) -> ReplicationStream:
    """Start a slot that exists already, for measurements; its maker answers for it."""

    async def made(conn: AsyncConnection[Any]) -> str:
        return slot

    async def unasked() -> None:
        return None

    return await _open(url, made, unasked)


async def _open(
    url: str,
    make_slot: Callable[[AsyncConnection[Any]], Awaitable[str]],
    check: Callable[[], Awaitable[None]],
) -> ReplicationStream:
    conn: AsyncConnection[Any] | None = None
    try:
        conn = await connect(url, replication="database", application_name="ablo_pg reader")
        query = "select setting from pg_settings where name = 'wal_sender_timeout'"
        timeout = int((await _row(conn, query))[0]) / 1000
        slot = await make_slot(conn)
        await _copy_both(
            conn,
            f"START_REPLICATION SLOT {slot} LOGICAL 0/0"
            f" (proto_version '1', publication_names '{PUBLICATION}')",
        )
        return ReplicationStream(conn, slot, timeout, check)
    except BaseException as exc:
        if conn is not None:
            with anyio.CancelScope(shield=True):
                await conn.close()
        if isinstance(exc, psycopg.Error):
            raise translate(exc) from exc
        raise


async def _row(conn: AsyncConnection[Any], query: str) -> tuple[Any, ...]:
    # Without parameters psycopg uses the simple protocol, the only one a walsender knows; `connect`
    # sees to it that it prepares nothing.
    row = await (await conn.execute(query.encode())).fetchone()
    assert row is not None
    return tuple(row)


async def _copy_both(conn: AsyncConnection[Any], command: str) -> None:
    """Send START_REPLICATION and leave the connection in COPY BOTH mode, nonblocking."""
    pgconn = conn.pgconn
    pgconn.send_query(command.encode())
    while pgconn.flush():
        await anyio.wait_writable(pgconn.socket)
    while pgconn.is_busy():
        await anyio.wait_readable(pgconn.socket)
        pgconn.consume_input()
    result = pgconn.get_result()
    if result is None or result.status != ExecStatus.COPY_BOTH:
        raise psycopg.errors.error_from_result(result) if result else _lost(None)


def _lost(exc: psycopg.Error | None) -> AbloConnectionError:
    return AbloConnectionError(
        f"The replication connection broke: {exc or 'the server is silent'}",
        code="database_unreachable",
        remedy="the reader connects again by itself",
    )
