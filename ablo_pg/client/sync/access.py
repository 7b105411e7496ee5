"""The sync twins of `rows.access`. Written by .ci/sync_twin.py, do not edit."""

from __future__ import annotations

from functools import partial

from ablo_pg.client.rows.access import AccessClient
from ablo_pg.client.sync.by_hand import Twin
from ablo_pg.schema.rows import Model
from ablo_pg.wire.results import AccessExplained


class SyncAccessClient(Twin[AccessClient]):
    """Explains this client's own access."""

    def explain(
        self, model: str | type[Model], id: str, *, timeout: float | None = None
    ) -> AccessExplained:
        """Explain whether this client may read, create, update and delete a row, and why.

        It tells of no row that the client may not see: such a row is explained like a missing one.
        `ablo-pg access explain` shows an administrator all. Raises server_execute_unknown_model.
        """
        return self._portal.call(partial(self._inner.explain, model, id, timeout=timeout))
