"""Reads that a relay does in one statement and a library in two, and commit lookups.

As `db.routines`: one function per statement, JSON as bytes, psycopg's errors. capability: the id of
the caller's key; None for unlimited rights.
"""

from __future__ import annotations

from typing import Any, Final, LiteralString

from psycopg import AsyncConnection
from psycopg.rows import tuple_row

ROW_AND_CLAIMS: Final[LiteralString] = (
    "select ablo.row_get(%s, %s, %s, %s, %s), ablo.claim_list(%s, %s, %s, %s, '{}', %s)"
)
COMMIT: Final[LiteralString] = "select ablo.commit_get(%s, %s, %s, %s, %s)"
COMMITS: Final[LiteralString] = "select ablo.commit_list(%s, %s, %s::jsonb, %s)"


async def _row(conn: AsyncConnection[Any], query: LiteralString, *args: object) -> tuple[Any, ...]:
    async with conn.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(query, args)
        found = await cursor.fetchone()
    return found or (None,)


async def row_and_claims(
    conn: AsyncConnection[Any],
    organization: str,
    participant: str,
    model: str,
    row_id: str,
    capability: str | None,
) -> tuple[bytes, bytes]:
    """Read one row, and its claims: {"claims": [..], "queue": [..]}."""
    target = (organization, participant, model, row_id)
    row, line = await _row(conn, ROW_AND_CLAIMS, *target, capability, *target, capability)
    return row, line


async def commit_get(
    conn: AsyncConnection[Any],
    organization: str,
    participant: str,
    commit_id: str,
    own: bool,
    capability: str | None,
) -> bytes | None:
    """Read one commit by its key or serverTxId; own: only the participant's."""
    target = (organization, participant, commit_id, own, capability)
    found: bytes | None = (await _row(conn, COMMIT, *target))[0]
    return found


async def commit_list(
    conn: AsyncConnection[Any],
    organization: str,
    participant: str,
    query: bytes,
    capability: str | None,
) -> bytes:
    """Read a page of commits: {"data": [..], "next": {..} | null}."""
    asked = (organization, participant, query.decode(), capability)
    found: bytes = (await _row(conn, COMMITS, *asked))[0]
    return found
