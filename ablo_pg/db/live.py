"""Claims and presence for relays that show them; the start positions of recently read local copies.

One function per routine, as `db.claims`. Caller: `relay.ws`.
"""

from __future__ import annotations

from typing import Final, LiteralString

from psycopg import AsyncConnection
from psycopg.rows import tuple_row

LIVE_READ: Final[LiteralString] = "select ablo.live_read(%s, %s, %s)"
BOOTSTRAP_NOTE: Final[LiteralString] = "select ablo.bootstrap_note(%s, %s, %s)"
BOOTSTRAP_START: Final[LiteralString] = "select ablo.bootstrap_start(%s, %s)"


async def live_read(
    conn: AsyncConnection, organization: str, participant: str, groups: bool
) -> bytes:
    """Read an organization's claims and presence. groups: include claimed rows' sync groups."""
    async with conn.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(LIVE_READ, (organization, participant, groups))
        row = await cursor.fetchone()
    return bytes(row[0]) if row else b""


async def bootstrap_note(
    conn: AsyncConnection, organization: str, key_id: str, sync_id: int
) -> None:
    """Record that rows were read with a key as of a sync id."""
    await conn.execute(BOOTSTRAP_NOTE, (organization, key_id, sync_id))


async def bootstrap_start(conn: AsyncConnection, organization: str, key_id: str) -> int | None:
    """Return the earliest sync id as of which rows were recently read with a key, or None."""
    async with conn.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(BOOTSTRAP_START, (organization, key_id))
        row = await cursor.fetchone()
    return None if row is None or row[0] is None else int(row[0])
