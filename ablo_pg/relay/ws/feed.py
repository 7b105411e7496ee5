"""One socket's deltas: its position, catching up, and then receiving with all the others.

Deltas go out with rising ids. A client sends its position in its first `sync_request`, so nothing
is sent before that, or before a short timeout. Missed deltas go into the answer, the rest follows
as `delta` frames, and once all is sent the pump writes to the socket directly. A later request that
names an earlier position is answered with what was sent since: the client says that it does not
have it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from ablo_pg.changefeed.hub import Hub
from ablo_pg.changefeed.state import State
from ablo_pg.changefeed.subscription import Subscription
from ablo_pg.changefeed.view import View
from ablo_pg.delta import Delta
from ablo_pg.errors import AbloError
from ablo_pg.relay.ws.outbox import Outbox
from ablo_pg.relay.ws.pump import Pump
from ablo_pg.wire.deltas import sync_response
from ablo_pg.wire.partition import Partition

# Seconds that a client may take to send its position. Protects the order of its deltas; a slower
# client gets what follows its cursor first, and its answer after that.
PATIENCE: Final = 1.0
FRAME_DELTAS: Final = 500
FRAME_BYTES: Final = 512 << 10


class DeltaFeed:
    """Deltas of one organization to one socket.

    Args: cursor, what the client had when it connected; None: it has nothing, and reads rows while
    deltas from `begin` on are kept for it. partition: its share of them; None for all. every: send
    each change as it is, not one per row and frame (`wire.coalesce`).

    start: called when `run` has something to do and is not running; set before `ask` and `open`.
    """

    __slots__ = (
        *("on_views", "start", "_asked", "_begun", "_direct", "_every", "_hub", "_lost", "_marked"),
        *("_open", "_organization", "_outbox", "_partition", "_pump", "_running", "_subscription"),
        "_views",
    )

    def __init__(
        self,
        hub: Hub,
        pump: Pump,
        outbox: Outbox,
        organization: str,
        views: Sequence[View],
        cursor: int | None,
        partition: Partition | None = None,
        *,
        every: bool = False,
    ) -> None:
        self._hub = hub
        self._partition = partition
        self._every = every
        self._pump = pump
        self._outbox = outbox
        self._organization = organization
        self._views = views
        self.on_views: Callable[[Sequence[View]], None] | None = None  # as Subscription's
        self._subscription = self._subscribe(cursor)
        self._asked: tuple[int | None] | None = None
        self._lost: AbloError | None = None  # why the client's cursor cannot be used
        self._begun = False  # the client has been sent something
        self.start: Callable[[], None] | None = None
        self._open = False  # the client has asked, or its time to ask is over
        self._running = False
        self._direct = False  # the pump may write
        self._marked = False

    @property
    def cursor(self) -> int:
        """Everything up to here was sent, or is not for this socket."""
        return self._subscription.cursor

    async def begin(self) -> None:
        """Fix where to begin: at the head, if the log does not reach back to the cursor."""
        try:
            await self._subscription.begin()
        except AbloError as exc:
            if exc.code not in ("cursor_ahead", "snapshot_required"):
                raise
            self._lost = exc
            self._subscription = self._subscribe(None)
            await self._subscription.begin()

    def ask(self, position: int | None) -> None:
        """The client has everything up to here (None: nothing), and wants an answer."""
        self._asked = (position,)
        self._open = True
        self._resume()

    def open(self) -> None:
        """Send, even if the client has not asked."""
        if not self._open:
            self._open = True
            self._resume()

    def regroup(self, views: Sequence[View]) -> None:
        """Follow other groups from here on."""
        self._views = views
        self._subscription.regroup(views)

    async def run(self) -> None:
        """Answer and catch up, until the pump can write all that follows.

        Raises snapshot_required if the log no longer reaches back.
        """
        while True:
            await self._answer()
            page = await self._page()
            self._begun = self._begun or bool(page)
            if page:
                await self._send(self._share(page), self._subscription.whole)
                continue
            self._direct = True
            self.flush()
            if self._asked is None and self._subscription.state is State.LIVE:
                self._running = False
                return
            self._direct = False

    async def aclose(self) -> None:
        """Take nothing more from the hub. Safe to repeat."""
        await self._subscription.aclose()

    def flush(self) -> None:
        """Write what the hub has delivered, as far as the socket accepts it."""
        self._marked = False
        wire = self._outbox.wire
        subscription = self._subscription
        while self._direct and subscription.queued and wire.writable:
            drained = subscription.drain(FRAME_DELTAS, FRAME_BYTES)
            deltas = self._share(drained)
            if drained and not deltas:
                continue
            if not deltas or not wire.write(self._frame(deltas, subscription.whole)):
                break
            self._begun = True
            self._pump.count(len(deltas))

    def abort(self) -> None:
        """End the socket."""
        self._outbox.wire.abort()

    def _resume(self) -> None:
        """Do what the pump cannot: answer, or read the log."""
        self._direct = False
        if self._open and not self._running and self.start is not None:
            self._running = True
            self.start()

    def _news(self) -> None:
        if self._subscription.state is not State.LIVE:
            self._resume()
        elif self._direct and not self._marked:
            self._marked = True
            self._pump.mark(self)

    async def _answer(self) -> None:
        """Answer the client's request, if there is one."""
        asked, self._asked = self._asked, None
        if asked is None:
            return
        [position] = asked
        page: list[Delta] = []
        lost, self._lost = self._lost, None
        head = await self._hub.log.head(self._organization)
        if position is not None and position > max(head, self.cursor, self._sent_last()):
            position = head  # of a log that was restored since: the client is sent back
        if position is not None and (not self._begun or position < self.cursor):
            try:
                page = await self._rewind(position)
            except AbloError as exc:
                lost = exc
        self._begun = True
        here = page[-1].sync_id if page else max(self.cursor, position or 0)
        extra = b""
        if lost is not None:  # the log does not reach back: the client must read its rows again
            extra = b',"requiresBootstrap":true,"error":{"code":"%b"}' % lost.code.encode()
        elif self._every and self._subscription.whole:
            extra = b',"whole":true'
        encoded = self._pump.encoder.encoded(self._share(page), every=self._every)
        await self._outbox.send(sync_response(encoded, max(head, here), here, extra))
        self._pump.count(len(encoded))
        self._pump.end_flush()

    def _sent_last(self) -> int:
        return self._hub.sent.last(self._organization)

    async def _rewind(self, position: int) -> list[Delta]:
        """Begin again from a position; return the first of what follows it."""
        again = self._subscribe(position)
        await again.begin()
        old, self._subscription = self._subscription, again
        await old.aclose()
        return await self._page()

    async def _page(self) -> list[Delta]:
        """Return what the log delivers next, at most a frame: a row's changes are merged in it."""
        page: list[Delta] = []
        while len(page) < FRAME_DELTAS and sum(delta.size for delta in page) < FRAME_BYTES:
            more = await self._subscription.catch_up(FRAME_DELTAS - len(page))
            if not more:
                break
            page += more
        return page

    def _subscribe(self, cursor: int | None) -> Subscription:
        made = self._hub.follow(self._organization, self._views, cursor)
        made.on_news = self._news
        made.on_views = self._seen
        return made

    def _seen(self, views: Sequence[View]) -> None:
        self._views = views
        if self.on_views is not None:
            self.on_views(views)

    def _share(self, deltas: list[Delta]) -> list[Delta]:
        """Return those in the share that the client wants."""
        partition = self._partition
        return deltas if partition is None else [one for one in deltas if partition.holds(one)]

    def _frame(self, deltas: list[Delta], whole: bool) -> bytes:
        return self._pump.encoder.frame(deltas, every=self._every, whole=whole)

    async def _send(self, page: list[Delta], whole: bool) -> None:
        """Send what the log delivered, when the socket accepts it, in frames of a bounded size."""
        while page:
            size = 0
            count = 0
            while count < len(page) and size < FRAME_BYTES:
                size += page[count].size
                count += 1
            part, page = page[:count], page[count:]
            await self._outbox.send_frame(self._frame(part, whole and not page))
            self._pump.count(count)
            self._pump.end_flush()
