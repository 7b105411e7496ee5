"""The settings that text depends on, pinned on every connection of this package, in one place.

A database, a role, a URL and the PG* variables may each set these. How a value reads, whether a
commit may run and what a reader receives must not depend on that. The kernel's entry points also
pin what they render and parse (`sql/90_grants/settings.sql`), for callers from psql.
"""

from __future__ import annotations

from typing import Any, Final, LiteralString

import psycopg
from psycopg import AsyncConnection, Connection

from ablo_pg.db.urls import url_parameters

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
    """As `connect`. Also for replication: SET uses the simple protocol."""
    url_parameters(url)
    conn = await AsyncConnection.connect(url, autocommit=True, **parameters, **ENCODING)
    try:
        await pin(conn)
    except BaseException:
        await conn.close()
        raise
    return conn


async def pin(conn: AsyncConnection) -> None:
    """Pin a connection that a pool has made."""
    await conn.execute(PIN, prepare=False)
