"""A client's background tasks (stream reader, change callbacks).

One task group in one task: tasks started here end with `close`, and fail independently.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

import anyio
from anyio.abc import TaskGroup

logger = logging.getLogger("ablo_pg.client")


class Background:
    """Starts with its first task; `close` cancels all and waits for them."""

    def __init__(self) -> None:
        self._group: TaskGroup | None = None
        self._host: asyncio.Task[None] | None = None
        self._waiting: list[Callable[[], Awaitable[None]]] = []  # for the group to open

    async def start(self, work: Callable[[], Awaitable[None]]) -> None:
        """Run `work()` in the background, until it ends or `close`. Never suspends."""
        if self._host is None:
            self._host = asyncio.get_running_loop().create_task(self._hold())
        if self._group is None:
            self._waiting.append(work)
        else:
            self._group.start_soon(self._guard, work)

    async def close(self) -> None:
        """End every task."""
        host, self._host, self._group = self._host, None, None
        self._waiting = []
        if host is not None:
            host.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await host

    async def _hold(self) -> None:
        async with anyio.create_task_group() as group:
            self._group = group
            waiting, self._waiting = self._waiting, []
            for work in waiting:
                group.start_soon(self._guard, work)
            await anyio.sleep_forever()

    async def _guard(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except Exception:
            logger.exception("a background task of the client ended")
