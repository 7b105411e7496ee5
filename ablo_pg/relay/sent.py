"""The last id that the stream has brought, by organization: what a joiner must have reached."""

from __future__ import annotations

from typing import Final

from ablo_pg.db.log import LogSource, Snapshot

# Organizations to remember before the older half may be forgotten; some 100 bytes each.
GENERATION: Final = 50_000


class Sent:
    """A map that forgets an organization only when what it was sent is visible to any query.

    Two generations. When `latest` has grown large it becomes the older one and a snapshot is taken:
    all it holds was written by transactions that had begun by then. Once none of those runs any
    more, everything in it is visible, so that a joiner's own query finds it, and it is dropped.
    """

    def __init__(self, generation: int = GENERATION) -> None:
        self.latest: dict[str, int] = {}
        self._older: dict[str, int] = {}
        self._barrier: Snapshot | None = None
        self._generation = generation

    def __len__(self) -> int:
        return len(self.latest) + len(self._older)

    def last(self, organization: str) -> int:
        """Return the last id sent for it, or 0 when whatever was sent is visible."""
        found = self.latest.get(organization)
        return self._older.get(organization, 0) if found is None else found

    def clear(self) -> None:
        """A new stream begins."""
        self.latest.clear()
        self._older.clear()
        self._barrier = None

    async def tend(self, log: LogSource) -> None:
        """Forget what may be forgotten; cheap to call when there is nothing to do."""
        if self._barrier is None:
            if len(self.latest) < self._generation:
                return
            self._older = dict(self.latest)
            self.latest.clear()
            self._barrier = await log.snapshot()
            return
        now = await log.snapshot()
        if self._barrier is not None and not any(map(now.running, self._barrier.running_xids)):
            self._older = {}
            self._barrier = None
