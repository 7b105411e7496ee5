"""How many deliveries a second one core makes: deltas of 300 bytes to many sockets.

Yardstick, same run: the bare loop of the same server, `await websocket.send_text(...)` to each
socket in turn. Ours goes the whole way behind the reader: hub, groups, queues, pump, one delta a
wake-up; then ten and a hundred a wake-up, as under backlog. Another process reads, on the other
core. `per_cpu_second` is what the server makes of a second of its core, however busy the machine.

    python -m bench.fanout [--sockets 100 1000] [--seconds 3] [--rounds 3] [--profile]
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import multiprocessing
import os
import pstats
import selectors
import socket
import statistics
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from multiprocessing.connection import Connection

import anyio
import uvicorn
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

from ablo_pg.changefeed.hub import Hub
from ablo_pg.changefeed.view import View
from ablo_pg.delta import Delta
from ablo_pg.relay.ws.feed import DeltaFeed
from ablo_pg.relay.ws.outbox import Outbox
from ablo_pg.relay.ws.protocol import EXTENSION, SocketProtocol, frame_of
from ablo_pg.relay.ws.pump import Pump
from ablo_pg.wire.deltas import delta_frame, delta_json

from .figures import figure, rates
from .reader import NoLog

ORGANIZATION = "acme"
SIZE = 300  # bytes of one delta's frame
HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


class Made(tuple[int, str, bytes]):
    """An arrival whose delta is there already."""

    def delta(self) -> Delta:
        """See Arrival."""
        return delta_of(self[0])


def delta_of(sync_id: int) -> Delta:
    """Make a delta whose frame has about SIZE bytes."""
    given = (sync_id, ORGANIZATION, "tasks", "t1", "U", (f"org:{ORGANIZATION}",), b'{"id":"t1"}')
    rest = ((), None, None, None, None, None, 1, "2026-11-23T05:13:01+00:00")
    return Delta(*given, *rest)  # type: ignore[arg-type]


class Bare:
    """The bare loop."""

    def __init__(self) -> None:
        self.sockets: list[WebSocket] = []
        self.text = delta_frame([delta_json(delta_of(10**9))]).decode()

    async def serve(self, websocket: WebSocket) -> None:
        """Keep a socket open."""
        await websocket.accept()
        self.sockets.append(websocket)
        await asyncio.Event().wait()

    async def publish(self, first: int, count: int) -> None:
        """Send so many, one a frame."""
        for _ in range(count):
            for websocket in self.sockets:
                await websocket.send_text(self.text)


class Ours:
    """The relay's own way."""

    def __init__(self) -> None:
        self.hub = Hub(NoLog(), queue_count=10**9, queue_bytes=10**12)
        self.hub.begin_stream()
        self.pump = Pump()
        self.sockets: list[DeltaFeed] = []

    async def serve(self, websocket: WebSocket) -> None:
        """Keep a socket open, fed by the hub."""
        wire = websocket.scope["extensions"][EXTENSION]
        outbox = Outbox(wire)
        views = (View(frozenset((f"org:{ORGANIZATION}",))),)
        feed = DeltaFeed(self.hub, self.pump, outbox, ORGANIZATION, views, None, None)
        await feed.begin()
        await websocket.accept()

        def drained() -> None:
            outbox.drained()
            feed.flush()

        wire.on_drained = drained
        feed.ask(None)
        self.sockets.append(feed)
        await feed.run()
        await asyncio.Event().wait()

    async def publish(self, first: int, count: int) -> None:
        """Let the stream bring so many at once."""
        made = [Made((sync_id, ORGANIZATION, b"")) for sync_id in range(first, first + count)]
        self.hub.publish(made)  # type: ignore[arg-type]


@asynccontextmanager
async def serving(kind: Bare | Ours, listener: socket.socket) -> AsyncIterator[None]:
    """Serve on a socket."""
    app = Starlette(routes=[WebSocketRoute("/", kind.serve)])
    protocol = SocketProtocol if isinstance(kind, Ours) else "websockets-sansio"
    config = uvicorn.Config(
        app,
        ws=protocol,
        ws_per_message_deflate=False,
        ws_ping_interval=None,
        lifespan="off",
        log_config=None,
        log_level="critical",  # at the end the sockets are still open
    )
    server = uvicorn.Server(config)
    async with anyio.create_task_group() as group:
        group.start_soon(server.serve, [listener])
        yield
        group.cancel_scope.cancel()


