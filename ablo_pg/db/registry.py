"""What a service reads about the database itself: its schema, and whether changes come through."""

from __future__ import annotations

from typing import Any, Final, LiteralString

from psycopg import AsyncConnection, Connection
from psycopg.rows import tuple_row

CANARY_EMIT: Final[LiteralString] = "select ablo.canary_emit(%s)"
SCHEMA_HISTORY: Final[LiteralString] = "select ablo.schema_history(%s, %s)"
SCHEMA_ACTIVE: Final[LiteralString] = "select ablo.schema_active(%s, %s)"


async def schema_active(conn: AsyncConnection, known_version: int, known_hash: str) -> bytes | None:
    """Read {"version", "hash", "pushedAt", "schema"}; None if it is the known one, or missing."""
    async with conn.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(SCHEMA_ACTIVE, (known_version, known_hash))
        row = await cursor.fetchone()
    return row[0] if row else None


async def schema_history(conn: AsyncConnection, before: int | None, limit: int) -> bytes:
    """Read versions, newest first: [{"version", "hash", "pushedAt", "active", "schema"}]."""
    async with conn.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(SCHEMA_HISTORY, (before, limit))
        row = await cursor.fetchone()
    return row[0] if row else b"[]"


def active_schema(conn: Connection) -> dict[str, Any] | None:
    """Read the active schema as an administrator: {"version", "hash", "pushedAt", "schema"}."""
    row = conn.execute("select ablo.schema_active()").fetchone()
    return row[0] if row else None


async def canary_emit(conn: AsyncConnection, service: str) -> int:
    """Put a delta of no organization into the log; return its sync id."""
    async with conn.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(CANARY_EMIT, (service,))
        row = await cursor.fetchone()
    return int(row[0]) if row else 0
