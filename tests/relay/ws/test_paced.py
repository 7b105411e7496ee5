"""What one socket makes a relay keep and do is bounded: names, scopes, claims, signs of life."""

from __future__ import annotations

import json
import time
from typing import Any

import anyio
import psycopg
import pytest

from ablo_pg.db import calls
from ablo_pg.db.keys import revoke_key
from ablo_pg.relay.ws import claim_frames, follow_frames
from ablo_pg.wire.kernel_calls import PRESENCE_BEAT

pytestmark = pytest.mark.anyio

LONG = "x" * 900_000


async def test_a_scope_has_a_name_of_bounded_length(world: Any) -> None:
    client = await world.client()
    await client.send("claim", claimId=LONG, syncGroups=["tasks:t1"])
    refused = await client.take("claim_ack")
    assert (refused["success"], refused["error"]["code"]) == (False, "invalid_body")
    assert "255" in refused["error"]["message"]
    await client.send("claim", claimId="x" * 255, syncGroups=["y" * 513])
    assert (await client.take("claim_ack"))["success"] is False
    [session] = world.relay.service.live.sessions
    assert session.scopes == {}


async def test_a_socket_joins_a_bounded_number_of_scopes(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow_frames, "SOCKET_SCOPES", 3)
    client = await world.client()
    for name in ("a", "b", "c", "a"):
        await client.send("claim", claimId=name, syncGroups=["tasks:t1"])
        assert (await client.take("claim_ack"))["success"] is True
    await client.send("claim", claimId="d", syncGroups=["tasks:t1"])
    assert (await client.take("claim_ack"))["error"]["code"] == "quota_exceeded"
    await client.send("release", claimId="a")
    await client.send("claim", claimId="d", syncGroups=["tasks:t1"])
    assert (await client.take("claim_ack"))["success"] is True


async def test_a_socket_knows_a_bounded_number_of_claims(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names for one and the same claim count as well: the relay keeps each."""
    monkeypatch.setattr(claim_frames, "SOCKET_CLAIMS", 3)
    client = await (await world.client()).start()
    await client.create("t1")
    for name in ("a", "b", "c"):
        await client.begin_claim(name, "t1")
        await client.take("claim_acquired")
    await client.begin_claim("d", "t1")
    assert (await client.take("claim_rejected"))["code"] == "quota_exceeded"
    await client.send("claim_abandon", claimId="a")
    await client.begin_claim("d", "t1")
    await client.take("claim_acquired")


@pytest.mark.parametrize("kind", ["ping", "ack", "no such frame"])
async def test_cheap_frames_are_paced_too(world: Any, kind: str) -> None:
    relay = await world.start(requests_per_second=50.0, request_burst=20)
    client = await world.client(relay=relay)
    other = await (await world.client("user:other", relay=relay)).start()
    taken = relay.service.live.sessions
    [session] = [each for each in taken if each.participant == "system:a"]
    frames, sent = 0, json.dumps({"type": kind, "payload": {}})
    count = 21 if kind == "no such frame" else 70  # of those a client may send few
    began = time.monotonic()
    for _ in range(count):
        await client.socket.send(sent)
        frames += 1
    if kind == "no such frame":
        assert (await client.closed())[0] == 1007
    elif kind == "ping":
        for _ in range(count):
            await client.take("pong")
    else:
        await client.settle()
    # All but the burst at the rate; a mutant that does not count them answers at once.
    assert time.monotonic() - began >= (count - 20) / 50 * 0.8
    assert frames == count
    assert session.heard
    assert (await other.create("t1"))["success"]


async def test_signs_of_life_are_written_down_once_a_second(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[float] = []
    real = calls.ask

    async def counted(conn: Any, call: Any, *arguments: Any) -> bytes:
        if call is PRESENCE_BEAT:
            written.append(time.monotonic())
        return await real(conn, call, *arguments)

    monkeypatch.setattr(calls, "ask", counted)
    client = await (await world.client()).start()
    began, since = len(written), time.monotonic()
    for _ in range(40):
        await client.settle()
    assert len(written) - began <= 2 + (time.monotonic() - since) / follow_frames.BEAT_SECONDS
    before = len(written)
    for number in range(6):
        await client.send("presence_update", status=f"s{number}")
    await client.sync()
    times = written[before:]
    assert len(times) == 6
    assert times[-1] - times[0] >= 5 * follow_frames.PRESENT_SECONDS * 0.9


async def test_the_claims_of_a_revoked_key_go_to_the_next(world: Any) -> None:
    key = world.key("user:a")
    holder = await (await world.client(key=key)).start()
    waiter = await (await world.client("agent:b")).start()
    await holder.create("t1")
    await holder.begin_claim("c1", "t1", estimatedMs=600_000)
    await holder.take("claim_acquired")
    await waiter.begin_claim("c2", "t1")
    await waiter.take("claim_queued")
    [(key_id,)] = world.sql("select id from ablo.api_key where participant = 'user:a'")
    with psycopg.connect(world.db.admin_url, autocommit=True) as conn:
        revoke_key(conn, "acme", key_id)
    with anyio.fail_after(5):
        assert (await waiter.take("claim_granted"))["claimId"] == "c2"
    assert await holder.closed(5) == (4001, "apikey_revoked")
