"""Broken barriers, in place of `barrier.wait_until_visible`: each loses commits in flight."""

from __future__ import annotations

from typing import Any


async def listed_only(log: Any, point: Any) -> None:
    """The barrier before: wait for those that a first snapshot lists as running."""

    async def snapshot(conn: Any) -> tuple[int, set[int]]:
        row = await (await conn.execute("select pg_current_snapshot()::text")).fetchone()
        _, xmax, listed = row[0].split(":")
        return int(xmax), {int(xid) for xid in listed.split(",") if xid}

    _, first = await log._database.read(snapshot)
    while True:
        xmax, running = await log._database.read(snapshot)
        if not any(xid >= xmax or xid in running for xid in first):
            return


async def no_barrier(log: Any, point: Any) -> None:
    """Rely on the slot at once."""
