"""A log and a WAL whose visibility a test moves by hand, at the hub's own seam (`LogSource`)."""

from __future__ import annotations

from collections.abc import Sequence

import anyio
import anyio.lowlevel

from ablo_pg.changefeed.arrival import Arrival
from ablo_pg.changefeed.hub import Hub
from ablo_pg.db.log import Horizon
from ablo_pg.delta import Delta
from ablo_pg.errors import error_for
from ablo_pg.lsn import LSN

from .encoder import insert


def delta(
    sync_id: int,
    organization: str = "acme",
    groups: tuple[str, ...] | None = None,
    model: str = "Task",
    row: bytes = b"{}",
) -> Delta:
    return Delta(
        sync_id=sync_id,
        organization_id=organization,
        model=model,
        row_id=str(sync_id),
        op="I",
        groups=(f"org:{organization}",) if groups is None else groups,
        row=row,
        changed=(),
        actor="user:u",
        on_behalf_of=None,
        capability_id=None,
        claim_id=None,
        transaction_id=None,
        xid=sync_id,
        created_at="2026-11-23T05:13:01+00:00",
    )


class Simulation:
    """Commits in one order; how much a query shows, and how much was streamed, move apart.

    `committed` holds every delta; queries show the first `visible`, the stream brought the first
    `streamed`. A query yields `yields` times before it looks and once after, so that anything may
    happen around it.
    """

    def __init__(self) -> None:
        self.committed: list[Delta] = []
        self.visible = 0
        self.streamed = 0
        self.yields = 0
        self.kept_after = 0
        self.reads = 0

    def commit(self, found: Delta) -> None:
        self.committed.append(found)

    def stream(self, hub: Hub, count: int) -> None:
        """Bring the next deltas over the WAL."""
        batch = self.committed[self.streamed : self.streamed + count]
        self.streamed += len(batch)
        hub.publish([Arrival(d.sync_id, d.organization_id, insert(d)) for d in batch])

    async def read(
        self, organization: str, after: int, limit: int, through: int | None = None
    ) -> list[Delta]:
        for _ in range(self.yields):
            await anyio.lowlevel.checkpoint()
        self.reads += 1
        if after < self.kept_after:
            raise error_for("snapshot_required", "dropped")
        if after > (self.committed[-1].sync_id if self.committed else 0):
            raise error_for("cursor_ahead", "never drawn")
        shown = self.committed[: self.visible]
        found = [d for d in shown if d.organization_id == organization and d.sync_id > after]
        await anyio.lowlevel.checkpoint()
        return found[:limit]

    async def head(self, organization: str) -> int:
        return (await self.heads([organization]))[organization]

    async def heads(self, organizations: Sequence[str]) -> dict[str, int]:
        await anyio.lowlevel.checkpoint()
        shown = self.committed[: self.visible]
        return {
            organization: max(
                (d.sync_id for d in shown if d.organization_id == organization), default=0
            )
            for organization in organizations
        }

    async def horizon(self, lsn: LSN) -> Horizon:
        await anyio.lowlevel.checkpoint()
        return Horizon(lsn, len(self.committed) + 1)

    async def reached(self, horizon: Horizon) -> bool:
        await anyio.lowlevel.checkpoint()
        return self.visible + 1 >= (horizon.xid or 0)

    async def oldest(self) -> str:
        return f"transaction {self.visible + 1} has not ended"

    async def publication(self) -> str:
        return "as it was"
