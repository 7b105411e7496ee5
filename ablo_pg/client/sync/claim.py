"""The sync twins of `claims.handle`. Written by .ci/sync_twin.py, do not edit."""

from __future__ import annotations

import datetime as dt

from ablo_pg.claim import ClaimState
from ablo_pg.client.claims.handle import HandleStatus, RowT
from ablo_pg.client.sync.by_hand import BlockingClaim, SyncLostEvent


class SyncClaim(BlockingClaim[RowT]):
    """A granted claim; also a context manager, which releases it at its end.

    Writes of this client to the row are made under it until then. They are refused with
    stale_context if another writer has changed what was read at the grant, and with claim_lost once
    the claim is lost. The lease renews automatically in a separate thread, even while the event
    loop is blocked; a process that is stopped or dead loses it within its ttl.
    """

    @property
    def id(self) -> str:
        """The claim's id."""
        return self._inner.id

    @property
    def state(self) -> ClaimState:
        """The claim as the database gave it."""
        return self._inner.state

    @property
    def row(self) -> RowT | None:
        """The row as of the grant; None if it did not exist."""
        return self._inner.row

    @property
    def data(self) -> RowT:
        """The row as of the grant. Raises entity_not_found if it did not exist."""
        return self._inner.data

    @property
    def fence_token(self) -> int:
        """The fencing token: every later grant of the row has a higher one."""
        return self._inner.fence_token

    @property
    def read_at(self) -> int:
        """The stamp at which the row was read."""
        return self._inner.read_at

    @property
    def expires_at(self) -> dt.datetime:
        """When the lease would end without further renewals, by the database's clock."""
        return self._inner.expires_at

    @property
    def status(self) -> HandleStatus:
        """The state of this handle: "held", "lost" (writes raise), or "released"."""
        return self._inner.status

    @property
    def lost(self) -> SyncLostEvent:
        """The event of its loss: `claim.lost.is_set()`, `claim.lost.wait()`."""
        return SyncLostEvent(self._portal, self._inner.lost)
