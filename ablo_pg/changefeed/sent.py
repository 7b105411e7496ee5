"""The last id that the stream has delivered, by organization, which a joiner must have reached."""

from __future__ import annotations

from typing import Final

from ablo_pg.db.log import LogSource

# Organizations to remember before the older half may be forgotten; about 100 bytes each.
GENERATION: Final = 50_000


class Sent:
    """A map that forgets an organization only when what it was sent is visible to every query.

    Two generations. When `latest` has grown large it becomes the older one. The log is asked for
    the heads of the older ones, and those whose head has reached what was sent are forgotten: a
    later query of a joiner sees what one query has seen. One index probe for each organization.
    """

    def __init__(self, generation: int = GENERATION) -> None:
        self.latest: dict[str, int] = {}
        self._older: dict[str, int] = {}
        self._generation = generation

    def __len__(self) -> int:
        return len(self.latest) + len(self._older)

    def last(self, organization: str) -> int:
        """Return the last id sent for it, or 0 if everything sent is visible."""
        found = self.latest.get(organization)
        return self._older.get(organization, 0) if found is None else found

    def clear(self) -> None:
        """A new stream begins."""
        self.latest = {}
        self._older = {}

    async def tend(self, log: LogSource) -> None:
        """Forget what may be forgotten; cheap to call if there is nothing to do."""
        if not self._older and len(self.latest) >= self._generation:
            self._older, self.latest = self.latest, {}
        older = self._older
        if older:
            for organization, head in (await log.heads(list(older))).items():
                if head >= older[organization]:
                    del older[organization]
