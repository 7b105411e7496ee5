"""The source of a client's changes: its own reader and hub, started on demand.

The first subscription starts the reader: on a database the WAL, or LISTEN/NOTIFY; on a relay its
live socket. All subscriptions of the client share it.
"""

from __future__ import annotations

import weakref
from functools import partial

from ablo_pg.changefeed.hub import Hub
from ablo_pg.changefeed.reader import Reader
from ablo_pg.changefeed.status import ReaderStatus
from ablo_pg.changefeed.subscription import Subscription
from ablo_pg.client.live.background import Background
from ablo_pg.client.transport import DeltaStream
from ablo_pg.db.log import LogSource


class StreamSource:
    """The reader and the hub of one client. log: what its subscribers catch up from."""

    def __init__(self, log: LogSource, reader: Reader, background: Background) -> None:
        self._hub = Hub(log)
        self._reader = reader
        self._background = background
        self._started = False
        self._open: weakref.WeakSet[Subscription] = weakref.WeakSet()

    @property
    def status(self) -> ReaderStatus:
        """How changes arrive, and why."""
        return self._reader.status

    async def close(self) -> None:
        """End every subscription; the reader ends with the background."""
        for subscription in list(self._open):
            await subscription.aclose()

    async def subscribe(
        self,
        organization: str,
        models: frozenset[str] | None,
        groups: frozenset[str] | None,
        cursor: int | None,
    ) -> DeltaStream:
        """Begin a stream; from now when `cursor` is None."""
        subscription = self._hub.subscribe(organization, groups, models, cursor)
        await subscription.begin()
        if not self._started:
            self._started = True
            self._background.start(self._read)
        self._open.add(subscription)
        return subscription

    async def _read(self) -> None:
        await self._hub.tasks.keep("reader", partial(self._reader.run, self._hub))
