"""One socket: its identity, what it follows and holds, and its incoming frames, in two lanes.

A commit may wait for a row. Frames that must follow earlier commits (released claims, the next
commit) wait behind it in the lane of writes. Everything else has its own lane, so that pings are
answered and cursors move meanwhile. Each lane is bounded: a client that sends faster than it is
served is not read until there is room.
"""

from __future__ import annotations

import logging
import math
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import anyio
import msgspec
from anyio.abc import TaskGroup

from ablo_pg.changefeed.view import View
from ablo_pg.errors import AbloError
from ablo_pg.relay.auth import Credential, Watch
from ablo_pg.relay.shares import Shares, aside
from ablo_pg.relay.ws.feed import DeltaFeed
from ablo_pg.relay.ws.groups import SocketGroups
from ablo_pg.relay.ws.live_state import Json, Target
from ablo_pg.relay.ws.outbox import Outbox
from ablo_pg.relay.ws.protocol import Wire
from ablo_pg.wire import live as wire
from ablo_pg.wire.frames import Frame, read_payload

logger: Final = logging.getLogger("ablo_pg.relay.ws")

T = TypeVar("T", bound=msgspec.Struct)
LANE_FRAMES: Final = 64
TRY_AGAIN: Final = (1013, "the database cannot be read")
Handler = Callable[["Session", Frame], Awaitable[None]]


@dataclass(slots=True)
class Scope:
    """Groups that were joined temporarily; watch: of the additional credential that allows it."""

    ends: float  # on the event loop's clock
    lasts: float
    watch: Watch | None
    held: ExitStack

    def over(self, now: float) -> bool:
        """Whether it ends: its time is up, or its credential has ended."""
        return self.ends <= now or (self.watch is not None and self.watch.error is not None)


@dataclass(slots=True)
class SocketClaim:
    """A claim made over this socket. The kernel may know it by another id than the client.

    granted: the client has been notified.
    """

    client_id: str
    kernel_id: str
    entity_type: str
    entity_id: str
    ttl_ms: float
    granted: bool
    renewed: float = 0.0  # when, on the event loop's clock

    @property
    def target(self) -> dict[str, object]:
        """The row as the client names it."""
        return wire.target(self.entity_type, self.entity_id)


