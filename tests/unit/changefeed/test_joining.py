"""I7 at the hub: whatever order commits, WAL, visibility and readers come in, no gap and no repeat.

The steps of an example are drawn; the simulation does them while subscribers run, and at the end
everything is made visible. The mutants show that the test would notice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ablo_pg.changefeed import catchup
from ablo_pg.changefeed.catchup import PageSize, advance, join
from ablo_pg.changefeed.hub import Hub
from ablo_pg.changefeed.state import State
from ablo_pg.changefeed.subscription import Subscription
from ablo_pg.delta import Delta

from .simulated import Simulation, delta

PATIENCE = 5.0  # seconds until a follower that gets nothing more has failed
ORGANIZATIONS = ("acme", "umbrella")
STEPS = [
    "commit",
    "stream",
    "show",
    "begin",
    "end",
    "listen",
    "subscribe",
    "resume",
    "pause",
    "slow",
]
Step = tuple[str, int]
examples = st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 9)), max_size=60)


@dataclass
class Follower:
    """A subscriber and what it got."""

    subscription: Subscription
    start: int
    narrow: bool
    paused: bool = False
    got: list[int] = field(default_factory=list)
    resumed: list[int] = field(default_factory=list)  # cursors after each delta


class World:
    def __init__(self) -> None:
        self.log = Simulation()
        self.hub = Hub(self.log, queue_count=4)
        self.followers: list[Follower] = []
        self.resume = anyio.Event()

    async def run(self, steps: list[Step]) -> None:
        async with anyio.create_task_group() as group:
            for step, number in steps:
                await self.take(step, number, group)
                for _ in range(number % 4):
                    await anyio.lowlevel.checkpoint()
            await self.settle(group)
            group.cancel_scope.cancel()

    async def take(self, step: str, number: int, group: Any) -> None:
        log, hub = self.log, self.hub
        match step:
            case "commit":
                sync_id = len(log.committed) + 1
                organization = ORGANIZATIONS[number % 3 // 2]
                groups = (f"org:{organization}", "list:a") if number % 2 else None
                log.commit(delta(sync_id, organization, groups))
            case "stream" if hub.streaming:
                log.stream(hub, number)
            case "show":
                log.visible = min(len(log.committed), log.visible + number)
            case "begin" if not hub.streaming:
                # What a slot does not bring is visible by the time it streams.
                log.visible = log.streamed = len(log.committed)
                for channel in hub.begin_stream():
                    group.start_soon(join, channel, log)
            case "end" if hub.streaming:
                hub.end_stream()
            case "listen" if not hub.streaming:
                for channel in list(hub.channels.values()):
                    await advance(channel, log)
            case "subscribe":
                await self.subscribe(None, number, group)
            case "resume" if log.committed:
                await self.subscribe(number % (len(log.committed) + 1), number, group)
            case "pause" if self.followers:
                follower = self.followers[number % len(self.followers)]
                follower.paused = not follower.paused
                self.wake()
            case "slow":
                log.yields = number

    async def subscribe(self, cursor: int | None, number: int, group: Any) -> None:
        groups = ["list:a", "nobody:x"] if number % 5 == 4 else ["default"]
        subscription = self.hub.subscribe(ORGANIZATIONS[number % 3 // 2], groups, None, cursor)
        await subscription.begin()
        start = subscription.cursor if cursor is None else cursor
        follower = Follower(subscription, start, number % 5 == 4)
        self.followers.append(follower)
        group.start_soon(self.follow, follower)

    async def follow(self, follower: Follower) -> None:
        async for found in follower.subscription:
            follower.got.append(found.sync_id)
            follower.resumed.append(follower.subscription.cursor)
            while follower.paused:
                await self.resume.wait()

    def wake(self) -> None:
        resume, self.resume = self.resume, anyio.Event()
        resume.set()

    async def settle(self, group: Any) -> None:
        """Let everything become visible, and everybody catch up."""
        if self.hub.streaming:
            self.log.stream(self.hub, len(self.log.committed))
        self.log.visible = len(self.log.committed)
        if not self.hub.streaming:
            await self.take("begin", 0, group)
        for follower in self.followers:
            follower.paused = False
        self.wake()
        with anyio.move_on_after(PATIENCE):
            while not all(self.done(follower) for follower in self.followers):
                await anyio.lowlevel.checkpoint()

    def due(self, follower: Follower) -> list[int]:
        subscription = follower.subscription
        return [
            found.sync_id
            for found in self.log.committed
            if found.organization_id == subscription.organization
            and found.sync_id > follower.start
            and not subscription.groups.isdisjoint(found.groups)
        ]

    def done(self, follower: Follower) -> bool:
        return len(follower.got) >= len(self.due(follower)) and (
            follower.subscription.state is State.LIVE
        )

    def check(self) -> None:
        for follower in self.followers:
            due = self.due(follower)
            assert follower.got == due
            # A cursor covers what was got, and nothing that was still to come.
            following = [*due, 10**9][1:] if due else []
            for got, cursor, after in zip(due, follower.resumed, following, strict=True):
                assert got <= cursor < after
            assert self.log.committed[-1:] == [] or follower.subscription.cursor >= max([0, *due])


def play(steps: list[Step]) -> None:
    world = World()
    anyio.run(world.run, steps)
    world.check()


@settings(max_examples=150, deadline=None)
@given(examples)
def test_any_order_of_events(steps: list[Step]) -> None:
    play(steps)


WAIT: Step = ("listen", 3)  # does nothing while a stream runs but let the others run
# A subscriber joins while a delta has been streamed that no query shows yet.
GAP: list[Step] = [
    *[("begin", 0), ("commit", 0), ("stream", 1), ("resume", 0), WAIT, WAIT, WAIT],
    *[("commit", 0), ("stream", 1), WAIT, ("show", 2)],
]
# A subscriber has read from the log what the stream brings to its organization after that.
AHEAD: list[Step] = [
    *[("begin", 0), ("subscribe", 0), ("commit", 0), ("show", 1), ("resume", 0), WAIT, WAIT, WAIT],
    *[("stream", 1), WAIT, ("commit", 0), ("stream", 1), WAIT],
]
# A stream begins, and what was committed since the last one broke is in the log only.
BROKEN: list[Step] = [
    *[("begin", 0), ("subscribe", 0), ("commit", 0), ("stream", 1), ("show", 1), WAIT, ("end", 0)],
    *[("commit", 0), ("show", 1), ("begin", 3), ("commit", 0), ("stream", 1), WAIT, ("show", 1)],
]


@pytest.mark.parametrize("steps", [GAP, AHEAD, BROKEN])
def test_staged_orders(steps: list[Step]) -> None:
    play(steps)


def mutate_no_target(monkeypatch: pytest.MonkeyPatch) -> None:
    """Join without waiting for what the hub had sent before."""
    monkeypatch.setattr(Hub, "attach", partial_attach)


def partial_attach(hub: Hub, organization: str, receiver: Any, position: int) -> Any:
    channel = ATTACH(hub, organization, receiver, position)
    channel.position = min(channel.position, position)
    return channel


ATTACH = Hub.attach


def mutate_no_dedupe(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take from the queue whatever the log has brought already."""

    def take(subscription: Any) -> Delta | None:
        page, queue = subscription._page, subscription._queue
        source = page or (queue if subscription.state is State.LIVE else ())
        found: Delta | None = source.popleft() if source else None
        if found is not None:
            subscription._cursor = found.sync_id
        return found

    monkeypatch.setattr(Subscription, "_take", take)
    monkeypatch.setattr(Subscription, "_drop_repeats", lambda subscription: None)


def mutate_no_join(monkeypatch: pytest.MonkeyPatch) -> None:
    """Go live with a new stream without reading what lies between it and the last one."""

    async def at_once(channel: Any, log: Any) -> None:
        channel.keep()
        channel.go_live()

    monkeypatch.setitem(World.take.__globals__, "join", at_once)


@pytest.mark.parametrize(
    ("mutate", "steps"),
    [(mutate_no_target, GAP), (mutate_no_dedupe, AHEAD), (mutate_no_join, BROKEN)],
)
def test_mutants_are_caught(
    monkeypatch: pytest.MonkeyPatch, mutate: Callable[[pytest.MonkeyPatch], None], steps: list[Step]
) -> None:
    mutate(monkeypatch)
    monkeypatch.setattr(f"{__name__}.PATIENCE", 0.2)
    with pytest.raises(AssertionError):
        play(steps)


def test_a_page_holds_about_as_many_bytes_whatever_the_rows() -> None:
    size = PageSize()
    small = [delta(n) for n in range(64)]
    for _ in range(4):
        size.learn(small)
    assert size.limit == catchup.PAGE_MOST
    size.learn([delta(1, row=b"x" * 1_000_000)])
    assert size.limit == catchup.PAGE_LEAST
