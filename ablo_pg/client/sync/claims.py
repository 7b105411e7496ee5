"""The sync twins of `claims.claims`. Written by .ci/sync_twin.py, do not edit."""

from __future__ import annotations

from functools import partial

from ablo_pg.claim import ClaimState
from ablo_pg.client.claims.claims import RowT
from ablo_pg.client.claims.request import (
    Order,
)
from ablo_pg.client.sync.claims_by_hand import BlockingClaims


class SyncModelClaims(BlockingClaims[RowT]):
    """Call it to claim a row; see `__call__`."""

    def state(self, id: str, *, timeout: float | None = None) -> ClaimState | None:
        """Return who holds the row, or None. Never waits. See `queue` for those in line."""
        return self._portal.call(partial(self._inner.state, id, timeout=timeout))

    def queue(self, id: str, *, timeout: float | None = None) -> list[ClaimState]:
        """Return the wait line, in order; `blocked_by` of each says what it waits for."""
        return self._portal.call(partial(self._inner.queue, id, timeout=timeout))

    def release(self, id: str, *, timeout: float | None = None) -> bool:
        """Give back whatever this participant holds, or waits for, on the row.

        Returns whether there was something. Open handles on the row are released with it, and
        waits for it end in claim_lost.
        """
        return self._portal.call(partial(self._inner.release, id, timeout=timeout))

    def reorder(self, id: str, order: Order, *, timeout: float | None = None) -> None:
        """Move these waiters to the head of the line, in this order; the rest keep theirs.

        order: claim ids, or claims as `queue` returned them. For users, systems, and the holder;
        raises permission_denied for others, claim_not_found for a claim that does not wait.
        """
        self._portal.call(partial(self._inner.reorder, id, order, timeout=timeout))
