"""Reading the log by index: `LogSource`, the interface that the relay catches up through.

Callers: `changefeed.catchup`, for one subscriber, for an organization after a gap, and for the
LISTEN reader. Every read is bounded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, LiteralString, Protocol, cast

import psycopg
from psycopg import AsyncConnection
from psycopg.adapt import AdaptersMap, Transformer
from psycopg.pq.abc import PGresult
from psycopg.rows import tuple_row

from ablo_pg.db.pool import Database
from ablo_pg.db.pooled import Conn
from ablo_pg.db.routines import load_json_raw
from ablo_pg.delta import Delta, Op
from ablo_pg.errors import error_for
from ablo_pg.lsn import LSN
from ablo_pg.wire.limits import ANSWER_BYTES

_COLUMNS: Final[LiteralString] = """
    select sync_id, organization_id, model, row_id, op, groups, row, changed, actor, on_behalf_of,
           capability_id, claim_id, transaction_id, xid::text,
           to_json(created_at at time zone 'UTC'), left_groups, before, entered_groups"""
READ: Final[LiteralString] = _COLUMNS + " from ablo.delta_read($1, $2, $3, $4, null, true, true)"
TAIL: Final[LiteralString] = _COLUMNS + " from ablo.delta_tail($1, $2, $3, null, true, true)"
HEADS: Final[LiteralString] = "select o, ablo.log_head(o) from unnest(%s::text[]) o"
# pg_current_xact_id assigns an xid, even in a read-only transaction; never on a standby.
HORIZON: Final[LiteralString] = """
    select case when not pg_is_in_recovery() then pg_current_xact_id()::text end"""
PROGRESS: Final[LiteralString] = """
    select pg_snapshot_xmin(pg_current_snapshot())::text,
           case when pg_is_in_recovery() then pg_last_wal_replay_lsn()::text end"""
# Only members of pg_read_all_stats see the wait event of another login's session.
OLDEST: Final[LiteralString] = """
    select s.xmin::text, l.pid, p.gid, a.wait_event
      from (select pg_snapshot_xmin(pg_current_snapshot()) as xmin) s
      left join pg_locks l on l.locktype = 'transactionid' and l.mode = 'ExclusiveLock'
                          and l.granted and l.transactionid = s.xmin::xid
      left join pg_prepared_xacts p on p.transaction = s.xmin::xid
      left join pg_stat_activity a on a.pid = l.pid"""
# One row where it publishes the log, whole, and nothing else. ALTER PUBLICATION writes a row's new
# version, so these ids stay the same until it is altered.
PUBLICATION: Final[LiteralString] = """
    select concat_ws(' ', p.oid, p.xmin, r.oid, r.xmin)
      from pg_publication p join pg_publication_rel r on r.prpubid = p.oid
     where p.pubname = 'ablo_delta' and p.pubinsert and p.pubviaroot and not p.puballtables
       and r.prrelid = to_regclass('ablo.delta') and r.prqual is null and r.prattrs is null
       and not exists (select from pg_publication_rel o
                        where o.prpubid = p.oid and o.prrelid <> r.prrelid)
       and not exists (select from pg_publication_namespace n where n.pnpubid = p.oid)"""
_RAW: Final = AdaptersMap(psycopg.adapters)  # how the columns are read: JSON stays bytes
load_json_raw(_RAW)
HEADS_AT_ONCE: Final = 500  # organizations per query; an index probe each


@dataclass(frozen=True, slots=True)
class Horizon:
    """A point in time, to compare with what queries show later; `changefeed.barrier` has the proof.

    lsn: every commit record in question lies before it. xid: above every assigned one, if any.
    """

    lsn: LSN
    xid: int | None


class LogSource(Protocol):
    """The log, as far as catching up needs it. Only raises errors of `ablo_pg.errors`."""

    async def read(
        self, organization: str, after: int, limit: int, through: int | None = None
    ) -> list[Delta]:
        """Return at most `limit` deltas with after < sync_id <= through, in order.

        `is_whole` tells whether more was visible when the query ran. Raises cursor_ahead, and
        snapshot_required if the log no longer reaches back to `after`.
        """

    async def head(self, organization: str) -> int:
        """Return the organization's highest visible sync id."""

    async def heads(self, organizations: Sequence[str]) -> dict[str, int]:
        """Return the head of each organization."""

    async def horizon(self, lsn: LSN) -> Horizon:
        """Return the current point in time; lsn: a position reached before the call."""

    async def reached(self, horizon: Horizon) -> bool:
        """Whether queries show every commit whose record lies before horizon.lsn."""

    async def oldest(self) -> str:
        """Name the oldest running transaction, for a status."""

    async def publication(self) -> str:
        """Return which publication of the log this is; an altered one is another.

        Raises kernel_checksum_mismatch for one that does not publish the log, or not it alone.
        """


