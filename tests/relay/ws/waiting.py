"""Waiting for a condition, with everything else running."""

from __future__ import annotations

from collections.abc import Callable

import anyio


async def wait_for(condition: Callable[[], object], seconds: float = 10) -> None:
    """Look again and again until it holds."""
    with anyio.fail_after(seconds):
        while True:
            if condition():
                return
            await anyio.sleep(0.01)
