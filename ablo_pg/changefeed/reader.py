"""`Reader`, the interface between the database and the hub, and `WalReader`, which reads the WAL.

A reader is one long task: `run(hub)` connects, follows, and reconnects automatically, until it is
cancelled. `listen.ListenReader` and `auto.AutoReader` implement the same interface.
"""

from __future__ import annotations

import logging
import time
from functools import partial
from typing import Final, Protocol

import anyio

from ablo_pg.changefeed.barrier import WAITING
from ablo_pg.changefeed.catchup import join
from ablo_pg.changefeed.channel import Channel
from ablo_pg.changefeed.hub import Hub
from ablo_pg.changefeed.refusal import explain
from ablo_pg.changefeed.status import ReaderStatus, StatusLog
from ablo_pg.changefeed.stream import STATUS_SECONDS, ReplicationStream, open_stream
from ablo_pg.db.backoff import Backoff
from ablo_pg.errors import AbloError

logger: Final = logging.getLogger("ablo_pg.changefeed")

# Between attempts to stream again. The first is short, because a lost connection is usually back at
# once; the last bounds how long subscribers wait after the server is back.
RETRY_FIRST: Final = 0.05
RETRY_LAST: Final = 5.0
JOINS_AT_ONCE: Final = 4  # organizations brought up concurrently: connections of the pool they use
TEND_SECONDS: Final = 5.0


class Reader(Protocol):
    """Feeds a hub, in each organization's order, without gap or repeat."""

    @property
    def status(self) -> ReaderStatus:
        """How it reads now."""

    async def run(self, hub: Hub) -> None:
        """Read until cancelled; errors are reported in `status` and retried."""


class WalReader:
    """Reads the WAL through a temporary slot; while it cannot, subscribers wait.

    Args: url, of a login with the REPLICATION attribute, directly to the server (no pooler).
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._log = StatusLog()
        self._stream: ReplicationStream | None = None

    @property
    def status(self) -> ReaderStatus:
        """See Reader."""
        return stream_status(self._log, self._stream)

    async def run(self, hub: Hub) -> None:
        """See Reader."""
        backoff = Backoff(RETRY_FIRST, RETRY_LAST)
        while True:
            try:
                self._log.set("none", WAITING)
                self._stream = await open_stream(self._url, hub.log, partial(self._log.set, "none"))
                self._log.set("wal", None)
                backoff.reset()
                await follow(self._stream, hub)
            except AbloError as exc:
                self._log.set("none", explain(exc).reason)
                await anyio.sleep(backoff.pause())
            finally:
                self._stream = None


async def follow(stream: ReplicationStream, hub: Hub) -> None:
    """Feed the hub from a stream until it breaks, and bring waiting organizations up to it.

    Closes the stream. Raises the AbloError that broke it.
    """
    failure: AbloError | None = None
    waiting = hub.begin_stream()
    try:
        async with anyio.create_task_group() as group:
            for _ in range(min(JOINS_AT_ONCE, len(waiting))):
                group.start_soon(_bring_up, waiting, hub)
            group.start_soon(hub.tasks.keep, "reader upkeep", partial(_tend, hub))
            try:
                await stream.run(hub.publish)
            except AbloError as exc:
                failure = exc
            group.cancel_scope.cancel()
    finally:
        hub.end_stream()
        await stream.aclose()
    if failure is not None:
        raise failure


async def _bring_up(waiting: list[Channel], hub: Hub) -> None:
    while waiting:
        channel = waiting.pop()
        if not await hub.tasks.attempt("catch-up", partial(join, channel, hub.log)):
            channel.cut_all()


async def _tend(hub: Hub) -> None:
    while True:
        await anyio.sleep(TEND_SECONDS)
        try:
            await hub.sent.tend(hub.log)
        except AbloError as exc:
            logger.debug("the database cannot be asked what has ended: %s", exc)


def stream_status(log: StatusLog, stream: ReplicationStream | None) -> ReaderStatus:
    """Add what a running stream knows about its lag."""
    if stream is None:
        return log.status
    seen = stream.assembler
    silent = time.monotonic() - stream.heard  # an idle server answers every status
    late = max(0, seen.server_clock - seen.committed_at) / 1_000_000
    return log.measured(
        late if silent < 3 * STATUS_SECONDS else silent,
        max(0, seen.server_end - seen.confirmable),
    )