class Lives:
    """A socket's live queries, by the client's id. turn: to read a page, one after the other.

    A page is read when the socket accepts more: one that does not read keeps few pages in memory,
    however many queries it has.
    """

    __slots__ = ("_lock", "_outbox", "scopes")

    def __init__(self, outbox: Outbox) -> None:
        self.scopes: dict[str, anyio.CancelScope] = {}
        self._lock = anyio.Lock()
        self._outbox = outbox

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Hold the turn."""
        async with self._lock:
            await self._outbox.room()
            yield


@dataclass(frozen=True, slots=True)
class Shown:
    """What a socket calls in its organization's `LiveView`, while that shows it something.

    hint: something may have changed, of one row or of any. again: it follows other groups.
    """

    hint: Callable[[Target | None], None]
    again: Callable[[], None]


class Session:
    """One socket's state. Created by `endpoint`, known to `sockets` and its `LiveView` while open.

    An idle socket has no task except the one that reads its frames: others run as long as they have
    something to do.

    Args: parsing, the threads that read large payloads; depth, how deep their JSON may be.
    """

    __slots__ = (
        *("beaten", "claims", "closing", "credential", "feed", "groups", "heard"),
        *("id", "lives", "outbox", "pinged", "presence", "scopes", "sees_all", "shown", "view"),
        *("stuck_since", "wire", "_depth", "_group", "_parsing"),
    )

    def __init__(
        self,
        wire: Wire,
        credential: Credential,
        groups: SocketGroups,
        make_feed: MakeFeed,
        parsing: Shares,
        depth: int,
    ) -> None:
        self.id = f"ws_{secrets.token_hex(12)}"
        self.credential = credential
        self.wire = wire
        self.outbox = Outbox(wire)
        self.groups = groups
        self.feed = make_feed(self.outbox)
        self.feed.on_views = self._seen
        self.view: Shown | None = None
        self.claims: dict[str, SocketClaim] = {}  # by the client's id
        self.lives: Lives | None = None  # from its first live query on
        self.scopes: dict[str, Scope] = {}  # joined groups
        self.sees_all = groups.unlimited
        self.shown: set[str] = set()  # participants sent to it, while it follows few groups
        self.presence: dict[str, Any] | None = None  # its last activity
        self.heard = anyio.current_time()
        self.beaten = -math.inf  # when its presence was last stored
        self.pinged = -math.inf  # when a ping last renewed what depends on it
        self.stuck_since: float | None = None
        self.closing: tuple[int, str] | None = None
        self._group: TaskGroup | None = None
        self._parsing = parsing
        self._depth = depth

    @property
    def organization(self) -> str:
        """Whose data it follows."""
        return self.credential.organization

    @property
    def participant(self) -> str:
        """Its participant, `kind:id`."""
        return self.credential.participant

    @property
    def aliases(self) -> dict[str, str]:
        """The kernel's ids of claims, by the client's."""
        return {own.client_id: own.kernel_id for own in self.claims.values()}

    def close(self, code: int, reason: str) -> None:
        """End it, with a close code; the first reason counts."""
        if self.closing is None:
            self.closing = (code, reason)
            if self._group is not None:
                self._group.cancel_scope.cancel()

    def open(self, group: TaskGroup) -> None:
        """Run its tasks in this group, which is cancelled when the session is closed."""
        self._group = group
        self.feed.start = self._feed
        if self.closing is not None:
            group.cancel_scope.cancel()

    def start(self, work: Callable[[], Coroutine[object, object, None]]) -> None:
        """Run a task of this socket, after `open`."""
        assert self._group is not None
        self._group.start_soon(work)

    def _feed(self) -> None:
        self.start(self._run_feed)

    async def _run_feed(self) -> None:
        try:
            await self.feed.run()
        except AbloError as exc:
            logger.info("a socket's deltas cannot be read: %s", exc.code)
            self.close(*TRY_AGAIN)

    async def payload(self, frame: Frame, kind: type[T]) -> T:
        """Return a frame's payload as `kind`; see `read_payload`."""
        size = len(frame.payload)
        return await aside(self._parsing, size, read_payload, frame, kind, self._depth)

    def changed(self, target: Target | None = None) -> None:
        """Claims or presence may have changed, of one row or of any: let the live state check."""
        if self.view is not None:
            self.view.hint(target)

    def regroup(self) -> None:
        """The groups have changed: deltas and notifications follow them from here on."""
        self.feed.regroup(self.groups.views)
        self._show_again()

    def _seen(self, views: Sequence[View]) -> None:
        """The rows that grant its groups have changed."""
        self.groups.follow(views)
        self._show_again()

    def _show_again(self) -> None:
        if self.view is not None and not (self.groups.unlimited and self.sees_all):
            self.sees_all = self.groups.unlimited
            self.view.again()

    def leave_scope(self, name: str) -> None:
        """Stop following what was joined under this name."""
        if (scope := self.scopes.pop(name, None)) is not None:
            scope.held.close()
        if self.groups.leave(name):
            self.regroup()

    def drained(self) -> None:
        """The socket accepts more."""
        self.outbox.drained()
        self.feed.flush()

    def held(self, own: SocketClaim, claim: Json) -> None:
        """A claim is live: notify the client, unless it knows."""
        if not own.granted:
            own.granted = True
            payload = wire.granted(own.client_id, own.entity_type, claim)
            self.outbox.tell("claim_granted", payload)

    def lost(self, kernel_id: str, status: str) -> None:
        """A claim ended, and not through this socket: notify the client."""
        for own in [each for each in self.claims.values() if each.kernel_id == kernel_id]:
            del self.claims[own.client_id]
            reason = "expired" if status == "expired" else "preempted"
            if own.granted:
                self.outbox.tell("claim_lost", wire.lost(own.client_id, own.target, reason))
            if reason == "expired" or not own.granted:
                self.outbox.tell("claim_expired", {"claimId": own.client_id})


MakeFeed = Callable[[Outbox], DeltaFeed]


class Lane:
    """Frames of one socket that are handled one after the other, by a task while there are any."""

    __slots__ = ("_after", "_room", "_running", "_session", "_waiting", "handlers")

    def __init__(
        self,
        session: Session,
        handlers: Mapping[str, Handler],
        after: Callable[[Session], None] | None = None,
    ) -> None:
        self._session = session
        self._after = after  # each frame
        self.handlers = handlers
        self._waiting: list[Frame] = []
        self._room: anyio.Event | None = None  # while `put` waits
        self._running = False

    async def put(self, frame: Frame) -> None:
        """Add a frame, if there is room. For one caller at a time."""
        while len(self._waiting) >= LANE_FRAMES:
            self._room = anyio.Event()
            await self._room.wait()
        self._waiting.append(frame)
        if not self._running:
            self._running = True
            self._session.start(self._run)

    async def _run(self) -> None:
        """Handle the waiting frames. A failed frame affects only itself."""
        while self._waiting:
            frame = self._waiting.pop(0)
            if self._room is not None:
                self._room.set()
                self._room = None
            try:
                await self.handlers[frame.type](self._session, frame)
            except AbloError as exc:
                logger.info("a %s frame was refused: %s", frame.type, exc.code)
            if self._after is not None:
                self._after(self._session)
        self._running = False
