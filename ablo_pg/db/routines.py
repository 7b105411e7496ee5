"""Routines outside the table of calls (`db.calls`): commits, and what connections begin with.

One function each, a single `select ablo.x(...)`. JSON comes back as the bytes that Postgres made
(`wire.results` reads it, a relay forwards it). Every function takes a connection of `db.pool`
(whose JSON is raw) or, where it says so, the caller's own, and raises psycopg's errors;
`db.errors` translates.
"""

from __future__ import annotations

import contextlib
from typing import Any, Final, LiteralString

import msgspec
import psycopg
from psycopg import AsyncConnection, Connection
from psycopg.abc import AdaptContext, Buffer
from psycopg.adapt import Loader
from psycopg.rows import tuple_row

from ablo_pg.db.pooled import Conn

_JSON_TYPES: Final = ("json", "jsonb")
_SWEPT_AT_OPENING: Final = 1000  # rows of a kind: some milliseconds of a new connection


class RawJsonLoader(Loader):
    """Pass JSON on as bytes, unparsed."""

    def load(self, data: Buffer) -> bytes:
        """Return the value's bytes."""
        return bytes(data)


class BatchItem(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """One commit inside `commit_batch`. `request` is the request's JSON."""

    participant: str
    key: str
    request: msgspec.Raw
    on_behalf_of: str | None = None
    capability_id: str | None = None
    transport: str | None = None  # http, websocket


COMMIT: Final[LiteralString] = "select ablo.commit(%s, %s, %s, %s::jsonb, %s, %s)"
COMMIT_OVER: Final[LiteralString] = "select ablo.commit($1, $2, $3, $4::jsonb, $5, $6, $7)"
COMMIT_BATCH: Final[LiteralString] = (
    "select ordinal, receipt, error from ablo.commit_batch(%s, %s::jsonb) order by ordinal"
)
COMMIT_REFUSAL: Final[LiteralString] = "select ablo.commit_refusal(%s, %s, %s::jsonb)"
ROW_AND_CLAIMS: Final[LiteralString] = (
    "select ablo.row_get(%s, %s, %s, %s, %s), ablo.claim_list(%s, %s, %s, %s, '{}', %s)"
)
LOG_HEAD: Final[LiteralString] = "select ablo.log_head(%s)"
IDENTITY_CHECK: Final[LiteralString] = "select ablo.identity_check()"
SESSION_NOTIFY: Final[LiteralString] = "select set_config('ablo.notify', 'on', false)"
# On a standby there is nothing to do: its primary does it.
DELTA_EXTEND: Final[LiteralString] = (
    "select ablo.delta_extend() where not pg_catalog.pg_is_in_recovery()"
)
HOUSEKEEP: Final[LiteralString] = (
    "select ablo.housekeep(%s) where not pg_catalog.pg_is_in_recovery()"
)
STATEMENT_TIMEOUT: Final[LiteralString] = "select set_config('statement_timeout', %s, false)"
SESSION_PREPARE: Final[LiteralString] = (
    "select set_config('client_connection_check_interval', '5s', false)"
)


def load_json_raw(context: AdaptContext) -> None:
    """Let a connection or cursor pass JSON on unparsed."""
    for name in _JSON_TYPES:
        context.adapters.register_loader(name, RawJsonLoader)


async def _value(conn: AsyncConnection[object], query: LiteralString, *args: object) -> Any:
    async with conn.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(query, args)
        row = await cursor.fetchone()
    return row[0] if row else None


async def session_prepare(conn: AsyncConnection[object], statement_timeout: float = 0.0) -> None:
    """Prepare a connection of the pool: raw JSON, and a server that notices if we are gone.

    It checks every 5 s, even while it waits for a lock; otherwise the statement of a killed process
    would wait on, and keep its locks. There is no false alarm: the check reads the socket, not the
    clock. A server that cannot check (Windows) refuses the setting.

    Its commits may also notify listeners: no transaction of the pool is ever prepared.
    """
    load_json_raw(conn)
    await conn.execute(SESSION_NOTIFY)
    if statement_timeout > 0:
        await conn.execute(STATEMENT_TIMEOUT, [f"{round(statement_timeout * 1000)}ms"])
    with contextlib.suppress(psycopg.errors.InvalidParameterValue):
        await conn.execute(SESSION_PREPARE)


async def maintain(conn: AsyncConnection[object]) -> None:
    """Create the log's next partition, and delete some expired rows.

    For databases without a relay: a pool renews its connections more often than a partition fills.
    """
    await conn.execute(DELTA_EXTEND)
    await conn.execute(HOUSEKEEP, (_SWEPT_AT_OPENING,))


async def commit(
    conn: Conn,
    organization: str,
    participant: str,
    key: str,
    request: bytes,
    on_behalf_of: str | None = None,
    capability_id: str | None = None,
    transport: str | None = None,
) -> bytes:
    """Run one commit; return the receipt as JSON. transport: the interface it came through."""
    who = (organization, participant)
    found = await conn.value(
        COMMIT_OVER, *who, key, request, on_behalf_of, capability_id, transport
    )
    return found or b""


async def commit_refusal(
    conn: AsyncConnection[object], organization: str, participant: str, request: bytes
) -> None:
    """Raise what a commit violates besides its data; do nothing if there is nothing else."""
    await _value(conn, COMMIT_REFUSAL, organization, participant, request.decode())


async def commit_join(
    conn: AsyncConnection[object],
    organization: str,
    participant: str,
    key: str,
    request: bytes,
    on_behalf_of: str | None = None,
) -> bytes:
    """Run one commit in the transaction of a caller's own connection; return the receipt."""
    arguments = (organization, participant, key, request.decode(), on_behalf_of, None)
    async with conn.cursor(row_factory=tuple_row) as cursor:
        load_json_raw(cursor)
        await cursor.execute(COMMIT, arguments)
        row = await cursor.fetchone()
    return bytes(row[0]) if row else b""


def commit_join_blocking(
    conn: Connection[object],
    organization: str,
    participant: str,
    key: str,
    request: bytes,
    on_behalf_of: str | None = None,
) -> bytes:
    """As `commit_join`, on a blocking connection."""
    arguments = (organization, participant, key, request.decode(), on_behalf_of, None)
    with conn.cursor(row_factory=tuple_row) as cursor:
        load_json_raw(cursor)
        cursor.execute(COMMIT, arguments)
        row = cursor.fetchone()
    return bytes(row[0]) if row else b""


async def commit_batch(
    conn: AsyncConnection[object], organization: str, commits: list[BatchItem]
) -> list[tuple[bytes | None, bytes | None]]:
    """Run up to 60 commits in one transaction; each succeeds or fails on its own.

    Returns, in the given order, (receipt, error), one of the two None. An error with SQLSTATE 55P03
    means that the commit would have had to wait: send it alone.
    """
    async with conn.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(COMMIT_BATCH, (organization, msgspec.json.encode(commits).decode()))
        rows = await cursor.fetchall()
    return [(receipt, error) for _, receipt, error in rows]


async def row_and_claims(
    conn: AsyncConnection[object],
    organization: str,
    participant: str,
    model: str,
    row_id: str,
    capability: str | None,
) -> tuple[bytes, bytes]:
    """Read one row, and its claims ({"claims": [..], "queue": [..]}), in one statement."""
    target = (organization, participant, model, row_id)
    async with conn.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(ROW_AND_CLAIMS, (*target, capability, *target, capability))
        row, line = await cursor.fetchone() or (b"", b"")
    return row, line


async def log_head(conn: AsyncConnection[object], organization: str) -> int:
    """Return the organization's watermark, 0 if its log is empty."""
    return int(await _value(conn, LOG_HEAD, organization))


async def housekeep(conn: AsyncConnection[object], limit: int) -> int:
    """Delete expired rows, at most `limit` of a kind; return the most of one kind."""
    return int(await _value(conn, HOUSEKEEP, limit) or 0)


async def identity_check(conn: AsyncConnection[object]) -> None:
    """Raise database_role_cannot_enforce_rls if the login could bypass row-level security."""
    await _value(conn, IDENTITY_CHECK)
