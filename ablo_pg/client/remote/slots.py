"""How many requests a client has out at once, and which of them count.

A commit that waits for a row may be out for as long as that row is locked. It needs a connection,
but it must not keep one from a call that need not wait.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

# Seconds. Protects other calls from one that waits for a row; a false alarm (a slow network) costs
# that more requests are out than were asked for, which is safe.
PATIENCE: Final = 0.25


class Slots:
    """So many requests at once; one that takes longer than PATIENCE gives its place away."""

    def __init__(self, count: int) -> None:
        self._free = asyncio.Semaphore(count)

    @asynccontextmanager
    async def taken(self) -> AsyncIterator[None]:
        """Wait for a place, and hold it for the block, or as long as patience lasts."""
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
