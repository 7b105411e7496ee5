"""A canary's age counts from the moment it was sent, however late it comes through."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from ablo_pg.changefeed.hub import Hub
from ablo_pg.errors import error_for
from ablo_pg.relay import health as module
from ablo_pg.relay.health import ORGANIZATION, Health

from ..changefeed.simulated import Simulation, delta

pytestmark = pytest.mark.anyio


async def until(condition: Callable[[], bool]) -> None:
    while True:
        if condition():
            return
        await anyio.sleep(0.001)


class Path:
    """From a sender that a test lets send, to a hub that a test lets receive."""

    def __init__(self) -> None:
        self.log = Simulation()
        self.hub = Hub(self.log)
        self.hub.begin_stream()
        self.now = 100.0
        self.sends = anyio.Event()
        database: Any = self
        self.health = Health(database, self.hub, every=0.001, limit=10.0, clock=lambda: self.now)

    async def run(self, routine: object, name: str) -> int:
        await self.sends.wait()
        sync_id = len(self.log.committed) + 1
        self.log.commit(delta(sync_id, ORGANIZATION)._replace(row_id=name))
        return sync_id

    async def read(self, routine: object) -> bytes:
        raise error_for("database_unreachable", "not asked here")

    async def until_sent(self, count: int) -> None:
        """Send until there are so many, and no more."""
        self.sends.set()
        await until(lambda: len(self.log.committed) >= count)
        self.sends = anyio.Event()

    async def until_seen(self) -> None:
        """Bring everything that was sent."""
        seen = self.health.age
        self.log.stream(self.hub, len(self.log.committed))
        await until(lambda: self.health.age != seen)


@pytest.mark.parametrize("late", [1, 20])
async def test_a_late_canary_is_as_old_as_it_is(late: int) -> None:
    """Also when many more were sent meanwhile than the age limit has room for."""
    path = Path()
    with anyio.fail_after(30):
        async with anyio.create_task_group() as group:
            group.start_soon(path.health.run)
            await until(lambda: ORGANIZATION in path.hub.channels)
            await path.until_sent(late)
            path.now += 30
            await path.until_seen()
            assert path.health.age == 30
            assert any("sent 30.0 s ago" in reason for reason in path.health.reasons())
            path.now += 1
            await path.until_sent(len(path.log.committed) + 2)  # the first may have begun before
            await path.until_seen()
            assert path.health.age == 0
            group.cancel_scope.cancel()


async def test_canaries_on_their_way_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that comes after it was forgotten says nothing; others' are not ours."""
    monkeypatch.setattr(module, "KEPT", 3)
    path = Path()
    with anyio.fail_after(30):
        async with anyio.create_task_group() as group:
            group.start_soon(path.health.run)
            await until(lambda: ORGANIZATION in path.hub.channels)
            await path.until_sent(10)
            path.log.committed.insert(0, delta(0, ORGANIZATION)._replace(row_id="relay-other/1"))
            path.log.stream(path.hub, 3)
            await anyio.lowlevel.checkpoint()
            assert path.health.age is None
            await path.until_seen()
            assert path.health.age == 0
            group.cancel_scope.cancel()
