"""What a subscription is driven by: its states, and the hub as it sees it."""

from __future__ import annotations

import enum
from typing import Protocol

from ablo_pg.changefeed.channel import Channel, Receiver
from ablo_pg.changefeed.pages import Pages
from ablo_pg.changefeed.permissions import Permissions
from ablo_pg.db.log import LogSource


class State(enum.Enum):
    """See `subscription`."""

    NEW = "new"
    READING = "reading"
    JOINING = "joining"
    LIVE = "live"
    CLOSED = "closed"


class Source(Protocol):
    """The hub, as its subscriptions see it; `Hub` says what each part is."""

    log: LogSource
    pages: Pages
    permissions: Permissions
    queue_count: int
    queue_bytes: int
    disconnected: int

    def attach(self, organization: str, receiver: Receiver, position: int) -> Channel:
        """Register a receiver that has everything up to `position`."""

    def detach(self, channel: Channel, receiver: Receiver) -> None:
        """Take a receiver out."""
