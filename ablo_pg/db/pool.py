"""The bounded pool of runtime connections, opened on first use.

Callers: the direct transport and the relay. Only `Database.run` takes a connection, calls a routine
and translates psycopg's errors. The first use checks, on a separate connection, that the login
cannot bypass row-level security, so that a wrong URL fails at once and by name instead of as a pool
that never fills.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Concatenate, Final, ParamSpec, TypeVar

import psycopg
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from ablo_pg.db import routines, session
from ablo_pg.db.claims import claim_limits
from ablo_pg.db.errors import NO_NAMES, Names, translate
from ablo_pg.db.membership import unreached_async
from ablo_pg.db.pooled import (
    CANCEL_SECONDS,
    Lent,
    Pool,
    PooledConnection,
    cancelled,
    nothing_to_reset,
)
from ablo_pg.db.pooled import Conn as _Conn
from ablo_pg.db.pooler import refuse_shared_sessions
from ablo_pg.errors import AbloConnectionError, AbloError, error_for

P = ParamSpec("P")
R = TypeVar("R")

# Reconnecting protects a reader from a restarted server. Three tries span about a second; the
# caller's own deadline ends them sooner.
RECONNECT_TRIES: Final = 3
RECONNECT_PAUSE: Final = 0.1
WORKERS: Final = 4  # tasks that connect and return connections
# Seconds a connection is kept. Each new one makes the log grow a partition ahead: one holds 10
# million ids and the next is created at half, so this is safe up to about 8,000 deltas a second.
LIFETIME: Final = 600.0
# Seconds from one connection's maintenance to the next: many opened at once need not all do it.
MAINTENANCE_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class PoolOptions:
    """How many connections, and how long to wait for one.

    acquire_timeout: seconds a caller waits for a free connection; protects callers from an
    exhausted pool, a false alarm costs one retryable error. connect_timeout: seconds for one login.
    statement_timeout: seconds for one statement, 0 for no limit; protects a service's pool from a
    statement that does not end, a false alarm costs one retryable error. open_claims, open_waits:
    how many claims one participant may hold, and wait for; None for the kernel's own limits.
    `maintenance`: a new connection begins with `routines.maintain`, unless another has within a
    minute.
    """

    min_size: int = 1
    max_size: int = 10
    acquire_timeout: float = 30.0
    connect_timeout: float = 10.0
    statement_timeout: float = 0.0
    open_claims: int | None = None
    open_waits: int | None = None
    maintenance: bool = True
    application_name: str = "ablo_pg"


@dataclass(slots=True)
class Database:
    """A pool of runtime connections to one database.

    Nothing connects before the first `run`. Raises the translated errors of `db.errors`;
    `database_role_cannot_enforce_rls` if the login could read past row-level security.
    """

    url: str = field(repr=False)
    options: PoolOptions = PoolOptions()
    names: Names = field(default=NO_NAMES, repr=False)
    _pool: Pool | None = field(default=None, init=False, repr=False)
    _closed: bool = field(default=False, init=False, repr=False)
    _maintenance_due: float = field(
        default=0.0, init=False, repr=False
    )  # on time.monotonic's clock
    _opening: asyncio.Lock = field(default_factory=asyncio.Lock, init=False, repr=False)
    # Of the connections that are made now. If one is found dead, all of its age are suspect.
    _generation: int = field(default=0, init=False, repr=False)
    # Callers that wait for a connection, and why none is available if they are cancelled.
    _waits: set[asyncio.Timeout] = field(default_factory=set, init=False, repr=False)
    _outage: AbloError | None = field(default=None, init=False, repr=False)
    _unready: AbloError | None = field(default=None, init=False, repr=False)  # of a login's start

    @property
    def most_alone(self) -> int:
        """How many connections one organization's commits that wait for rows may hold."""
        return max(1, self.options.max_size // 2)

    async def open(self) -> None:
        """Check the login and start the pool; no effect if it is open."""
        if self._pool is not None:
            return
        async with self._opening:
            if self._closed:
                raise error_for("invalid_options", "The client is closed", remedy="make a new one")
            if self._pool is None:
                await self._check_login()
                self._pool = await self._start_pool()

    async def close(self) -> None:
        """Close every connection, permanently."""
        self._closed = True
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.close()

    async def run(
        self,
        routine: Callable[Concatenate[_Conn, P], Awaitable[R]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Call `routine(connection, ...)` once, in its own transaction; translate its errors."""
        if self._pool is None:
            await self.open()
        async with self._connection() as conn:
            try:
                return await routine(conn, *args, **kwargs)
            except psycopg.Error as exc:
                if conn.hung_up:
                    await self._renew(conn.generation)
                raise translate(exc, self.names) from exc

    async def read(
        self,
        routine: Callable[Concatenate[_Conn, P], Awaitable[R]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """As `run`, for a routine that writes nothing: a broken connection is retried."""
        for attempt in range(RECONNECT_TRIES):
            try:
                return await self.run(routine, *args, **kwargs)
            except AbloConnectionError:
                if self._pool is None or attempt == RECONNECT_TRIES - 1:
                    raise
                await self.mend(attempt)
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def mend(self, attempt: int) -> None:
        """Discard broken idle connections after one broke, and pause before the next attempt."""
        if self._pool is not None:
            await self._pool.check()
        await asyncio.sleep(RECONNECT_PAUSE * 2**attempt)

    async def _renew(self, generation: int) -> None:
        """Replace the connections of a generation: the network has silently dropped one of them."""
        if generation == self._generation and self._pool is not None:
            self._generation += 1
            await self._pool.drain()

    def pool_stats(self) -> dict[str, int]:
        """Return the pool's own counts (pool_size, pool_available, requests_waiting, ...)."""
        return {} if self._pool is None else dict(self._pool.get_stats())

    def _connection(self) -> AbstractAsyncContextManager[_Conn]:
        if self._pool is None:
            raise error_for("invalid_options", "The client is closed", remedy="make a new one")
        return Lent(self._pool, self._take)

    async def _take(self, pool: Pool) -> _Conn:
        deadline = time.monotonic() + self.options.acquire_timeout
        while True:
            try:
                async with asyncio.timeout(None) as wait:
                    self._waits.add(wait)
                    try:
                        return await pool.getconn(deadline - time.monotonic())
                    finally:
                        self._waits.discard(wait)
            except PoolTimeout as exc:
                raise _no_connection(pool, self.options) from exc
            except TimeoutError:  # by `_not_connected`
                pass
            if (outage := self._outage) is not None:
                raise error_for(outage.code, outage.message, remedy=outage.remedy) from outage

    async def _not_connected(self, pool: AsyncConnectionPool[_Conn]) -> None:
        """Notify waiters if the pool has no connection left and cannot make one.

        While it has others, one of them may still be returned. A caller that finds the server back
        asks the pool again.
        """
        if cancelled() or pool.get_stats()["pool_size"] > 0:
            return
        try:
            await self._check_login()
            self._outage = self._unready
        except AbloError as exc:
            self._outage = exc
        while self._waits:
            self._waits.pop().reschedule(0)  # ends it now

    async def _check_login(self) -> None:
        try:
            conn = await session.connect_async(self.url, **self._parameters())
            try:
                await _identity_check(conn)
                await refuse_shared_sessions(conn, self.url, **self._parameters())
            finally:
                await conn.close()
        except psycopg.Error as exc:
            raise translate(exc, self.names) from exc

    async def _start_pool(self) -> Pool:
        pool = Pool(
            self.url,
            connection_class=PooledConnection,
            min_size=min(self.options.min_size, self.options.max_size),
            max_size=self.options.max_size,
            kwargs={"autocommit": True, **session.ENCODING, **self._parameters()},
            configure=self._prepare,
            reset=nothing_to_reset,
            num_workers=WORKERS,
            max_lifetime=LIFETIME,
            # Not retried by the pool, whose pauses grow to minutes: the next caller does that.
            reconnect_timeout=0,
            reconnect_failed=self._not_connected,
            open=False,
            name=self.options.application_name,
        )
        await pool.open()
        return pool

    async def _prepare(self, conn: _Conn) -> None:
        try:
            await self._make_ready(conn)
        except BaseException as exc:
            if isinstance(exc, psycopg.Error):
                self._unready = translate(exc, self.names)
            await conn.close()  # the pool would leave its session to the garbage collector
            raise
        self._unready = None

    async def _make_ready(self, conn: _Conn) -> None:
        conn.generation = self._generation
        await session.pin(conn)
        if self.options.statement_timeout > 0:
            conn.patience = self.options.statement_timeout + CANCEL_SECONDS
        if self.options.maintenance and time.monotonic() >= self._maintenance_due:
            self._maintenance_due = time.monotonic() + MAINTENANCE_SECONDS
            await routines.maintain(conn)
        await routines.session_prepare(conn, self.options.statement_timeout)
        await claim_limits(conn, self.options.open_claims, self.options.open_waits)

    def _parameters(self) -> dict[str, object]:
        return {
            "application_name": self.options.application_name,
            "connect_timeout": max(2, round(self.options.connect_timeout)),
        }


async def _identity_check(conn: AsyncConnection) -> None:
    try:
        await routines.identity_check(conn)
    except psycopg.errors.InsufficientPrivilege as exc:
        if (found := await unreached_async(conn)) is not None:
            raise found.error() from exc
        raise


def _no_connection(pool: AsyncConnectionPool[_Conn], options: PoolOptions) -> Exception:
    """Determine whether the pool is exhausted or the server is gone."""
    if pool.get_stats().get("pool_size", 0) >= options.max_size:
        return error_for(
            "connection_limit_exceeded",
            f"All {options.max_size} connections of the pool were busy for "
            f"{options.acquire_timeout:g} s",
            remedy="raise pool_max_size, or do less concurrently",
        )
    return error_for(
        "database_unreachable",
        f"No connection could be made within {options.acquire_timeout:g} s",
        remedy="check that the server runs and accepts connections",
    )
