"""The seam between the sidecar thread and the other side: what it renews and hears through.

A station opens connections in whatever loop asks; it is a value, by which the clients of a process
find the sidecar that they share. `direct.station` reaches a database, `remote.station` a relay.
Calls raise errors of `ablo_pg.errors` only.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from ablo_pg.claim import ClaimBeat
from ablo_pg.client.claims.bell import Bell


class LeaseDoor(Protocol):
    """A connection over which leases and presences are renewed."""

    @property
    def broken(self) -> bool:
        """Whether it is of no more use."""

    async def renew(
        self, organization: str, participant: str, claim_ids: Sequence[str]
    ) -> Sequence[ClaimBeat]:
        """Renew these claims of a participant."""

    async def beat(self, organization: str, participant: str, session: str, body: bytes) -> float:
        """Say that a session is here; the seconds until the next beat must have come."""

    async def aclose(self) -> None:
        """End it."""


class ClaimNews(Protocol):
    """A connection over which one hears that something happened to a claim."""

    async def hear(
        self, claim_ids: Collection[str], changed: Bell, seconds: float
    ) -> Sequence[str]:
        """Return the claims that something was said of, '' for all; nothing after so long.

        Only of `claim_ids`, or of any. Returns early, perhaps with nothing, when `changed` rings.
        The first is '', once it listens, and there is another where something may have been missed.
        """


class Station(Hashable, Protocol):
    """Where a sidecar connects to."""

    async def leases(self) -> LeaseDoor:
        """Connect, to renew."""

    def news(self) -> AbstractAsyncContextManager[ClaimNews]:
        """Listen while the block runs."""
