"""Where a socket goes on from: everything after what the client has, in order, nothing twice."""

from __future__ import annotations

import json
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

pytestmark = pytest.mark.anyio


@pytest.fixture
def world(own_organization: Any) -> Any:
    return own_organization


def ids(deltas: list[dict[str, Any]]) -> list[int]:
    return [delta["id"] for delta in deltas]


@pytest.mark.parametrize(
    ("cursor", "last"), [("2", 0), (None, 2), ("1", 2), ("2", 1), (2, 0), ("2", None)]
)
async def test_the_higher_of_cursor_and_position_counts(
    world: Any, cursor: Any, last: int | None
) -> None:
    world.write(1, 4)
    log = world.log()
    shift = log[0] - 1
    client = await world.client()
    given = {
        "cursor": type(cursor)(int(cursor) + shift) if cursor else cursor,
        "lastSyncId": last and last + shift,
    }
    await client.send("sync_request", **given)
    answer = await client.take("sync_response")
    assert ids(answer["deltas"]) == log[2:]
    assert answer["newCursor"] == str(log[-1])
    assert answer["currentSyncId"] == log[-1]


async def test_who_has_nothing_gets_the_head_and_no_history(world: Any) -> None:
    world.write(1, 3)
    head = world.log()[-1]
    nothing = {"deltas": [], "currentSyncId": head, "newCursor": str(head)}
    assert await (await world.client(every=False)).sync() == nothing
    assert await (await world.client()).sync() == nothing | {"whole": True}


async def test_what_comes_before_the_first_request_is_kept_for_it(world: Any) -> None:
    client = await world.client()
    world.write(1, 2)
    answer = await client.sync()
    found = ids(answer["deltas"])
    if len(found) < 2:
        found += ids(await client.deltas(2 - len(found)))
    assert found == world.log()


async def test_the_url_s_cursor_is_where_a_client_resumes_that_asks_later(world: Any) -> None:
    world.write(1, 3)
    log = world.log()
    client = await world.client(cursor=log[0])
    assert ids(await client.deltas(2)) == log[1:]
    answer = await client.sync(str(log[-1]), log[-1])
    assert answer["deltas"] == []
    assert answer["newCursor"] == str(log[-1])


async def test_a_request_that_knows_more_than_the_url_is_believed(world: Any) -> None:
    world.write(1, 3)
    log = world.log()
    client = await world.client(cursor=log[0])
    answer = await client.sync(str(log[0]), log[1])
    assert ids(answer["deltas"]) == log[2:]


async def test_the_cursor_moves_with_what_is_not_for_the_client(world: Any) -> None:
    """Otherwise every request would bring the same history again."""
    world.write(1, 3)
    client = await world.client(groups=("tasks:none",))
    answer = await client.sync(None, world.log()[0])
    assert answer["deltas"] == []
    assert answer["newCursor"] == str(world.log()[-1])


async def test_an_earlier_position_is_answered_with_what_followed_it(world: Any) -> None:
    client = await (await world.client()).start()
    world.write(1, 4)
    log = world.log()
    assert ids(await client.deltas(4)) == log
    answer = await client.sync(None, log[1])
    assert ids(answer["deltas"]) == log[2:]
    world.write(5, 5)
    assert ids(await client.deltas(1)) == world.log()[4:]


async def test_live_ids_only_rise(world: Any) -> None:
    client = await (await world.client()).start()
    for start in range(1, 100, 10):
        world.write(start, start + 9)
    found = ids(await client.deltas(100))
    assert found == world.log()


async def test_one_wake_up_is_one_frame(world: Any) -> None:
    client = await (await world.client()).start()
    world.write(1, 50)
    payload = await client.take("delta")
    assert len(payload["deltas"]) > 1


async def test_a_client_ahead_of_the_log_is_told_to_go_back(world: Any) -> None:
    world.write(1, 2)
    log = world.log()
    client = await world.client(cursor=log[-1] + 1_000_000)
    answer = await client.sync(str(log[-1] + 1_000_000))
    assert answer["deltas"] == []
    assert answer["currentSyncId"] == log[-1]
    assert answer["newCursor"] == str(log[-1])
    world.write(3, 3)
    assert ids(await client.deltas(1)) == world.log()[2:]


async def test_a_cursor_that_the_log_no_longer_reaches_means_rows_anew(alone: Any) -> None:
    world = alone
    world.write(1, 3)
    log = world.log()
    world.sql("update ablo.log_state set dropped_through = %s", log[1])
    client = await world.client(cursor=log[0])
    answer = await client.sync(str(log[0]))
    assert answer["requiresBootstrap"] is True
    assert answer["error"]["code"] == "snapshot_required"
    assert answer["newCursor"] == str(log[-1])


async def test_what_is_no_cursor_is_refused(world: Any) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await world.client(cursor="abc")
    assert refused.value.response.status_code == 400
    assert json.loads(refused.value.response.body)["code"] == "cursor_invalid"


@pytest.mark.parametrize("elsewhere", [False, True])
async def test_rows_read_before_the_socket_opened_miss_nothing(world: Any, elsewhere: bool) -> None:
    """Contract, bootstrap: it and the socket start side by side, on any relay; what comes in
    between is sent."""
    key = world.key()
    http = await world.http(key)
    world.write(1, 2)
    answer = (await http.get("/api/sync/bootstrap?models=tasks")).json()
    world.write(3, 4)
    relay = await world.start() if elsewhere else None
    client = await world.client(key=key, relay=relay)
    assert (await client.sync())["deltas"] == []
    assert ids(await client.deltas(2)) == [n for n in world.log() if n > answer["lastSyncId"]]
    other = await world.client(relay=relay)  # with another key, which read nothing
    assert (await other.sync())["newCursor"] == str(world.log()[-1])
    world.write(5, 5)
    assert ids(await other.deltas(1)) == world.log()[-1:]


async def test_of_several_pages_the_earliest_counts_and_none_for_long(world: Any) -> None:
    """Contract, bootstrap: models are read one by one; the least of their positions is where the
    copy stands."""
    key = world.key()
    http = await world.http(key)
    world.write(1, 1)
    for number in (2, 3):
        assert (await http.get("/api/sync/bootstrap?models=tasks")).status_code == 200
        world.write(number, number)
    client = await world.client(key=key)
    await client.sync()
    assert ids(await client.deltas(2)) == world.log()[1:]
    earlier = "update ablo.bootstrap set read_at = read_at - interval '1 minute'"
    world.sql(f"{earlier} where organization_id = %s", world.organization)
    late = await world.client(key=key)
    assert (await late.sync())["newCursor"] == str(world.log()[-1])
    world.write(4, 4)
    assert ids(await late.deltas(1)) == world.log()[-1:]


async def test_acks_are_taken(world: Any) -> None:
    client = await (await world.client()).start()
    await client.send("ack", lastSyncId=7)
    assert {frame["type"] for frame in await client.settle()} <= {"presence_update"}
