"""What this process renews in the database: leases of claims, and presences.

The database decides whether a lease lives. This side is conservative: a lease counts from before
its renewal was sent, by the monotonic clock, so a jumping wall clock changes nothing.
`lease_keeper` renews both kinds.
"""

from __future__ import annotations

import logging
import os
from typing import Final

from ablo_pg.client.claims.wakeup import Mark

logger: Final = logging.getLogger("ablo_pg.client")
_PART_OF_TTL: Final = 3  # renewed at a third of it, so that two renewals may fail


class Renewal:
    """Something that lasts `ttl` seconds from each renewal.

    due: when to renew next; deadline: when it has expired; both as `time.monotonic()`.
    """

    def __init__(self, organization: str, participant: str, ttl: float, sent_at: float) -> None:
        self.organization = organization
        self.participant = participant
        self.ttl = ttl
        self.deadline = sent_at + ttl
        self.due = sent_at + ttl / _PART_OF_TTL

    def renewed(self, sent_at: float, ttl: float | None = None) -> None:
        """Restart from a renewal that was sent then; a late answer never shortens it."""
        self.ttl = ttl or self.ttl
        self.deadline = max(self.deadline, sent_at + self.ttl)
        self.due = sent_at + self.ttl / _PART_OF_TTL


class Lease(Renewal):
    """A claim's lease, or its place in the queue, renewed until it is dropped or lost.

    since: when it began, as `time.monotonic()`. A lease belongs to the process that made it: a
    forked child never counts as the holder.
    """

    def __init__(
        self, organization: str, participant: str, claim_id: str, ttl: float, sent_at: float
    ) -> None:
        super().__init__(organization, participant, ttl, sent_at)
        self.claim_id = claim_id
        self.since = sent_at
        self.lost = Mark()
        self.reason = ""
        self._pid = os.getpid()

    @property
    def foreign(self) -> bool:
        """Whether this is a forked child, to which the lease does not belong."""
        return os.getpid() != self._pid

    def lose(self, reason: str) -> None:
        """Mark it lost, permanently."""
        if not self.lost.is_set():
            self.reason = reason
            logger.warning("claim %s is lost: %s", self.claim_id, reason)
            self.lost.set()


class PresenceBeat(Renewal):
    """A session's presence: `body` is its own activity, as JSON."""

    def __init__(
        self,
        organization: str,
        participant: str,
        session: str,
        body: bytes,
        ttl: float,
        sent_at: float,
    ) -> None:
        super().__init__(organization, participant, ttl, sent_at)
        self.session = session
        self.body = body
