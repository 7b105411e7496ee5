"""Pages that several subscribers share: one read for all, nothing lost, and a turn for each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from ablo_pg.changefeed import pages
from ablo_pg.changefeed.catchup import PAGE_MOST
from ablo_pg.changefeed.hub import Hub
from ablo_pg.changefeed.pages import Pages
from ablo_pg.changefeed.view import View
from ablo_pg.delta import Delta
from ablo_pg.errors import AbloError, error_for

from .simulated import Simulation, delta

pytestmark = pytest.mark.anyio
PATIENCE = 5.0  # seconds until a subscriber that gets nothing has failed


class Gated(Simulation):
    """A log whose answers are held back after the query has looked."""

    def __init__(self, count: int = 0) -> None:
        super().__init__()
        for number in range(1, count + 1):
            self.commit(delta(number))
        self.visible = count
        self.looked = 0
        self.gate = anyio.Event()
        self.head_gate = anyio.Event()
        self.failure: AbloError | None = None

    async def read(
        self, organization: str, after: int, limit: int, through: int | None = None
    ) -> list[Delta]:
        page = await super().read(organization, after, limit, through)
        self.looked += 1
        await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        return page

    async def head(self, organization: str) -> int:
        found = await super().head(organization)
        await self.head_gate.wait()
        return found


async def settle() -> None:
    """Let every task go as far as it gets."""
    for _ in range(20):
        await anyio.lowlevel.checkpoint()


async def test_who_catches_up_together_reads_once() -> None:
    log = Simulation()
    for number in range(1, 3001):
        log.commit(delta(number, groups=("org:acme", f"list:{number % 2}")))
    log.visible = log.streamed = 3000
    hub = Hub(log)
    hub.begin_stream()
    got: dict[int, list[int]] = {}

    async def follow(number: int, group: Any) -> None:
        # Each has rights of its own, and its own position.
        view = View(frozenset((f"list:{number % 2}",)))
        async with hub.follow("acme", (view,), number) as changes:
            got[number] = [(await anext(changes)).sync_id for _ in range(1500 - (number + 1) // 2)]

    async with anyio.create_task_group() as group:
        for number in range(40):
            group.start_soon(follow, number, group)
    for number, ids in got.items():
        assert ids == [n for n in range(number + 1, 3001) if n % 2 == number % 2]
    pages_needed = 3000 // PAGE_MOST + 3  # the first are smaller
    assert log.reads <= 2 * pages_needed
    assert (hub.pages._flights, len(hub.pages._turns)) == ({}, 0)


async def lose_what_a_stale_page_does_not_show() -> int:
    """A subscriber joins a query that looked before a commit, which no stream will bring."""
    log = Gated()
    hub = Hub(log)
    early, late = hub.subscribe("acme", cursor=0), hub.subscribe("acme")
    async with anyio.create_task_group() as group:
        group.start_soon(early.begin)
        group.start_soon(late.begin)
        await settle()
        assert log.looked == 1
        log.commit(delta(1))
        log.visible = log.streamed = 1
        hub.begin_stream()
        log.head_gate.set()
        await settle()
        log.gate.set()
    with anyio.fail_after(PATIENCE):
        return (await anext(late)).sync_id


async def test_a_page_of_an_earlier_query_is_not_everything() -> None:
    assert await lose_what_a_stale_page_does_not_show() == 1


async def test_the_mutant_that_takes_it_for_everything_is_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    part = pages._Flight.part
    monkeypatch.setattr(pages._Flight, "part", lambda self, after, asked: part(self, after, -1))
    monkeypatch.setattr(f"{__name__}.PATIENCE", 0.2)
    with pytest.raises(TimeoutError):
        await lose_what_a_stale_page_does_not_show()


async def ask(
    shared: Pages, positions: list[int], before: Callable[[], Awaitable[None]], limit: int = 4
) -> list[tuple[list[int], bool]]:
    """Ask at these positions while an earlier query is held back; do this before it goes on."""
    found: dict[int, tuple[list[int], bool]] = {}

    async def one(number: int, after: int) -> None:
        page, whole = await shared.read("acme", after, limit)
        found[number] = [each.sync_id for each in page], whole

    async with anyio.create_task_group() as group:
        for number, after in enumerate(positions):
            group.start_soon(one, number, after)
            await anyio.lowlevel.checkpoint()
        await settle()
        await before()
    return [found[number] for number in range(len(positions))]


async def test_others_take_what_follows_their_own_position() -> None:
    log = Gated(9)

    async def go_on() -> None:
        assert log.looked == 2  # at 0 and at 4: 2 and 3 are within the first
        log.gate.set()

    found = await ask(Pages(log), [0, 2, 3, 4], go_on)
    assert found == [([1, 2, 3, 4], False), ([3, 4], False), ([4], False), ([5, 6, 7, 8], False)]


async def test_one_more_query_tells_all_that_there_is_no_more() -> None:
    log = Gated(2)

    async def go_on() -> None:
        assert log.looked == 1
        log.gate.set()

    # Those that asked after the query began learn that from a second one, which they share.
    assert await ask(Pages(log), [2, 2, 2, 2], go_on) == [([], True)] * 4
    assert log.looked == 2


async def test_a_failure_reaches_those_that_asked_before_the_query() -> None:
    log = Gated(2)
    log.failure = error_for("snapshot_required", "dropped")
    shared = Pages(log)
    failed: list[str] = []

    async def one() -> None:
        with pytest.raises(AbloError) as caught:
            await shared.read("acme", 0, 4)
        failed.append(caught.value.code)

    async with anyio.create_task_group() as group:
        for _ in range(4):
            group.start_soon(one)
        await settle()
        log.gate.set()
    assert failed == ["snapshot_required"] * 4
    assert log.looked == 2
    assert shared._flights == {}


async def test_others_go_on_when_the_one_that_reads_is_cancelled() -> None:
    log = Gated(2)
    shared = Pages(log)
    found: list[int] = []

    async def read() -> None:
        page, _ = await shared.read("acme", 0, 4)
        found.append(len(page))

    async with anyio.create_task_group() as group:
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as first:
                first.start_soon(read)
                await settle()
                for _ in range(3):
                    group.start_soon(read)
                await settle()
                scope.cancel()
        log.gate.set()
    assert (found, log.looked) == ([2, 2, 2], 2)
    assert (shared._flights, len(shared._turns)) == ({}, 0)


async def continued_in() -> list[int]:
    """Return in which turn of the event loop each of those that share a page continues."""
    log = Gated(9)
    shared = Pages(log)
    turn = 0
    turns: list[int] = []

    async def one() -> None:
        await shared.read("acme", 0, 4)
        turns.append(turn)

    async with anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(one)
        await settle()
        log.gate.set()
        while len(turns) < 20:
            turn += 1
            await anyio.lowlevel.checkpoint()
    return turns


async def test_each_that_shares_a_page_has_a_turn_of_its_own() -> None:
    turns = await continued_in()
    assert len(set(turns)) == 20


async def test_the_mutant_that_wakes_them_together_is_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def together(self: Pages, turn: anyio.Event) -> None:
        self._turns.append(turn)
        turn.set()

    monkeypatch.setattr(Pages, "_queue", together)
    turns = await continued_in()
    assert len(set(turns)) < 20
