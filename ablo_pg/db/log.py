"""Reading the log by index: `LogSource`, the seam that the relay catches up through, on Postgres.

Callers: `relay.catchup`, for one subscriber, for an organization after a gap, and for the LISTEN
reader. Every read is bounded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, LiteralString, Protocol, cast

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import tuple_row

from ablo_pg.db.pool import Database
from ablo_pg.db.routines import RawJsonLoader
from ablo_pg.delta import Delta, Op

_COLUMNS: Final[LiteralString] = """
    select sync_id, organization_id, model, row_id, op, groups, row, changed, actor, on_behalf_of,
           capability_id, claim_id, transaction_id, xid::text,
           to_json(created_at at time zone 'UTC')"""
READ: Final[LiteralString] = _COLUMNS + " from ablo.delta_read(%s, %s, %s, %s)"
TAIL: Final[LiteralString] = _COLUMNS + " from ablo.delta_tail(%s, %s, %s)"
HEADS: Final[LiteralString] = "select o, ablo.log_head(o) from unnest(%s::text[]) o"
SNAPSHOT: Final[LiteralString] = "select pg_current_snapshot()::text"
LISTEN: Final[LiteralString] = "listen ablo_delta"
LISTEN_KEY: Final[LiteralString] = "select ablo.listen_key()"
LISTEN_LOCK_TRY: Final[LiteralString] = """
    select pg_try_advisory_lock(key),
           exists (select from pg_locks
                    where locktype = 'advisory' and mode = 'ExclusiveLock' and granted
                      and classid::bigint << 32 | objid::bigint = key
                      and objsubid = 1 and pid <> pg_backend_pid()
                      and database = (select oid from pg_database
                                       where datname = current_database()))
      from (values (%s::bigint)) lock (key)"""
# Bounds how long a listener hears nothing while it waits in line.
LISTEN_LOCK_PATIENCE: Final[LiteralString] = "set local lock_timeout = '200ms'"
LISTEN_LOCK_WAIT: Final[LiteralString] = "select pg_advisory_lock(%s::bigint)"
HEADS_AT_ONCE: Final = 500  # organizations a query asks about; an index probe each


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Which transactions had ended when it was taken: `xmin:xmax:xip,...` as Postgres prints it.

    Below xmin all have ended, from xmax on none had begun, of those between `running_xids` had not
    ended. A transaction that has ended and committed is visible (Postgres manual, "Transaction ID
    and Snapshot Information Functions").
    """

    xmin: int
    xmax: int
    running_xids: frozenset[int]

    @classmethod
    def parse(cls, text: str) -> Snapshot:
        """Read what pg_current_snapshot() prints.

        >>> Snapshot.parse("745:750:745,748").running(748)
        True
        """
        xmin, xmax, running = text.split(":")
        return cls(int(xmin), int(xmax), frozenset(map(int, filter(None, running.split(",")))))

    def running(self, xid: int) -> bool:
        """Whether that transaction had not ended."""
        return xid >= self.xmax or xid in self.running_xids


class LogSource(Protocol):
    """The log, as far as catching up needs it. Raises errors of `ablo_pg.errors` only."""

    async def read(
        self, organization: str, after: int, limit: int, through: int | None = None
    ) -> list[Delta]:
        """Return at most `limit` deltas with after < sync_id <= through, in order.

        Fewer than `limit` means that no more was visible when the query ran. Raises cursor_ahead,
        and snapshot_required when the log no longer reaches back to `after`.
        """

    async def head(self, organization: str) -> int:
        """Return the organization's highest visible sync id."""

    async def heads(self, organizations: Sequence[str]) -> dict[str, int]:
        """Return the head of each organization."""

    async def snapshot(self) -> Snapshot:
        """Return which transactions have ended."""


class PostgresLog:
    """The log of a database, read with the runtime login's pool."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(
        self, organization: str, after: int, limit: int, through: int | None = None
    ) -> list[Delta]:
        """See LogSource."""
        return await self._database.read(delta_read, organization, after, limit, through)

    async def head(self, organization: str) -> int:
        """See LogSource."""
        return (await self.heads([organization]))[organization]

    async def heads(self, organizations: Sequence[str]) -> dict[str, int]:
        """See LogSource."""
        found: dict[str, int] = {}
        for start in range(0, len(organizations), HEADS_AT_ONCE):
            some = organizations[start : start + HEADS_AT_ONCE]
            found.update(await self._database.read(log_heads, list(some)))
        return found

    async def snapshot(self) -> Snapshot:
        """See LogSource."""
        return await self._database.read(current_snapshot)


async def current_snapshot(conn: AsyncConnection[Any]) -> Snapshot:
    """Take a snapshot."""
    row = await (await conn.execute(SNAPSHOT)).fetchone()
    return Snapshot.parse(row[0] if row else "")


async def delta_read(
    conn: AsyncConnection[Any], organization: str, after: int, limit: int, through: int | None
) -> list[Delta]:
    """Call ablo.delta_read; psycopg's errors are the caller's to translate."""
    async with conn.cursor(row_factory=tuple_row) as cursor:
        cursor.adapters.register_loader("json", RawJsonLoader)
        await cursor.execute(READ, (organization, after, limit, through))
        return [_delta(row) for row in await cursor.fetchall()]


async def delta_tail(
    conn: AsyncConnection[Any], organization: str, before: int | None, limit: int
) -> list[Delta]:
    """Call ablo.delta_tail: the deltas before a position, newest first; None is the end."""
    async with conn.cursor(row_factory=tuple_row) as cursor:
        cursor.adapters.register_loader("json", RawJsonLoader)
        await cursor.execute(TAIL, (organization, before, limit))
        return [_delta(row) for row in await cursor.fetchall()]


async def log_heads(conn: AsyncConnection[Any], organizations: list[str]) -> dict[str, int]:
    """Call ablo.log_head for each organization, in one statement."""
    async with conn.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(HEADS, (organizations,))
        return dict(await cursor.fetchall())


def _delta(row: tuple[Any, ...]) -> Delta:
    return Delta(
        row[0],
        row[1],
        row[2],
        row[3],
        cast(Op, row[4]),
        tuple(row[5]),
        row[6],
        tuple(row[7] or ()),
        row[8],
        row[9],
        row[10],
        row[11],
        row[12],
        int(row[13]),
        # '"2026-11-23T05:13:01.65672"', as Postgres writes a timestamp in JSON
        row[14][1:-1].decode() + "+00:00",
    )


async def hold_listen_lock(
    conn: AsyncConnection[Any], key_query: LiteralString = LISTEN_KEY
) -> bool:
    """Try to hold the lock whose presence makes commits NOTIFY, for the life of this session.

    A plain try would starve under load, since every commit holds the lock shared for a moment. So
    where only commits hold it, get in line for it, briefly: whoever waits for it makes commits
    notify as well, and it is granted when the commits under way have ended.

    Args: key_query, which lock; another channel has another one.
    """
    row = await (await conn.execute(key_query)).fetchone()
    key = row[0] if row else 0
    row = await (await conn.execute(LISTEN_LOCK_TRY, (key,))).fetchone()
    if row and row[0] is True:
        return True
    if row and row[1] is True:  # another listener has it
        return False
    try:
        async with conn.transaction():
            await conn.execute(LISTEN_LOCK_PATIENCE)
            await conn.execute(LISTEN_LOCK_WAIT, (key,))
    except psycopg.errors.LockNotAvailable:
        return False
    return True
