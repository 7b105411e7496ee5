"""Who is here and who holds what, for relays that show it: the read, and the channel that hints.

One function a routine, as `db.claims`. Caller: `relay.ws`.
"""

from __future__ import annotations

from typing import Any, Final, LiteralString

from psycopg import AsyncConnection
from psycopg.rows import tuple_row

from ablo_pg.db.log import hold_listen_lock

LIVE_READ: Final[LiteralString] = "select ablo.live_read(%s, %s, %s)"
LISTEN: Final[LiteralString] = "listen ablo_live"
TELL_ALL: Final[LiteralString] = "notify ablo_live, ''"
LIVE_KEY: Final[LiteralString] = "select ablo.live_key()"


async def live_read(
    conn: AsyncConnection[Any], organization: str, participant: str, groups: bool
) -> bytes:
    """Read an organization's claims and presence. groups: also the sync groups of claimed rows."""
    async with conn.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(LIVE_READ, (organization, participant, groups))
        row = await cursor.fetchone()
    return bytes(row[0]) if row else b""


async def listen_live(conn: AsyncConnection[Any]) -> None:
    """Begin to hear which organizations have changed."""
    await conn.execute(LISTEN)


async def hold_live_lock(conn: AsyncConnection[Any]) -> bool:
    """Try to hold the lock that makes claims and presence NOTIFY; see `hold_listen_lock`."""
    return await hold_listen_lock(conn, LIVE_KEY)


async def tell_all(conn: AsyncConnection[Any]) -> None:
    """Have every relay look at everything: something may have changed unsaid."""
    await conn.execute(TELL_ALL)
