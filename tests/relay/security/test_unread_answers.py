"""Peers that send ahead, or do not read what they asked for: what they can make the relay keep."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import anyio
import psycopg
import pytest

from ablo_pg.relay.http.protocol import HEAD_BYTES, PIPELINED
from ablo_pg.relay.unread import LARGE, Unread

from ..http.world import wait_until
from .test_slow_loris import address

pytestmark = pytest.mark.anyio
LIVE = b"GET /live HTTP/1.1\r\nhost: x\r\n\r\n"
POST = b"POST /api/v1/commits HTTP/1.1\r\nhost: x\r\nauthorization: Bearer %b\r\n"


async def closed(relay: Any, first: bytes, part: bytes, parts: int) -> bool:
    """Send, and go on sending; return whether the relay closes the connection."""
    async with await anyio.connect_tcp(*address(relay)) as stream:
        await stream.send(first)
        with anyio.fail_after(30), suppress(anyio.BrokenResourceError, anyio.EndOfStream):
            for _ in range(parts):
                await stream.send(part)
            while True:
                await stream.receive()
        return True


async def answered(relay: Any, requests: int) -> int:
    """Send so many requests at once; return how many are answered."""
    seen = b""
    async with await anyio.connect_tcp(*address(relay)) as stream:
        await stream.send(LIVE * requests)
        with anyio.fail_after(30), suppress(anyio.BrokenResourceError, anyio.EndOfStream):
            while seen.count(b"HTTP/1.1 200") < requests:
                seen += await stream.receive()
    return seen.count(b"HTTP/1.1 200")


async def test_requests_ahead_of_their_answers_are_few(world: Any) -> None:
    relay = await world.start()
    assert await answered(relay, PIPELINED) == PIPELINED
    assert await answered(relay, 50 * PIPELINED) < 50 * PIPELINED


@pytest.mark.parametrize("line", [b"x-a: %b\r\n", b"%b"])
async def test_trailers_without_end_are_cut_off(world: Any, line: bytes) -> None:
    relay = await world.start(body_seconds=60)
    head = POST % world.key().encode() + b"transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n"
    first = b"" if b":" in line else b"x: "
    assert await closed(relay, head + first, line % (b"a" * 1000), 8 * HEAD_BYTES // 1000)


async def test_the_framing_of_chunks_is_bounded(world: Any) -> None:
    relay = await world.start(body_seconds=60)
    head = POST % world.key().encode() + b"transfer-encoding: chunked\r\n\r\n1;"
    assert await closed(relay, head, b"a" * 1000, 8 * HEAD_BYTES // 1000)


async def test_a_body_in_many_chunks_is_read(world: Any) -> None:
    relay = await world.start()
    api = await world.with_key(world.key(), relay)

    async def parts() -> Any:
        yield b"{"
        for _ in range(2000):
            yield b" " * 100
        yield b"}"

    answer = await api.client.post(
        "/api/v1/commits", content=parts(), headers={"authorization": f"Bearer {api.key}"}
    )
    assert answer.json()["code"] == "commit_operation_required"


def fill(world: Any) -> None:
    """Write rows of some megabytes."""
    with psycopg.connect(world.db.admin_url) as conn:
        conn.execute(
            "insert into tasks (id, organization_id, title, status)"
            " select 'r' || g, 'acme', repeat('x', 500000), 'todo' from generate_series(1, 12) g"
        )


async def test_answers_that_are_not_read_are_cut_off_and_few(world: Any) -> None:
    relay = await world.start(stuck_seconds=1, unread_bytes=8 << 20)
    fill(world)
    path, key = b"/api/sync/bootstrap?models=tasks", world.key()
    ask = b"GET %b HTTP/1.1\r\nhost: x\r\nauthorization: Bearer %b\r\n\r\n" % (path, key.encode())
    async with (
        await anyio.connect_tcp(*address(relay)) as first,
        await anyio.connect_tcp(*address(relay)) as second,
    ):
        await first.send(ask)
        assert (await first.receive(20)).startswith(b"HTTP/1.1 200")
        await second.send(ask)
        assert (await second.receive(20)).startswith(b"HTTP/1.1 429")
        other = await world.with_key(world.key("other"), relay)
        assert (await other("GET", "/api/v1/models/tasks")).status_code == 200
        await wait_until(lambda: not relay.service.unread._held)  # nothing is read meanwhile
        size = 0
        with suppress(anyio.BrokenResourceError, anyio.EndOfStream):
            while True:
                size += len(await first.receive())
        assert size < 12 * 500_000
    api = await world.with_key(key, relay)
    answer = await api("GET", "/api/sync/bootstrap?models=tasks")
    assert len(answer.json()["models"]["tasks"]) == 12


def test_one_large_answer_always_passes() -> None:
    unread = Unread(LARGE)
    refused = pytest.raises(Exception, match="wait for clients")
    with unread.hold("acme", 10 * LARGE), unread.hold("other", 1), refused, unread.hold("acme", 1):
        pass
    with unread.hold("acme", 1):
        pass
