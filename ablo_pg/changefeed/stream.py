"""The replication connection: a temporary slot, streamed through libpq's COPY BOTH mode.

psycopg has no replication API; its libpq wrapper (`conn.pgconn`) is enough. `open_stream` creates
the slot and waits until it may be relied on (see `barrier`), `ReplicationStream.run` passes what
arrives to a sink. `copydata` and `arrival` read the bytes; `reader` reopens broken streams.

Why a temporary slot: it dies with the connection, so a killed process leaves nothing in the
database and holds back no WAL.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias

import anyio
import psycopg
from psycopg import AsyncConnection
from psycopg.pq import ExecStatus

from ablo_pg.changefeed.arrival import Arrival, Assembler
from ablo_pg.changefeed.barrier import tell_waiting, wait_until_visible
from ablo_pg.changefeed.copydata import CLOCK_EPOCH, encode_status
from ablo_pg.db.errors import translate
from ablo_pg.db.log import LogSource
from ablo_pg.db.session import connect_async
from ablo_pg.errors import AbloConnectionError, AbloError, error_for
from ablo_pg.lsn import LSN

PUBLICATION: Final = "ablo_delta"
# What one wake-up may read before other tasks get their turn: about 10 ms of decoding.
BATCH_MESSAGES: Final = 3000
BATCH_BYTES: Final = 1 << 20
# A status goes out at least this often, so that WAL is freed, and four times in wal_sender_timeout,
# so that the connection survives three late ones.
STATUS_SECONDS: Final = 5.0
# A server that has not answered so many seconds of statuses is gone; a half-open connection would
# go unnoticed. Or wal_sender_timeout, if that is less: the server gives us up after the same time.
# A false alarm costs a new slot.
SILENCE_SECONDS: Final = 60.0
# Between two looks at the publication. It bounds how long subscribers go without what an altered
# one leaves out; a look is an index probe.
CHECK_SECONDS: Final = 5.0


Sink: TypeAlias = Callable[[list[Arrival], bool], None]


class ReplicationStream:
    """A streaming slot. Attributes of `assembler` have its progress."""

    def __init__(
        self,
        conn: AsyncConnection,
        slot: str,
        sender_timeout: float,
        check: Callable[[], Awaitable[None]],
    ) -> None:
        self.slot = slot
        self._check = check  # that the publication is what it was before the slot was made
        self.assembler = Assembler()
        self.confirmed = 0
        self.heard = time.monotonic()  # when the server last sent something
        self._conn = conn
        self._pgconn = conn.pgconn
        self._silence = min(SILENCE_SECONDS, sender_timeout or SILENCE_SECONDS)
        self._every = min(STATUS_SECONDS, self._silence / 4)
        self._next_status = 0.0
        self._next_check = time.monotonic() + CHECK_SECONDS

    async def run(self, sink: Sink) -> None:
        """Pass every batch to `sink` as it arrives, until cancelled or the connection breaks.

        `sink` is also passed whether the batch ends with a transaction, or within a large one.

        The socket's readiness calls us directly from the event loop, without a task switch. `sink`
        must not block: back-pressure ends at the subscribers' queues, so statuses go out in time
        whatever the subscribers do. What `sink` has taken is confirmed to the server. Raises
        AbloConnectionError if the connection is lost, and the errors of `check`.

        What an altered publication leaves out is silently never sent. But the server describes the
        log again before the next insert (and sometimes for other reasons): then nothing continues
        before `check` has passed. It also runs from time to time, for a lasting alteration.
        """
        while True:
            await self._run(sink)
            self.assembler.described = False
            await self._check()

    async def _run(self, sink: Sink) -> None:
        """Run until the log is described."""
        loop = asyncio.get_running_loop()
        broken: asyncio.Future[None] = loop.create_future()
        socket = self._pgconn.socket

        def on_readable() -> None:
            if broken.done():
                return
            try:
                more = self._read_batch(sink)
                if time.monotonic() >= self._next_status:
                    self._send_status()
                if self.assembler.described:
                    loop.remove_reader(socket)
                    broken.set_result(None)
                    return
            except Exception as exc:
                # Now, not later: libpq may have closed the socket, and its number may be reused by
                # another one before the task that waits for us runs.
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
                broken.exception()  # visible even if we were cancelled meanwhile

    async def aclose(self) -> None:
        """Close the socket, which ends the walsender and drops its slot; no waiting."""
        with anyio.CancelScope(shield=True):
            await self._conn.close()

    def _read_batch(self, sink: Sink) -> bool:
        """Read what is available; return whether it stopped at its limit."""
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
                if assembler.described or messages >= BATCH_MESSAGES or size >= BATCH_BYTES:
                    more = True
                    break
            if ended or messages == before:
                break
        if messages:
            self.heard = time.monotonic()
        if assembler.batch:
            batch, whole = assembler.take()
            sink(batch, whole)
        if reply_wanted:
            self._send_status()
        if ended:
            raise self._end()
        return more

    def _send_status(self) -> None:
        self.confirmed = self.assembler.confirmable
        clock = int((time.time() - CLOCK_EPOCH) * 1_000_000)
        # An answer is requested: it has the server's position, and shows that the server is alive.
        self._pgconn.put_copy_data(encode_status(self.confirmed, clock, reply=True))
        # 34 bytes; what the socket does not accept now goes out with the next call
        self._pgconn.flush()
        self._next_status = time.monotonic() + self._every

    def _end(self) -> psycopg.Error:
        """Return the server's reason for ending the stream."""
        result = self._pgconn.get_result()
        if result is None or result.status == ExecStatus.COMMAND_OK:
            return psycopg.OperationalError("the server ended the stream and gave no reason")
        return psycopg.errors.error_from_result(result)


