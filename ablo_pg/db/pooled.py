"""Connections of the pool, and the pool of psycopg as `db.pool` needs it: ended by cancellation."""

from __future__ import annotations

import asyncio
import itertools
import socket
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, Final, LiteralString, TypeVar

import psycopg
from psycopg import AsyncConnection
from psycopg.abc import PQGen
from psycopg.generators import execute
from psycopg.pq import ExecStatus, TransactionStatus
from psycopg.pq.abc import PGresult
from psycopg.rows import Row, TupleRow
from psycopg.waiting import Ready, wait_async
from psycopg_pool import AsyncConnectionPool

from ablo_pg.db.waits import occurs, shielded

R = TypeVar("R")
# Seconds for the server to end a statement that its caller, or the statement's timeout, gave up.
# Protects callers from a silently lost server; a false alarm costs the connection.
CANCEL_SECONDS: Final = 3.0
# Seconds between two checks of a statement that the server is still running. The socket wakes the
# wait; the check is only a fallback. `wait_async`'s own default of 0 polls the event loop without a
# pause for as long as a statement runs, which cost half of the client's and the relay's CPU.
LOOK_SECONDS: Final = 1.0
_NUMBERS: Final = itertools.count(1)  # of prepared statements: a cancelled one's is not used again


class PooledConnection(AsyncConnection[Row]):
    """A connection whose statement ends on the server before a cancellation gets through.

    psycopg makes the server cancel the statement, but an anyio scope delivers its cancellation
    again at the next await and cuts that short: the connection was lost, and the statement could
    still commit after its caller had got a timeout.

    patience: seconds to wait for a server that should long have answered; None means no limit.
    Otherwise a silently broken network would hold the caller and the connection. generation: see
    Database.
    """

    patience: float | None = None
    generation = 0
    hung_up = False
    statements: Mapping[str, bytes] = {}  # prepared by `answer`: the text, and its name
    _watched: int | None = None  # the socket, while the event loop reports to `_readable`
    _answer: tuple[PQGen[list[PGresult]], asyncio.Future[list[PGresult]]] | None = None

    async def value(self, query: LiteralString, *arguments: str | bytes | None) -> bytes | None:
        """As `answer`, for a statement that answers one value: return that, as text."""
        return (await self.answer(query, *arguments)).get_value(0, 0)

    async def answer(self, query: LiteralString, *arguments: str | bytes | None) -> PGresult:
        """Return what a statement answers, as text. Raises psycopg's errors.

        Prepared, and past psycopg's cursor, which takes as long as the rest of a commit's work in
        the client. The connection must be in autocommit mode. arguments: of `$1`, `$2`, as text.
        """
        given = [one.encode() if isinstance(one, str) else one for one in arguments]
        if b"\0" in b"".join(filter(None, given)):
            raise psycopg.DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes")
        try:
            name = self.statements.get(query)
            if name is None:
                name = b"ablo_%d" % next(_NUMBERS)
                self.pgconn.send_prepare(name, query.encode())
                await self._result()
                self.statements = {**self.statements, query: name}
            self.pgconn.send_query_prepared(name, given)
            return await self._result()
        except psycopg.Error:
            self.unwatch()  # libpq may have closed the socket
            raise

    def _deallocate(self, name: bytes | None) -> PQGen[None]:
        """Forget `statements` too when psycopg deallocates all: after a ROLLBACK, or a DROP."""
        if name is None:
            self.statements = {}
        return super()._deallocate(name)

    async def _result(self) -> PGresult:
        """Return the answer to the statement that was sent."""
        gen: PQGen[list[PGresult]] = execute(self.pgconn)
        if self.pgconn.flush():  # a large request, of which a part is still to be sent
            results = await self.wait(gen)
        else:
            results = await self._ended(gen, self._arrival(gen))
        result = results[-1]
        if result.status == ExecStatus.FATAL_ERROR:
            raise psycopg.errors.error_from_result(result)
        return result

    def _arrival(self, gen: PQGen[list[PGresult]]) -> asyncio.Future[list[PGresult]]:
        """Read the answer as it arrives, in the callback of a reader that stays registered.

        psycopg's wait registers and removes a reader, and sets a timer, for each statement.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[list[PGresult]] = loop.create_future()
        self._answer = gen, done
        self._advance(None)
        if self._watched is None and not done.done():
            self._watched = self.pgconn.socket
            loop.add_reader(self._watched, self._readable)
        return done

    def _readable(self) -> None:
        if self._answer is None or self._answer[1].done():
            self.unwatch()  # the server has closed an idle session, or reports a setting
        else:
            self._advance(Ready.R)

    def _advance(self, ready: Ready | None) -> None:
        """Let psycopg read what has arrived; the last part of an answer is its result."""
        assert self._answer is not None
        gen, done = self._answer
        try:
            gen.send(ready)  # type: ignore[arg-type]  # None starts it
        except StopIteration as end:
            self._answer = None
            done.set_result(end.value)
        except Exception as exc:
            self.unwatch()
            done.set_exception(exc)

    def unwatch(self) -> None:
        """Leave the socket to psycopg: a loop keeps one reader for each, even if it is closed."""
        watched, self._watched = self._watched, None
        if watched is not None:
            asyncio.get_running_loop().remove_reader(watched)

    async def close(self) -> None:
        """Close the connection."""
        self.unwatch()
        await super().close()

    async def wait(
        self, gen: PQGen[R], interval: float = LOOK_SECONDS, timeout: float | None = None
    ) -> R:
        """Wait as psycopg does; ends the statement before it lets a cancellation through."""
        self.unwatch()
        return await self._ended(gen, wait_async(gen, self.pgconn.socket, interval, timeout))

    async def _ended(self, gen: PQGen[R], answer: Awaitable[R]) -> R:
        overdue: asyncio.TimerHandle | None = None
        if self.patience is not None:
            overdue = asyncio.get_running_loop().call_later(self.patience, self._hang_up)
        try:
            return await answer
        except asyncio.CancelledError:
            self.unwatch()
            if self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                await self._end_statement(gen)
            raise
        finally:
            if overdue is not None:
                overdue.cancel()

    def _hang_up(self) -> None:
        """Close the connection at our side: waiters see it broken, and handle that."""
        self.hung_up = True
        with socket.fromfd(self.pgconn.socket, socket.AF_INET, socket.SOCK_STREAM) as ours:
            ours.shutdown(socket.SHUT_RDWR)

    async def _end_statement(self, gen: PQGen[Any]) -> None:
        with shielded(CANCEL_SECONDS), suppress(psycopg.Error):
            await self.cancel_safe(timeout=CANCEL_SECONDS)
            await wait_async(gen, self.pgconn.socket, LOOK_SECONDS)
            return
        if self.pgconn.transaction_status == TransactionStatus.ACTIVE:
            self.pgconn.finish()


Conn = PooledConnection[TupleRow]


class Pool(AsyncConnectionPool[Conn]):
    """A pool whose workers and scheduler end when they are cancelled.

    psycopg's workers mistake a cancellation during their work for a failure of that work, and wait
    for more: an event loop that shuts down (`asyncio.run`) would wait for them forever.
    """

    def _start_workers(self) -> None:
        self._sched._event = _UntilCancelledEvent()  # type: ignore[assignment]
        super()._start_workers()

    @classmethod
    async def worker(cls, q: Any) -> None:
        """Work as psycopg's, until cancelled."""
        await super().worker(_UntilCancelled(q))  # type: ignore[arg-type]

    def take_idle(self) -> Conn | None:
        """Return an idle connection, as `getconn` does, if that need not wait."""
        if not self._pool or self._waiting or self._lock.locked():
            return None
        self._stats[self._REQUESTS_NUM] += 1
        conn = self._pool.popleft()
        self._nconns_min = min(self._nconns_min, len(self._pool))
        conn._pool = self
        return conn

    async def getconn(self, timeout: float | None = None) -> Conn:
        """Give a connection, unless that is cancelled: psycopg's wait may lose a cancellation."""
        task = asyncio.current_task()
        before = task.cancelling() if task else 0
        conn = await super().getconn(timeout)
        if task is not None and task.cancelling() > before:
            await self.putconn(conn)
            raise asyncio.CancelledError
        return conn

    def take_back(self, conn: Conn) -> bool:
        """Take a connection back at once, and hand it out next: its backend is warm.

        psycopg's way, over a worker, comes too late for a caller's next call: the pool grew, and
        two cold backends took turns. False where it might suspend (see `nothing_to_reset`).
        """
        idle = conn.pgconn.transaction_status == TransactionStatus.IDLE
        due = conn._created_at <= self._drained_at or conn._expire_at <= time.monotonic()
        if not idle or due or self._waiting or self._closed or self._lock.locked():
            return False
        conn._pool = None
        self._pool.appendleft(conn)
        return True

    async def _putconn(self, conn: Conn, from_getconn: bool) -> None:
        """Take a connection back, from its caller or from the pool's own `getconn`."""
        if not self.take_back(conn):
            await super()._putconn(conn, from_getconn)


