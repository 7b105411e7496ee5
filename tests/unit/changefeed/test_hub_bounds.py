"""I9 in the hub: what it remembers and keeps is bounded, and what it forgets is not needed."""

from __future__ import annotations

import anyio
import anyio.lowlevel
import pytest

from ablo_pg.changefeed import channel as channels
from ablo_pg.changefeed.catchup import advance
from ablo_pg.changefeed.hub import Hub
from ablo_pg.changefeed.sent import Sent
from ablo_pg.changefeed.state import State
from ablo_pg.errors import AbloError

from .simulated import Simulation, delta

pytestmark = pytest.mark.anyio


async def test_sent_forgets_only_what_every_query_shows() -> None:
    log, sent = Simulation(), Sent(generation=2)
    for number, name in enumerate("abc", 1):
        log.commit(delta(number, name))
    sent.latest = {"a": 1}
    await sent.tend(log)
    assert sent.last("a") == 1
    sent.latest["b"] = 2
    log.visible = 1
    await sent.tend(log)  # a's is visible, b's is not
    sent.latest["c"] = 3
    await sent.tend(log)
    assert [sent.last(name) for name in "abc"] == [0, 2, 3]
    log.visible = 3
    await sent.tend(log)
    assert [sent.last(name) for name in "abcd"] == [0, 0, 3, 0]
    assert len(sent) == 1


async def test_a_full_queue_cuts_its_subscriber_loose_and_no_other() -> None:
    log = Simulation()
    hub = Hub(log, queue_count=3)
    hub.begin_stream()
    slow, quick = hub.subscribe("acme"), hub.subscribe("acme")
    async with slow, quick:
        got = []
        for number in range(1, 11):
            log.commit(delta(number))
            log.stream(hub, 1)
            log.visible += 1
            got.append((await anext(quick)).sync_id)
        assert got == list(range(1, 11))
        assert (slow.times_cut, slow.state, slow.cursor) == (1, State.READING, 0)
        assert [(await anext(slow)).sync_id for _ in range(10)] == got
        assert (quick.times_cut, hub.disconnected) == (0, 1)


async def test_a_queue_is_bounded_by_bytes_but_takes_any_one_delta() -> None:
    log = Simulation()
    hub = Hub(log, queue_bytes=1000)
    hub.begin_stream()
    async with hub.subscribe("acme") as subscription:
        log.commit(delta(1, row=b"x" * 5000))
        log.stream(hub, 1)
        assert subscription.times_cut == 0
        log.commit(delta(2))
        log.stream(hub, 1)
        assert subscription.times_cut == 1


async def test_what_comes_while_joining_is_kept_within_bounds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(channels, "KEEP_COUNT", 5)
    log = Simulation()
    hub = Hub(log)
    async with hub.subscribe("acme"):
        (channel,) = hub.begin_stream()
        assert channel.keep() == 0
        for number in range(1, 8):
            log.commit(delta(number))
        log.stream(hub, 5)
        assert channel.keeping
        log.stream(hub, 2)
        assert not channel.keeping
        assert not channel.go_live()
        assert channel.keep() == 7


async def test_a_cursor_passes_what_is_not_for_the_subscriber() -> None:
    log = Simulation()
    hub = Hub(log)
    hub.begin_stream()
    async with hub.subscribe("acme", groups=["list:a"], models=["Task"]) as narrow:
        log.commit(delta(1, groups=("org:acme",)))
        log.commit(delta(2, groups=("list:a",), model="Project"))
        log.stream(hub, 2)
        assert narrow.cursor == 2
        log.commit(delta(3, groups=("list:a", "org:acme")))
        log.commit(delta(4))
        log.stream(hub, 2)
        assert narrow.cursor == 2  # 3 is waiting to be taken
        assert (await anext(narrow)).sync_id == 3
        assert narrow.cursor == 4


async def test_a_delta_in_two_of_its_groups_comes_once() -> None:
    log = Simulation()
    hub = Hub(log)
    hub.begin_stream()
    async with hub.subscribe("acme", groups=["list:a", "default"]) as both:
        for number in (1, 2):
            log.commit(delta(number, groups=("org:acme", "list:a")))
        log.stream(hub, 2)
        assert [one.sync_id for one in await both.batch()] == [1, 2]


async def test_nothing_is_left_of_a_closed_subscription() -> None:
    hub = Hub(Simulation())
    subscription = hub.subscribe("acme")
    await subscription.begin()
    assert list(hub.channels) == ["acme"]

    async def wait() -> None:
        with pytest.raises(StopAsyncIteration):
            await anext(subscription)

    async with anyio.create_task_group() as group:
        group.start_soon(wait)
        await anyio.lowlevel.checkpoint()
        await subscription.aclose()
    assert hub.channels == {}
    await subscription.aclose()


@pytest.mark.parametrize("cursor", [-1, True])
async def test_what_is_no_cursor_is_refused(cursor: int) -> None:
    with pytest.raises(AbloError) as caught:
        Hub(Simulation()).subscribe("acme", cursor=cursor)
    assert caught.value.code == "cursor_invalid"


@pytest.mark.parametrize(("cursor", "code"), [(9, "cursor_ahead"), (1, "snapshot_required")])
async def test_the_logs_refusals_reach_who_begins(cursor: int, code: str) -> None:
    log = Simulation()
    log.commit(delta(5))
    log.kept_after = 3
    with pytest.raises(AbloError) as caught:
        await Hub(log).subscribe("acme", cursor=cursor).begin()
    assert caught.value.code == code


async def test_a_log_dropped_under_an_organization_tells_each_subscriber() -> None:
    """The reader was away for longer than the log is kept."""
    log = Simulation()
    hub = Hub(log)
    async with hub.subscribe("acme") as subscription:
        log.commit(delta(9))
        log.visible, log.kept_after = 1, 5
        await advance(hub.channels["acme"], log)
        with pytest.raises(AbloError) as caught:
            await anext(subscription)
        assert caught.value.code == "snapshot_required"
