"""Shares of a stream: so many sockets divide the deltas, and together get all of them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

pytestmark = pytest.mark.anyio


async def shares(world: Any, count: int, **given: Any) -> list[Any]:
    made = [await world.client(partition=f"{n}-{count}", **given) for n in range(count)]
    return [await client.start() for client in made]


async def test_each_delta_comes_to_one_share_and_a_row_to_the_same(world: Any) -> None:
    """Contract, socket: `deliveryPartition=i-n`."""
    clients = await shares(world, 3)
    world.write(1, 40)
    world.sql("update tasks set title = 'again'")
    found: list[dict[str, Any]] = []
    owners: dict[str, set[int]] = {}
    whole = await (await world.client(cursor=0)).start()
    expected = {delta["modelId"]: 2 for delta in await whole.deltas(80)}
    for number, client in enumerate(clients):
        mine = await wait_for_last(client, world)
        found += mine
        for delta in mine:
            owners.setdefault(delta["modelId"], set()).add(number)
        assert [d["id"] for d in mine] == sorted(d["id"] for d in mine)
        assert mine  # 40 rows: nobody is left out
    assert sorted(delta["id"] for delta in found) == world.log()
    assert owners.keys() == expected.keys()
    assert all(len(each) == 1 for each in owners.values())


async def wait_for_last(client: Any, world: Any) -> list[dict[str, Any]]:
    """Take deltas until the client's cursor has reached the end of the log."""
    found: list[dict[str, Any]] = []
    while True:
        await client.send("sync_request", cursor=None, lastSyncId=0)
        answer = await client.take("sync_response")
        assert answer["deltas"] == []
        if int(answer["newCursor"]) == world.log()[-1]:
            break
    for frame in await client.settle():
        if frame["type"] == "delta":
            found += frame["payload"].get("deltas", [frame["payload"]])
    return found


async def test_a_share_resumes_within_itself(world: Any) -> None:
    world.write(1, 40)
    log = world.log()
    found = []
    for number in range(2):
        client = await world.client(cursor=log[9], partition=f"{number}-2")
        answer = await client.sync(str(log[9]))
        assert answer["newCursor"] == str(log[-1])
        found += [delta["id"] for delta in answer["deltas"]]
    assert sorted(found) == log[10:]


@pytest.mark.parametrize("text", ["3-3", "1", "a-b", "0-0", "-1-2", "0-9999", "1-2-3"])
async def test_what_is_no_share(world: Any, text: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await world.client(partition=text)
    problem = json.loads(refused.value.response.body)
    assert (problem["code"], problem["param"]) == ("invalid_request", "deliveryPartition")


async def test_who_asks_for_rows_over_the_socket_is_not_taken_for_broken(world: Any) -> None:
    """Contract, socket: `bootstrap_request` is defined, and nothing answers it."""
    client = await (await world.client()).start()
    for _ in range(30):
        await client.send("bootstrap_request", entities=["tasks"], capabilities=[])
    assert {frame["type"] for frame in await client.settle()} <= {"presence_update"}
    assert (await client.create("t1"))["success"]
