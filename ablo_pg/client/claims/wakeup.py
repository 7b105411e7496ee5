"""Waking an event loop from another thread, and an event that many can wait for."""

from __future__ import annotations

import asyncio
import contextlib
import threading

from ablo_pg.db.waits import occurs


class WakeUp:
    """Wakes the event loop it was created in, from any thread. Early wake-ups count as one."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._event = asyncio.Event()

    def wake(self) -> None:
        """Wake the waiter, or the next one."""
        with contextlib.suppress(RuntimeError):  # the event loop has ended, and so has the wait
            self._loop.call_soon_threadsafe(self._event.set)

    async def wait(self, seconds: float | None) -> bool:
        """Wait for a wake-up, at most this long; return whether it came."""
        came = await occurs(self._event, seconds)
        if came:
            self._event.clear()
        return came


class Mark:
    """An event that happens once: any thread sets it, threads and event loops wait for it."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._wakeups: list[WakeUp] = []

    def is_set(self) -> bool:
        """Whether it has happened."""
        return self._event.is_set()

    def set(self) -> None:
        """Set it. Idempotent."""
        with self._lock:
            self._event.set()
            wakeups, self._wakeups = self._wakeups, []
        for wakeup in wakeups:
            wakeup.wake()

    def add(self, wakeup: WakeUp) -> None:
        """Call `wakeup` when it happens; at once if it has happened."""
        with self._lock:
            if not self._event.is_set():
                self._wakeups.append(wakeup)
                return
        wakeup.wake()

    def remove(self, wakeup: WakeUp) -> None:
        """Undo `add`."""
        with self._lock:
            self._wakeups = [one for one in self._wakeups if one is not wakeup]

    def wait_blocking(self, seconds: float | None = None) -> bool:
        """Wait on the calling thread; return whether it has happened."""
        return self._event.wait(seconds)

    async def wait(self, seconds: float | None = None) -> None:
        """Wait in the running event loop, at most this long."""
        wakeup = WakeUp()
        self.add(wakeup)
        try:
            await wakeup.wait(seconds)
        finally:
            self.remove(wakeup)
