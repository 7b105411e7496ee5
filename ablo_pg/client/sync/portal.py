"""The sync client's event loop: one daemon thread that runs coroutines for other threads.

A daemon, so that a program that forgets to close its client still ends. Ctrl-C in the calling
thread cancels what it waits for.
"""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import anyio
from anyio.from_thread import BlockingPortal

from ablo_pg.errors import error_for

R = TypeVar("R")


class Portal:
    """Starts with its first call; `close` ends the thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._portal: BlockingPortal | None = None
        self._thread: threading.Thread | None = None
        self._closed = False

    def call(self, work: Callable[..., Awaitable[R]], *args: Any) -> R:
        """Run `work(*args)` in the loop and wait for its result."""
        future = self._open().start_task_soon(work, *args)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    @property
    def running(self) -> bool:
        """Whether a call has started it, and `close` has not ended it."""
        return self._portal is not None

    def close(self) -> None:
        """End the loop and its thread, for good. Idempotent."""
        with self._lock:
            self._closed = True
            portal, thread = self._portal, self._thread
            self._portal = self._thread = None
        if portal is not None and thread is not None:
            portal.start_task_soon(portal.stop)
            thread.join()

    def _open(self) -> BlockingPortal:
        with self._lock:
            if self._closed:
                raise error_for("invalid_options", "The client is closed", remedy="make a new one")
            if self._portal is None:
                self._portal = self._start()
            return self._portal

    def _start(self) -> BlockingPortal:
        started = threading.Event()
        portals: list[BlockingPortal] = []

        async def serve() -> None:
            async with BlockingPortal() as portal:
                portals.append(portal)
                started.set()
                await portal.sleep_until_stopped()

        self._thread = threading.Thread(
            target=anyio.run, args=(serve,), name="ablo_pg", daemon=True
        )
        self._thread.start()
        started.wait()
        return portals[0]
