"""How a socket begins: the handshake, its frames in their order, where it goes on from."""

from __future__ import annotations

import json
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

pytestmark = pytest.mark.anyio


async def test_only_the_protocol_is_selected_never_the_key(world: Any) -> None:
    client = await world.client()
    assert client.socket.subprotocol == "ablo.sync.v1"


async def test_a_client_starts_in_the_order_that_the_sdk_has(world: Any) -> None:
    client = await world.client()
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


async def test_a_ping_is_answered(world: Any) -> None:
    client = await world.client()
    await client.socket.send('{"type":"ping"}')
    assert await client.read() == {"type": "pong"}
