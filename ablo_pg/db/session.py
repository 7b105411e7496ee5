"""The settings that text depends on, pinned on every connection of this package, in one place.

A database, a role, a URL and the PG* variables may each set these. How a value reads, whether a
commit may run and what a reader receives must not depend on that. The kernel's entry points also
pin what they render and parse (`sql/90_grants/settings.sql`), for callers from psql.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any, Final, LiteralString, TypeVar

import psycopg
from psycopg import AsyncConnection, Connection

from ablo_pg.db.urls import url_parameters
from ablo_pg.db.waits import shielded

C = TypeVar("C", bound=AsyncConnection)
CONNECT_TIMEOUT: Final = 10
# How long a cancelled attempt may still take. Protects the server from a session that is never
# closed; it delays a shutdown that long, and only if the server does not answer.
GRACE_SECONDS: Final = 0.5

# Sent at the start, where it overrides every default: the first message must already be readable.
ENCODING: Final[dict[str, Any]] = {"client_encoding": "UTF8"}
# Text first, then what a statement may do at all, then how SQL is read and printed.
SETTINGS: Final[dict[LiteralString, LiteralString]] = {
    "timezone": "UTC",
    "datestyle": "ISO, MDY",
    "intervalstyle": "postgres",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "xmlbinary": "base64",
    "xmloption": "content",
    "lc_monetary": "C",
    "lc_numeric": "C",
    "lc_time": "C",
    "default_transaction_isolation": "read committed",
    "default_transaction_read_only": "off",
    "default_transaction_deferrable": "off",
    "row_security": "on",
    "standard_conforming_strings": "on",
    "transform_null_equals": "off",
    "array_nulls": "on",
    "quote_all_identifiers": "off",
}
# SET takes no snapshot: a standby whose default is serializable would refuse a SELECT.
PIN: Final[LiteralString] = "; ".join(f"set {k} = '{v}'" for k, v in SETTINGS.items())


def connect(url: str, **parameters: Any) -> Connection:
    """Connect, autocommit, pinned.

    Raises psycopg.Error, and invalid_options for a URL that libpq cannot read.
    """
    url_parameters(url)
    conn = psycopg.connect(url, autocommit=True, **parameters, **ENCODING)
    try:
        conn.execute(PIN, prepare=False)
    except BaseException:
        conn.close()
        raise
    return conn


async def connect_async(url: str, **parameters: Any) -> AsyncConnection:
    """As `connect`, and psycopg never prepares a statement. Also for replication."""
    return await connect_as(AsyncConnection, url, **parameters)


async def connect_as(kind: type[C], url: str, **parameters: Any) -> C:
    """As `connect_async`, a connection of that class.

    A walsender has no prepared statements, and behind a pooler they may be another session's. SET
    uses the simple protocol.

    psycopg leaves a connection whose creation was cancelled to the garbage collector, and its
    session stays on the server until then. A cancelled attempt is therefore finished, then closed.
    """
    options = {"prepare_threshold": None, "connect_timeout": CONNECT_TIMEOUT, **parameters}
    attempt = asyncio.ensure_future(_connect(kind, url, **options))
    try:
        return await asyncio.shield(attempt)
    except asyncio.CancelledError:
        with shielded(GRACE_SECONDS):
            await asyncio.wait([attempt])
        attempt.cancel()
        with shielded(None), suppress(asyncio.CancelledError, Exception):
            await (await attempt).close()
        raise


async def _connect(kind: type[C], url: str, **parameters: Any) -> C:
    url_parameters(url)
    conn = await kind.connect(url, autocommit=True, **parameters, **ENCODING)
    try:
        await pin(conn)
    except BaseException:
        await conn.close()
        raise
    return conn


async def pin(conn: AsyncConnection) -> None:
    """Pin a connection that a pool has made."""
    await conn.execute(PIN, prepare=False)