def is_whole(page: Sequence[Delta], limit: int) -> bool:
    """Whether a page of the log was everything visible: otherwise it was cut, at its limit or at
    the kernel's byte budget for an answer."""
    return len(page) < limit and sum(each.content for each in page) < ANSWER_BYTES


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

    async def horizon(self, lsn: LSN) -> Horizon:
        """See LogSource."""
        return Horizon(lsn, await self._database.read(xid_assign))

    async def reached(self, horizon: Horizon) -> bool:
        """See LogSource."""
        xmin, replayed = await self._database.read(progress)
        if horizon.xid is not None:
            return xmin > horizon.xid
        # A promoted standby has replayed everything that there was.
        return replayed is None or replayed >= horizon.lsn

    async def oldest(self) -> str:
        """See LogSource."""
        return await self._database.read(oldest_transaction)

    async def publication(self) -> str:
        """See LogSource."""
        found = await self._database.read(publication_of_log)
        if found is None:
            raise error_for(
                "kernel_checksum_mismatch",
                "The publication ablo_delta is gone, or does not publish the inserts into "
                "ablo.delta, all of them and nothing else: run `ablo-pg connect` again",
                remedy="run `ablo-pg connect` again",
            )
        return found


async def xid_assign(conn: AsyncConnection) -> int | None:
    """Take an xid and release it; None on a standby, which has none.

    Rolled back: a commit might wait for a synchronous standby.
    """
    async with conn.transaction(force_rollback=True):
        row = await (await conn.execute(HORIZON)).fetchone()
    return int(row[0]) if row and row[0] else None


async def progress(conn: AsyncConnection) -> tuple[int, LSN | None]:
    """Return the xid below which all have ended, and how far a standby has replayed."""
    row = await (await conn.execute(PROGRESS)).fetchone()
    assert row is not None
    return int(row[0]), LSN.parse(row[1]) if row[1] else None


async def oldest_transaction(conn: AsyncConnection) -> str:
    """Name the oldest running transaction, and what it waits for if that is visible."""
    row = await (await conn.execute(OLDEST)).fetchone()
    assert row is not None
    xid, pid, gid, waits_for = row
    if gid is not None:
        return f"transaction {xid}, prepared as {gid!r}, has not ended"
    if pid is None:  # it has ended meanwhile, or runs on the primary
        return f"transaction {xid} has not ended"
    if waits_for == "SyncRep":
        waits_for = "SyncRep, an answer of a synchronous standby"
    return f"transaction {xid} of process {pid} has not ended" + (
        f" (it waits for {waits_for})" if waits_for else ""
    )


async def publication_of_log(conn: AsyncConnection) -> str | None:
    """Return which publication streams the log; None where none does as it should."""
    row = await (await conn.execute(PUBLICATION)).fetchone()
    return row[0] if row else None


async def delta_read(
    conn: Conn, organization: str, after: int, limit: int, through: int | None
) -> list[Delta]:
    """Call ablo.delta_read; the caller translates psycopg's errors."""
    until = None if through is None else str(through)
    return _deltas(await conn.answer(READ, organization, str(after), str(limit), until))


async def delta_tail(conn: Conn, organization: str, before: int | None, limit: int) -> list[Delta]:
    """Call ablo.delta_tail: the deltas before a position, newest first; None means the end."""
    position = None if before is None else str(before)
    return _deltas(await conn.answer(TAIL, organization, position, str(limit)))


async def log_heads(conn: AsyncConnection, organizations: list[str]) -> dict[str, int]:
    """Call ablo.log_head for each organization, in one statement."""
    async with conn.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(HEADS, (organizations,))
        return dict(await cursor.fetchall())


def _deltas(result: PGresult) -> list[Delta]:
    loader = Transformer(_RAW)
    loader.set_pgresult(result)
    return [_delta(row) for row in loader.load_rows(0, result.ntuples, tuple)]


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
        # '"2026-11-23T05:13:01.65672"', Postgres's format of a timestamp in JSON
        row[14][1:-1].decode() + "+00:00",
        tuple(row[15] or ()),
        row[16],
        tuple(row[17] or ()),
    )
