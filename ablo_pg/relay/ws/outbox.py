"""What goes out over one socket besides its deltas: answers wait, notifications do not.

`send` is for callers that can wait for a slow socket: the handlers of its own frames. `post` never
waits: what the socket does not accept is kept, within limits; beyond them it is closed. The client
reconnects from its cursor and gets the whole state.
"""

from __future__ import annotations

from typing import Final

import anyio

from ablo_pg.relay.ws.protocol import Wire, frame_of
from ablo_pg.wire.frames import frame

KEPT_FRAMES: Final = 2000
KEPT_BYTES: Final = 1 << 20


class Outbox:
    """The writing side of one socket."""

    __slots__ = ("_kept", "_kept_bytes", "_room", "wire")

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self._kept: list[bytes] = []
        self._kept_bytes = 0
        self._room: anyio.Event | None = None  # while a sender waits

    async def send(self, text: bytes) -> None:
        """Write a text message, when the socket accepts it."""
        await self.send_frame(frame_of(text))

    async def send_frame(self, framed: bytes) -> None:
        """Write a complete frame, when the socket accepts it."""
        await self.room()
        self.wire.write(framed)

    async def room(self) -> None:
        """Wait until the socket accepts more."""
        while self._kept or not self.wire.writable:
            self._room = self._room or anyio.Event()
            await self._room.wait()

    async def say(self, kind: str, payload: object) -> None:
        """Write a frame, when the socket accepts it."""
        await self.send(frame(kind, payload))

    def tell(self, kind: str, payload: object) -> None:
        """Write a frame, or keep it; never waits."""
        self.post(frame_of(frame(kind, payload)))

    def post(self, framed: bytes) -> None:
        """Write a complete frame, or keep it; never waits."""
        if not self._kept and self.wire.writable:
            self.wire.write(framed)
            return
        self._kept.append(framed)
        self._kept_bytes += len(framed)
        if len(self._kept) > KEPT_FRAMES or self._kept_bytes > KEPT_BYTES:
            self.wire.abort()

    def drained(self) -> None:
        """The socket accepts more."""
        while self._kept and self.wire.writable:
            framed = self._kept.pop(0)
            self._kept_bytes -= len(framed)
            self.wire.write(framed)
        if self._room is not None and not self._kept and self.wire.writable:
            self._room.set()
            self._room = None
