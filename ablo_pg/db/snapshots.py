"""Several reads of one database snapshot.

Callers: bootstrap and on-demand reads of the relay, whose rows and watermark must belong together
however many pages they take.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from psycopg import AsyncConnection, IsolationLevel

R = TypeVar("R")


async def in_snapshot(conn: AsyncConnection, work: Callable[[AsyncConnection], Awaitable[R]]) -> R:
    """Run `work(conn)` in one read-only transaction whose statements all see the same snapshot."""
    await conn.set_isolation_level(IsolationLevel.REPEATABLE_READ)
    await conn.set_read_only(True)
    try:
        async with conn.transaction():
            return await work(conn)
    finally:
        if not conn.closed:
            await conn.set_isolation_level(None)
            await conn.set_read_only(None)
