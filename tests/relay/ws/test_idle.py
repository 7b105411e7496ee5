"""A socket that has nothing to do costs one task, the one that reads its frames."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

pytestmark = pytest.mark.anyio
OWN = "ablo_pg.relay.ws.session."  # tasks are named after what they run


def tasks() -> list[str]:
    """Return the tasks that sockets have started."""
    return [name for each in asyncio.all_tasks() if (name := each.get_name()).startswith(OWN)]


async def test_an_idle_socket_has_one_task(world: Any, wait_for: Any) -> None:
    first, second = await world.client(), await world.client("user:b")
    for client in (first, second):
        await client.start("default")
    for number in range(2):
        await wait_for(lambda: not tasks())
        await first.send("ping")
        await first.take("pong")
        await wait_for(lambda: not tasks())
        assert (await first.create(f"t{number}"))["success"]
        for client in (first, second):  # live deltas need none
            assert [one["modelId"] for one in await client.deltas(1)] == [f"t{number}"]
        await second.sync()
    await wait_for(lambda: not tasks())


async def test_what_a_socket_catches_up_on_is_counted(world: Any) -> None:
    """The metric stood still until the next live delta."""
    world.write(1, 4)
    client = await world.client()
    assert len((await client.sync(last=world.log()[0]))["deltas"]) == 3
    metrics = (await (await world.http(world.key())).get("/metrics")).text
    assert "ablo_deliveries_total 3.0" in metrics