async def open_stream(
    url: str, log: LogSource, say: Callable[[str], None] = lambda reason: None
) -> ReplicationStream:
    """Connect, create a temporary slot, wait until it may be relied on, and start it.

    Args: log, which the stream is joined with; say is called with what is waited for. May wait as
    long as the longest running transaction: run it under a deadline. Raises the translated error of
    `db.errors`, with Postgres's error as `__cause__`.
    """

    async def make_slot(conn: AsyncConnection) -> str:
        slot = f"ablo_{os.getpid()}_{secrets.token_hex(4)}"
        command = f"CREATE_REPLICATION_SLOT {slot} TEMPORARY LOGICAL pgoutput NOEXPORT_SNAPSHOT"
        failure: Exception | None = None
        async with anyio.create_task_group() as group:
            group.start_soon(tell_waiting, log, say)
            try:
                consistent_point = (await _row(conn, command))[1]
                await wait_until_visible(log, LSN.parse(consistent_point))
            except (psycopg.Error, AbloError) as exc:  # out of the task group it would be wrapped
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
    """Start an existing slot, for measurements; its creator is responsible for it."""

    async def made(conn: AsyncConnection) -> str:
        return slot

    async def unasked() -> None:
        return None

    return await _open(url, made, unasked)


async def _open(
    url: str,
    make_slot: Callable[[AsyncConnection], Awaitable[str]],
    check: Callable[[], Awaitable[None]],
) -> ReplicationStream:
    conn: AsyncConnection | None = None
    try:
        conn = await connect_async(url, replication="database", application_name="ablo_pg reader")
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


async def _row(conn: AsyncConnection, query: str) -> tuple[Any, ...]:
    # Without parameters psycopg uses the simple protocol, the only one that a walsender supports;
    # `connect` disables prepared statements.
    row = await (await conn.execute(query.encode())).fetchone()
    assert row is not None
    return tuple(row)


async def _copy_both(conn: AsyncConnection, command: str) -> None:
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
        remedy="the reader reconnects automatically",
    )
