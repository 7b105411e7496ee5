"""One daemon thread per process and database, or relay and key, separate from callers' event loops.

It listens for grants (`listener`) and renews leases (`lease_keeper`) for all clients of the
process, whatever their threads are doing. It starts with the first claim or presence of a client
and ends with the last client's `close`. A forked child does not inherit it.
"""

from __future__ import annotations

import asyncio
import os
import threading
from contextlib import AbstractContextManager
from functools import partial
from typing import Final

from ablo_pg.changefeed.tasks import Tasks
from ablo_pg.client.claims.connector import Connector
from ablo_pg.client.claims.lease import Renewal
from ablo_pg.client.claims.lease_keeper import LeaseKeeper
from ablo_pg.client.claims.listener import ClaimListener, Watch
from ablo_pg.client.claims.wakeup import WakeUp
from ablo_pg.client.live.background import Background
from ablo_pg.client.portal import Portal
from ablo_pg.wire.names import Names

# Seconds that a close may wait for the thread, which only has connections to close.
JOIN_SECONDS: Final = 5.0


class Sidecar:
    """Created by `join`. `listener` and `keeper` may be called from any thread."""

    def __init__(self, connector: Connector) -> None:
        self._connector = connector
        self.keeper = LeaseKeeper(connector, lambda: self.listener.look())
        self.listener = ClaimListener(connector, self.keeper.hurry, self.keeper.kept_long)
        self._portal = Portal("ablo_pg claims")
        self._background = Background()
        self._users = 0

    def leave(self) -> None:
        """Undo one `join`; the last one ends the thread, and waits for it."""
        with _lock:
            self._users -= 1
            if self._users or _sidecars.get(self._connector) is not self:
                return
            del _sidecars[self._connector]
        self._portal.close(JOIN_SECONDS)

    def start(self) -> None:
        """Start the thread, and wait until it serves. Called once, by `join`."""
        self._portal.call(self._serve)

    def enter(self) -> None:
        """Count one more user. Called by `join`."""
        self._users += 1

    async def _serve(self) -> None:
        tasks = Tasks()
        self._background.start(partial(tasks.keep, "claim listener", self.listener.run))
        self._background.start(partial(tasks.keep, "lease keeper", self.keeper.run))


def join(connector: Connector) -> Sidecar:
    """Return the process's sidecar of that connector, started. Each `join` needs one `leave`."""
    with _lock:
        found = _sidecars.get(connector)
        if found is None:
            found = _sidecars[connector] = Sidecar(connector)
            found.start()
        found.enter()
        return found


class Beside:
    """A client's part in the sidecar: joined with its first lease or wait, left with `close`."""

    def __init__(self, connector: Connector, names: Names) -> None:
        self.names = names  # for answers that events carry
        self._connector = connector
        self._sidecar: Sidecar | None = None

    async def close(self) -> None:
        """Leave the sidecar; the process's last client ends it."""
        sidecar, self._sidecar = self._sidecar, None
        if sidecar is not None:
            await asyncio.to_thread(sidecar.leave)

    def claim_watch(self, claim_id: str, wakeup: WakeUp) -> AbstractContextManager[Watch]:
        """Call `wakeup` when the claim may have changed."""
        return self._joined().listener.watch(claim_id, wakeup)

    def keep(self, renewal: Renewal) -> None:
        """Renew a lease or a presence from now on."""
        self._joined().keeper.keep(renewal)

    def drop(self, renewal: Renewal) -> None:
        """Stop renewing it."""
        if self._sidecar is not None:
            self._sidecar.keeper.drop(renewal)

    def _joined(self) -> Sidecar:
        if self._sidecar is None:
            self._sidecar = join(self._connector)
        return self._sidecar


def _forget() -> None:
    """Start over in a forked child: the parent's threads and connections are not its own."""
    global _lock
    _lock = threading.Lock()
    _left_behind.append(dict(_sidecars))
    _sidecars.clear()


_lock = threading.Lock()
_sidecars: Final[dict[Connector, Sidecar]] = {}
# Kept, so that the child's garbage collector closes nothing of the parent's.
_left_behind: Final[list[dict[Connector, Sidecar]]] = []
os.register_at_fork(after_in_child=_forget)
