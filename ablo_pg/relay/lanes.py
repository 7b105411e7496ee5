"""A commit lane for each organization that is committing.

Concurrent commits of one organization share a flush (`db.group_commit`). A lane is created with the
first commit and dropped with the last, so memory follows current work, not past clients.
Organizations do not wait for each other: each has its own order lock and at most one batch in
flight, and takes connections from the pool as its share allows (`shares`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ablo_pg.db.group_commit import GroupCommit
from ablo_pg.db.pool import Database
from ablo_pg.db.routines import BatchItem


@dataclass(slots=True)
class _Lane:
    commits: GroupCommit
    users: int = 0


@dataclass(slots=True)
class CommitLanes:
    """Sends commits, each through its organization's lane."""

    database: Database
    on_flight: Callable[[int], None] | None = None  # called with the size of each batch
    _lanes: dict[str, _Lane] = field(default_factory=dict, init=False)

    def __len__(self) -> int:
        return len(self._lanes)

    async def submit(self, organization: str, item: BatchItem) -> bytes:
        """Commit; return the receipt as JSON, or raise the commit's error."""
        lane = self._lanes.get(organization)
        if lane is None:
            commits = GroupCommit(self.database, organization, self.on_flight)
            lane = self._lanes[organization] = _Lane(commits)
        lane.users += 1
        try:
            return await lane.commits.submit(item)
        finally:
            lane.users -= 1
            if lane.users == 0:
                del self._lanes[organization]