async def produce(
    kind: Bare | Ours,
    pipe: Connection,
    listener: socket.socket,
    sockets: int,
    seconds: float,
    at_once: int,
    profile: bool,
) -> None:
    """Publish as fast as the sockets take it, for so long; tell how much and at what CPU."""
    async with serving(kind, listener):
        await wait_until(lambda: len(kind.sockets) == sockets)
        await asyncio.sleep(0.5)
        profiler = cProfile.Profile()
        if profile:
            profiler.enable()
        began, cpu, sent = time.perf_counter(), time.process_time(), 0
        while time.perf_counter() - began < seconds:
            await kind.publish(sent + 1, at_once)
            sent += at_once
            await asyncio.sleep(0)
            if isinstance(kind, Ours):  # let no queue grow: the sockets set the pace
                await wait_until(partial(has_room, kind.hub, sockets * at_once * 4))
        used = time.process_time() - cpu
        profiler.disable()
        pipe.send((sent * len(kind.sockets), time.perf_counter() - began, used))
        if profile:
            pstats.Stats(profiler).sort_stats("tottime").print_stats(18)
        await asyncio.sleep(1)


def has_room(hub: Hub, most: int) -> bool:
    """Whether no more than that waits to be written."""
    return hub.channels[ORGANIZATION].queued <= most


async def wait_until(condition: Callable[[], bool]) -> None:
    """Let everything else run until it holds."""
    while True:
        if condition():
            return
        await asyncio.sleep(0.001)


def server(
    name: str, pipe: Connection, sockets: int, seconds: float, at_once: int, profile: bool
) -> None:
    """Be the server's process, on the first core."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
    pipe.send(listener.getsockname()[1])
    kind = Ours() if name == "relay" else Bare()
    asyncio.run(produce(kind, pipe, listener, sockets, seconds, at_once, profile))


def read_all(port: int, sockets: int, pipe: Connection) -> tuple[float, float]:
    """Read from so many sockets until the server is done; return its deliveries a second."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    chosen = selectors.DefaultSelector()
    for _ in range(sockets):
        made = socket.create_connection(("127.0.0.1", port))
        made.sendall(HANDSHAKE)
        while b"\r\n\r\n" not in made.recv(4096):
            pass
        made.setblocking(False)
        chosen.register(made, selectors.EVENT_READ)
    while not pipe.poll():
        for key, _ in chosen.select(0.1):
            key.fileobj.recv(1 << 18)  # type: ignore[union-attr]
    deliveries, seconds, cpu = pipe.recv()
    for key in list(chosen.get_map().values()):
        key.fileobj.close()  # type: ignore[union-attr]
    return deliveries / seconds, deliveries / cpu


def measure(
    name: str, sockets: int, seconds: float, at_once: int, profile: bool = False
) -> tuple[float, float]:
    """Run one server and read from it."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=server, args=(name, theirs, sockets, seconds, at_once, profile)
    )
    process.start()
    try:
        return read_all(ours.recv(), sockets, ours)
    finally:
        process.join(10)
        process.kill()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sockets", type=int, nargs="+", default=[100, 1000])
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--profile", action="store_true")
    given = parser.parse_args()
    size = len(frame_of(delta_frame([delta_json(delta_of(10**9))])))
    for sockets in given.sockets:
        runs: dict[tuple[str, int], list[tuple[float, float]]] = {}
        for _ in range(given.rounds):
            for name, at_once in (("bare", 1), ("relay", 1), ("relay", 10), ("relay", 100)):
                found = measure(name, sockets, given.seconds, at_once, given.profile)
                runs.setdefault((name, at_once), []).append(found)
        bare = statistics.median(cpu for _, cpu in runs["bare", 1])
        for (name, at_once), found in runs.items():
            rate = statistics.median(rate for rate, _ in found)
            per_cpu = statistics.median(cpu for _, cpu in found)
            figure(
                f"fanout {name}, {at_once} a wake-up, {sockets} sockets",
                round(rate),
                "deliveries/s",
                frame_bytes=size,
                per_cpu_second=round(per_cpu),
                ratio=per_cpu / bare,
                yardstick="the bare loop of the same server, per second of CPU",
                **rates([cpu for _, cpu in found]),
            )


if __name__ == "__main__":
    main()
