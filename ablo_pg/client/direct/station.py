"""The sidecar's connections to a database, separate from any pool."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import psycopg
from psycopg import AsyncConnection

from ablo_pg.claim import ClaimBeat
from ablo_pg.client.claims.bell import Bell
from ablo_pg.db.claim_results import claim_beats_of, presence_ttl_of
from ablo_pg.db.claims import LISTEN, claim_heartbeat_all, presence_beat
from ablo_pg.db.errors import translate
from ablo_pg.db.routines import load_json_raw
from ablo_pg.relay.connecting import connect

# Detects a silently lost server within seconds: another connection may reach it.
_PATIENCE: Final = {
    "tcp_user_timeout": 5000,  # ms
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
}
# Detects a silently lost peer within half a minute; waiters check on their own.
_KEEPALIVES: Final = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}


@dataclass(frozen=True, slots=True)
class DirectStation:
    """A `Station` at a database URL."""

    url: str = field(repr=False)

    async def leases(self) -> DatabaseLeases:
        """Connect, to renew."""
        with _translated():
            conn = await connect(self.url, application_name="ablo_pg leases", **_PATIENCE)
        load_json_raw(conn)
        return DatabaseLeases(conn)

    async def news(self) -> DatabaseNews:
        """Connect, and listen."""
        with _translated():
            conn = await connect(self.url, application_name="ablo_pg claim listener", **_KEEPALIVES)
            try:
                await conn.execute(LISTEN)
            except BaseException:
                await conn.close()
                raise
        return DatabaseNews(conn)


class DatabaseLeases:
    """A `LeaseDoor`: one connection."""

    def __init__(self, conn: AsyncConnection[Any]) -> None:
        self._conn = conn

    @property
    def broken(self) -> bool:
        """Whether it is unusable."""
        return self._conn.closed

    async def renew(
        self, organization: str, participant: str, claim_ids: Sequence[str]
    ) -> list[ClaimBeat]:
        """Renew these claims of a participant."""
        with _translated():
            answer = await claim_heartbeat_all(self._conn, organization, participant, claim_ids)
        return claim_beats_of(answer)

    async def beat(self, organization: str, participant: str, session: str, body: bytes) -> float:
        """Record a session's presence."""
        with _translated():
            answer = await presence_beat(self._conn, organization, participant, session, body)
        return presence_ttl_of(answer)

    async def aclose(self) -> None:
        """Close it."""
        await self._conn.close()


class DatabaseNews:
    """A `ClaimNews`: a connection that listens."""

    def __init__(self, conn: AsyncConnection[Any]) -> None:
        self._conn = conn

    async def hear(
        self, claim_ids: Collection[str], changed: Bell, seconds: float
    ) -> Sequence[str]:
        """Return the events of any claim; none is missed between two calls."""
        with _translated():
            notifies = self._conn.notifies(timeout=seconds, stop_after=1)
            return [notification.payload async for notification in notifies]

    async def aclose(self) -> None:
        """Close it."""
        await self._conn.close()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except psycopg.Error as exc:
        raise translate(exc) from exc
