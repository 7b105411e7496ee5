"""The interface of claims and presence: the calls that a client needs to coordinate.

A part of `transport.Transport`, bound to the same organization and participant. It also wakes
(`watch`) and renews (`keep`): a database does so over LISTEN and a separate connection
(`direct.claims`), a relay over HTTP. Calls only raise errors of `ablo_pg.errors`.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from ablo_pg.claim import ClaimAnswer, ClaimLine, Presence
from ablo_pg.client.claims.bell import Bell
from ablo_pg.client.claims.lease import Renewal


class ClaimTransport(Protocol):
    """Claims and presence, for one organization and participant."""

    async def claim_acquire(self, model: str, row_id: str, request: bytes) -> ClaimAnswer:
        """Request a claim; the same claimId twice is the same claim."""

    async def claim_look(self, claim_id: str) -> ClaimAnswer:
        """Read and renew an own claim; if its turn has come, it is granted here."""

    async def claim_release(self, claim_id: str) -> bool:
        """Release a claim, or leave the queue; return whether there was one to release."""

    async def claim_release_row(self, model: str, row_id: str) -> bool:
        """Release every claim and wait of the participant on a row."""

    async def claim_line(self, model: str, row_id: str) -> ClaimLine:
        """Read a row's holders and its wait queue. Never waits."""

    async def claim_reorder(self, model: str, row_id: str, order: Sequence[str]) -> None:
        """Move these waiters to the head of the queue, in this order."""

    def claim_watch(self, claim_id: str, bell: Bell) -> AbstractContextManager[None]:
        """Wake this bell when the claim may have changed."""

    def keep(self, renewal: Renewal) -> None:
        """Renew a lease or a presence from now on, whatever this thread does."""

    def drop(self, renewal: Renewal) -> None:
        """Stop renewing it."""

    async def presence_beat(self, session: str, body: bytes) -> float:
        """Record a session's presence; the next heartbeat is due within these seconds."""

    async def presence_leave(self, session: str) -> bool:
        """Record that a session has left."""

    async def presence_list(self) -> list[Presence]:
        """Read who is present."""
