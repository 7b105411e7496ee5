"""The sync twins of `live.subscriptions`: a blocking iterator, callbacks on their own thread."""

from __future__ import annotations

import inspect
import threading
from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Final, Generic, Self, TypeVar

from ablo_pg.client.live.subscriptions import Change, Subscription, logger
from ablo_pg.client.portal import Portal
from ablo_pg.errors import AbloError, error_for
from ablo_pg.schema.rows import Model

RowT = TypeVar("RowT", bound=Model)
# Changes that cross the threads together: a crossing costs about 100 us.
_AT_ONCE: Final = 500


class SyncSubscription(Generic[RowT]):
    """A blocking iterator of changes; see `Subscription`. `close` ends a loop that waits."""

    def __init__(self, portal: Portal, inner: Subscription[RowT]) -> None:
        self._portal = portal
        self._inner = inner
        self._ready: deque[Change[RowT]] = deque()  # taken from the event loop, not returned yet
        self._cursor = inner.cursor
        self._closed = False

    @property
    def cursor(self) -> int | None:
        """This subscription's position; None before it has begun without a cursor."""
        return self._cursor

    def __enter__(self) -> Self:
        self._portal.call(self._inner.__aenter__)
        self._cursor = self._inner.cursor
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[Change[RowT]]:
        return self

    def __next__(self) -> Change[RowT]:
        if not self._ready:
            self._ready.extend(self._take(_AT_ONCE))
        if self._closed or not self._ready:
            raise StopIteration
        change = self._ready.popleft()
        self._cursor = change.sync_id
        return change

    def batch(self, limit: int = 1000) -> list[Change[RowT]]:
        """Take what is available, one change at least and `limit` at most; none once closed."""
        if not self._ready:
            self._ready.extend(self._take(limit))
        return list(islice(self, min(limit, len(self._ready))))

    def close(self) -> None:
        """End the subscription; `cursor` stays readable."""
        self._closed = True
        if self._portal.running:
            self._portal.call(self._inner.aclose)

    def _take(self, limit: int) -> list[Change[RowT]]:
        """Wait for changes; everything before them has been returned."""
        if self._closed:
            return []
        self._cursor = self._inner.cursor
        try:
            return self._portal.call(self._inner.batch, limit)
        except StopAsyncIteration:
            return []


class SyncChangeHandle:
    """A running `on_change`: the callback runs in its own daemon thread."""

    def __init__(
        self, subscription: SyncSubscription[RowT], callback: Callable[[Change[RowT]], None]
    ) -> None:
        self._subscription = subscription
        self._callback = callback
        self._cursor = subscription.cursor
        self._thread = threading.Thread(target=self.run, name="ablo_pg.on_change", daemon=True)
        self._thread.start()

    @property
    def cursor(self) -> int | None:
        """Where to resume: after the last change that the callback has handled."""
        return self._cursor

    def close(self) -> None:
        """End the calls, and wait for a running one (unless it is the caller). Idempotent."""
        self._subscription.close()
        if self._thread is not threading.current_thread():
            self._thread.join()

    def run(self) -> None:
        """Call back with each change until closed; the handle's thread runs this."""
        try:
            for change in self._subscription:
                try:
                    self._callback(change)
                except Exception:
                    logger.exception("on_change callback failed at sync id %s", change.sync_id)
                self._cursor = change.sync_id
        except AbloError:
            logger.exception("on_change has ended at %s", self._cursor)


def follow_blocking(
    subscription: SyncSubscription[RowT], callback: Callable[[Change[RowT]], None]
) -> SyncChangeHandle:
    """Begin the subscription, then call back with each change."""
    if inspect.iscoroutinefunction(callback):
        raise error_for(
            "invalid_options",
            "The callback is a coroutine function",
            field="callback",
            remedy="pass a plain function, or use AsyncAblo",
        )
    subscription.__enter__()
    return SyncChangeHandle(subscription, callback)
