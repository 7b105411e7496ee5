"""The log behind a relay: the `LogSource` that a client's hub catches up from, and its deltas.

It returns only what the key may see; for a client that is the whole log.
"""

from __future__ import annotations

from collections.abc import Sequence

from ablo_pg.client.remote.http import RelayHttp
from ablo_pg.db.log import Horizon
from ablo_pg.delta import Delta
from ablo_pg.lsn import LSN
from ablo_pg.wire.kernel_bodies import LogBody, NoBody
from ablo_pg.wire.kernel_calls import LOG_HEAD, LOG_READ


class RemoteLog:
    """A `LogSource` over a relay, of the key's organization."""

    def __init__(self, http: RelayHttp) -> None:
        self._http = http

    async def read(
        self, organization: str, after: int, limit: int, through: int | None = None
    ) -> list[Delta]:
        """See LogSource: what the key may not see is skipped."""
        found: list[Delta] = []
        whole = False
        while not whole and len(found) < limit:
            body = LogBody(after, limit - len(found), through)
            page = await self._http.ask(LOG_READ, body)
            found.extend(one.delta(organization) for one in page.deltas)
            after, whole = page.reached, page.whole
        return found

    async def head(self, organization: str) -> int:
        """See LogSource."""
        return await self._http.ask(LOG_HEAD, NoBody())

    async def heads(self, organizations: Sequence[str]) -> dict[str, int]:
        """See LogSource."""
        return {organization: await self.head(organization) for organization in organizations}

    async def horizon(self, lsn: LSN) -> Horizon:
        """See LogSource; the relay has no WAL for its clients."""
        return Horizon(lsn, None)

    async def reached(self, horizon: Horizon) -> bool:
        """See LogSource."""
        return True

    async def oldest(self) -> str:
        """See LogSource."""
        return ""

    async def publication(self) -> str:
        """See LogSource."""
        return ""
