"""Organizations share what there is: one takes its share at most, and nobody waits for a flood."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import anyio
import pytest

from ablo_pg.errors import AbloError
from ablo_pg.relay import service
from ablo_pg.relay import shares as module
from ablo_pg.relay.settings import RelaySettings
from ablo_pg.relay.shares import SharedDatabase, Shares, acting_for

pytestmark = pytest.mark.anyio


class Crowd:
    """Callers of a number of places, each in a task of its own."""

    def __init__(self, shares: Shares) -> None:
        self.shares = shares
        self.served: list[str] = []
        self.leave = anyio.Event()

    async def caller(self, organization: str) -> None:
        acting_for.set(organization)
        async with self.shares.place(5):
            self.served.append(organization)
            await self.leave.wait()

    async def next_ones(self, count: int) -> list[str]:
        """Let those inside go; return who came in for them."""
        before = len(self.served)
        self.leave.set()
        self.leave = anyio.Event()
        with anyio.fail_after(30):
            while len(self.served) < before + count:
                await anyio.lowlevel.checkpoint()
        return self.served[before:]


async def test_one_organization_holds_its_share_and_others_come_in() -> None:
    crowd = Crowd(Shares(total=4, share=2))
    async with anyio.create_task_group() as group:
        for _ in range(10):
            group.start_soon(crowd.caller, "flood")
        await anyio.wait_all_tasks_blocked()
        assert crowd.served == ["flood"] * 2
        group.start_soon(crowd.caller, "other")
        await anyio.wait_all_tasks_blocked()
        assert crowd.served[-1] == "other"
        group.cancel_scope.cancel()
    assert (crowd.shares.waiting, crowd.shares._held) == (0, {})


async def test_what_is_free_goes_to_who_has_least_of_it() -> None:
    crowd = Crowd(Shares(total=4, share=2))
    async with anyio.create_task_group() as group:
        for organization in ("a", "a", "b", "b", *"a" * 20, *"b" * 20, "late", "later"):
            group.start_soon(crowd.caller, organization)
            await anyio.wait_all_tasks_blocked()
        assert crowd.served == ["a", "a", "b", "b"]
        assert sorted(await crowd.next_ones(4)) == ["a", "b", "late", "later"]
        group.cancel_scope.cancel()


async def test_who_waits_too_long_is_told_and_leaves_nothing_behind() -> None:
    shares = Shares(total=1, share=1)
    acting_for.set("a")
    async with shares.place(1):
        with pytest.raises(AbloError) as caught:
            async with shares.place(0.01):
                pass
        assert (caught.value.code, caught.value.details["limit"]) == (
            "connection_limit_exceeded",
            1,
        )
        with anyio.move_on_after(0.01):
            async with shares.place(5):
                pass
        assert shares.waiting == 0
    async with shares.place(0.01):
        pass
    assert shares._held == {}


@pytest.mark.parametrize("first", ["turn", "cancellation"])
async def test_a_place_that_comes_with_a_cancellation_is_given_on(first: str) -> None:
    """The waiter runs after both have come."""
    shares = Shares(total=1, share=1)
    acting_for.set("a")
    scope = anyio.CancelScope()

    async def waits() -> None:
        with scope:
            async with shares.place(5):
                await anyio.sleep_forever()

    async with anyio.create_task_group() as group:
        async with shares.place(1):
            group.start_soon(waits)
            await anyio.wait_all_tasks_blocked()
            if first == "cancellation":
                scope.cancel()
        scope.cancel()
    async with shares.place(0.01):
        pass


async def test_work_of_the_relay_itself_does_not_wait() -> None:
    shares = Shares(total=1, share=1)
    acting_for.set("a")
    async with shares.place(1):
        acting_for.set(None)
        async with shares.place(0.01):
            pass
        acting_for.set("a")


@pytest.mark.parametrize(
    ("asked", "share", "most"),
    [
        ({}, (9, 6), 5),  # of ten connections: six at most, five of them for commits that wait
        ({"organization_share": 4}, (9, 4), 3),
        ({"pool_size": 5, "organization_share": 3}, (4, 3), 2),
        ({"pool_size": 40}, (39, 6), 5),
        ({"organization_share": 9}, (9, 8), 5),
        ({"pool_size": 2, "organization_share": 1}, (1, 1), 1),
    ],
)
def test_commits_that_wait_for_rows_leave_a_place_of_the_share(
    asked: dict[str, Any], share: tuple[int, int], most: int
) -> None:
    settings = RelaySettings(database_url="postgresql://nowhere", **asked)
    database: Any = service.make_service(settings).database
    assert (database.shares.total, database.shares.share) == share
    assert database.most_alone == most


async def by_default() -> None:
    """The test above, of a relay as it comes."""
    test_commits_that_wait_for_rows_leave_a_place_of_the_share({}, (9, 6), 5)


async def of_a_small_share() -> None:
    """The test above, of a share that is less than half of the pool."""
    asked = {"organization_share": 4}
    test_commits_that_wait_for_rows_leave_a_place_of_the_share(asked, (9, 4), 3)


# name -> a text of the module, what stands there instead, and the test above that sees it
MUTANTS: dict[str, tuple[str, str, Callable[[], Awaitable[None]]]] = {
    "one takes all there is": (
        "held < self.share and ",
        "",
        test_one_organization_holds_its_share_and_others_come_in,
    ),
    "more than there is": (
        " and sum(self._held.values()) < self.total",
        "",
        test_what_is_free_goes_to_who_has_least_of_it,
    ),
    "to who has most": ("min(due", "max(due", test_what_is_free_goes_to_who_has_least_of_it),
    "who gives up stays in the queue": (
        "self._leave(organization, turn)",
        "pass",
        test_who_waits_too_long_is_told_and_leaves_nothing_behind,
    ),
    "a turn is lost with its cancellation": (
        "self._give(organization)\n            else",
        "pass\n            else",
        partial(test_a_place_that_comes_with_a_cancellation_is_given_on, "cancellation"),
    ),
    "the relay waits for its users": (
        "if organization is None:",
        "if organization is ...:",
        test_work_of_the_relay_itself_does_not_wait,
    ),
    "commits that wait take half of the pool": (
        "min(super().most_alone, self.shares.share - 1)",
        "super().most_alone",
        of_a_small_share,
    ),
    "commits that wait take the whole share": (
        "min(super().most_alone, self.shares.share - 1)",
        "self.shares.share",
        by_default,
    ),
}


@pytest.mark.parametrize("name", MUTANTS)
async def test_mutants_are_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new, checker = MUTANTS[name]
    source = "".join(map(inspect.getsource, (Shares, SharedDatabase)))
    assert old in source, "it has changed: the mutant no longer applies"
    made: dict[str, Any] = {**vars(module)}
    exec(source.replace(old, new), made)
    monkeypatch.setattr(f"{__name__}.Shares", made["Shares"])
    monkeypatch.setattr(service, "SharedDatabase", made["SharedDatabase"])
    with pytest.raises((AssertionError, AbloError, TimeoutError, ExceptionGroup)):
        await checker()
