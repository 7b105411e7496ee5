"""Why a caller may or may not read and write a row: `await ablo.access.explain("tasks", "t1")`."""

from __future__ import annotations

from ablo_pg.client.deadlines import within
from ablo_pg.client.session import Session
from ablo_pg.schema.rows import Model
from ablo_pg.wire.kernel_bodies import RowBody
from ablo_pg.wire.kernel_calls import ACCESS_EXPLAIN
from ablo_pg.wire.results import AccessExplained


class AccessClient:
    """Explains this client's own access."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def explain(
        self, model: str | type[Model], id: str, *, timeout: float | None = None
    ) -> AccessExplained:
        """Explain whether this client may read, create, update and delete a row, and why.

        It tells of no row that the client may not see: such a row is explained like a missing one.
        `ablo-pg access explain` shows an administrator all. Raises server_execute_unknown_model.
        """
        entry = self._session.registry.entry(model)
        async with within(self._session.seconds(timeout), "Explaining access"):
            body = RowBody(entry.typename, id)
            return await self._session.transport.ask(ACCESS_EXPLAIN, body)
