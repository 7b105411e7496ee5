"""How many requests a client has in flight at once, and which of them count.

A commit that waits for a locked row stays in flight. It needs a connection, but must not take one
from a call that need not wait.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

# Seconds. Protects other calls from one that waits for a row; a false alarm (a slow network) only
# allows more requests in flight than configured, which is safe.
PATIENCE: Final = 0.25


class Slots:
    """A number of concurrent requests; one that takes longer than PATIENCE releases its slot."""

    def __init__(self, count: int) -> None:
        self._free = asyncio.Semaphore(count)

    @asynccontextmanager
    async def taken(self) -> AsyncIterator[None]:
        """Wait for a slot, and hold it for the block, or as long as PATIENCE."""
        await self._free.acquire()
        held = True

        def let_go() -> None:
            nonlocal held
            if held:
                held = False
                self._free.release()

        timer = asyncio.get_running_loop().call_later(PATIENCE, let_go)
        try:
            yield
        finally:
            timer.cancel()
            let_go()
