"""Where a database client's changes come from."""

from __future__ import annotations

from ablo_pg.client.background import Background
from ablo_pg.client.transport import DeltaStream
from ablo_pg.db.pool import Database
from ablo_pg.errors import error_for


class StreamSource:
    """The reader and the hub of one client."""

    def __init__(
        self, database: Database, replication_url: str | None, background: Background
    ) -> None:
        self._database = database
        self._replication_url = replication_url
        self._background = background

    async def close(self) -> None:
        """End every stream."""

    async def subscribe(
        self,
        organization: str,
        models: frozenset[str] | None,
        groups: frozenset[str] | None,
        cursor: int | None,
    ) -> DeltaStream:
        """Begin a stream."""
        raise error_for("internal_error", "This build has no stream reader")
