"""Renews leases and presences in its own event loop, so that blocked callers keep their claims.

Runs in the thread of `sidecar`. A participant's leases are renewed in one call, at a third of the
shortest ttl among them. The first renewal that is due connects, so short claims cost no connection.
A broken connection is replaced repeatedly until a lease has expired by our clock; that lease is
then lost.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
import weakref
from collections.abc import Callable, Collection
from typing import Final

from ablo_pg.client.claims.connector import Connector, LeaseConnection
from ablo_pg.client.claims.lease import Lease, PresenceBeat, Renewal
from ablo_pg.client.claims.wakeup import WakeUp
from ablo_pg.db.backoff import Backoff
from ablo_pg.errors import AbloError

logger: Final = logging.getLogger("ablo_pg.client")

# Seconds that one call may take. Protects other leases from a participant whose row is locked, and
# all from a connection that hangs; a false alarm costs another attempt.
CALL_SECONDS: Final = 2.0
RETRY_FIRST: Final = 0.05
RETRY_LAST: Final = 1.0
# Seconds after which a held claim is worth a listener, which learns at once if the claim is ended.
LONG_SECONDS: Final = 1.0
# Seconds without anything to renew after which the connection closes.
IDLE_SECONDS: Final = 30.0


class LeaseKeeper:
    """Holds its leases weakly: those that a client left behind without `close` are dropped.

    Args: has_long, called while a lease is kept that is older than LONG_SECONDS.
    """

    def __init__(self, connector: Connector, has_long: Callable[[], None] = lambda: None) -> None:
        self._connector = connector
        self._has_long = has_long
        self._lock = threading.Lock()
        self._kept: weakref.WeakSet[Renewal] = weakref.WeakSet()
        self._wakeup: WakeUp | None = None
        self._wakes_at = float("-inf")
        self._open: LeaseConnection | None = None
        self._backoff = Backoff(RETRY_FIRST, RETRY_LAST)
        self._idle_since = 0.0
        self._in_round = False

    def keep(self, renewal: Renewal) -> None:
        """Renew that from now on. From any thread."""
        with self._lock:
            self._kept.add(renewal)
            wakeup = self._wakeup if renewal.due < self._wakes_at else None
        if wakeup is not None:
            wakeup.wake()

    def drop(self, renewal: Renewal) -> None:
        """Stop renewing it. From any thread."""
        with self._lock:
            self._kept.discard(renewal)

    def hurry(self, claim_id: str, waited: Collection[str] = ()) -> None:
        """Renew that claim ('': all) now: it had an event. From any thread.

        Not if it is waited for: its waiter looks, and that renews it.
        """
        wakeup, now = None, time.monotonic()
        with self._lock:
            for one in list(self._kept):
                if not isinstance(one, Lease) or one.claim_id in waited:
                    continue
                if claim_id in ("", one.claim_id) and one.due > now:
                    one.due, wakeup = now, self._wakeup
        if wakeup is not None:
            wakeup.wake()

    def kept_long(self) -> list[str]:
        """Return the claims whose leases are kept and no longer new. From any thread."""
        new = time.monotonic() - LONG_SECONDS
        leases = (one for one in self._all() if isinstance(one, Lease))
        return [one.claim_id for one in leases if one.since <= new]

    async def run(self) -> None:
        """Renew, until cancelled."""
        wakeup = self._wakeup = WakeUp()
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    self._bury()
                    if not self._in_round and self._next_due() <= time.monotonic():
                        self._in_round = True
                        group.create_task(self._round(wakeup))
                    if self.kept_long():
                        self._has_long()
                    await self._rest(wakeup)
        finally:
            await self._disconnect()

    async def _rest(self, wakeup: WakeUp) -> None:
        """Wait until something is due, has expired, or was added."""
        with self._lock:
            kept, now = list(self._kept), time.monotonic()
            leases = [one for one in kept if isinstance(one, Lease)]
            wakes = [one.deadline for one in leases]
            wakes += [one.since + LONG_SECONDS for one in leases if one.since > now - LONG_SECONDS]
            if not self._in_round:
                wakes += [one.due for one in kept]
            if not kept and self._open is not None:
                wakes.append(self._idle_since + IDLE_SECONDS)
            self._wakes_at = min(wakes, default=float("inf"))
        pause = None if not wakes else self._wakes_at - time.monotonic()
        await wakeup.wait(pause)
        now = time.monotonic()
        if kept:
            self._idle_since = now
        elif now - self._idle_since >= IDLE_SECONDS and not self._in_round:
            await self._disconnect()

    def _bury(self) -> None:
        """Mark lost what has expired by our clock: no renewal was confirmed in time."""
        now = time.monotonic()
        for one in self._all():
            if isinstance(one, Lease) and now >= one.deadline:
                self._lose(one, "it could not be renewed in time")

    def _lose(self, lease: Lease, reason: str) -> None:
        with self._lock:
            held = lease in self._kept
            self._kept.discard(lease)
        if held:  # else it was released meanwhile
            lease.lose(reason)

    def _all(self) -> list[Renewal]:
        with self._lock:
            return list(self._kept)

    def _next_due(self) -> float:
        return min((one.due for one in self._all()), default=float("inf"))

    async def _round(self, wakeup: WakeUp) -> None:
        """Renew what is due; with a lease all others of its participant."""
        try:
            kept, now = self._all(), time.monotonic()
            groups: dict[tuple[str, str, str], list[Renewal]] = {}
            for one in kept:
                session = one.session if isinstance(one, PresenceBeat) else ""
                groups.setdefault((one.organization, one.participant, session), []).append(one)
            for group in sorted(groups.values(), key=lambda each: min(one.due for one in each)):
                if any(one.due <= now for one in group):
                    await self._attempt(group)
        finally:
            self._in_round = False
            wakeup.wake()

    async def _attempt(self, group: list[Renewal]) -> None:
        """Renew one participant's leases, or one presence; after a failure, again after a pause."""
        try:
            connection = await self._connection()
            async with asyncio.timeout(CALL_SECONDS):
                if isinstance(group[0], PresenceBeat):
                    await self._repeat(connection, group[0])
                else:
                    await self._renew(connection, [one for one in group if isinstance(one, Lease)])
            self._backoff.reset()
            return
        except AbloError as exc:
            logger.info("renewing claims is interrupted: %s", exc)
        except TimeoutError:
            logger.info("renewing claims is interrupted: no answer within %g s", CALL_SECONDS)
        except Exception:
            logger.exception("renewing claims failed")
        again = time.monotonic() + self._backoff.pause()
        for one in group:
            one.due = again
        if self._open is not None and self._open.broken:
            await self._disconnect()

    async def _renew(self, connection: LeaseConnection, leases: list[Lease]) -> None:
        first = leases[0]
        by_id: dict[str, list[Lease]] = {}
        for one in leases:
            by_id.setdefault(one.claim_id, []).append(one)
        sent_at = time.monotonic()
        for beat in await connection.renew(first.organization, first.participant, list(by_id)):
            for lease in by_id.get(beat.claim_id, ()):
                if beat.status == "lost":
                    self._lose(lease, "the database reports that it has ended")
                else:
                    lease.renewed(sent_at, beat.ttl)

    async def _repeat(self, connection: LeaseConnection, presence: PresenceBeat) -> None:
        sent_at = time.monotonic()
        lasts = await connection.beat(
            presence.organization, presence.participant, presence.session, presence.body
        )
        presence.renewed(sent_at, lasts)

    async def _connection(self) -> LeaseConnection:
        if self._open is None:
            self._open = await self._connector.leases()
        return self._open

    async def _disconnect(self) -> None:
        connection, self._open = self._open, None
        if connection is not None:
            await connection.aclose()
