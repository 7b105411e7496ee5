"""One daemon thread per process and database, beside everybody's own event loops.

It hears of grants (`claim_listener`) and renews leases (`lease_keeper`) for all clients of the
process, whatever their threads are busy with. It starts with the first claim or presence of a
client and ends with the last client's `close`. A forked child has none of its parent's.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from typing import Final

import anyio

from ablo_pg.client.claim_listener import ClaimListener
from ablo_pg.client.lease_keeper import LeaseKeeper

# Seconds that a close may wait for the thread: it only has connections to close.
JOIN_SECONDS: Final = 5.0


class Sidecar:
    """Made by `join`. `listener` and `keeper` may be called from any thread."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.keeper = LeaseKeeper(url, lambda: self.listener.look())
        self.listener = ClaimListener(url, self.keeper.hurry, self.keeper.keeps_long)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._scope: anyio.CancelScope | None = None
        self._started = threading.Event()
        self._users = 0
        self._thread = threading.Thread(
            target=anyio.run, args=(self._serve,), name="ablo_pg claims", daemon=True
        )

    def leave(self) -> None:
        """Undo one `join`; the last one ends the thread, and waits for it."""
        with _lock:
            self._users -= 1
            if self._users or _sidecars.get(self._url) is not self:
                return
            del _sidecars[self._url]
        if self._loop is not None and self._scope is not None:
            with contextlib.suppress(RuntimeError):  # it has ended by itself
                self._loop.call_soon_threadsafe(self._scope.cancel)
        self._thread.join(JOIN_SECONDS)

    def start(self) -> None:
        """Start the thread, and wait until it serves. Called once, by `join`."""
        self._thread.start()
        self._started.wait()

    def enter(self) -> None:
        """Count one more user. Called by `join`."""
        self._users += 1

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        with anyio.CancelScope() as self._scope:
            async with anyio.create_task_group() as group:
                group.start_soon(self.listener.run)
                group.start_soon(self.keeper.run)
                group.start_soon(self._say_started)

    async def _say_started(self) -> None:
        self._started.set()


def join(url: str) -> Sidecar:
    """Return the process's sidecar of that database, started. Each `join` needs one `leave`."""
    with _lock:
        found = _sidecars.get(url)
        if found is None:
            found = _sidecars[url] = Sidecar(url)
            found.start()
        found.enter()
        return found


def _forget() -> None:
    """Begin anew in a forked child: the parent's threads and connections are not its own."""
    global _lock
    _lock = threading.Lock()
    _left_behind.append(dict(_sidecars))
    _sidecars.clear()


_lock = threading.Lock()
_sidecars: Final[dict[str, Sidecar]] = {}
# Kept, so that nothing of the parent's is closed by the garbage collector of a child.
_left_behind: Final[list[dict[str, Sidecar]]] = []
os.register_at_fork(after_in_child=_forget)
