"""Listens for grants: one connection per process and database, for the waiters of all clients.

Runs in the thread of `sidecar`. For long claims it also learns that a claim was ended under its
holder. A notification is a hint to check now. Each waiter also checks on its own, so a lost, forged
or repeated one does no harm.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from ablo_pg.client.claims.connector import ClaimEvent, ClaimEvents, Connector
from ablo_pg.client.claims.wakeup import WakeUp
from ablo_pg.db.backoff import Backoff
from ablo_pg.errors import AbloError

logger: Final = logging.getLogger("ablo_pg.client")

RETRY_FIRST: Final = 0.1
RETRY_LAST: Final = 5.0
# Seconds without need after which the connection closes: the next wait often finds it listening.
IDLE_SECONDS: Final = 30.0
_LOOK_SECONDS: Final = 1.0  # how often it checks whether it is still needed
# The latest claims with events: a grant may be notified before its waiter has begun to watch.
_REMEMBERED: Final = 1000


@dataclass(eq=False, slots=True)
class Watch:
    """A waiter in the listener: its wake-up, and the last event of its claim, until it is taken."""

    wakeup: WakeUp
    told: ClaimEvent | None = None

    def take(self) -> ClaimEvent | None:
        """Return the last event of its claim."""
        told, self.told = self.told, None
        return told


class ClaimListener:
    """Listens while there are waiters, and while claims are `needed`.

    Args: heard, called with the id of every claim that has an event, '' for all, and the claims
    whose waiters will look for themselves. needed: claims to listen for without a waiter.
    """

    def __init__(
        self,
        connector: Connector,
        heard: Callable[[str, Collection[str]], None],
        needed: Callable[[], Collection[str]] = tuple,
    ) -> None:
        self._connector = connector
        self._heard = heard
        self._needed = needed
        self._lock = threading.Lock()
        self._waiters: dict[str, list[Watch]] = {}
        self._wakeup: WakeUp | None = None
        self._wanted_at = 0.0
        self._said: deque[str] = deque(maxlen=_REMEMBERED)

    @contextmanager
    def watch(self, claim_id: str, wakeup: WakeUp) -> Iterator[Watch]:
        """Call `wakeup` when the claim has an event. From any thread."""
        watch = Watch(wakeup)
        with self._lock:
            self._waiters.setdefault(claim_id, []).append(watch)
            missed = claim_id in self._said
        if missed:
            wakeup.wake()
        self.look()
        try:
            yield watch
        finally:
            with self._lock:
                watches = self._waiters[claim_id]
                watches.remove(watch)
                if not watches:
                    del self._waiters[claim_id]
                self._wanted_at = time.monotonic()

    def look(self) -> None:
        """Check whether it is needed now. From any thread."""
        wakeup = self._wakeup
        if wakeup is not None:
            wakeup.wake()

    async def run(self) -> None:
        """Listen while it is needed; reconnect if the connection breaks. Until cancelled."""
        own = self._wakeup = WakeUp()
        backoff = Backoff(RETRY_FIRST, RETRY_LAST)
        while True:
            while not self._waiters and not self._needed():
                await own.wait(None)
            try:
                async with self._connector.events() as events:
                    await self._listen(events, own, backoff)
            except AbloError as exc:
                logger.info("waiting for claims continues without notifications: %s", exc)
            except Exception:
                logger.exception("waiting for claims continues without notifications")
            else:
                continue
            await asyncio.sleep(backoff.pause())

    async def _listen(self, events: ClaimEvents, own: WakeUp, backoff: Backoff) -> None:
        while self._wanted():
            heard = await events.hear(self._claims(), own, _LOOK_SECONDS)
            backoff.reset()
            for told in heard:
                self._heard(told.claim_id, self._tell(told))

    def _claims(self) -> set[str]:
        with self._lock:
            return {*self._waiters, *self._needed()}

    def _wanted(self) -> bool:
        with self._lock:
            if self._waiters or self._needed():
                self._wanted_at = time.monotonic()
            return time.monotonic() - self._wanted_at < IDLE_SECONDS

    def _tell(self, told: ClaimEvent) -> set[str]:
        """Wake the waiters of that claim, of all claims for ''; return the claims they wait for."""
        with self._lock:
            self._said.append(told.claim_id)
            waited = set(self._waiters) if not told.claim_id else {told.claim_id} & {*self._waiters}
            watches = [watch for claim_id in waited for watch in self._waiters[claim_id]]
        for watch in watches:
            watch.told = told
            watch.wakeup.wake()
        return waited
