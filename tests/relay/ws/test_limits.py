"""What one client may do, and what ends it; nobody else notices."""

from __future__ import annotations

from typing import Any

import anyio
import psycopg
import pytest
from starlette.websockets import WebSocket, WebSocketDisconnect
from websockets.exceptions import InvalidStatus, WebSocketException

from ablo_pg.db.keys import revoke_key

pytestmark = pytest.mark.anyio


@pytest.fixture
def world(own_organization: Any) -> Any:
    return own_organization


async def test_two_hundred_groups_a_socket(world: Any) -> None:
    client = await world.client()
    await client.send("update_subscription", syncGroups=[f"tasks:{n}" for n in range(200)])
    assert (await client.take("subscription_ack"))["success"] is True
    await client.send("update_subscription", syncGroups=[f"tasks:{n}" for n in range(201)])
    refused = await client.take("subscription_ack")
    assert refused["success"] is False
    assert refused["error"]["code"] == "malformed_subscription"
    assert len(refused["syncGroups"]) == 200


async def test_fewer_groups_and_smaller_frames_where_a_relay_says_so(world: Any) -> None:
    relay = await world.start(subscriptions=2, frame_bytes=1000)
    client = await (await world.client(relay=relay)).start()
    await client.send("update_subscription", syncGroups=["default", "a:1", "a:2"])
    assert (await client.take("subscription_ack"))["error"]["code"] == "malformed_subscription"
    create = {"type": "CREATE", "model": "tasks", "id": "t1", "input": {"title": "x" * 1000}}
    refused = await client.commit(create, tx="large")
    assert (refused["success"], refused["error"]["code"]) == (False, "request_too_large")
    assert (await client.create("t1"))["success"]


@pytest.mark.parametrize("groups", ["x", None, [1], [""], ["tasks:\ud83d"]])
async def test_groups_that_are_none_are_refused(world: Any, groups: Any) -> None:
    client = await world.client()
    await client.send("update_subscription", syncGroups=groups)
    refused = await client.take("subscription_ack")
    assert refused["error"]["code"] == "malformed_subscription"


async def test_so_many_sockets_a_credential(world: Any, wait_for: Any) -> None:
    relay = await world.start(sockets_per_session=2)
    key = world.key()
    first = await world.client(key=key, relay=relay)
    await world.client(key=key, relay=relay)
    with pytest.raises(InvalidStatus) as refused:
        await world.client(key=key, relay=relay)
    assert refused.value.response.status_code == 429
    await world.client("user:other", relay=relay)
    await first.socket.close()
    await wait_for(lambda: len(relay.service.live.sessions) == 2)
    await world.client(key=key, relay=relay)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no json",
        "[1]",
        '{"type":7}',
        '{"type":"commit","type":"commit"}',
        '{"payload":{}}',
        '{"type":"no such frame"}',
        '{"type":"ack","payload":' + "[" * 100 + "]" * 100 + "}",
        '{"type":"claim_abandon","payload":{"claimId":7}}',
        '{"type":"claim_reorder","payload":{}}',
        '{"type":"sync_request","payload":{"cursor":"x"}}',
        '{"type":"commit","payload":{"clientTxId":"\\ud800"}}',
        '{"type":"commit","payload":{"clientTxId":7,"operations":"\\ud800"}}',
        '{"type":"commit","payload":["\\ud800"]}',
        '{"type":["\\ud800"],"payload":{}}',
        pytest.param('{"type":"commit","payload":{"clientTxId":"x","a":' + "[" * 2_000_000, id="["),
        pytest.param(
            '{"type":"commit","payload":{"clientTxId":"' + "x" * 2_000_000 + '"}}', id="x"
        ),
        '{"type":"presence_update","payload":{"activity":{"n":1' + "0" * 30 + "}}}",
    ],
)
async def test_a_frame_that_is_none_is_passed_over(world: Any, text: str) -> None:
    client = await (await world.client()).start()
    await client.socket.send(text)
    assert (await client.create("t1"))["success"]


async def test_nothing_but_such_frames_ends_the_socket(world: Any) -> None:
    client = await world.client()
    for _ in range(30):
        await client.socket.send("no json")
    assert (await client.closed())[0] == 1007


async def test_frames_are_text(world: Any) -> None:
    client = await world.client()
    await client.socket.send(b"{}")
    assert (await client.closed())[0] == 1003


async def test_a_revoked_key_ends_its_sockets_within_five_seconds(world: Any) -> None:
    key, other = world.key("user:a"), world.key("user:b")
    client = await (await world.client(key=key)).start()
    stays = await (await world.client(key=other)).start()
    query = "select id from ablo.api_key where organization_id = %s and participant = 'user:a'"
    [(key_id,)] = world.sql(query, world.organization)
    with psycopg.connect(world.db.admin_url, autocommit=True) as conn:
        revoke_key(conn, world.organization, key_id)
    assert await client.closed(5) == (4001, "apikey_revoked")
    assert (await stays.create("t1"))["success"]


