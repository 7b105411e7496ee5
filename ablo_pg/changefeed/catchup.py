"""Reading the log in pages: for one subscriber, or for all live subscribers of an organization.

Why joining is safe (I1, I7). Within an organization, id order is commit order is visibility order,
so a query that shows id n shows every lower id, and a page that comes back short was, when its
query ran, all that was visible. A delta can arrive over WAL before it is visible. A subscriber that
joins therefore (1) registers, so that everything the hub sends from now on is kept; (2) records the
last id that the hub had sent before that; (3) reads the log until a page is short AND that id is
reached; (4) drops, from what was kept, ids not above the last one read. Nothing is missed: a delta
is sent after (1), or was sent before it and is covered by (2) and (3), or was visible before the
stream began (see `stream`), so that the hub never sends it, and (3) queries after (1). Nothing
comes twice: ids only rise (4).
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final, TypeVar

import anyio

from ablo_pg.changefeed.channel import Channel
from ablo_pg.changefeed.pages import Page, ReadPage, read_alone
from ablo_pg.db.backoff import Backoff
from ablo_pg.db.log import LogSource
from ablo_pg.delta import Delta
from ablo_pg.errors import AbloError

logger: Final = logging.getLogger("ablo_pg.changefeed")
R = TypeVar("R")

PAGE_FIRST: Final = 64  # deltas; before the size of this organization's rows is known
# Processing a page is one step of the event loop, about 5 ms at this size: less than a batch of the
# stream. With larger pages, a few subscribers that catch up would delay every live one.
PAGE_MOST: Final = 500
PAGE_LEAST: Final = 8
PAGE_BYTES: Final = 2 << 20
# What was sent and is not visible becomes visible in microseconds, or when a standby has answered.
UNSEEN_FIRST: Final = 0.001
UNSEEN_LAST: Final = 0.1
RETRY_FIRST: Final = 0.05
RETRY_LAST: Final = 5.0


class PageSize:
    """How many deltas to request, so that a page holds about PAGE_BYTES whatever the rows' size."""

    def __init__(self) -> None:
        self.limit = PAGE_FIRST

    def learn(self, page: Sequence[Delta]) -> None:
        """Learn from a page that came back."""
        if page:
            each = sum(delta.size for delta in page) / len(page)
            wanted = min(int(PAGE_BYTES / each), self.limit * 4)
            self.limit = max(PAGE_LEAST, min(wanted, PAGE_MOST))


async def patiently(work: Callable[[], Awaitable[R]]) -> R:
    """Return what a read returns; wait while the database is unreachable. Raises its refusals."""
    backoff = Backoff(RETRY_FIRST, RETRY_LAST)
    while True:
        try:
            return await work()
        except AbloError as exc:
            if not exc.retryable or exc.code == "internal_error":
                raise
            pause = backoff.pause()
            logger.warning("catch-up waits %.2f s for the database: %s", pause, exc)
            await anyio.sleep(pause)


async def read_page(
    read: ReadPage,
    organization: str,
    after: int,
    size: PageSize,
    *,
    patient: bool = True,
) -> Page:
    """Read the next deltas; return them, and whether that was all that was visible.

    patient: wait while the database is unreachable. Raises cursor_ahead, snapshot_required.
    """
    once = partial(read, organization, after, size.limit)
    page = await (patiently(once) if patient else once())
    size.learn(page[0])
    return page


async def advance(channel: Channel, log: LogSource, first: ReadPage | None = None) -> None:
    """Send an organization's subscribers every visible delta that they do not have.

    first: how to read the first page, if not from the log as the others.

    Subscribers get the log's own refusal (snapshot_required, cursor_ahead) when they read it; this
    function only disconnects them.
    """
    size = PageSize()
    whole = False
    read = first or partial(read_alone, log)  # live subscribers wait for no turn
    while not whole and channel.in_use:
        try:
            page, whole = await read_page(read, channel.organization, channel.position, size)
            read = partial(read_alone, log)
        except AbloError as exc:
            logger.warning("%s: subscribers disconnected: %s", channel.organization, exc)
            channel.cut_all()
            return
        for delta in page:
            channel.dispatch(delta)
        channel.whole = whole


async def join(channel: Channel, log: LogSource) -> None:
    """Bring a channel that existed before the stream began up to it, and make it live.

    While reading, the channel keeps what the stream delivers for this organization, within its
    bounds. If those are exceeded, the kept part is dropped and the next round reads that much more.
    """
    unseen = Backoff(UNSEEN_FIRST, UNSEEN_LAST)
    while channel.in_use:
        target = channel.keep()
        await advance(channel, log)
        while channel.position < target and channel.keeping and channel.in_use:
            await anyio.sleep(unseen.pause())
            await advance(channel, log)
        if channel.go_live():
            return
