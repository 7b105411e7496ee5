"""A client's background tasks (stream reader, change callbacks).

They fail independently, and end with `close`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from ablo_pg.db.waits import end

logger = logging.getLogger("ablo_pg.client")


class Background:
    """Keeps its tasks; `close` cancels all and waits for them."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
        """Run `work()` in the background, until it ends or `close`."""
        task = asyncio.get_running_loop().create_task(_guard(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def close(self) -> None:
        """End every task."""
        await end(self._tasks)


async def _guard(work: Callable[[], Awaitable[None]]) -> None:
    try:
        await work()
    except Exception:
        logger.exception("a background task of the client ended")
