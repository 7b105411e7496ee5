"""One organization in the hub: its subscribers by sync group, and how far they have been sent.

A channel is live when the stream's deltas go straight to its subscribers. One that existed before
the stream began is not: it is driven by `catchup.advance` (the LISTEN reader) or brought up by
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
ARRIVAL_OVERHEAD: Final = 250  # bytes of one, beside its message


class Receiver(Protocol):
    """A subscriber, as its channel sees it."""

    groups: frozenset[str]
    offered: int  # the last sync id it was offered

    @property
    def queued(self) -> int:
        """How many deltas wait in it."""

    def offer(self, delta: Delta, size: int) -> bool:
        """Take a delta of about `size` bytes for its groups; False when there is no room."""

    def cut(self) -> None:
        """Stop receiving; it goes on from the log."""


class Channel:
    """Deltas in, to each receiver whose groups meet the delta's, once each and in order.

    What it may see of one is the receiver's to say.

    position: every delta up to this id has been dispatched, or lies before every receiver.
    sent: asks the hub for the last id that the stream has brought for this organization.
    """

    def __init__(
        self, organization: str, position: int, live: bool, sent: Callable[[], int]
    ) -> None:
        self.organization = organization
        self.position = position
        self.live = live
        self.in_use = True
        self._sent = sent
        self._receivers: set[Receiver] = set()
        self._by_group: dict[str, set[Receiver]] = {}
        self._kept: deque[Arrival] | None = None
        self._kept_bytes = 0

    def __len__(self) -> int:
        return len(self._receivers)

    @property
    def queued(self) -> int:
        """How many deltas wait in its receivers."""
        return sum(receiver.queued for receiver in self._receivers)

    def add(self, receiver: Receiver) -> None:
        """Begin to offer it what is dispatched from now on."""
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

    def receive(self, arrival: Arrival) -> None:
        """Take what the stream has brought for this organization."""
        if self.live:
            if arrival[0] > self.position:  # else the log has brought it already
                self.dispatch(arrival.delta())
        elif self._kept is not None:
            self._kept.append(arrival)
            self._kept_bytes += len(arrival.message) + ARRIVAL_OVERHEAD
            if len(self._kept) > KEEP_COUNT or self._kept_bytes > KEEP_BYTES:
                self._kept = None

    def dispatch(self, delta: Delta) -> None:
        """Offer a delta to whom it is for, unless that has happened: ids only rise."""
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
        """Begin to keep what the stream brings; return the last id it had brought before."""
        self._kept = deque()
        self._kept_bytes = 0
        return self._sent()

    @property
    def keeping(self) -> bool:
        """Whether everything since `keep` has been kept."""
        return self._kept is not None

    def go_live(self) -> bool:
        """Dispatch what was kept and go live; False when too much came to keep."""
        kept, self._kept = self._kept, None
        if kept is None:
            return False
        for arrival in kept:
            self.dispatch(arrival.delta())
        self.live = True
        return True

    def interrupt(self) -> None:
        """The stream has ended: nothing more comes by itself."""
        self.live = False
        self._kept = None

    def cut_all(self) -> None:
        """Cut every receiver loose."""
        for receiver in list(self._receivers):
            receiver.cut()
