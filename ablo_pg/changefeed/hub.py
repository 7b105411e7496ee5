"""The hub: from the one reader to the subscribers of every organization.

A reader calls `publish` (the stream) or drives the channels itself (LISTEN); `subscribe` makes
subscribers. Memory is bounded: a subscriber's queue by count and bytes (beyond that it is
disconnected and continues from the log), the record of what the stream has sent by `Sent`.
Subscribers never wait for each other: `publish` never blocks. Runs on one event loop.
"""

from __future__ import annotations

import logging
from collections.abc import Container, Iterable, Sequence
from functools import partial
from typing import Final

import anyio

from ablo_pg.changefeed.arrival import Arrival
from ablo_pg.changefeed.channel import Channel, Receiver
from ablo_pg.changefeed.filters import Filter, Filters
from ablo_pg.changefeed.pages import Pages
from ablo_pg.changefeed.permissions import Permissions
from ablo_pg.changefeed.sent import Sent
from ablo_pg.changefeed.subscription import Subscription
from ablo_pg.changefeed.tasks import Tasks
from ablo_pg.changefeed.view import View
from ablo_pg.db.log import LogSource
from ablo_pg.errors import error_for

logger: Final = logging.getLogger("ablo_pg.changefeed")

# More than one batch of the stream, so that batch size never disconnects a subscriber.
QUEUE_COUNT: Final = 8192
QUEUE_BYTES: Final = 8 << 20


class Hub:
    """Routes deltas to subscribers by organization, sync group and model.

        hub = Hub(PostgresLog(database))
        async with hub.subscribe("acme", models={"Task"}) as changes:
            async for delta in changes: ...

    Args: log, which subscribers catch up from. queue_count, queue_bytes: how much one subscriber
    may leave unread before it is disconnected. tasks: runs the readers' tasks. permissions: of the
    active schema, which the caller keeps current.
    """

    def __init__(
        self,
        log: LogSource,
        *,
        queue_count: int = QUEUE_COUNT,
        queue_bytes: int = QUEUE_BYTES,
        tasks: Tasks | None = None,
        permissions: Permissions | None = None,
    ) -> None:
        self.log = log
        self.pages = Pages(log)
        self.permissions = permissions or Permissions()
        self.filters = Filters()
        self.tasks = tasks or Tasks()
        self.queue_count = queue_count
        self.queue_bytes = queue_bytes
        self.channels: dict[str, Channel] = {}
        self.sent = Sent()
        self.streaming = False
        self.disconnected = 0  # how often a subscriber was disconnected, since the start
        self.joined = anyio.Event()  # set, and replaced, when a channel is created

    def subscribe(
        self,
        organization: str,
        groups: Iterable[str] | None = None,
        models: Container[str] | None = None,
        cursor: int | None = None,
        participant: str | None = None,
        filter: Filter | None = None,
    ) -> Subscription:
        """Follow an organization's deltas after `cursor`, in some groups; None means from now.

        Args: groups, sync groups `kind:id`, of which a delta must have one; `default`, like None,
        stands for the organization's own. models: of these typenames; None means all. cursor: a
        sync id. participant: `kind:id`, whose permissions apply; None means all rows. filter: of
        `filters`; only changes that concern it. Returns an async iterator of Delta, also an async
        context manager that begins at once; its `cursor` is where to resume. Raises cursor_invalid,
        and when it begins cursor_ahead and snapshot_required.
        """
        own = f"org:{organization}"
        named = ["default"] if groups is None else groups
        wanted = frozenset(own if group == "default" else group for group in named)
        return self.follow(organization, (View(wanted, models, participant),), cursor, filter)

    def follow(
        self,
        organization: str,
        views: Sequence[View],
        cursor: int | None = None,
        filter: Filter | None = None,
    ) -> Subscription:
        """Follow the part of an organization's deltas that these views show; see `subscribe`."""
        if cursor is not None and (isinstance(cursor, bool) or cursor < 0):
            raise error_for(
                "cursor_invalid",
                f"{cursor!r} is not a cursor",
                field="cursor",
                remedy="pass the cursor of a subscription or the sync_id of a delta",
            )
        return Subscription(self, organization, views, cursor, filter)

    def attach(self, organization: str, receiver: Receiver, position: int) -> Channel:
        """Register a receiver that has everything up to `position`.

        Everything above the returned channel's current position will be offered to it; it must read
        the log at least up to there.
        """
        channel = self.channels.get(organization)
        if channel is None:
            sent = partial(self.sent.last, organization)
            channel = Channel(organization, max(position, sent()), self.streaming, sent)
            self.channels[organization] = channel
            joined, self.joined = self.joined, anyio.Event()
            joined.set()
        channel.add(receiver)
        return channel

    def detach(self, channel: Channel, receiver: Receiver) -> None:
        """Remove a receiver; a channel without receivers is dropped."""
        channel.remove(receiver)
        if not channel and channel.in_use:
            channel.in_use = False
            del self.channels[channel.organization]

    def publish(self, batch: Sequence[Arrival], whole: bool = True) -> None:
        """Take what the stream has delivered, in its order. Never blocks.

        whole: it ends with a transaction.
        """
        channels, sent = self.channels, self.sent.latest
        for arrival in batch:
            sync_id, organization, _ = arrival
            sent[organization] = sync_id
            channel = channels.get(organization)
            if channel is not None:
                try:
                    channel.receive(arrival, whole)
                except Exception:  # its subscribers read it in the log, and get the error there
                    self.tasks.failed("dispatch")
                    channel.cut_all()

    def begin_stream(self) -> list[Channel]:
        """A stream begins: everything that it does not deliver is visible in the log.

        Returns the existing channels; each has to be brought up with `catchup.join`. New ones are
        live at once.
        """
        self.sent.clear()
        self.streaming = True
        for channel in self.channels.values():
            channel.interrupt()
        return list(self.channels.values())

    def end_stream(self) -> None:
        """The stream has ended; the channels keep their positions."""
        self.streaming = False
        self.sent.clear()
        for channel in self.channels.values():
            channel.interrupt()
