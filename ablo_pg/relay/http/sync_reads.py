"""Rows of one snapshot, with its watermark, for bootstraps and on-demand reads.

However many pages a read takes, all come from one read-only transaction. A watermark is valid only
if it has reached what the hub had sent before: a delta may arrive over the WAL before a query sees
it, and a client that received it must not get an older state afterwards.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import anyio
import msgspec
from psycopg import AsyncConnection

from ablo_pg.changefeed.catchup import UNSEEN_FIRST, UNSEEN_LAST
from ablo_pg.db import calls, routines
from ablo_pg.db.backoff import Backoff
from ablo_pg.db.snapshots import in_snapshot
from ablo_pg.relay.http.call import Call
from ablo_pg.schema import ModelSpec
from ablo_pg.wire.kernel_bodies import ListBody
from ablo_pg.wire.kernel_calls import ROW_LIST
from ablo_pg.wire.limits import READ_BYTES
from ablo_pg.wire.sync import PAGE, kernel_query

R = TypeVar("R")
Conn = AsyncConnection

ROWS: Final = 50_000  # in one answer; more come on the next page
UNSEEN_SECONDS: Final = 5.0  # how long a standby may delay what was sent


@dataclass(slots=True)
class Rows:
    """The result of a read: rows and evidence as bytes, and where to continue if there is more."""

    data: list[bytes]
    evidence: list[bytes]
    after: str | None = None

    @property
    def size(self) -> int:
        """How many bytes the rows take."""
        return sum(map(len, self.data))


async def snapshot_of(call: Call, work: Callable[[Conn], Awaitable[R]]) -> tuple[R, int]:
    """Run `work` in one snapshot; return its result and the watermark."""

    async def both(conn: Conn) -> tuple[R, int]:
        async def read(inner: Conn) -> tuple[R, int]:
            head = await routines.log_head(inner, call.organization)
            return await work(inner), head

        return await in_snapshot(conn, read)

    sent = call.service.hub.sent.last(call.organization)
    unseen = Backoff(UNSEEN_FIRST, UNSEEN_LAST)
    until = anyio.current_time() + UNSEEN_SECONDS
    while True:
        found, head = await call.service.database.read(both)
        if head >= sent or anyio.current_time() > until:
            return found, head
        await anyio.sleep(unseen.pause())


async def read_rows(
    conn: Conn,
    call: Call,
    model: ModelSpec,
    limit: int,
    after: str | None = None,
    where: Sequence[Sequence[Any]] | None = None,
    order: tuple[str, str] | None = None,
    groups: Iterable[str] | None = None,
    most_bytes: int = READ_BYTES,
) -> Rows:
    """Read at most `limit` rows, and about `most_bytes`, page by page."""
    found = Rows([], [], after)
    size = 0
    while True:
        query = kernel_query(limit - len(found.data), found.after, where, order, groups)
        body = ListBody(model.typename, msgspec.Raw(query))
        page = PAGE.decode(await calls.ask(conn, ROW_LIST, call.credential.caller, body))
        found.data.extend(map(bytes, page.data))
        found.evidence.extend(map(bytes, page.evidence))
        found.after = page.next_cursor if page.has_more else None
        size += sum(map(len, page.data))
        if found.after is None or len(found.data) >= limit or size > most_bytes:
            return found
