"""The HTTP protocol with limits on what a connection may do before its request is complete.

A peer that sends its head byte by byte, or without end, is answered and closed (slow loris); so is
a connection beyond the limit. Closed without an answer: a peer that sends many requests ahead of
their answers, that sends trailers without end, or that stops reading. Bodies have their limits in
`limits`.
"""

from __future__ import annotations

import asyncio
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ablo_pg.errors import error_for
from ablo_pg.json_text import dumps
from ablo_pg.relay.settings import RelaySettings
from ablo_pg.wire.problems import problem_body

HEAD_BYTES: Final = 64 << 10  # also of trailers, and of what frames one chunk of a body
PIPELINED: Final = 64  # requests of one connection that wait for the answer to the one before
READ_BYTES: Final = 16 << 10  # read by a peer within `stuck_seconds`, while an answer waits for it
# What follows a refused head or body is read and dropped up to these limits: closing at once would
# reset the connection, and the peer would lose the answer that gives the reason.
LINGER_SECONDS: Final = 2.0
LINGER_BYTES: Final = 8 << 20
REASONS: Final = {
    400: b"Bad Request",
    408: b"Request Timeout",
    413: b"Content Too Large",
    503: b"Service Unavailable",
}


class BoundedProtocol(HttpToolsProtocol):
    """One connection. `make_protocol` gives it the relay's limits."""

    settings: RelaySettings
    _deadline: asyncio.TimerHandle | None = None
    _head_bytes = 0
    _in_head = True  # a head is awaited or being read
    _lingering = -1  # bytes dropped after an answer; -1: not yet
    _over = False  # nothing more is parsed
    _framing = 0  # bytes since the last part of a body
    _unread = 0  # bytes that waited for the peer at the last check
    _stuck: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection, or refuse it if there are too many."""
        super().connection_made(transport)
        self.access_log = False  # its lines contain paths, and so data
        if len(self.connections) > self.settings.connections:
            self._refuse(
                "instance_at_capacity",
                f"This relay accepts at most {self.settings.connections} connections",
                "try again, or start another relay",
            )
            return
        self._expect_head()

    def data_received(self, data: bytes) -> None:
        """Parse the data; it counts while it may be a head."""
        if self._lingering >= 0:
            self._lingering += len(data)
            if self._lingering > LINGER_BYTES:
                self.transport.close()
                return
        elif self._in_head:
            self._expect_head()
            self._head_bytes += len(data)
        else:
            self._framing += len(data)
        if self._over:
            return
        super().data_received(data)
        if self._framing > HEAD_BYTES and not self._in_head:
            self.transport.close()
        if self._in_head and self._head_bytes > HEAD_BYTES and not self._over:
            self._head_too_large()

    def send_400_response(self, msg: str) -> None:
        """Refuse what the parser refuses; it also does so for addresses that are too long."""
        if len(self.url) >= HEAD_BYTES:
            self._head_too_large()
        else:
            remedy = "send a valid request"
            self._refuse("invalid_request", "This is not HTTP/1.1", remedy, linger=True)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header; trailers are dropped."""
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is complete: the body's limits apply."""
        self._in_head = False
        self._head_bytes = self._framing = 0
        self._forget_deadline()
        if len(self.pipeline) < PIPELINED:
            super().on_headers_complete()
        else:
            self.transport.close()

    def on_body(self, body: bytes) -> None:
        """A part of a body."""
        self._framing = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is complete: a head comes next."""
        super().on_message_complete()
        self._in_head = True
        self._lingering = -1
        self._forget_deadline()

    def on_response_complete(self) -> None:
        """The answer is sent; a body that still arrives is dropped, within limits."""
        super().on_response_complete()
        if not self._in_head and not self.transport.is_closing():
            self._linger()

    def pause_writing(self) -> None:
        """An answer waits for the peer: look whether it goes on reading."""
        super().pause_writing()
        self._look_again()

    def resume_writing(self) -> None:
        """The peer has read what waited."""
        super().resume_writing()
        self._forget_stuck()

    def connection_lost(self, exc: Exception | None) -> None:
        """Release the connection."""
        self._forget_deadline()
        self._forget_stuck()
        super().connection_lost(exc)

    def _look_again(self) -> None:
        self._unread = self.transport.get_write_buffer_size()
        self._stuck = self.loop.call_later(self.settings.stuck_seconds, self._look)

    def _look(self) -> None:
        if self._unread - self.transport.get_write_buffer_size() < READ_BYTES:
            self.transport.abort()
        else:
            self._look_again()

    def _forget_stuck(self) -> None:
        if self._stuck is not None:
            self._stuck.cancel()
            self._stuck = None

    def _linger(self) -> None:
        """Drop what still arrives, within limits."""
        self._lingering = 0
        self._forget_deadline()
        self._deadline = self.loop.call_later(LINGER_SECONDS, self.transport.close)

    def _expect_head(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(self.settings.header_seconds, self._too_slow)

    def _forget_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_slow(self) -> None:
        self._deadline = None
        if not self.transport.is_closing():
            self._refuse(
                "request_timeout",
                f"The head of the request did not arrive within {self.settings.header_seconds:g} s",
                "send it without delay",
            )

    def _head_too_large(self) -> None:
        self._refuse(
            "request_too_large",
            f"The head of the request, with its address, is larger than {HEAD_BYTES} bytes",
            "send fewer or shorter headers, and a shorter query",
            linger=True,
        )

    def _refuse(self, code: str, message: str, remedy: str, *, linger: bool = False) -> None:
        """Answer without the application, and close. linger: the peer may still be sending."""
        self._forget_deadline()
        error = error_for(code, message, remedy=remedy)
        body = dumps(problem_body(error))
        status = error.http_status
        self.transport.write(
            b"HTTP/1.1 %d %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\n"
            b"connection: close\r\n\r\n%b" % (status, REASONS[status], len(body), body)
        )
        if linger:
            self._over = True
            self.transport.write_eof()
            self._linger()
        else:
            self.transport.close()


def make_protocol(settings: RelaySettings) -> type[BoundedProtocol]:
    """Return the protocol class of a relay."""
    return type("RelayProtocol", (BoundedProtocol,), {"settings": settings})
