"""The interface between the sidecar thread and the database or relay that it connects to.

Stations open connections in any event loop. They are values, by which the clients of a process find
their shared sidecar. `direct.station` connects to a database, `remote.station` to a relay. Calls
only raise errors of `ablo_pg.errors`.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from ablo_pg.claim import ClaimBeat
from ablo_pg.client.claims.bell import Bell


class LeaseDoor(Protocol):
    """A connection over which leases and presences are renewed."""

    @property
    def broken(self) -> bool:
        """Whether it is unusable."""

    async def renew(
        self, organization: str, participant: str, claim_ids: Sequence[str]
    ) -> Sequence[ClaimBeat]:
        """Renew these claims of a participant."""

    async def beat(self, organization: str, participant: str, session: str, body: bytes) -> float:
        """Record a session's presence; the next heartbeat is due within these seconds."""

    async def aclose(self) -> None:
        """Close it."""


@dataclass(frozen=True, slots=True)
class Told:
    """An event of a claim, '' for all.

    answer: of CLAIM_LOOK, if it came with the event; asked_at: the earliest time at which that was
    requested, by `time.monotonic()`.
    """

    claim_id: str
    asked_at: float = 0.0
    answer: bytes | None = None


class ClaimNews(Protocol):
    """A connection that receives claim events."""

    async def hear(
        self, claim_ids: Collection[str], changed: Bell, seconds: float
    ) -> Sequence[Told]:
        """Return the claims that had events, '' for all; nothing after this time.

        Only of `claim_ids`, or of any. Returns early, possibly empty, when `changed` wakes. The
        first is '', once it listens; another '' follows whenever some may have been missed.
        """


class Station(Hashable, Protocol):
    """The place where a sidecar connects."""

    async def leases(self) -> LeaseDoor:
        """Connect, to renew."""

    def news(self) -> AbstractAsyncContextManager[ClaimNews]:
        """Listen while the block runs."""