class Lent:
    """A connection of a pool for a block: an idle one, else what `wait` returns.

    A class: a generator, and psycopg's way in and out, cost a tenth of a commit's client.
    """

    __slots__ = ("_conn", "_pool", "_wait")

    def __init__(self, pool: Pool, wait: Callable[[Pool], Awaitable[Conn]]) -> None:
        self._pool, self._wait = pool, wait

    async def __aenter__(self) -> Conn:
        self._conn = self._pool.take_idle() or await self._wait(self._pool)
        return self._conn

    async def __aexit__(self, *exc: object) -> None:
        if not self._pool.take_back(self._conn):
            await self._pool.putconn(self._conn)  # never suspends, see nothing_to_reset


class _UntilCancelledEvent(asyncio.Event):
    """The scheduler's event: psycopg's uses `wait_for`, which on Python 3.11 loses a cancellation
    that arrives in the same turn as the event, as in the first turns of a pool."""

    async def wait_timeout(self, timeout: float) -> bool:
        if cancelled():
            raise asyncio.CancelledError
        return await occurs(self, timeout)


class _UntilCancelled:
    """A worker's queue, which returns nothing more once the worker was cancelled."""

    def __init__(self, queue: asyncio.Queue[Any]) -> None:
        self._queue = queue

    async def get(self) -> Any:
        if cancelled():
            raise asyncio.CancelledError
        return await self._queue.get()


def cancelled() -> bool:
    """Whether the running task was cancelled, even if that was mistaken for a failure."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def nothing_to_reset(conn: Conn) -> None:
    """Make the pool take back connections in a separate task.

    Without a reset function `putconn` waits for the pool's lock in the caller's task, and a caller
    that is cancelled there loses the connection permanently.
    """
