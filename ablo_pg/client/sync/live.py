"""The sync twins of `live.live` and `live.aggregate`: blocking iterators of what changes."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Generic, Self, TypeVar

from ablo_pg.changefeed.window import LiveEvent
from ablo_pg.client.live.aggregate import LiveAggregate, ValueT_co
from ablo_pg.client.live.live import Live, logger
from ablo_pg.client.portal import Portal
from ablo_pg.schema.rows import Model

RowT = TypeVar("RowT", bound=Model)


class SyncLive(Generic[RowT]):
    """A list that stays current as events are taken; see `Live`. `close` ends a loop that waits."""

    def __init__(self, portal: Portal, inner: Live[RowT]) -> None:
        self._portal = portal
        self._inner = inner
        self._ready: deque[LiveEvent[RowT]] = deque()

    @property
    def rows(self) -> list[RowT]:
        """The rows, in order, as of `stamp`."""
        return self._inner.rows

    @property
    def stamp(self) -> int | None:
        """The sync id that the rows are as of; None before it is entered or iterated."""
        return self._inner.stamp

    def __enter__(self) -> Self:
        self._portal.call(self._inner.__aenter__)
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[LiveEvent[RowT]]:
        return self

    def __next__(self) -> LiveEvent[RowT]:
        if not self._ready:
            self._ready.extend(self.batch())
        if not self._ready:
            raise StopIteration
        return self._ready.popleft()

    def batch(self) -> list[LiveEvent[RowT]]:
        """Wait for a change of the rows; return all events up to `stamp`; none once closed."""
        if self._ready:
            found = list(self._ready)
            self._ready.clear()
            return found
        try:
            return self._portal.call(self._inner.batch)
        except StopAsyncIteration:
            return []

    def watch(
        self, callback: Callable[[list[RowT], list[LiveEvent[RowT]]], None]
    ) -> SyncLiveHandle:
        """Call `callback(rows, events)` now, with no events, and then after every change.

        The calls come one at a time, in a separate thread. Returns a handle whose `close` ends
        them. If the callback raises, the error is logged and the next change follows.
        """
        self.__enter__()

        def run() -> None:
            events: list[LiveEvent[RowT]] = []
            while True:
                try:
                    callback(self.rows, events)
                except Exception:
                    logger.exception("a live query's callback failed at %s", self.stamp)
                events = self.batch()
                if not events:
                    return

        return SyncLiveHandle(self.close, run)

    def close(self) -> None:
        """End it; `rows` and `stamp` stay readable."""
        if self._portal.running:
            self._portal.call(self._inner.aclose)


class SyncLiveHandle:
    """A running `watch`: the callback runs in its own daemon thread."""

    def __init__(self, close: Callable[[], None], run: Callable[[], None]) -> None:
        self._close = close
        self._thread = threading.Thread(target=run, name="ablo_pg.watch", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the calls, and wait for a running one (unless it is the caller). Idempotent."""
        self._close()
        if self._thread is not threading.current_thread():
            self._thread.join()


class SyncLiveAggregate(Generic[ValueT_co]):
    """An aggregate that stays current as it is iterated; see `LiveAggregate`."""

    def __init__(self, portal: Portal, inner: LiveAggregate[ValueT_co]) -> None:
        self._portal = portal
        self._inner = inner

    @property
    def value(self) -> ValueT_co:
        """The aggregate as of `stamp`."""
        return self._inner.value

    @property
    def stamp(self) -> int | None:
        """The sync id that the value is as of; None before it is entered or iterated."""
        return self._inner.stamp

    def __enter__(self) -> Self:
        self._portal.call(self._inner.__aenter__)
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[ValueT_co]:
        return self

    def __next__(self) -> ValueT_co:
        try:
            return self._portal.call(self._inner.__anext__)
        except StopAsyncIteration:
            raise StopIteration from None

    def close(self) -> None:
        """End it; `value` and `stamp` stay readable. Ends a loop that waits."""
        if self._portal.running:
            self._portal.call(self._inner.aclose)
