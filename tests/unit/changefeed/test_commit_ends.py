"""A subscription says `whole` only where a commit ends, however its deltas come."""

from __future__ import annotations

import pytest

from ablo_pg.changefeed import catchup
from ablo_pg.changefeed.arrival import Arrival
from ablo_pg.changefeed.catchup import advance
from ablo_pg.changefeed.hub import Hub
from ablo_pg.changefeed.state import State
from ablo_pg.changefeed.subscription import Subscription

from .encoder import insert
from .simulated import Simulation, delta

pytestmark = pytest.mark.anyio


def publish(log: Simulation, hub: Hub, *ids: int, whole: bool) -> None:
    """Commit deltas, and bring them over the stream in one batch."""
    made = [delta(number) for number in ids]
    log.committed += made
    hub.publish([Arrival(d.sync_id, d.organization_id, insert(d)) for d in made], whole)


async def taken(changes: Subscription, limit: int) -> tuple[list[int], bool]:
    return [one.sync_id for one in await changes.batch(limit)], changes.whole


async def test_over_the_stream() -> None:
    log = Simulation()
    hub = Hub(log)
    hub.begin_stream()
    async with hub.subscribe("acme") as changes:
        assert changes.whole
        publish(log, hub, 1, 2, 3, whole=True)
        assert await taken(changes, 2) == ([1, 2], False)
        assert await taken(changes, 2) == ([3], True)
        publish(log, hub, 4, 5, whole=False)  # of a large transaction
        assert await taken(changes, 9) == ([4, 5], False)
        publish(log, hub, 6, whole=True)
        assert await taken(changes, 9) == ([6], True)


async def test_over_pages_of_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catchup, "PAGE_FIRST", 2)
    monkeypatch.setattr(catchup, "PAGE_MOST", 2)
    monkeypatch.setattr(catchup, "PAGE_LEAST", 2)
    log = Simulation()
    log.committed = [delta(number) for number in (1, 2, 3)]
    log.visible = 3
    hub = Hub(log)
    hub.begin_stream()
    async with hub.subscribe("acme", cursor=0) as changes:
        assert await taken(changes, 1) == ([1], False)
        assert await taken(changes, 9) == ([2], False)
        assert await taken(changes, 9) == ([3], True)


async def test_after_a_queue_that_was_full() -> None:
    log = Simulation()
    hub = Hub(log, queue_count=4)
    hub.begin_stream()
    async with hub.subscribe("acme") as changes:
        publish(log, hub, 1, 2, 3, whole=True)
        assert await taken(changes, 2) == ([1, 2], False)
        publish(log, hub, *range(4, 9), whole=True)
        assert (changes.state, changes.whole) == (State.READING, False)
        log.visible = 8
        assert await taken(changes, 9) == ([3, 4, 5, 6, 7, 8], True)


async def test_by_notifications(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catchup, "PAGE_FIRST", 2)
    log = Simulation()
    hub = Hub(log)
    async with hub.subscribe("acme") as changes:
        log.committed = [delta(number) for number in (1, 2, 3)]
        log.visible = 3
        (channel,) = hub.channels.values()
        await advance(channel, log)
        assert await taken(changes, 2) == ([1, 2], False)
        assert await taken(changes, 2) == ([3], True)


async def test_what_was_kept_while_a_channel_was_brought_up() -> None:
    log = Simulation()
    hub = Hub(log)
    async with hub.subscribe("acme") as changes:
        hub.begin_stream()
        (channel,) = hub.channels.values()
        channel.keep()
        publish(log, hub, 1, 2, whole=False)
        assert channel.go_live()
        assert await taken(changes, 9) == ([1, 2], False)
        publish(log, hub, 3, whole=True)
        assert await taken(changes, 9) == ([3], True)
