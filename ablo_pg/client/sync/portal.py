"""The sync client's event loop: one daemon thread that runs coroutines for other threads.

A daemon, so that a program that forgets to close its client still ends. Ctrl-C in the calling
thread cancels the call it waits for.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio
from anyio.from_thread import BlockingPortal

from ablo_pg.client.home import check_process
from ablo_pg.errors import error_for

R = TypeVar("R")


class Portal:
    """Starts with its first call; `close` ends the thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._portal: BlockingPortal | None = None
        self._thread: threading.Thread | None = None
        self._closed = False
        self._pid: int | None = None  # of the process whose thread it is

    def call(self, work: Callable[..., Awaitable[R]], *args: object) -> R:
        """Run `work(*args)` in the event loop and wait for its result. See `check`."""
        self.check()
        future = self._open().start_task_soon(work, *args)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def check(self) -> None:
        """Raise invalid_options if the thread cannot exist: in a forked child."""
        if self._pid is not None:
            check_process(self._pid)

    @property
    def running(self) -> bool:
        """Whether a call has started it in this process, and `close` has not ended it."""
        return self._portal is not None and self._pid == os.getpid()

    def close(self) -> None:
        """End the loop and its thread, permanently. Idempotent. No effect in a forked child."""
        if self._pid not in (None, os.getpid()):
            return
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
                self._pid = os.getpid()
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
