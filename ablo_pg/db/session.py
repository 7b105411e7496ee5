"""What text depends on, pinned at every connection that this package makes: the one place.

A database, a role, a URL and the PG* variables may each set these; what a value reads as, whether a
commit may run and what a reader takes in must not hang on that. The kernel's entry points pin what
they render and parse as well (`sql/90_grants/settings.sql`), for callers that come by psql.
"""

from __future__ import annotations

from typing import Any, Final, LiteralString

import psycopg
from psycopg import AsyncConnection, Connection

from ablo_pg.db.urls import url_parameters

# Given at the start, where it outranks every default: the first message is to be readable already.
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


async def connect_async(url: str, **parameters: Any) -> AsyncConnection[Any]:
    """As `connect`. Also for replication: SET goes by the simple protocol, all that one knows."""
    url_parameters(url)
    conn = await AsyncConnection.connect(url, autocommit=True, **parameters, **ENCODING)
    try:
        await pin(conn)
    except BaseException:
        await conn.close()
        raise
    return conn


async def pin(conn: AsyncConnection[Any]) -> None:
    """Pin a connection that a pool has made."""
    await conn.execute(PIN, prepare=False)
