"""One organization in the hub: its subscribers by sync group, and how far they have been sent.

A channel is live if the stream's deltas go directly to its subscribers. One that existed before the
stream began is not live: it is driven by `catchup.advance` (the LISTEN reader) or brought up by
`catchup.join`. Single-threaded: nothing here awaits.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

from ablo_pg.changefeed.arrival import Arrival
from ablo_pg.delta import Delta

KEEP_COUNT: Final = 4096
KEEP_BYTES: Final = 4 << 20
ARRIVAL_OVERHEAD: Final = 250  # bytes of one, in addition to its message


class Receiver(Protocol):
    """A subscriber, as its channel sees it."""

    groups: frozenset[str]
    offered: int  # the last sync id it was offered

    @property
    def queued(self) -> int:
        """How many deltas are queued in it."""

    def offer(self, delta: Delta, size: int) -> bool:
        """Take a delta of about `size` bytes for its groups; False if the queue is full."""

    def cut(self) -> None:
        """Stop receiving; it continues from the log."""


class Channel:
    """Passes deltas to each receiver whose groups meet the delta's, once each and in order.

    The receiver decides what it may see of a delta.

    position: every delta up to this id has been dispatched, or lies before every receiver.
    whole: what was dispatched last ends with a commit; False if it is not known to.
    sent: asks the hub for the last id that the stream has brought for this organization.
    """

    def __init__(
        self, organization: str, position: int, live: bool, sent: Callable[[], int]
    ) -> None:
        self.organization = organization
        self.position = position
        self.live = live
        self.in_use = True
        self.whole = True
        self._sent = sent
        self._receivers: set[Receiver] = set()
        self._by_group: dict[str, set[Receiver]] = {}
        self._kept: deque[Arrival] | None = None
        self._kept_bytes = 0
        self._kept_whole = True

    def __len__(self) -> int:
        return len(self._receivers)

    @property
    def queued(self) -> int:
        """How many deltas are queued in its receivers."""
        return sum(receiver.queued for receiver in self._receivers)

    def add(self, receiver: Receiver) -> None:
        """Offer it everything that is dispatched from now on."""
        self._receivers.add(receiver)
        for group in receiver.groups:
            self._by_group.setdefault(group, set()).add(receiver)

    def remove(self, receiver: Receiver) -> None:
        """Forget it. Safe to repeat."""
        self._receivers.discard(receiver)
        for group in receiver.groups:
            members = self._by_group.get(group, set())
            members.discard(receiver)
            if not members:
                self._by_group.pop(group, None)

    def receive(self, arrival: Arrival, whole: bool = True) -> None:
        """Take what the stream has delivered for this organization; whole: all of its batch is."""
        if self.live:
            self.whole = whole
            if arrival[0] > self.position:  # else it was read from the log already
                self.dispatch(arrival.delta())
        elif self._kept is not None:
            self._kept_whole = whole
            self._kept.append(arrival)
            self._kept_bytes += len(arrival.message) + ARRIVAL_OVERHEAD
            if len(self._kept) > KEEP_COUNT or self._kept_bytes > KEEP_BYTES:
                self._kept = None

    def dispatch(self, delta: Delta) -> None:
        """Offer a delta to its receivers, unless that has happened: ids only rise."""
        sync_id = delta.sync_id
        if sync_id <= self.position:
            return
        self.position = sync_id
        by_group = self._by_group
        size = delta.size
        full: list[Receiver] = []
        for group in (*delta.groups, *delta.left_groups):
            for receiver in by_group.get(group, ()):
                if receiver.offered != sync_id:
                    receiver.offered = sync_id
                    if not receiver.offer(delta, size):
                        full.append(receiver)
        for receiver in full:
            receiver.cut()

    def keep(self) -> int:
        """Begin to keep what the stream delivers; return the last id it had delivered before."""
        self._kept = deque()
        self._kept_bytes = 0
        return self._sent()

    @property
    def keeping(self) -> bool:
        """Whether everything since `keep` has been kept."""
        return self._kept is not None

    def go_live(self) -> bool:
        """Dispatch what was kept and go live; False if too much arrived to keep."""
        kept, self._kept = self._kept, None
        if kept is None:
            return False
        for arrival in kept:
            self.dispatch(arrival.delta())
            self.whole = self._kept_whole
        self.live = True
        return True

    def interrupt(self) -> None:
        """The stream has ended: nothing more arrives automatically."""
        self.live = False
        self._kept = None

    def cut_all(self) -> None:
        """Disconnect every receiver."""
        for receiver in list(self._receivers):
            receiver.cut()
