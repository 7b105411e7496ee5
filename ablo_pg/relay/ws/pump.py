"""From the hub to the sockets: everything of one wake-up, in one frame, the same bytes to all.

The hub dispatches deltas one by one, within one callback of the event loop. A feed that gets its
first one marks itself here; the flush runs after that callback, so deltas that arrived together go
out together. A delta is encoded once and a frame built once for all sockets that get the same.
Writing never waits: a socket that does not read keeps its queue, and no other socket waits for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from ablo_pg.changefeed.tasks import Tasks
from ablo_pg.delta import Delta
from ablo_pg.relay.ws.protocol import frame_of
from ablo_pg.wire.coalesce import coalesce
from ablo_pg.wire.deltas import delta_frame, delta_json

KEPT_BYTES: Final = 4 << 20  # of deltas and their encodings: sockets catch up on the same ones


class Flushed(Protocol):
    """What marks itself dirty."""

    def flush(self) -> None:
        """Write what is available."""

    def abort(self) -> None:
        """End the socket: its client reconnects from its cursor."""


class DeltaEncoder:
    """Encodes each delta once, as long as it is requested again soon.

    Views are shown different deltas under one id (`changefeed.view.seen`, `changefeed.sight`), so
    an encoding is found by the whole delta that it encodes. `every`: a client that takes every
    delta as it is, or (False) one that gets one per row and frame, its row as text.
    """

    def __init__(self, kept_bytes: int = KEPT_BYTES) -> None:
        self._kept: dict[tuple[Delta, bool], bytes] = {}
        self._kept_bytes = 0
        self._most = kept_bytes
        self._frames: dict[tuple[object, ...], bytes] = {}

    def encoded(self, deltas: Sequence[Delta], *, every: bool) -> list[bytes]:
        """Return these deltas as they go out in one frame, each as JSON."""
        if every:
            return [self._one(delta, every=True) for delta in deltas]
        known = set(map(id, deltas))
        return [
            self._one(delta, every=False) if id(delta) in known else delta_json(delta, text=True)
            for delta in coalesce(deltas)
        ]

    def _one(self, delta: Delta, *, every: bool) -> bytes:
        key = (delta, every)
        found = self._kept.get(key)
        if found is None:
            found = self._kept[key] = delta_json(delta, text=not every)
            self._kept_bytes += delta.content + len(found)
            while self._kept_bytes > self._most:
                oldest = next(iter(self._kept))
                self._kept_bytes -= oldest[0].content + len(self._kept.pop(oldest))
        return found

    def frame(self, deltas: Sequence[Delta], *, every: bool, whole: bool) -> bytes:
        """Return the socket frame of these deltas, of one organization."""
        key = (*deltas, every, every and whole)
        found = self._frames.get(key)
        if found is None:
            encoded = self.encoded(deltas, every=every)
            found = frame_of(delta_frame(encoded, every and whole))
            self._frames[key] = found
        return found

    def end_flush(self) -> None:
        """Drop the frames: the next flush has other ones."""
        self._frames.clear()


class Pump:
    """Flushes the feeds that have something to send. One event loop."""

    def __init__(
        self, on_written: Callable[[int], None] | None = None, tasks: Tasks | None = None
    ) -> None:
        self._tasks = tasks or Tasks()
        self.encoder = DeltaEncoder()
        self._on_written = on_written
        self._dirty: list[Flushed] = []
        self._written = 0
        self._flushing = False

    def mark(self, feed: Flushed) -> None:
        """Flush this feed when the current callback is over."""
        if not self._dirty:
            asyncio.get_running_loop().call_soon(self._flush)
        self._dirty.append(feed)

    def count(self, deltas: int) -> None:
        """Count what was written: at once if it is catching up, with all others in a flush."""
        self._written += deltas
        if not self._flushing:
            self._report()

    def end_flush(self) -> None:
        """Report what was counted; what follows goes out in other frames."""
        self.encoder.end_flush()
        self._report()

    def _flush(self) -> None:
        dirty, self._dirty = self._dirty, []
        self._flushing = True
        for feed in dirty:
            try:
                feed.flush()
            except Exception:  # the others are flushed anyway
                self._tasks.failed("flush")
                feed.abort()
        self._flushing = False
        self.end_flush()

    def _report(self) -> None:
        if self._on_written is not None and self._written:
            self._on_written(self._written)
            self._written = 0
