"""Background tasks: a failure is logged and counted, and does not affect anything else.

The content of one row, one organization or one peer may make a task fail in ways that its author
did not foresee. `keep` restarts it after a pause; `attempt` runs one turn of a loop over many of
them, and the loop continues. A task handles expected errors itself. Nothing but cancellation
propagates.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Final

import anyio

from ablo_pg.db.backoff import Backoff

logger: Final = logging.getLogger("ablo_pg.changefeed")

RETRY_FIRST: Final = 0.1
RETRY_LAST: Final = 5.0
Work = Callable[[], Awaitable[None]]


class Tasks:
    """Runs tasks under names that a metric can carry: of a kind of work, never of a tenant.

    Args: count, called with the name of each failed task.
    """

    def __init__(self, count: Callable[[str], None] = lambda name: None) -> None:
        self._count = count

    async def keep(self, name: str, work: Work) -> None:
        """Run `work()` until it returns; restart it after a pause if it fails."""
        backoff = Backoff(RETRY_FIRST, RETRY_LAST)
        while True:
            began = anyio.current_time()
            if await self.attempt(name, work):
                return
            if anyio.current_time() - began > RETRY_LAST:
                backoff.reset()
            await anyio.sleep(backoff.pause())

    async def attempt(self, name: str, work: Work) -> bool:
        """Run `work()` once; return whether it succeeded."""
        try:
            await work()
        except Exception:
            self.failed(name)
            return False
        return True

    def failed(self, name: str) -> None:
        """Log and count the current exception."""
        logger.exception("a task failed: %s", name)
        self._count(name)
