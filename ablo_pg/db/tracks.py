"""The kernel's routines for tracks; see `db.routines`. A track is registered by a commit."""

from __future__ import annotations

from typing import Any, Final, LiteralString

import msgspec
from psycopg import AsyncConnection
from psycopg.rows import tuple_row

TRACK_LIST: Final[LiteralString] = "select ablo.track_list(%s, %s, %s)"
TRACK_REMOVE: Final[LiteralString] = "select ablo.track_remove(%s, %s, %s::jsonb, %s)"


class TrackData(msgspec.Struct, frozen=True, rename="camel"):
    """One track: of a row, or of a group."""

    read_at: int
    on_stale: str
    created_at: str
    model: str | None = None
    id: str | None = None
    group: str | None = None


TRACKS: Final = msgspec.json.Decoder(list[TrackData])


async def track_list(
    conn: AsyncConnection[Any], organization: str, participant: str, capability: str | None = None
) -> bytes:
    """Read a participant's tracks, as JSON."""
    return bytes(await _value(conn, TRACK_LIST, organization, participant, capability))


async def track_remove(
    conn: AsyncConnection[Any],
    organization: str,
    participant: str,
    targets: bytes | None,
    capability: str | None = None,
) -> int:
    """End tracks on the targets, or all if there are none; return how many ended."""
    text = None if targets is None else targets.decode()
    return int(await _value(conn, TRACK_REMOVE, organization, participant, text, capability))


async def _value(conn: AsyncConnection[Any], query: LiteralString, *args: object) -> Any:
    async with conn.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(query, args)
        row = await cursor.fetchone()
    return row[0] if row else None
