"""The server's WebSocket protocol, extended to write a frame that is already encoded, and with
limits on frames that cost work without content.

A frame from the server is not masked (RFC 6455, 5.1), so the frame of a delta is the same bytes for
every socket: `frame_of` builds it once, `SocketProtocol.write` passes it to a transport. Writing
this way never suspends, so one callback serves all sockets, and `writable` tells sockets that read
from those that do not. The protocol adds itself to the scope as the extension `EXTENSION`; only
this module depends on the server.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, Final, Protocol, cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame
from websockets.http11 import Request

EXTENSION: Final = "ablo.wire"
FIN_TEXT: Final = 0x81
# A client that sends more than this is cut off. The rest of a frame's handling is paced by its
# reader; parsing is not, and holds the loop meanwhile.
SLICE: Final = 8 << 10  # bytes that are parsed at once
SMALL: Final = 256  # bytes of a fragment that says little
IDLE_FRAMES: Final = 200  # pings, pongs and small fragments in a second
QUEUED: Final = 2000  # messages ahead of their reader; fragments of one message


class Wire(Protocol):
    """What a socket's session needs of its connection."""

    on_drained: Callable[[], None] | None  # called when it accepts more, after it did not
    writable: bool  # it accepts more now; otherwise earlier data still waits to be sent

    def write(self, frame: bytes) -> bool:
        """Write a whole frame; False if the connection is over."""

    def abort(self) -> None:
        """Close the connection without a close frame."""


class SocketProtocol(WebSocketsSansIOProtocol):
    """Uvicorn's protocol that exposes its Wire. Pass it as uvicorn's `ws`."""

    wire: ServerWire | None = None
    _idle = 0  # frames that say nothing, in this second
    _second = 0.0  # when it began

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        # It would log every handshake's headers, including the key, at any level.
        self.conn.debug = False

    def handle_connect(self, event: Request) -> None:
        """Expose the wire to the application, which runs from the next event loop turn on."""
        super().handle_connect(event)
        if self.response.status_code == 101:
            self.wire = ServerWire(self)
            cast("dict[str, object]", self.scope["extensions"])[EXTENSION] = self.wire

    def data_received(self, data: bytes) -> None:
        """Parse what came, and look after each part whether it is a flood."""
        if self.loop.time() - self._second >= 1:
            self._second, self._idle = self.loop.time(), 0
        for start in range(0, len(data), SLICE):
            super().data_received(data[start : start + SLICE])
            if max(self.queue.qsize(), len(self.frames)) > QUEUED or self._idle > IDLE_FRAMES:
                self.transport.abort()
            if self.conn.parser_exc is not None or self.transport.is_closing():
                return

    def handle_ping(self) -> None:
        """A ping: answered, and counted."""
        self._idle += 1
        super().handle_ping()

    def handle_pong(self, event: Frame) -> None:
        """A pong: counted."""
        self._idle += 1
        super().handle_pong(event)

    def handle_cont(self, event: Frame) -> None:
        """A further fragment of a message: counted if it is small."""
        self._idle += len(event.data) < SMALL and not event.fin
        super().handle_cont(event)

    def pause_writing(self) -> None:
        """The transport's buffer is over its high-water mark."""
        super().pause_writing()
        if self.wire is not None:
            self.wire.writable = False

    def resume_writing(self) -> None:
        """The transport has drained its buffer."""
        super().resume_writing()
        if self.wire is not None:
            self.wire.writable = True
            if self.wire.on_drained is not None:
                self.wire.on_drained()


class ServerWire:
    """A connection of the server, as a Wire."""

    __slots__ = ("_protocol", "on_drained", "writable")

    def __init__(self, protocol: SocketProtocol) -> None:
        self._protocol = protocol
        self.on_drained: Callable[[], None] | None = None
        self.writable = True

    def write(self, frame: bytes) -> bool:
        """See Wire."""
        protocol = self._protocol
        if (
            not protocol.handshake_complete
            or protocol.close_sent
            or protocol.disconnected
            or protocol.transport.is_closing()
        ):
            return False
        protocol.transport.write(frame)
        return True

    def abort(self) -> None:
        """See Wire."""
        self._protocol.transport.abort()


def frame_of(text: bytes) -> bytes:
    """Return the text message as one frame from a server (RFC 6455, 5.2).

    >>> frame_of(b"hi").hex()
    '81026869'
    """
    size = len(text)
    if size < 126:
        return bytes((FIN_TEXT, size)) + text
    if size < 1 << 16:
        return struct.pack("!BBH", FIN_TEXT, 126, size) + text
    return struct.pack("!BBQ", FIN_TEXT, 127, size) + text
