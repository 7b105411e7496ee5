"""One LISTEN connection of a process to a database, shared by everything that waits for changes.

A notification is only a hint: the listener checks, and checks at intervals without one. So a lost,
forged or repeated one does no harm. Untaken notifications are bounded. Beyond the bound, and
whenever some may have been missed (after each connect), a listener gets EVERYTHING, which means:
check all. Works while `run` runs, in its event loop.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Final, LiteralString

import psycopg
from psycopg import AsyncConnection

from ablo_pg.db.backoff import Backoff
from ablo_pg.db.errors import translate
from ablo_pg.db.pooled import Conn, PooledConnection
from ablo_pg.db.session import connect_as
from ablo_pg.db.waits import occurs, shielded

logger: Final = logging.getLogger("ablo_pg.db")

EVERYTHING: Final = ""
KEPT: Final = 1000  # untaken payloads per listener
RETRY_FIRST: Final = 0.1
RETRY_LAST: Final = 2.0
LOCK_SECONDS: Final = 1.0  # between two tries to hold a channel's lock
# Detects a silently lost peer within half a minute; listeners check on their own.
KEEPALIVES: Final = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}
LOCK_TRY: Final[LiteralString] = """
    select pg_try_advisory_lock(key),
           exists (select from pg_locks
                    where locktype = 'advisory' and mode = 'ExclusiveLock' and granted
                      and classid::bigint << 32 | objid::bigint = key
                      and objsubid = 1 and pid <> pg_backend_pid()
                      and database = (select oid from pg_database
                                       where datname = current_database()))
      from (select """
# Bounds how long the connection receives nothing while it waits for the lock.
LOCK_PATIENCE: Final[LiteralString] = "set local lock_timeout = '200ms'"


@dataclass(frozen=True, slots=True)
class Channel:
    """What to LISTEN on. key: of the lock; writers notify only while a session holds it."""

    name: LiteralString
    key: LiteralString | None = None


CLAIMS: Final = Channel("ablo_claim")  # a claim's id
DELTAS: Final = Channel("ablo_delta", "ablo.listen_key()")  # whose log has grown
KEYS: Final = Channel("ablo_key")  # a key's id
LIVE: Final = Channel("ablo_live", "ablo.live_key()")  # whose claims or presence changed


class Listener:
    """The untaken notifications of one channel."""

    def __init__(self) -> None:
        self._payloads: dict[str, None] = {}
        self._event = asyncio.Event()

    def put(self, payload: str) -> None:
        """Add a payload; too many are EVERYTHING."""
        if len(self._payloads) >= KEPT and payload not in self._payloads:
            self._payloads, payload = {}, EVERYTHING
        self._payloads[payload] = None
        self._event.set()

    async def take(self, seconds: float | None = None) -> list[str]:
        """Return the payloads since the last call; wait for one, at most so many seconds."""
        await occurs(self._event, seconds)
        self._event = asyncio.Event()
        payloads, self._payloads = self._payloads, {}
        return list(payloads)


class Notifications:
    """Listens on channels, each while it has listeners.

    Args: url, straight to the server or through a pooler that keeps sessions. name: of the
    application, as the server shows it.
    """

    def __init__(self, url: str, name: str) -> None:
        self.connected = asyncio.Event()  # set, and replaced, when there is a new connection
        self._url = url
        self._name = name
        self._listeners: dict[Channel, list[Listener]] = {}
        self._listening: set[Channel] = set()  # on the present connection
        self._conn: Conn | None = None
        self._turn = asyncio.Lock()  # to use it
        self._wake = asyncio.Event()
        self._waiting = False  # for notifications, in `_woken`

    @contextmanager
    def listen(self, channel: Channel) -> Iterator[Listener]:
        """Listen on a channel; the first thing that is taken is EVERYTHING, once it is in force."""
        listener = Listener()
        self._listeners.setdefault(channel, []).append(listener)
        if channel in self._listening:
            listener.put(EVERYTHING)
        self._wake.set()
        try:
            yield listener
        finally:
            self._listeners[channel].remove(listener)
            if not self._listeners[channel]:
                del self._listeners[channel]
            self._wake.set()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Conn]:
        """Lend the connection, once there is one, for work that must not wait for a pool.

        It is replaced when the block fails.
        """
        while (conn := self._conn) is None:
            await self.connected.wait()
        async with self._turn:
            try:
                # Statements register a reader of the same socket, and a loop keeps one of each.
                asyncio.get_running_loop().remove_reader(conn.pgconn.socket)
                yield conn
            except BaseException:
                if self._conn is conn:
                    self._conn = None
                self._wake.set()
                raise
            conn.unwatch()
            if self._waiting:
                self._watch(conn)
                self._arrived(conn)  # what came with the answers

    async def run(self) -> None:
        """Listen until cancelled; again when the connection breaks."""
        backoff = Backoff(RETRY_FIRST, RETRY_LAST)
        while True:
            try:
                while not self._listeners:
                    await self._wake.wait()
                    self._wake = asyncio.Event()
                conn = await connect_as(
                    PooledConnection, self._url, application_name=self._name, **KEEPALIVES
                )
                try:
                    self._conn = conn
                    connected, self.connected = self.connected, asyncio.Event()
                    connected.set()
                    await self._serve(conn, backoff)
                finally:
                    self._conn = None
                    self._listening.clear()
                    with shielded(None):
                        await conn.close()
            except psycopg.Error as exc:
                logger.info("%s: not listening: %s", self._name, translate(exc).code)
                await asyncio.sleep(backoff.pause())

    async def _serve(self, conn: Conn, backoff: Backoff) -> None:
        """Listen on one connection while there are listeners."""
        conn.add_notify_handler(lambda said: self._said(said.channel, said.payload))
        held: set[Channel] = set()  # whose locks are
        retry = 0.0
        while self._listeners and self._conn is conn:
            async with self._turn:
                if await self._listen(conn, held):
                    retry = 0.0
                waiting = [one for one in self._listeners if one.key and one not in held]
                if waiting and time.monotonic() >= retry:
                    for channel in waiting:  # without it some writers may not have notified
                        if channel.key and await hold_lock(conn, channel.key):
                            held.add(channel)
                            await conn.execute("notify " + channel.name)
                    retry = time.monotonic() + LOCK_SECONDS
                self._receive(conn)
            backoff.reset()
            await self._woken(conn, max(0.0, retry - time.monotonic()) if waiting else None)

    async def _listen(self, conn: AsyncConnection, held: set[Channel]) -> bool:
        """Listen on new channels and stop on unused ones; return whether there were new ones."""
        for channel in self._listening - self._listeners.keys():
            self._listening.discard(channel)
            await conn.execute("unlisten " + channel.name)
            if channel.key and channel in held:
                held.discard(channel)
                await conn.execute("select pg_advisory_unlock(" + channel.key + ")")
        new = self._listeners.keys() - self._listening
        for channel in new:
            await conn.execute("listen " + channel.name)
            self._listening.add(channel)
            self._said(channel.name, EVERYTHING)
        return bool(new)

    def _said(self, name: str, payload: str) -> None:
        for channel, listeners in self._listeners.items():
            if channel.name == name:
                for listener in listeners:
                    listener.put(payload)

    async def _woken(self, conn: Conn, seconds: float | None) -> None:
        """Pass on what arrives until the listeners change, or for at most so many seconds."""
        self._waiting = True
        self._watch(conn)
        try:
            await occurs(self._wake, seconds)
        finally:
            self._waiting = False
            if not self._turn.locked():  # else lent: a statement may wait for the socket
                asyncio.get_running_loop().remove_reader(conn.pgconn.socket)
        self._wake = asyncio.Event()

    def _watch(self, conn: Conn) -> None:
        asyncio.get_running_loop().add_reader(conn.pgconn.socket, self._arrived, conn)

    def _arrived(self, conn: Conn) -> None:
        """Pass on what has arrived; `_serve` handles a broken connection."""
        try:
            self._receive(conn)
        except psycopg.Error:
            self._wake.set()

    def _receive(self, conn: Conn) -> None:
        conn.pgconn.consume_input()
        while said := conn.pgconn.notifies():
            self._said(said.relname.decode(), said.extra.decode())


async def hold_lock(conn: AsyncConnection, key: LiteralString) -> bool:
    """Try to hold the lock whose presence makes writers NOTIFY, for the life of this session.

    A plain attempt would starve under load, since every commit holds the lock shared for a moment.
    If only commits hold it, this waits for it briefly: a waiter makes commits notify too, and it is
    granted when the running commits have ended.
    """
    row = await (await conn.execute(LOCK_TRY + key + ") lock (key)")).fetchone()
    got, other = row or (False, False)
    if got or other:
        return bool(got)
    try:
        async with conn.transaction():
            await conn.execute(LOCK_PATIENCE)
            await conn.execute("select pg_advisory_lock(" + key + ")")
    except psycopg.errors.LockNotAvailable:
        return False
    return True
