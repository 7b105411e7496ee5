"""Claims and presence on a database: the kernel's routines over the pool, and a sidecar.

The sidecar thread (renewals, LISTEN) is joined with the first lease, and left with `close`.
"""

from __future__ import annotations

from collections.abc import Sequence

from ablo_pg.claim import ClaimAnswer, ClaimLine, Presence
from ablo_pg.client.claims.sidecar import Beside
from ablo_pg.client.direct.station import DirectStation
from ablo_pg.db import claims
from ablo_pg.db.claim_results import claim_answer_of, claim_line_of, presence_of, presence_ttl_of
from ablo_pg.db.pool import Database


class DirectClaims(Beside):
    """A `ClaimTransport` over a database URL."""

    def __init__(
        self,
        database: Database,
        organization: str,
        participant: str,
        on_behalf_of: str | None = None,
    ) -> None:
        super().__init__(DirectStation(database.url))
        self._database = database
        self._on_behalf_of = on_behalf_of
        self._who = (organization, participant)

    async def claim_acquire(self, model: str, row_id: str, request: bytes) -> ClaimAnswer:
        """Request a claim. Sent again after a broken connection: its claimId makes that safe."""
        answer = await self._database.read(
            claims.claim_acquire, *self._who, model, row_id, request, self._on_behalf_of
        )
        return claim_answer_of(answer, self._database.names)

    async def claim_look(self, claim_id: str) -> ClaimAnswer:
        """Read and renew an own claim."""
        answer = await self._database.read(claims.claim_get, *self._who, claim_id, True)
        return claim_answer_of(answer, self._database.names)

    async def claim_release(self, claim_id: str) -> bool:
        """Release a claim, or leave the queue."""
        return await self._database.read(claims.claim_release, *self._who, claim_id)

    async def claim_release_row(self, model: str, row_id: str) -> bool:
        """Release every claim and wait of the participant on a row."""
        return await self._database.read(claims.claim_release_row, *self._who, model, row_id)

    async def claim_line(self, model: str, row_id: str) -> ClaimLine:
        """Read a row's holders and its wait queue."""
        answer = await self._database.read(claims.claim_list, *self._who, model, row_id)
        return claim_line_of(answer, self._database.names)

    async def claim_reorder(self, model: str, row_id: str, order: Sequence[str]) -> None:
        """Move these waiters to the head of the queue."""
        await self._database.run(claims.claim_reorder, *self._who, model, row_id, order)

    async def presence_beat(self, session: str, body: bytes) -> float:
        """Record a session's presence."""
        return presence_ttl_of(
            await self._database.read(claims.presence_beat, *self._who, session, body)
        )

    async def presence_leave(self, session: str) -> bool:
        """Record that a session has left."""
        return await self._database.read(claims.presence_leave, *self._who, session)

    async def presence_list(self) -> list[Presence]:
        """Read who is present."""
        answer = await self._database.read(claims.presence_list, *self._who)
        return presence_of(answer, self._database.names)
