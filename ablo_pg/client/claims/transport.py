"""The seam of claims and presence: what a client needs of the other side to coordinate.

A part of `transport.Transport`, bound to the same organization and participant. Waking (`watch`)
and renewing (`keep`) are behind it too: a database does it over LISTEN and a connection of its own
(`direct.claims`), a relay over its socket. Calls raise errors of `ablo_pg.errors` only.
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
        """Ask for a claim; the same claimId twice is the same claim."""

    async def claim_look(self, claim_id: str) -> ClaimAnswer:
        """Look at an own claim and renew it; one whose turn has come is granted here."""

    async def claim_release(self, claim_id: str) -> bool:
        """Give a claim back, or leave the line; whether there was something to give back."""

    async def claim_release_row(self, model: str, row_id: str) -> bool:
        """Give back whatever the participant holds, or waits for, on a row."""

    async def claim_line(self, model: str, row_id: str) -> ClaimLine:
        """Read a row's holders and its wait line. Never waits."""

    async def claim_reorder(self, model: str, row_id: str, order: Sequence[str]) -> None:
        """Move these waiters to the head of the line, in this order."""

    def claim_watch(self, claim_id: str, bell: Bell) -> AbstractContextManager[None]:
        """Ring that bell when something may have happened to the claim."""

    def keep(self, renewal: Renewal) -> None:
        """Renew a lease or a presence from now on, whatever this thread does."""

    def drop(self, renewal: Renewal) -> None:
        """Renew it no more."""

    async def presence_beat(self, session: str, body: bytes) -> float:
        """Say that a session is here; the seconds until the next beat must have come."""

    async def presence_leave(self, session: str) -> bool:
        """Say that a session is gone."""

    async def presence_list(self) -> list[Presence]:
        """Read who is here."""
