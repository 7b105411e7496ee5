"""An event loop in a daemon thread, which runs coroutines for other threads.

The sync client has one, and the sidecar of `claims`. A daemon, so that a program that forgets to
close its client still ends. Ctrl-C in the calling thread cancels the call it waits for.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import Any, TypeVar, cast

from ablo_pg.client.home import check_process
from ablo_pg.errors import error_for

R = TypeVar("R")


class Portal:
    """Starts with its first call; `close` ends the thread. name: of the thread."""

    def __init__(self, name: str = "ablo_pg") -> None:
        self._name = name
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._stop = asyncio.Event()
        self._calls: set[asyncio.Task[Any]] = set()
        self._closed = False
        self._pid: int | None = None  # of the process whose thread it is

    def call(self, work: Callable[..., Awaitable[R]], *args: object) -> R:
        """Run `work(*args)` in the event loop and wait for its result. See `check`."""
        self.check()

        async def run() -> R:
            task = cast("asyncio.Task[R]", asyncio.current_task())
            self._calls.add(task)
            try:
                return await work(*args)
            finally:
                self._calls.discard(task)

        with self._lock:  # `close` waits for what has been sent
            loop = self._open()
            future = asyncio.run_coroutine_threadsafe(run(), loop)
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
        return self._loop is not None and self._pid == os.getpid()

    def close(self, seconds: float | None = None) -> None:
        """End the loop and its thread, permanently. Idempotent. No effect in a forked child.

        Waits, at most so many seconds, for calls of other threads; cancels other tasks.
        """
        if self._pid not in (None, os.getpid()):
            return
        with self._lock:
            self._closed = True
            loop, thread = self._loop, self._thread
            self._loop = self._thread = None
        if loop is not None and thread is not None:
            with contextlib.suppress(RuntimeError):  # it has ended already
                loop.call_soon_threadsafe(self._stop.set)
            thread.join(seconds)

    def _open(self) -> asyncio.AbstractEventLoop:
        if self._closed:
            raise error_for("invalid_options", "The client is closed", remedy="make a new one")
        if self._loop is None:
            self._pid = os.getpid()
            started: Future[asyncio.AbstractEventLoop] = Future()
            self._thread = threading.Thread(
                target=lambda: asyncio.run(self._serve(started)), name=self._name, daemon=True
            )
            self._thread.start()
            self._loop = started.result()
        return self._loop

    async def _serve(self, started: Future[asyncio.AbstractEventLoop]) -> None:
        started.set_result(asyncio.get_running_loop())
        await self._stop.wait()
        while self._calls:
            await asyncio.wait(self._calls)
