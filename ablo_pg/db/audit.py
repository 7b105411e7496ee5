"""The data that is sealed and verified, in Postgres's binary form.

Read from the tables directly: a replaced routine, view or operator could show what is not there.
Only appending a seal, which is verified afterwards like any other, is a routine.

Callers: `ablo_pg.audit`, on an administrative connection (autocommit) that is `prepared`. Values
are the bytes of the server's binary output functions (bigint, timestamptz and xid8: 8 bytes,
big-endian; text and json: UTF-8; arrays: array_send), which depend on no setting but the client
encoding, which is pinned. Everything streams: one row is in memory at a time.
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
from ablo_pg.errors import error_for

Column: TypeAlias = bytes | None

# Names and operators are Postgres's own, whatever a schema or the session has put before them.
PREPARE: Final[LiteralString] = "set search_path to pg_catalog"
DELTAS: Final[LiteralString] = """
    select d.sync_id, d.organization_id, d.model, d.row_id, d.op, d.groups, d."row", d.changed,
           d.actor, d.on_behalf_of, d.capability_id, d.claim_id, d.transaction_id, d.xid,
           d.created_at, d.left_groups, d.before, d.entered_groups
      from ablo.delta d
     where d.organization_id = %s and d.sync_id > %s and d.sync_id <= %s
     order by d.sync_id limit %s"""
_SEAL: Final[LiteralString] = """
    select s.organization_id, s.number, s.first_sync_id, s.last_sync_id, s.delta_count, s.key_id,
           s.previous_mac, s.fingerprints, s.sealed_at, s.mac
      from only ablo.audit_seal s
     where s.organization_id = %s"""
SEALS: Final[LiteralString] = _SEAL + " and s.number > %s order by s.number limit %s"
END: Final[LiteralString] = _SEAL + " order by s.number desc limit 1"
APPEND: Final[LiteralString] = "select ablo.audit_append(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
# One index probe of each table per organization, however long their logs are.
ORGANIZATIONS: Final[LiteralString] = """
    with recursive found (id) as (
      select %s::text
      union all
      select least(
          (select d.organization_id from ablo.delta d where d.organization_id > f.id
            order by d.organization_id, d.sync_id limit 1),
          (select s.organization_id from only ablo.audit_seal s where s.organization_id > f.id
            order by s.organization_id, s.number limit 1))
        from found f where f.id is not null)
    select f.id from found f where f.id is not null offset 1 limit %s"""
# How far retention claims to have dropped the log, the log's head, and the first remaining delta of
# what was dropped: partitions above are not read.
DROPPED: Final[LiteralString] = """
    select l.dropped_through, q.last_value,
           (select min(d.sync_id) from ablo.delta d where d.sync_id <= l.dropped_through)
      from only ablo.log_state l, ablo.sync_id q"""
UNSEALED: Final[LiteralString] = """
    select count(*) from ablo.delta d where d.organization_id = %s and d.sync_id > %s"""
ACTS: Final[LiteralString] = """
    select organization_id, happened_at, actor, act, subject from ablo.audit_acts(%s, %s)"""
NOW: Final[LiteralString] = "select clock_timestamp()"
# Not a table, with partitions that are not tables, or hiding rows from its owner: a view or a
# policy can show each reader something else.
POSED: Final[LiteralString] = """
    select n.name
      from (values ('ablo.delta', 'p'), ('ablo.audit_seal', 'r'), ('ablo.log_state', 'r'),
                   ('ablo.sync_id', 'S')) n (name, kind)
      join pg_class c on c.oid = to_regclass(n.name)
     where c.relkind::text <> n.kind or c.relforcerowsecurity
    union all
    select c.oid::regclass::text
      from pg_inherits i join pg_class c on c.oid = i.inhrelid
     where i.inhparent = to_regclass('ablo.delta')
       and (c.relkind <> 'r' or c.relforcerowsecurity)"""
LOWEST: Final = -(2**63)
HIGHEST: Final = 2**63 - 1
PARTITION: Final = 10_000_000  # sync ids of one partition, see ablo.delta_extend
PAGE: Final = 100  # seals or organizations per query


class _RawLoader(Loader):
    """Return a binary value as its bytes."""

    format = Format.BINARY

    def load(self, data: Buffer) -> bytes:
        return bytes(data)


_RAW_TYPES: Final = ("int8", "text", "json", "bytea", "timestamptz", "xid8")


@contextmanager
def prepared(conn: Connection) -> Iterator[Connection]:
    """Prepare a connection for the functions below; translate errors meanwhile.

    An exception in the middle of a stream (^C) closes it: until the traceback is dropped, the
    stream holds the connection's lock, for which a rollback would wait forever.
    """
    try:
        conn.execute(PREPARE)
        yield conn
    except psycopg.Error as exc:
        raise translate_admin(exc, conn) from exc
    except BaseException:
        conn.close()
        raise


def deltas(
    conn: Connection,
    organization: str,
    after: int,
    through: int = HIGHEST,
    limit: int = HIGHEST,
) -> Iterator[tuple[Column, ...]]:
    """Stream an organization's deltas with after < sync_id <= through: the log's columns, raw."""
    yield from _raw(conn, DELTAS, organization, after, through, limit)


def seals(
    conn: Connection, organization: str, after: int, limit: int = PAGE
) -> Iterator[tuple[Column, ...]]:
    """Return at most `limit` seals after that number, in order, raw."""
    yield from _raw(conn, SEALS, organization, after, limit)


def chain_end(conn: Connection, organization: str) -> tuple[Column, ...] | None:
    """Return the last seal of an organization, raw."""
    return next(iter(list(_raw(conn, END, organization))), None)


def append(conn: Connection, *columns: object) -> bool:
    """Append a seal (columns in the table's order); False if it does not continue the chain."""
    return bool(_value(conn, APPEND, *columns))


def organizations(conn: Connection) -> Iterator[str]:
    """Return every organization that has deltas or seals, in order."""
    after = ""
    while True:
        page = conn.execute(ORGANIZATIONS, (after, PAGE)).fetchall()
        for (after,) in page:
            yield after
        if len(page) < PAGE:
            return


def dropped_through(conn: Connection) -> int:
    """Return how far retention has dropped the log, if that is plausible.

    It drops whole partitions that the log has moved past, and nothing of them stays: a claim that
    does not fit, or is contradicted, is ignored from there on.
    """
    said, reached, kept = conn.execute(DROPPED).fetchone() or (0, 0, None)
    if (said + 1) % PARTITION or said >= reached:
        return 0
    return int(said if kept is None else kept - 1)


def check_tables(conn: Connection) -> None:
    """Raise audit_broken if a table that is read here was replaced."""
    posed = [name for (name,) in conn.execute(POSED)]
    if posed:
        raise error_for(
            "audit_broken",
            f"{', '.join(posed)}: not the installed table; its content proves nothing",
            remedy="find out who replaced it; restore an earlier state of the database",
            details={"relations": posed},
        )


def unsealed(conn: Connection, organization: str, after: int) -> int:
    """Count an organization's deltas after a sync id."""
    return int(_value(conn, UNSEALED, organization, after))


@dataclass(frozen=True, slots=True)
class Act:
    """An act of one participant on another's claim: `subject` is the claim as it was."""

    organization: str
    happened_at: dt.datetime
    actor: str
    act: str
    subject: dict[str, Any]


def acts(conn: Connection, organization: str | None, limit: int) -> list[Act]:
    """Return the newest acts, oldest first; None means all organizations."""
    return [Act(*row) for row in conn.execute(ACTS, (organization, limit))]


def now(conn: Connection) -> dt.datetime:
    """Return the database's clock, to the microsecond."""
    found: dt.datetime = _value(conn, NOW)
    return found


def _value(conn: Connection, query: LiteralString, *arguments: object) -> Any:
    row = conn.execute(query, arguments, binary=True).fetchone()
    return row[0] if row else None


def _raw(
    conn: Connection, query: LiteralString, *arguments: object
) -> Iterator[tuple[Column, ...]]:
    with conn.cursor(binary=True, row_factory=tuple_row) as cursor:
        for name in _RAW_TYPES:
            cursor.adapters.register_loader(name, _RawLoader)
        cursor.adapters.register_loader(conn.adapters.types["text"].array_oid, _RawLoader)
        yield from cursor.stream(query, arguments)
