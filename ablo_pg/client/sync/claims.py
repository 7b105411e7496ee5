"""The sync twins of `claims.claims`. Written by .ci/sync_twin.py, do not edit."""

from __future__ import annotations

from functools import partial

from ablo_pg.claim import ClaimState
from ablo_pg.client.claims.claims import RowT
from ablo_pg.client.claims.next import NextOptions
from ablo_pg.client.claims.request import (
    Order,
)
from ablo_pg.client.rows.where import Where
from ablo_pg.client.sync.claim import SyncClaim
from ablo_pg.client.sync.claims_by_hand import BlockingClaims


class SyncModelClaims(BlockingClaims[RowT]):
    """Call it to claim a row; see `__call__`."""

    def state(self, id: str, *, timeout: float | None = None) -> ClaimState | None:
        """Return who holds the row, or None. Never waits. See `queue` for the waiters."""
        return self._portal.call(partial(self._inner.state, id, timeout=timeout))

    def queue(self, id: str, *, timeout: float | None = None) -> list[ClaimState]:
        """Return the wait queue, in order; `blocked_by` of each lists what it waits for."""
        return self._portal.call(partial(self._inner.queue, id, timeout=timeout))

    def release(self, id: str, *, timeout: float | None = None) -> bool:
        """Release every claim and wait of this participant on the row.

        Returns whether there were any. Open handles on the row are released with them, and waits
        for it end in claim_lost.
        """
        return self._portal.call(partial(self._inner.release, id, timeout=timeout))

    def reorder(self, id: str, order: Order, *, timeout: float | None = None) -> None:
        """Move these waiters to the head of the queue, in this order; the others keep theirs.

        order: claim ids, or claims as `queue` returned them. For users, systems, and the holder;
        raises permission_denied for others, claim_not_found for a claim that is not waiting.
        """
        self._portal.call(partial(self._inner.reorder, id, order, timeout=timeout))

    def next(self, where: Where | None, options: NextOptions) -> SyncClaim[RowT] | None:
        """See `SyncModelClient.claim_next`."""
        found = self._portal.call(partial(self._inner.next, where, options))
        return None if found is None else SyncClaim(self._portal, found)
