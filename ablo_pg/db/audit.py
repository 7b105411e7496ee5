"""The kernel's audit routines: what is sealed and verified, in Postgres's binary form.

Callers: `ablo_pg.audit`, on an administrative connection (autocommit) that is `prepared`.
Values come as the bytes that the server's binary output functions make (bigint, timestamptz and
xid8: 8 bytes, big-endian; text and json: UTF-8; arrays: array_send), which no setting changes but
the client encoding, and that is pinned. Everything streams: one row is in memory at a time.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, LiteralString, TypeAlias

import psycopg
from psycopg import Connection
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg.pq import Format
from psycopg.rows import tuple_row

from ablo_pg.db.errors import translate_admin

Column: TypeAlias = bytes | None

DELTAS: Final[LiteralString] = """
    select sync_id, organization_id, model, row_id, op, groups, "row", changed, actor, on_behalf_of,
           capability_id, claim_id, transaction_id, xid, created_at, left_groups
      from ablo.audit_deltas(%s, %s, %s, %s)"""
_SEAL: Final[LiteralString] = """
    select organization_id, number, first_sync_id, last_sync_id, delta_count, key_id, previous_mac,
           fingerprints, sealed_at, mac"""
SEALS: Final[LiteralString] = _SEAL + " from ablo.audit_seals(%s, %s, %s)"
END: Final[LiteralString] = _SEAL + " from ablo.audit_end(%s)"
APPEND: Final[LiteralString] = "select ablo.audit_append(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
ORGANIZATIONS: Final[LiteralString] = "select ablo.audit_organizations(%s, %s)"
DROPPED: Final[LiteralString] = "select ablo.audit_dropped()"
UNSEALED: Final[LiteralString] = "select ablo.audit_unsealed(%s, %s)"
ACTS: Final[LiteralString] = """
    select organization_id, happened_at, actor, act, subject from ablo.audit_acts(%s, %s)"""
NOW: Final[LiteralString] = "select clock_timestamp()"
LOWEST: Final = -(2**63)
HIGHEST: Final = 2**63 - 1
PAGE: Final = 100  # seals or organizations a query asks for


class _RawLoader(Loader):
    """Hand a binary value over as its bytes."""

    format = Format.BINARY

    def load(self, data: Buffer) -> bytes:
        return bytes(data)


_RAW_TYPES: Final = ("int8", "text", "json", "bytea", "timestamptz", "xid8")


@contextmanager
def prepared(conn: Connection[Any]) -> Iterator[Connection[Any]]:
    """Translate what goes wrong while the functions below use a connection."""
    login = conn.info.user
    try:
        yield conn
    except psycopg.Error as exc:
        raise translate_admin(exc, login) from exc


def deltas(
    conn: Connection[Any],
    organization: str,
    after: int,
    through: int = HIGHEST,
    limit: int = HIGHEST,
) -> Iterator[tuple[Column, ...]]:
    """Stream an organization's deltas with after < sync_id <= through: the log's columns, raw."""
    yield from _raw(conn, DELTAS, organization, after, through, limit)


def seals(
    conn: Connection[Any], organization: str, after: int, limit: int = PAGE
) -> Iterator[tuple[Column, ...]]:
    """Return at most `limit` seals after that number, in order, raw."""
    yield from _raw(conn, SEALS, organization, after, limit)


def chain_end(conn: Connection[Any], organization: str) -> tuple[Column, ...] | None:
    """Return the last seal of an organization, raw."""
    return next(iter(list(_raw(conn, END, organization))), None)


def append(conn: Connection[Any], *columns: object) -> bool:
    """Append a seal (columns in the table's order); False when it does not continue the chain."""
    return bool(_value(conn, APPEND, *columns))


def organizations(conn: Connection[Any]) -> Iterator[str]:
    """Return every organization that has deltas or seals, in order."""
    after = ""
    while True:
        page = conn.execute(ORGANIZATIONS, (after, PAGE)).fetchall()
        for (after,) in page:
            yield after
        if len(page) < PAGE:
            return


def dropped_through(conn: Connection[Any]) -> int:
    """Return how far retention has dropped the log."""
    return int(_value(conn, DROPPED))


def unsealed(conn: Connection[Any], organization: str, after: int) -> int:
    """Count an organization's deltas after a sync id."""
    return int(_value(conn, UNSEALED, organization, after))


@dataclass(frozen=True, slots=True)
class Act:
    """What somebody did to what is another's: `subject` is that, as it was."""

    organization: str
    happened_at: dt.datetime
    actor: str
    act: str
    subject: dict[str, Any]


def acts(conn: Connection[Any], organization: str | None, limit: int) -> list[Act]:
    """Return the newest acts, oldest first; None: of all organizations."""
    return [Act(*row) for row in conn.execute(ACTS, (organization, limit))]


def now(conn: Connection[Any]) -> dt.datetime:
    """Return the database's clock, to the microsecond."""
    found: dt.datetime = _value(conn, NOW)
    return found


def _value(conn: Connection[Any], query: LiteralString, *arguments: object) -> Any:
    row = conn.execute(query, arguments, binary=True).fetchone()
    return row[0] if row else None


def _raw(
    conn: Connection[Any], query: LiteralString, *arguments: object
) -> Iterator[tuple[Column, ...]]:
    with conn.cursor(binary=True, row_factory=tuple_row) as cursor:
        for name in _RAW_TYPES:
            cursor.adapters.register_loader(name, _RawLoader)
        cursor.adapters.register_loader(conn.adapters.types["text"].array_oid, _RawLoader)
        yield from cursor.stream(query, arguments)
