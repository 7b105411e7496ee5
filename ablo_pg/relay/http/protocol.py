"""The HTTP protocol with limits on what a connection may do before its request is complete.

A peer that sends its head byte by byte, or without end, is answered and closed (slow loris); so is
a connection beyond the limit. Bodies have their limits in `limits`.
"""

from __future__ import annotations

import asyncio
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ablo_pg.errors import error_for
from ablo_pg.json_text import dumps
from ablo_pg.relay.settings import RelaySettings
from ablo_pg.wire.problems import problem_body

HEAD_BYTES: Final = 64 << 10
# A refused body is read and dropped up to these limits: closing at once would reset the connection,
# and the peer would lose the answer that gives the reason.
LINGER_SECONDS: Final = 2.0
LINGER_BYTES: Final = 8 << 20
REASONS: Final = {408: b"Request Timeout", 413: b"Content Too Large", 503: b"Service Unavailable"}


class BoundedProtocol(HttpToolsProtocol):
    """One connection. `make_protocol` gives it the relay's limits."""

    settings: RelaySettings
    _deadline: asyncio.TimerHandle | None = None
    _head_bytes = 0
    _in_head = True  # a head is awaited or being read
    _lingering = -1  # bytes of a body dropped after its answer; -1: not yet

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
        if self._in_head:
            self._expect_head()
            self._head_bytes += len(data)
        elif self._lingering >= 0:
            self._lingering += len(data)
            if self._lingering > LINGER_BYTES:
                self.transport.close()
                return
        super().data_received(data)
        if self._in_head and self._head_bytes > HEAD_BYTES and not self.transport.is_closing():
            self._refuse(
                "request_too_large",
                f"The head of the request is larger than {HEAD_BYTES} bytes",
                "send fewer or shorter headers",
            )

    def on_headers_complete(self) -> None:
        """The head is complete: the body's limits apply."""
        self._in_head = False
        self._head_bytes = 0
        self._forget_deadline()
        super().on_headers_complete()

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
            self._lingering = 0
            self._forget_deadline()
            self._deadline = self.loop.call_later(LINGER_SECONDS, self.transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        """Release the connection."""
        self._forget_deadline()
        super().connection_lost(exc)

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

    def _refuse(self, code: str, message: str, remedy: str) -> None:
        """Answer without the application, and close."""
        self._forget_deadline()
        error = error_for(code, message, remedy=remedy)
        body = dumps(problem_body(error))
        status = error.http_status
        self.transport.write(
            b"HTTP/1.1 %d %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\n"
            b"connection: close\r\n\r\n%b" % (status, REASONS[status], len(body), body)
        )
        self.transport.close()


def make_protocol(settings: RelaySettings) -> type[BoundedProtocol]:
    """Return the protocol class of a relay."""
    return type("RelayProtocol", (BoundedProtocol,), {"settings": settings})
