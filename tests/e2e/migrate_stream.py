"""Whether the log tells of every row as it is, and whether a live stream brings all of the log."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

import anyio
import anyio.from_thread
import anyio.lowlevel
import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from ablo_pg.changefeed import Hub, WalReader
from ablo_pg.changefeed.reader import Reader
from ablo_pg.db.log import PostgresLog
from ablo_pg.db.pool import Database
from ablo_pg.schema import MISSING, ModelSpec
from ablo_pg.testing import DatabaseHandle

from .migrate_site import TASKS

ORGANIZATIONS: Final = ("o0", "o1", "o2")
# Rows on the left as the log adds up to them, on the right as the table reads. A field that a row's
# last delta is too old to have reads as its default.
UNTOLD: Final = """
with last as (
  select distinct on (organization_id, row_id) organization_id, row_id, op, "row"
  from ablo.delta where model = %(typename)s order by organization_id, row_id, sync_id desc
), stored as (
  select organization_id, id as row_id, {function}(t)::text as now from {table} t
), unlike as (
  select row_id, (%(defaults)s || "row"::jsonb) - %(gone)s::text[] as told, now::jsonb as stored
  from (select * from last where op <> 'D') l full join stored using (organization_id, row_id)
  where "row"::text is distinct from now
)
select row_id, told, stored from unlike where told is distinct from stored limit 5"""


def untold(conn: psycopg.Connection[Any], model: ModelSpec) -> list[Any]:
    """Return rows that the log tells otherwise than the table has them: id, told, stored."""
    defaults = {f.wire: None if f.default is MISSING else f.default for f in model.fields}
    gone = [field.wire for field in TASKS.fields if field.wire not in defaults]
    query = sql.SQL(UNTOLD).format(
        function=sql.Identifier("ablo_model", f"{model.key}__row"),
        table=sql.Identifier(model.table),
    )
    with conn.transaction():
        conn.execute("set local timezone = 'UTC'; set local work_mem = '1GB'")
        arguments = {"typename": model.typename, "defaults": Jsonb(defaults), "gone": gone}
        return conn.execute(query, arguments).fetchall()


class Follower:
    """A hub with a subscriber for each organization; `taken` is what came in.

    Args: begin, by organization the sync id after which it follows. reader, of the WAL by default.
    """

    def __init__(
        self, handle: DatabaseHandle, begin: dict[str, int], reader: Reader | None = None
    ) -> None:
        self.taken: dict[str, list[int]] = {each: [] for each in begin}
        self.patience = 20.0  # seconds without a delta after which some are lost
        self.trouble: BaseException | None = None
        self._handle, self._begin = handle, begin
        self._reader = reader or WalReader(handle.replication_url)
        self._ready, self._came = threading.Event(), threading.Event()
        self._ending: Callable[[], None] | None = None

    @contextmanager
    def following(self) -> Iterator[Follower]:
        """Follow within this block; what is written in it is taken."""
        thread = threading.Thread(target=self._run, daemon=True)
        thread.start()
        assert self._ready.wait(20), self.trouble
        try:
            yield self
        finally:
            if self._ending is not None:
                self._ending()
            thread.join(30)

    def missed(self, conn: psycopg.Connection[Any]) -> dict[str, list[int]]:
        """Wait until the stream stands at the log's end; return by organization what differs."""
        differences = {}
        for organization, start in self._begin.items():
            query = """select array(select sync_id from ablo.delta where organization_id = %s
                       and sync_id > %s order by sync_id)"""
            row = conn.execute(query, [organization, start]).fetchone()
            expected: list[int] = row[0] if row else []
            taken = self._upto(organization, len(expected))
            if taken != expected:
                differences[organization] = sorted(set(expected) ^ set(taken))[:5] or taken[:5]
        return differences

    def _upto(self, organization: str, count: int) -> list[int]:
        taken = self.taken[organization]
        while len(taken) < count:
            self._came.clear()
            if len(taken) < count and not self._came.wait(self.patience):
                break
        return list(taken)

    def _run(self) -> None:
        try:
            anyio.run(self._follow)
        except BaseException as exc:  # shown by whoever waits for it
            self.trouble = exc

    async def _follow(self) -> None:
        database = Database(self._handle.database_url)
        hub, reader = Hub(PostgresLog(database)), self._reader
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(reader.run, hub)
                for organization, start in self._begin.items():
                    group.start_soon(self._take, hub, organization, start)
                while True:
                    if reader.status.kind != "none" and len(hub.channels) == len(self._begin):
                        break
                    await anyio.sleep(0.002)
                end, token = anyio.Event(), anyio.lowlevel.current_token()
                self._ending = partial(anyio.from_thread.run_sync, end.set, token=token)
                self._ready.set()
                await end.wait()
                group.cancel_scope.cancel()
        finally:
            await database.close()

    async def _take(self, hub: Hub, organization: str, start: int) -> None:
        async with hub.subscribe(organization, cursor=start) as changes:
            async for delta in changes:
                self.taken[organization].append(delta.sync_id)
                self._came.set()


def heads(conn: psycopg.Connection[Any]) -> dict[str, int]:
    """Return the last sync id of each organization."""
    query = "select coalesce(max(sync_id), 0) from ablo.delta where organization_id = %s"
    found = {}
    for organization in ORGANIZATIONS:
        row = conn.execute(query, [organization]).fetchone()
        found[organization] = int(row[0]) if row else 0
    return found
