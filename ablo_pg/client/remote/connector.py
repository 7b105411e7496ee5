"""The sidecar's requests to a relay, in its own thread.

Claim events come as long-poll answers: the relay answers when one of the claims in the request has
an event, with the claim's state, a grant included. Each answer has the position of the next
request, so nothing is missed in between.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import msgspec

from ablo_pg.claim import ClaimBeat
from ablo_pg.client.claims.connector import ClaimEvent
from ablo_pg.client.claims.wakeup import WakeUp
from ablo_pg.client.remote.http import RelayAddress, RelayHttp
from ablo_pg.db.notifications import EVERYTHING
from ablo_pg.db.waits import end
from ablo_pg.wire.kernel_bodies import BeatsBody, NewsBody, PresenceBody
from ablo_pg.wire.kernel_calls import CLAIM_BEATS, CLAIM_NEWS, PRESENCE_BEAT

# Seconds that one long poll stays open. Below typical proxy timeouts; a grant is answered at once.
POLL_SECONDS: Final = 20.0


@dataclass(frozen=True, slots=True)
class RemoteConnector:
    """A `Connector` at a relay, with a key."""

    address: RelayAddress

    async def leases(self) -> RelayLeases:
        """Prepare to renew."""
        return RelayLeases(RelayHttp(self.address))

    @asynccontextmanager
    async def events(self) -> AsyncIterator[RelayEvents]:
        """Listen while the block runs. Raises the error that prevents it."""
        http = RelayHttp(self.address)
        try:
            yield RelayEvents(http)
        finally:
            await http.aclose()


class RelayLeases:
    """A `LeaseConnection` over HTTP."""

    def __init__(self, http: RelayHttp) -> None:
        self._http = http

    @property
    def broken(self) -> bool:
        """Never: each request connects if necessary."""
        return False

    async def renew(
        self, organization: str, participant: str, claim_ids: Sequence[str]
    ) -> list[ClaimBeat]:
        """Renew these claims of the key's participant."""
        return await self._http.ask(CLAIM_BEATS, BeatsBody(list(claim_ids)), again=False)

    async def beat(self, organization: str, participant: str, session: str, body: bytes) -> float:
        """Say that a session is here."""
        said = PresenceBody(session, msgspec.Raw(body))
        return await self._http.ask(PRESENCE_BEAT, said, again=False)

    async def aclose(self) -> None:
        """Close it."""
        await self._http.aclose()


class RelayEvents:
    """A `ClaimEvents` over HTTP: one open request."""

    def __init__(self, http: RelayHttp) -> None:
        self._http = http
        self._after: str | None = None

    async def hear(
        self, claim_ids: Collection[str], changed: WakeUp, seconds: float
    ) -> Sequence[ClaimEvent]:
        """Return events of these claims; early if other claims are requested."""
        if self._after is None:  # the start position
            await self._ask((), 0.0)
            return [ClaimEvent(EVERYTHING)]
        if not claim_ids:
            await changed.wait(seconds)
            return []
        asks = asyncio.ensure_future(self._ask(claim_ids, POLL_SECONDS))
        changes = asyncio.ensure_future(changed.wait(POLL_SECONDS))
        try:
            await asyncio.wait([asks, changes], return_when=asyncio.FIRST_COMPLETED)
            return asks.result() if asks.done() else []
        finally:
            await end([asks, changes])

    async def _ask(self, claim_ids: Collection[str], seconds: float) -> list[ClaimEvent]:
        asked_at = time.monotonic()
        body = NewsBody(sorted(claim_ids), self._after, seconds)
        found = await self._http.ask(CLAIM_NEWS, body, again=False)
        self._after = found.after
        answers = {claim_id: bytes(answer) for claim_id, answer in found.answers.items()}
        return [ClaimEvent(one, asked_at, answers.get(one)) for one in found.claim_ids]