async def test_a_key_that_expires_tells_its_client_to_mint_anew(world: Any) -> None:
    key = world.key("user:a")
    query = "update ablo.api_key set expires_at = clock_timestamp() + interval '1 second'"
    world.sql(f"{query} where organization_id = %s", world.organization)
    client = await (await world.client(key=key)).start()
    assert await client.closed(8) == (4001, "apikey_expired")


async def test_a_socket_that_does_not_read_is_cut_and_nobody_waits(
    world: Any, wait_for: Any
) -> None:
    relay = await world.start(stuck_seconds=1.0)
    reads = await (await world.client("user:a", relay=relay)).start()
    stuck = await (await world.client("user:b", relay=relay, max_queue=1)).start()
    stuck.socket.transport.pause_reading()
    size = 100_000
    world.sql(
        "insert into tasks (id, organization_id, title, status)"
        " select 'big' || n, %s, repeat('x', %s::int), 'todo' from generate_series(1, 300) n",
        *(world.organization, size),
    )
    found = await reads.deltas(300)
    assert [delta["id"] for delta in found] == world.log()
    live = relay.service.live
    await wait_for(lambda: len(live.sessions) == 1)
    assert (await reads.create("after"))["success"]
    again = await world.client("user:b", cursor=found[0]["id"])
    answer = await again.sync(str(found[0]["id"]))
    rest = answer["deltas"]
    rest += await again.deltas(300 - len(rest))
    assert [delta["id"] for delta in rest] == world.log()[1:]


async def test_a_stopping_relay_sends_its_clients_elsewhere(alone: Any) -> None:
    world = alone
    client = await (await world.client()).start()
    world.relay.service.stop()
    assert (await client.closed())[0] == 1012


async def test_a_database_that_is_away_for_a_moment_costs_nothing(alone: Any) -> None:
    world = alone
    client = await (await world.client()).start()
    await client.create("t1")
    await client.deltas(1)
    world.sql(
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where datname = current_database() and pid <> pg_backend_pid()"
    )
    assert (await client.create("t2"))["success"]
    assert [delta["modelId"] for delta in await client.deltas(1)] == ["t2"]


async def test_a_frame_waits_no_longer_than_its_own_lane(world: Any) -> None:
    client = await (await world.client()).start()
    await client.create("t1")
    with psycopg.connect(world.db.admin_url) as holder:
        holder.execute("select from tasks where id = 't1' for update")
        update = {"type": "UPDATE", "model": "tasks", "id": "t1", "input": {"title": "b"}}
        await client.send("commit", operations=[update], clientTxId="waits")
        with anyio.fail_after(30):
            await client.sync()
            await client.send("update_subscription", syncGroups=["default"])
            await client.take("subscription_ack")
        assert not [each for each in client.frames if each["type"] == "mutation_result"]
    assert (await client.take("mutation_result", lambda p: p["clientTxId"] == "waits"))["success"]


async def test_a_key_beyond_its_rate_is_read_more_slowly_and_loses_nothing(world: Any) -> None:
    relay = await world.start(requests_per_second=100.0, request_burst=5)
    client = await (await world.client(relay=relay)).start()
    for step in range(30):
        operation = {"type": "CREATE", "model": "tasks", "id": f"r{step}", "input": {"title": "a"}}
        await client.send("commit", operations=[operation], clientTxId=f"c{step}")
    found = [(await client.take("mutation_result"))["success"] for _ in range(30)]
    assert found == [True] * 30


async def test_streams_count_as_sockets(world: Any) -> None:
    relay = await world.start(sockets_per_session=1)
    key = world.key()
    await world.client(key=key, relay=relay)
    http = await world.http(key, relay)
    answer = await http.get("/api/v1/stream")
    assert answer.status_code == 429
    assert answer.json()["code"] == "connection_limit_exceeded"


async def test_sockets_of_one_organization_leave_room_for_others(world: Any, wait_for: Any) -> None:
    relay = await world.start(connections=6)
    first = await world.client("user:a", relay=relay)
    for name in ("user:b", "user:c"):
        await world.client(name, relay=relay)
    with pytest.raises(InvalidStatus) as refused:
        await world.client("user:d", relay=relay)
    assert refused.value.response.status_code == 429
    await world.client(key=world.key("user:a", "other"), relay=relay)
    await first.socket.close()
    await wait_for(lambda: len(relay.service.live.sessions) == 3)
    await world.client("user:d", relay=relay)


async def test_a_socket_that_ends_before_it_is_served_keeps_nothing(
    world: Any, wait_for: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its deltas were fixed already: nobody would ever take them from the hub."""

    async def gone(websocket: WebSocket, **_: Any) -> None:
        assert world.organization in world.relay.service.hub.channels
        raise WebSocketDisconnect(1006)

    monkeypatch.setattr(WebSocket, "accept", gone)
    with pytest.raises(WebSocketException):
        await world.client()
    await wait_for(lambda: world.organization not in world.relay.service.hub.channels)
