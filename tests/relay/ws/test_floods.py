"""Frames that cost the relay work and say nothing: a client that sends many is cut off at once."""

from __future__ import annotations

import json
from typing import Any, Final

import anyio
import pytest

from ablo_pg.relay.ws.protocol import IDLE_FRAMES, QUEUED

pytestmark = pytest.mark.anyio

MASK: Final = (
    b"\0\0\0\0"  # frames of a client are masked (RFC 6455, 5.3); by zeros, nothing changes
)
PING: Final = b"\x89\x80" + MASK
PONG: Final = b"\x8a\x80" + MASK
BEGIN: Final = b"\x01\x81" + MASK + b"{"  # of a message in fragments
FRAGMENT: Final = b"\x00\x80" + MASK
MESSAGE: Final = b"\x81\x82" + MASK + b"{}"


@pytest.mark.parametrize(
    ("first", "frame", "most"),
    [
        (b"", PING, IDLE_FRAMES),
        (b"", PONG, IDLE_FRAMES),
        (BEGIN, FRAGMENT, IDLE_FRAMES),
        (b"", MESSAGE, QUEUED),
    ],
)
async def test_a_flood_ends_its_socket_and_no_other(
    world: Any, first: bytes, frame: bytes, most: int
) -> None:
    other = await (await world.client("user:b")).start()
    client = await (await world.client("user:a")).start()
    client.socket.transport.write(first + frame * (20 * most))
    with anyio.fail_after(30):
        assert (await client.closed())[0] == 1006
    assert (await other.create("t1"))["success"]


async def test_what_ordinary_clients_send_passes(world: Any) -> None:
    """A few pings, and a large message in fragments."""
    client = await (await world.client()).start()
    client.socket.transport.write((PING + PONG) * 20)
    row = {"type": "CREATE", "model": "tasks", "id": "t1", "input": {"title": "x" * 800_000}}
    payload = {"clientTxId": "large", "operations": [row]}
    text = json.dumps({"type": "commit", "payload": payload})
    await client.socket.send(text[at : at + 4096] for at in range(0, len(text), 4096))
    assert (await client.take("mutation_result"))["success"]
