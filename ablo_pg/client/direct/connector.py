"""The sidecar's connections to a database, separate from any pool."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Final, TypeVar

import msgspec
import psycopg
from psycopg import AsyncConnection

from ablo_pg.claim import ClaimBeat
from ablo_pg.client.claims.connector import ClaimEvent
from ablo_pg.client.claims.wakeup import WakeUp
from ablo_pg.db import calls
from ablo_pg.db.errors import NO_NAMES, translate
from ablo_pg.db.notifications import CLAIMS, Listener, Notifications
from ablo_pg.db.routines import load_json_raw
from ablo_pg.db.session import connect_async
from ablo_pg.db.waits import end
from ablo_pg.wire.kernel_bodies import BeatsBody, Body, Caller, PresenceBody
from ablo_pg.wire.kernel_calls import CLAIM_BEATS, PRESENCE_BEAT, KernelCall

B = TypeVar("B", bound=Body)
R = TypeVar("R")

# Detects a silently lost server within seconds: another connection may reach it.
_PATIENCE: Final = {
    "tcp_user_timeout": 5000,  # ms
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
}


@dataclass(frozen=True, slots=True)
class DirectConnector:
    """A `Connector` at a database URL."""

    url: str = field(repr=False)

    async def leases(self) -> DatabaseLeases:
        """Connect, to renew."""
        with _translated():
            conn = await connect_async(self.url, application_name="ablo_pg leases", **_PATIENCE)
        load_json_raw(conn)
        return DatabaseLeases(conn)

    @asynccontextmanager
    async def events(self) -> AsyncIterator[DatabaseEvents]:
        """Listen while the block runs."""
        notifications = Notifications(self.url, "ablo_pg claim listener")
        with notifications.listen(CLAIMS) as listener:
            async with asyncio.TaskGroup() as group:
                listening = group.create_task(notifications.run())
                yield DatabaseEvents(listener)
                await end([listening])


class DatabaseLeases:
    """A `LeaseConnection`: one connection."""

    def __init__(self, conn: AsyncConnection) -> None:
        self._conn = conn

    @property
    def broken(self) -> bool:
        """Whether it is unusable."""
        return self._conn.closed

    async def renew(
        self, organization: str, participant: str, claim_ids: Sequence[str]
    ) -> list[ClaimBeat]:
        """Renew these claims of a participant."""
        caller = Caller(organization, participant)
        return await self._ask(CLAIM_BEATS, caller, BeatsBody(list(claim_ids)))

    async def beat(self, organization: str, participant: str, session: str, body: bytes) -> float:
        """Say that a session is here."""
        said = PresenceBody(session, msgspec.Raw(body))
        return await self._ask(PRESENCE_BEAT, Caller(organization, participant), said)

    async def _ask(self, call: KernelCall[B, R], caller: Caller, body: B) -> R:
        with _translated():
            answer = await calls.ask(self._conn, call, caller, body)
        return call.result(answer, NO_NAMES)

    async def aclose(self) -> None:
        """Close it."""
        await self._conn.close()


@dataclass(frozen=True, slots=True)
class DatabaseEvents:
    """A `ClaimEvents`: a channel of notifications."""

    listener: Listener

    async def hear(
        self, claim_ids: Collection[str], changed: WakeUp, seconds: float
    ) -> Sequence[ClaimEvent]:
        """Return the events of any claim; none is missed between two calls."""
        return [ClaimEvent(one) for one in await self.listener.take(seconds)]


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except psycopg.Error as exc:
        raise translate(exc) from exc
