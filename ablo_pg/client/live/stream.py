"""The source of a client's changes: its own reader and hub, started on demand.

The first subscription starts the reader: on a database the WAL, or LISTEN/NOTIFY; on a relay its
live socket. All subscriptions of the client share it.
"""

from __future__ import annotations

import asyncio
import logging
import weakref
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, TypeAlias

from ablo_pg.changefeed.filters import Filter, Filters
from ablo_pg.changefeed.hub import Hub
from ablo_pg.changefeed.reader import Reader
from ablo_pg.changefeed.status import ReaderStatus
from ablo_pg.changefeed.subscription import Subscription
from ablo_pg.client.gate import ActiveSchema
from ablo_pg.client.live.background import Background
from ablo_pg.client.transport import DeltaStream
from ablo_pg.db.log import LogSource
from ablo_pg.errors import AbloError

logger: Final = logging.getLogger("ablo_pg.client")

SCHEMA_SECONDS: Final = 2.0
# Reads the active schema, unless it has this version and hash.
ReadSchema: TypeAlias = Callable[[int, str], Awaitable[ActiveSchema | None]]


class StreamSource:
    """The reader and the hub of one client.

    log: what its subscribers catch up from. schema: reads the active one, whose permissions are
    applied here; None: they were applied where the log comes from.
    """

    def __init__(
        self,
        log: LogSource,
        reader: Reader,
        background: Background,
        schema: ReadSchema | None = None,
    ) -> None:
        self._schema = schema
        self._known = (0, "")  # of the schema whose permissions apply
        self._hub = Hub(log)
        self._reader = reader
        self._background = background
        self._started = False
        self._open: weakref.WeakSet[Subscription] = weakref.WeakSet()

    @property
    def status(self) -> ReaderStatus:
        """How changes arrive, and why."""
        return self._reader.status

    @property
    def filters(self) -> Filters:
        """The filters of this client's subscriptions."""
        return self._hub.filters

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
        participant: str | None = None,
        filter: Filter | None = None,
    ) -> DeltaStream:
        """Begin a stream; from now when `cursor` is None. participant: whose permissions apply.

        filter: of `filters`.
        """
        if self._schema is not None:
            await self._learn(self._schema)
        subscription = self._hub.subscribe(
            organization, groups, models, cursor, participant, filter
        )
        await subscription.begin()
        if not self._started:
            self._started = True
            self._background.start(self._read)
            if self._schema is not None:
                self._background.start(partial(self._follow_schema, self._schema))
        self._open.add(subscription)
        return subscription

    async def _read(self) -> None:
        await self._hub.tasks.keep("reader", partial(self._reader.run, self._hub))

    async def _learn(self, read: ReadSchema) -> None:
        found = await read(*self._known)
        if found is not None:
            self._known = (found.version, found.hash)
            self._hub.permissions.learn(found.spec, found.closed)

    async def _follow_schema(self, read: ReadSchema) -> None:
        """Apply a pushed schema's permissions to open streams within seconds."""
        while True:
            await asyncio.sleep(SCHEMA_SECONDS)
            try:
                await self._learn(read)
            except AbloError as exc:  # of the connection: the streams wait for it as well
                logger.info("the active schema cannot be read: %s", exc.code)
