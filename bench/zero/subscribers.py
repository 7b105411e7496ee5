"""Raw WebSocket subscribers: every title in every frame, and when it came.

Nothing is folded into rows and no frame is parsed, so that what is measured is the server.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, Protocol

from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

TITLE: Final = re.compile(rb'"title" ?: ?"([^"]*)"')
OPEN_SECONDS: Final = 60.0  # a server that is slow to greet; beyond it the measurement fails
STARTED_AT_ONCE: Final = 5


@dataclass(frozen=True)
class Greeting:
    """How to subscribe: what to connect with, what to say then, what says that it is done."""

    url: str
    subprotocols: Sequence[str]
    frames: Sequence[str]
    ready: bytes


class Door(Protocol):
    """A system that can be subscribed to."""

    def greeting(self) -> Greeting:
        """Return the greeting of one more subscriber."""


@dataclass
class Heard:
    """What the subscribers were told since `forget`: stamps with when they came (ns), and marks."""

    arrivals: list[tuple[int, int]] = field(default_factory=list)
    marks: dict[str, int] = field(default_factory=dict)
    since: int = 0

    def forget(self) -> None:
        """Begin anew; titles stamped before now no longer count."""
        self.arrivals, self.marks = [], {}
        self.since = time.monotonic_ns()

    def take(self, frame: bytes) -> None:
        """Note the titles of a frame."""
        now = time.monotonic_ns()
        for title in TITLE.findall(frame):
            if title.isdigit():
                if int(title) > self.since:
                    self.arrivals.append((int(title), now))
            elif title.startswith(b"end"):
                name = title.decode()
                self.marks[name] = self.marks.get(name, 0) + 1


async def read(socket: ClientConnection, heard: Heard) -> None:
    """Take frames until cancelled."""
    while True:
        frame = await socket.recv(decode=False)
        assert isinstance(frame, bytes)
        heard.take(frame)


async def begin(greeting: Greeting) -> ClientConnection:
    """Connect, subscribe, and wait until the server has nothing left to tell."""
    socket = await connect(
        greeting.url,
        subprotocols=[Subprotocol(name) for name in greeting.subprotocols] or None,
        compression=None,
        max_size=None,
        max_queue=None,
        ping_interval=None,
        open_timeout=OPEN_SECONDS,
    )
    for frame in greeting.frames:
        await socket.send(frame)
    async with asyncio.timeout(OPEN_SECONDS):
        while True:
            told = await socket.recv(decode=False)
            assert isinstance(told, bytes)
            if b'"error"' in told[:40]:
                raise RuntimeError(told.decode())
            if greeting.ready in told:
                return socket


@asynccontextmanager
async def subscribers(door: Door, count: int) -> AsyncIterator[Heard]:
    """Keep so many subscribers, and yield what they hear."""
    heard = Heard()
    gate = asyncio.Semaphore(STARTED_AT_ONCE)

    async def one() -> ClientConnection:
        async with gate:
            return await begin(door.greeting())

    sockets = await asyncio.gather(*(one() for _ in range(count)))
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(read(socket, heard)) for socket in sockets]
        try:
            yield heard
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*(socket.close() for socket in sockets))
