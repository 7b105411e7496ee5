"""The interface between the sidecar thread and the database or relay that it connects to.

Connectors open connections in any event loop. They are values, by which the clients of a process
find their shared sidecar. `direct.connector` connects to a database, `remote.connector` to a relay.
Calls only raise errors of `ablo_pg.errors`.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from ablo_pg.claim import ClaimBeat
from ablo_pg.client.claims.wakeup import WakeUp


class LeaseConnection(Protocol):
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
class ClaimEvent:
    """An event of a claim, '' for all.

    answer: of CLAIM_LOOK, if it came with the event; asked_at: the earliest time at which that was
    requested, by `time.monotonic()`.
    """

    claim_id: str
    asked_at: float = 0.0
    answer: bytes | None = None


class ClaimEvents(Protocol):
    """A connection that receives claim events."""

    async def hear(
        self, claim_ids: Collection[str], changed: WakeUp, seconds: float
    ) -> Sequence[ClaimEvent]:
        """Return the claims that had events, '' for all; nothing after this time.

        Only of `claim_ids`, or of any. Returns early, possibly empty, when `changed` wakes. The
        first is '', once it listens; another '' follows whenever some may have been missed.
        """


class Connector(Hashable, Protocol):
    """The place where a sidecar connects."""

    async def leases(self) -> LeaseConnection:
        """Connect, to renew."""

    def events(self) -> AbstractAsyncContextManager[ClaimEvents]:
        """Listen while the block runs."""
