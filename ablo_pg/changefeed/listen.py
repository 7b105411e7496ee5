"""`ListenReader`: LISTEN/NOTIFY as a hint and index reads of the log, if the WAL is unavailable.

It reads only organizations that have subscribers, each from its channel's position, so it can take
over from a broken stream, and be replaced, at any time without gap or repeat. A notification says
whose log to read. Because it is only a hint (writers on servers with two-phase commit send none, a
pooler swallows them, a connection may just have broken), all positions are also compared every 250
ms.

A lone notification is followed by a read on the listening connection itself: its backend has just
run, and no connection of the pool is waited for. Further pages come over the pool, so that others
get their notifications.

Commits notify only while a session holds the listen lock, because a NOTIFY serialises the commits
of the whole cluster. One listener's lock serves all.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from functools import partial
from typing import Final

import anyio
import psycopg

from ablo_pg.changefeed.catchup import advance
from ablo_pg.changefeed.hub import Hub
from ablo_pg.changefeed.pages import Page, ReadPage
from ablo_pg.changefeed.status import ReaderStatus, StatusLog
from ablo_pg.db.errors import translate
from ablo_pg.db.log import delta_read, is_whole
from ablo_pg.db.notifications import DELTAS, EVERYTHING, Notifications
from ablo_pg.errors import AbloError

# How late a delta is if its notification was lost; one query for up to 500 organizations each.
POLL_SECONDS: Final = 0.25
LOOK_SECONDS: Final = 1.0  # how often it checks whether there are still subscribers
READS_AT_ONCE: Final = 4


class ListenReader:
    """Reads the log by index, on hints and by the clock.

    Args: source, the URL of the runtime login, on which it holds a connection while it runs, or the
    process's notifications. reason, why this reader is used, for the status. log, where to keep the
    status if it is shared.
    """

    def __init__(
        self,
        source: str | Notifications,
        reason: str | None = None,
        log: StatusLog | None = None,
    ) -> None:
        self.reason = reason
        self._own = isinstance(source, str)
        self.notifications = (
            Notifications(source, "ablo_pg listener") if isinstance(source, str) else source
        )
        self._log = log or StatusLog()
        self._polled = 0.0

    @property
    def status(self) -> ReaderStatus:
        """See Reader. The lag is the time since the last complete poll."""
        return self._log.measured(time.monotonic() - self._polled if self._polled else None)

    async def run(self, hub: Hub) -> None:
        """See Reader."""
        self._log.set("listen", self.reason)
        async with anyio.create_task_group() as group:
            if self._own:
                group.start_soon(hub.tasks.keep, "notifications", self.notifications.run)
            for work in (self._follow_hints, self._poll):
                group.start_soon(hub.tasks.keep, "listener", partial(work, hub))

    async def _follow_hints(self, hub: Hub) -> None:
        """Listen while there are subscribers; otherwise commits would notify without a listener."""
        while True:
            if not hub.channels:
                await hub.joined.wait()
            with self.notifications.listen(DELTAS) as listener:
                while hub.channels:
                    hinted = await listener.take(LOOK_SECONDS)
                    if EVERYTHING in hinted:  # also: a name too long for a payload
                        await self._poll_once(hub)
                    elif len(hinted) == 1:
                        await self._advance_one(hub, hinted[0], self._read)
                    else:
                        await self._advance(hub, hinted)

    async def _poll(self, hub: Hub) -> None:
        """Look by the clock, whatever a long catch-up of those that were hinted at takes."""
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
        limit = anyio.Semaphore(READS_AT_ONCE)

        async def one(organization: str) -> None:
            async with limit:
                await self._advance_one(hub, organization)

        async with anyio.create_task_group() as group:
            for organization in organizations:
                group.start_soon(one, organization)

    async def _advance_one(
        self, hub: Hub, organization: str, first: ReadPage | None = None
    ) -> None:
        channel = hub.channels.get(organization)
        if channel is not None and not await hub.tasks.attempt(
            "catch-up", partial(advance, channel, hub.log, first)
        ):
            channel.cut_all()

    async def _read(self, organization: str, after: int, limit: int) -> Page:
        """Read a page on the listening connection."""
        try:
            async with self.notifications.connection() as conn:
                deltas = await delta_read(conn, organization, after, limit, None)
        except psycopg.Error as exc:
            raise translate(exc) from exc
        return deltas, is_whole(deltas, limit)
