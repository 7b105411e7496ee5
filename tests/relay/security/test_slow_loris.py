"""Slow loris: peers that send byte by byte, without end, or nothing at all, cost a bounded time."""

from __future__ import annotations

import json
import socket
import time
from contextlib import ExitStack
from typing import Any

import anyio
import pytest

from ablo_pg.relay.http.protocol import BoundedProtocol

pytestmark = pytest.mark.anyio

HEAD = b"POST /api/v1/models/tasks HTTP/1.1\r\nhost: x\r\n"


@pytest.fixture
async def relay(world: Any) -> Any:
    return await world.start(header_seconds=0.3, body_seconds=0.3, keep_alive_seconds=1)


def address(relay: Any) -> tuple[str, int]:
    return "127.0.0.1", int(relay.url.rpartition(":")[2])


async def drip(
    relay: Any, first: bytes, rest: bytes = b"", pause: float = 0
) -> tuple[bytes, float]:
    """Send `first`, then `rest` a byte at a time; return what was answered and when it ended."""
    began = time.monotonic()
    answer = b""
    async with (
        await anyio.connect_tcp(*address(relay)) as stream,
        anyio.create_task_group() as group,
    ):
        await stream.send(first)

        async def send_on() -> None:
            for byte in rest:
                await wait_for_others(pause)
                try:
                    await stream.send(bytes([byte]))
                except (anyio.BrokenResourceError, anyio.ClosedResourceError):
                    return

        group.start_soon(send_on)
        with anyio.fail_after(10):
            try:
                while True:
                    answer += await stream.receive()
            except (anyio.EndOfStream, anyio.BrokenResourceError):
                group.cancel_scope.cancel()
    return answer, time.monotonic() - began


async def wait_for_others(pause: float) -> None:
    """Let the relay go on: for so long, or until it has nothing to do."""
    if pause:
        await anyio.sleep(pause)
    else:
        await anyio.wait_all_tasks_blocked()


def code(answer: bytes) -> str:
    return str(json.loads(answer.partition(b"\r\n\r\n")[2])["code"])


async def test_a_head_that_never_ends_is_cut_off(relay: Any) -> None:
    for first in (b"", b"G", HEAD, HEAD + b"x-a: b\r\n"):
        answer, seconds = await drip(relay, first)
        assert answer.startswith(b"HTTP/1.1 408")
        assert code(answer) == "request_timeout"
        assert seconds < 3


async def test_dripping_does_not_extend_the_deadline(relay: Any) -> None:
    answer, seconds = await drip(relay, HEAD, b"x-slow: " + b"a" * 100_000)
    assert seconds < 5
    assert answer == b"" or code(answer) in ("request_timeout", "request_too_large")


async def test_the_check_catches_a_deadline_that_each_byte_extends(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    expect = BoundedProtocol._expect_head

    def extend(self: BoundedProtocol) -> None:
        self._forget_deadline()
        expect(self)

    monkeypatch.setattr(BoundedProtocol, "_expect_head", extend)
    patient = await world.start(header_seconds=1)
    with anyio.move_on_after(1.5) as scope:
        await drip(patient, HEAD, b"x-slow: " + b"a" * 1000, pause=0.01)
    assert scope.cancelled_caught


async def test_a_head_without_end_is_cut_off_by_size(relay: Any) -> None:
    answer, _ = await drip(
        relay, HEAD + b"".join(b"x-%d: %b\r\n" % (n, b"a" * 1000) for n in range(80))
    )
    assert answer.startswith(b"HTTP/1.1 413")
    assert code(answer) == "request_too_large"


async def test_a_body_that_never_comes_is_a_timeout(relay: Any, world: Any) -> None:
    head = HEAD + b"authorization: Bearer %b\r\ncontent-length: 100\r\n\r\n" % world.key().encode()
    answer, seconds = await drip(relay, head, b"{" * 50)
    assert answer.startswith(b"HTTP/1.1 408")
    assert code(answer) == "request_timeout"
    assert seconds < 5  # and then the connection is closed


async def test_who_has_no_key_is_not_waited_for(relay: Any) -> None:
    """The body of a stranger is not read at all."""
    answer, seconds = await drip(relay, HEAD + b"content-length: 100000\r\n\r\n{")
    assert answer.startswith(b"HTTP/1.1 401")
    assert seconds < 4


async def test_others_are_served_meanwhile(relay: Any, world: Any) -> None:
    api = await world.with_key(world.key(), relay)
    with ExitStack() as stack:
        for number in range(200):
            held = stack.enter_context(socket.create_connection(address(relay)))
            held.sendall(HEAD if number % 2 else b"")
        for number in range(20):
            await api.create("tasks", f"t{number}", title="x")


async def test_an_idle_connection_is_closed_after_its_keep_alive(relay: Any) -> None:
    answer, seconds = await drip(relay, b"GET /live HTTP/1.1\r\nhost: x\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200")
    assert seconds < 4
