"""How a socket begins: the handshake, its frames in their order, where it goes on from."""

from __future__ import annotations

import json
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

pytestmark = pytest.mark.anyio


def protocols(key: str) -> list[Subprotocol]:
    """What a browser offers: its key, and the protocol."""
    return [Subprotocol(f"ablo.bearer.{key}"), Subprotocol("ablo.sync.v1")]


async def test_only_the_protocol_is_selected_never_the_key(world: Any) -> None:
    client = await world.client()
    assert client.socket.subprotocol == "ablo.sync.v1"


async def test_a_client_starts_in_the_order_that_the_sdk_has(world: Any) -> None:
    client = await world.client(every=False)
    await client.send("update_subscription", syncGroups=["default", "org:acme"])
    ack = await client.read()
    assert ack == {
        "type": "subscription_ack",
        "payload": {"success": True, "syncGroups": ["default", "org:acme"]},
    }
    await client.send("presence_update", status="online", timezone="UTC")
    presence = await client.take("presence_update")
    assert presence["kind"] == "enter"
    assert presence["userId"] == "a"
    assert presence["participantKind"] == "system"
    assert presence["activeClaims"] == []
    assert presence["isAgent"] is False
    assert isinstance(presence["timestamp"], int)
    answer = await client.sync()
    assert answer == {"deltas": [], "currentSyncId": 0, "newCursor": "0"}


async def test_a_fresh_client_is_told_the_head_and_gets_what_comes(world: Any) -> None:
    world.write(1, 3)
    client = await (await world.client()).start()
    receipt = await client.create("live")
    [delta] = await client.deltas(1)
    assert delta["id"] == receipt["lastSyncId"]
    assert delta["modelName"] == "tasks"
    assert delta["modelId"] == "live"
    assert delta["actionType"] == "I"
    assert delta["data"]["title"] == "a"
    assert delta["syncGroups"][:2] == ["default", "org:acme"]
    assert delta["createdAt"].endswith("Z")
    assert delta["actor"] == {"kind": "system", "id": "a"}


@pytest.mark.parametrize(
    ("subprotocols", "status", "code"),
    [
        (["ablo.sync.v1"], 401, "api_key_required"),
        (["ablo.bearer.sk_wrong", "ablo.sync.v1"], 401, "apikey_invalid"),
        (["ablo.bearer.sk_wrong"], 426, "protocol_version_unsupported"),
        (["ablo.bearer.a", "ablo.bearer.b", "ablo.sync.v1"], 401, "api_key_required"),
    ],
)
async def test_who_may_not_come_in_is_told_before_the_upgrade(
    world: Any, subprotocols: list[str], status: int, code: str
) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await world.client(subprotocols=subprotocols)
    response = refused.value.response
    assert response.status_code == status
    assert json.loads(response.body)["code"] == code
    if status == 401:
        assert response.headers["x-auth-failure"] == code


async def test_an_unknown_protocol_version_closes_for_good(world: Any) -> None:
    client = await world.client()
    await client.send("sync_request", cursor=None, lastSyncId=0, protocolVersion=2)
    assert await client.closed() == (4010, "protocol_version_unsupported")


async def test_a_client_of_the_older_generation_names_no_version(world: Any) -> None:
    client = await world.client()
    await client.send("sync_request", cursor=None, lastSyncId=0, capabilities=[])
    assert (await client.take("sync_response"))["newCursor"] == "0"


@pytest.mark.parametrize("base", ["", "/api"])
async def test_a_base_url_may_end_in_api(world: Any, base: str) -> None:
    """Contract, addresses: the socket's path is put behind whatever the base URL is."""
    url = world.relay.url.replace("http", "ws") + f"{base}/api/sync/ws?cursor="
    async with connect(url, subprotocols=protocols(world.key())) as socket:
        assert socket.subprotocol == "ablo.sync.v1"


async def test_the_kind_of_a_client_is_its_token_s(world: Any) -> None:
    """Contract, socket: `kind` in the URL says what a program calls itself; the token says who."""
    watcher = await (await world.client("user:w")).start()
    url = world.relay.url.replace("http", "ws") + "/api/sync/ws?cursor=&kind=agent"
    async with connect(url, subprotocols=protocols(world.key())) as socket:
        await socket.send('{"type":"presence_update","payload":{"status":"online","kind":"agent"}}')
        shown = await watcher.take("presence_update", lambda payload: payload["userId"] == "a")
    assert (shown["participantKind"], shown["isAgent"], shown["kind"]) == ("system", False, "enter")


async def test_only_frames_that_clients_know_are_sent(world: Any) -> None:
    """Contract, socket: a client throws at a type it does not know."""
    one = await (await world.client("user:a")).start()
    other = await (await world.client("agent:b")).start()
    await one.create("t1")
    await one.begin_claim("first", "t1")
    await one.take("claim_acquired")
    await other.begin_claim("second", "t1")
    await other.take("claim_queued")
    await other.begin_claim("third", "nowhere", entityType="nothing")
    await one.send("claim_heartbeat", claimId="first", entityType="tasks", entityId="t1")
    await one.send("claim_reorder", entityType="tasks", entityId="t1", order=[])
    await one.send("claim", claimId="participant:1", syncGroups=["tasks:t1"])
    await one.send("release", claimId="participant:1")
    await one.send("nonsense")
    await one.send("claim_abandon", claimId="first", entityType="tasks", entityId="t1")
    await other.take("claim_granted")
    await one.sync()
    seen = {frame["type"] for client in (one, other) for frame in await client.settle()}
    assert seen
    assert seen <= {
        *("delta", "sync_response", "mutation_result", "subscription_ack", "claim_acquired"),
        *("claim_granted", "claim_queued", "claim_rejected", "claim_lost", "claim_expired"),
        *("claim_queue", "claim_heartbeat_ack", "claim_ack", "presence_update", "ping", "pong"),
    }


async def test_a_ping_is_answered(world: Any) -> None:
    client = await world.client()
    await client.socket.send('{"type":"ping"}')
    assert await client.read() == {"type": "pong"}
