"""One subscriber: catches up from the log, joins the live stream, and repeats if disconnected.

States, driven by the consumer's iteration:
    reading   not registered; pages of the log, at the consumer's own pace
    joining   registered, its queue filling, still reading up to the hub's position (see `catchup`)
    live      the queue only
A queue that overflows is emptied and the subscriber goes back to reading from its cursor, so a slow
one costs other subscribers nothing and misses nothing. A delta that changes what the subscriber may
see (`sight`) also sends a live one back: the step over it reads rows.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Sequence
from functools import partial
from typing import Final, Self

import anyio

from ablo_pg.changefeed.catchup import UNSEEN_FIRST, UNSEEN_LAST, PageSize, patiently, read_page
from ablo_pg.changefeed.channel import Channel
from ablo_pg.changefeed.filters import Filter, concerned
from ablo_pg.changefeed.pages import Page
from ablo_pg.changefeed.sight import (
    SIGHT_IDS,
    SightView,
    Unsettled,
    markers,
    moved,
    shown_again,
    shown_of,
    turn,
    views_at,
)
from ablo_pg.changefeed.state import Source, State
from ablo_pg.changefeed.view import View, groups_of, seen
from ablo_pg.db.backoff import Backoff
from ablo_pg.delta import Delta

logger: Final = logging.getLogger("ablo_pg.changefeed")

# An empty deque takes 0.7 KB; idle subscribers share this one. It keeps nothing.
_NOTHING: Final[deque[Delta]] = deque(maxlen=0)


class Subscription:
    """An endless async iterator of deltas in order, without gap or repeat. Made by `Hub.subscribe`.

    One consumer at a time. `cursor` never runs ahead of what the consumer has taken. Raises
    cursor_ahead, and snapshot_required if the log no longer reaches back to the cursor.
    """

    __slots__ = (
        *("groups", "offered", "on_news", "organization", "state", "times_cut", "views"),
        *("_channel", "_cursor", "_filter", "_given", "_hub", "_markers", "_most", "_most_bytes"),
        *("_page", "_queue", "_queued_bytes", "_read", "_read_whole", "_size", "_target"),
        *("_turning", "_unseen", "_unsettled", "_wake", "on_views", "__weakref__"),
    )

    def __init__(
        self,
        hub: Source,
        organization: str,
        views: Sequence[View],
        cursor: int | None,
        filter: Filter | None = None,
    ) -> None:
        self.organization = organization
        self._filter = filter
        self.on_views: Callable[[Sequence[View]], None] | None = None  # they have changed
        self._unsettled: list[Unsettled] = []
        self._turning = False  # the next delta changes the views
        self._look(views)
        self.offered = 0
        self.state = State.NEW
        self.times_cut = 0
        self.on_news: Callable[[], None] | None = None  # see `drain`
        self._hub = hub
        self._given = cursor
        self._cursor = cursor or 0  # everything up to here has been taken, or is not for us
        self._read = self._cursor  # how far the log has been read
        self._read_whole = True  # that was all there was
        self._page = _NOTHING  # read from the log, not taken yet
        self._queue = _NOTHING  # delivered by the hub, not taken yet
        self._queued_bytes = 0
        self._most = hub.queue_count
        self._most_bytes = hub.queue_bytes
        self._channel: Channel | None = None
        self._target = 0
        self._size = PageSize()
        self._unseen = Backoff(UNSEEN_FIRST, UNSEEN_LAST)
        self._wake: anyio.Event | None = None  # while the consumer waits

    @property
    def queued(self) -> int:
        """How many deltas are available and not taken yet."""
        return len(self._queue) + len(self._page)

    @property
    def cursor(self) -> int:
        """Where to resume: every delta up to here was taken, or was not for this subscriber."""
        if not self._page:
            if self.state is not State.LIVE:
                self._cursor = max(self._cursor, self._read)
            elif not self._queue and self._channel is not None:
                self._cursor = max(self._cursor, self._channel.position)
        return self._cursor

    @property
    def whole(self) -> bool:
        """Whether what was taken ends with a commit: nothing of its last transaction follows.

        False also if that is not known. Holds until the consumer next waits.
        """
        if self._page or self._queue:
            return False
        if self.state is State.LIVE and self._channel is not None:
            return self._channel.whole
        return self._read_whole

    async def __aenter__(self) -> Self:
        await self.begin()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()

    def __aiter__(self) -> AsyncIterator[Delta]:
        return self

    async def begin(self) -> None:
        """Fix the start position; without a cursor, now. Idempotent."""
        if self.state is not State.NEW:
            return
        self.state = State.READING
        try:
            if any(isinstance(view, SightView) for view in self.views):
                views, self._given = await views_at(self.views, self.organization, self._given)
                self._read = self._cursor = self._given or 0
                self._show(views)
            if self._given is None:
                self._read = await self._hub.log.head(self.organization)
                self._attach()
                # What the hub had already sent is not new, even if no query shows it yet. Commits
                # since the head was read are new: the read below returns them.
                self._read = self._cursor = max(self._read, self._target)
            await self._read_on(patient=False)
        except BaseException:
            await self.aclose()
            raise

    async def __anext__(self) -> Delta:
        while True:
            delta = self._take()
            if delta is not None:
                return delta
            if self.state is State.CLOSED:
                raise StopAsyncIteration
            await self._wait_for_more()

    async def batch(self, limit: int = 1000) -> list[Delta]:
        """Take what is available, at least one delta and at most `limit`. Raises
        StopAsyncIteration.

        The cursor is then after the last of them.
        """
        found = [await self.__anext__()]
        while len(found) < limit:
            delta = self._take()
            if delta is None:
                break
            found.append(delta)
        return found

    async def catch_up(self, limit: int = 1000) -> list[Delta]:
        """Take what the log delivers, at most `limit`; nothing once it is live: use `drain`."""
        while not self._page and self.state not in (State.LIVE, State.CLOSED):
            await self._wait_for_more()
        count = min(limit, len(self._page))
        return [delta for delta in (self._take() for _ in range(count)) if delta is not None]

    def drain(self, limit: int, size: int) -> list[Delta]:
        """Take what the hub has delivered, without waiting: at most `limit` and about `size` bytes.

        For a caller that uses `on_news` instead of waiting: it is called when something is added to
        an empty queue, and when the subscription is disconnected. Returns nothing while there is
        more to catch up.
        """
        found: list[Delta] = []
        queue = self._queue
        if not queue or self._page or self.state is not State.LIVE:
            return found
        if len(queue) <= limit and self._queued_bytes <= size and queue[0].sync_id > self._cursor:
            found.extend(queue)  # the usual case: ids rise, so there are no repeats
            self._empty_queue()
            self._cursor = found[-1].sync_id
            return found
        while queue and len(found) < limit and size > 0:
            delta = self._take()
            if delta is None:
                break
            size -= delta.size
            found.append(delta)
        return found

    def regroup(self, views: Sequence[View]) -> None:
        """Follow other groups from here on; deltas delivered only for the old ones are dropped."""
        if self._channel is not None:
            self._channel.remove(self)
        self._look(views)
        if self._channel is not None:
            self._channel.add(self)
        judge = (views, self._hub.permissions, self._unsettled)
        self._page = _deque(shown_again(self._page, *judge))
        self._queue = _deque(shown_again(self._queue, *judge))
        self._queued_bytes = sum(delta.size for delta in self._queue)

    async def aclose(self) -> None:
        """End it; `cursor` stays readable. A waiting consumer gets StopAsyncIteration."""
        if self.state is not State.CLOSED:
            self._detach(self.cursor)
            self._page = _NOTHING
            self.state = State.CLOSED
            if self._wake is not None:
                self._wake.set()

    # Called by the channel.

    def offer(self, delta: Delta, size: int) -> bool:
        """See channel.Receiver."""
        if self._markers and not self._markers.isdisjoint((*delta.groups, *delta.left_groups)):
            self._turning = True
            if self.state is State.LIVE and not self.queued:
                # All before it was dispatched.
                self._cursor = max(self._cursor, delta.sync_id - 1 - SIGHT_IDS)
            return False
        if self._filter is not None and not self._filter.concerns(delta):
            return True
        shown = seen(self.views, delta, self._hub.permissions)
        if shown is None:
            return True
        queue = self._queue
        if queue:
            if self._queued_bytes + size > self._most_bytes or len(queue) >= self._most:
                return False
        else:
            self._wake_up()
            if queue is _NOTHING:
                queue = self._queue = deque()
        queue.append(shown)
        self._queued_bytes += size
        return True

    def cut(self) -> None:
        """See channel.Receiver."""
        turning = self._turning and self.state is State.LIVE  # the channel is past that delta
        cursor = self._cursor if turning else self.cursor
        if not self._turning:
            self.times_cut += 1
            self._hub.disconnected += 1
            level = logging.INFO if self.state is State.LIVE else logging.DEBUG
            logger.log(level, "%s: a subscriber is disconnected at %s", self.organization, cursor)
        self._turning = False
        self._detach(cursor)
        self.state = State.READING
        self._wake_up()

    # Progress.

    def _take(self) -> Delta | None:
        """Take the next available delta, from the page first: it is older."""
        if self._page:
            delta = self._page.popleft()
            self._cursor = delta.sync_id
            return delta
        if self.state is State.LIVE:
            while self._queue:
                delta = self._queue.popleft()
                self._queued_bytes -= delta.size
                if delta.sync_id > self._cursor:  # else it was read from the log already
                    self._cursor = delta.sync_id
                    return delta
        return None

    async def _wait_for_more(self) -> None:
        """Make the next step; there is nothing to take."""
        if self.state is State.NEW:
            await self.begin()
        elif self.state is State.LIVE:
            self._wake = anyio.Event()
            try:
                await self._wake.wait()
            finally:
                self._wake = None
        else:
            await self._read_on()

    async def _read_on(self, *, patient: bool = True) -> None:
        """Read one page of the log, and register or go live if it returned everything."""
        reading = self.state
        page, whole = await read_page(
            self._hub.pages.read, self.organization, self._read, self._size, patient=patient
        )
        if self._markers:
            page, whole = await self._turned(page, whole)
        self._read_whole = whole
        if page and self.state is not State.CLOSED:
            self._read = max(self._read, page[-1].sync_id)
            self._page = _deque((*self._page, *self._seen(page)))
        if not whole or self.state is not reading:  # or disconnected while it was read
            return
        if self.state is State.READING:
            self._attach()
        elif self._read >= max(self._target, *(each.through for each in self._unsettled), 0):
            self._unsettled.clear()
            self._go_live()
        else:
            await anyio.sleep(self._unseen.pause())

    async def _turned(self, page: Sequence[Delta], whole: bool) -> Page:
        """Take a page up to the first delta that changes the views, if one does, and step over it;
        return what is left. The rest of such a page is read again."""
        for number, delta in enumerate(page):
            if self._markers.isdisjoint((*delta.groups, *delta.left_groups)):
                continue
            after = page[number - 1].sync_id if number else self._read
            old = self.views
            views = moved(old, delta)
            step = partial(turn, old, views, delta, after, self._hub.permissions)
            shown, through = await patiently(step)
            if self.state is not State.CLOSED and self.views is old:  # else it is done again
                shown = list(concerned(self._filter, shown))
                self._page = _deque((*self._page, *self._seen(page[:number]), *shown))
                self._unsettled = [one for one in self._unsettled if one.through > delta.sync_id]
                self._unsettled.append(Unsettled(old, through))
                if self.state is State.JOINING:  # what it was offered was judged by the old views
                    self._detach(self._cursor)
                    self.state = State.READING
                self._read = delta.sync_id
                self._show(views)
            return (), False
        return page, whole

    def _show(self, views: Sequence[View]) -> None:
        self._look(views)
        if self.on_views is not None:
            self.on_views(views)

    def _look(self, views: Sequence[View]) -> None:
        self.views = views
        self._markers = markers(views)
        self.groups = groups_of(views) | self._markers

    def _seen(self, deltas: Iterable[Delta]) -> list[Delta]:
        judge = (self.views, self._hub.permissions, self._unsettled)
        return shown_of(deltas, *judge, self._filter)

    def _attach(self) -> None:
        self._channel = self._hub.attach(self.organization, self, self._read)
        self._target = self._channel.position
        self.state = State.JOINING
        self._unseen.reset()

    def _go_live(self) -> None:
        if not self._page:
            self._cursor = max(self._cursor, self._read)
        self._drop_repeats()
        self.state = State.LIVE

    def _drop_repeats(self) -> None:
        """Drop what was read from the log already."""
        while self._queue and self._queue[0].sync_id <= self._read:
            self._queued_bytes -= self._queue.popleft().size

    def _wake_up(self) -> None:
        if self._wake is not None:
            self._wake.set()
        if self.on_news is not None:
            self.on_news()

    def _empty_queue(self) -> None:
        self._queue = _NOTHING
        self._queued_bytes = 0

    def _detach(self, cursor: int) -> None:
        channel, self._channel = self._channel, None
        if channel is not None:
            self._hub.detach(channel, self)
        self._empty_queue()
        self._read_whole = False  # the rest may have been in the queue
        self._cursor = cursor
        if not self._page:
            self._read = cursor


def _deque(deltas: Collection[Delta]) -> deque[Delta]:
    return deque(deltas) if deltas else _NOTHING
