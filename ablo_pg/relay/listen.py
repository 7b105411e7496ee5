"""`ListenReader`: LISTEN/NOTIFY as a hint and index reads of the log, if the WAL is unavailable.

It reads only organizations that have subscribers, each from its channel's position, so it can take
over from a broken stream, and be replaced, at any time without gap or repeat. A notification says
whose log to read. Because it is only a hint (writers on servers with two-phase commit send none, a
pooler swallows them, a connection may just have broken), all positions are also compared every 250
ms.

Commits notify only while a session holds the listen lock, because a NOTIFY serialises the commits
of the whole cluster. One listener's lock serves all.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection
from functools import partial
from typing import Any, Final

import anyio
import psycopg
from psycopg import AsyncConnection

from ablo_pg.db.errors import translate
from ablo_pg.db.log import LISTEN, hold_listen_lock
from ablo_pg.errors import AbloError
from ablo_pg.relay.backoff import Backoff
from ablo_pg.relay.catchup import advance
from ablo_pg.relay.connecting import connect
from ablo_pg.relay.hub import Hub
from ablo_pg.relay.status import ReaderStatus, StatusLog

logger: Final = logging.getLogger("ablo_pg.relay")

# How late a delta is if its notification was lost; one query for up to 500 organizations each.
POLL_SECONDS: Final = 0.25
# Without it commits send no notifications, and only polling is left.
LOCK_SECONDS: Final = 1.0
RETRY_FIRST: Final = 0.1
RETRY_LAST: Final = 5.0
READS_AT_ONCE: Final = 4


class ListenReader:
    """Reads the log by index, on hints and by the clock.

    Args: url, of the runtime login; holds its own connection there. reason, why this reader is
    used, for the status. log, where to keep the status if it is shared.
    """

    def __init__(self, url: str, reason: str | None = None, log: StatusLog | None = None) -> None:
        self.reason = reason
        self.connected = anyio.Event()  # set, and replaced, when it listens on a new connection
        self._url = url
        self._log = log or StatusLog()
        self._polled = 0.0
        self._hinted: set[str] = set()
        self._hint = anyio.Event()

    @property
    def status(self) -> ReaderStatus:
        """See Reader. The lag is the time since the last complete poll."""
        return self._log.measured(time.monotonic() - self._polled if self._polled else None)

    async def run(self, hub: Hub) -> None:
        """See Reader."""
        self._log.set("listen", self.reason)
        async with anyio.create_task_group() as group:
            for work in (self._listen, self._poll, self._follow_hints):
                group.start_soon(hub.tasks.keep, "listener", partial(work, hub))

    async def _listen(self, hub: Hub) -> None:
        """Hold a connection that listens while there are subscribers; reconnect if it breaks."""
        backoff = Backoff(RETRY_FIRST, RETRY_LAST)
        while True:
            if not hub.channels:
                await hub.joined.wait()
            try:
                conn = await connect(self._url, application_name="ablo_pg listener")
                try:
                    backoff.reset()
                    connected, self.connected = self.connected, anyio.Event()
                    connected.set()
                    await self._take_hints(conn, hub)
                finally:
                    with anyio.CancelScope(shield=True):
                        await conn.close()
            except psycopg.Error as exc:
                logger.info("listening is interrupted, polling continues: %s", translate(exc))
                await anyio.sleep(backoff.pause())

    async def _take_hints(self, conn: AsyncConnection[Any], hub: Hub) -> None:
        await conn.execute(LISTEN)
        held, retry = False, 0.0
        while hub.channels:  # else commits would notify without a listener
            if not held and time.monotonic() >= retry:
                held = await hold_listen_lock(conn)
                retry = time.monotonic() + LOCK_SECONDS
            async for notification in conn.notifies(timeout=LOCK_SECONDS, stop_after=1):
                self._hinted.add(notification.payload)
                self._hint.set()

    async def _follow_hints(self, hub: Hub) -> None:
        while True:
            await self._hint.wait()
            self._hint = anyio.Event()
            hinted, self._hinted = self._hinted, set()
            if "" in hinted:  # a name too long for a payload
                await self._poll_once(hub)
            else:
                await self._advance(hub, hinted)

    async def _poll(self, hub: Hub) -> None:
        while True:
            if not hub.channels:
                self._polled = time.monotonic()
                await hub.joined.wait()
            await self._poll_once(hub)
            await anyio.sleep(POLL_SECONDS)

    async def _poll_once(self, hub: Hub) -> None:
        try:
            heads = await hub.log.heads(list(hub.channels))
        except AbloError as exc:
            self._log.set("listen", f"cannot read the log: {exc.message}")
            return
        behind = [
            organization
            for organization, head in heads.items()
            if (channel := hub.channels.get(organization)) and head > channel.position
        ]
        await self._advance(hub, behind)
        self._polled = time.monotonic()
        self._log.set("listen", self.reason)

    async def _advance(self, hub: Hub, organizations: Collection[str]) -> None:
        """Bring these organizations' channels to the head of the log, a few at a time."""
        if len(organizations) == 1:
            for organization in organizations:
                await self._advance_one(hub, organization)
            return
        limit = anyio.Semaphore(READS_AT_ONCE)

        async def one(organization: str) -> None:
            async with limit:
                await self._advance_one(hub, organization)

        async with anyio.create_task_group() as group:
            for organization in organizations:
                group.start_soon(one, organization)

    async def _advance_one(self, hub: Hub, organization: str) -> None:
        channel = hub.channels.get(organization)
        if channel is not None and not await hub.tasks.attempt(
            "catch-up", partial(advance, channel, hub.log)
        ):
            channel.cut_all()
