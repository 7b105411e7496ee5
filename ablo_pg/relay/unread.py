"""Large answers that clients have not read yet: how much memory those of one organization may hold.

An answer waits in memory until its client has read it. A client that reads nothing is cut off by
`http.protocol`; until then, further large answers to its organization are refused.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ablo_pg.errors import error_for

LARGE: Final = 256 << 10  # bytes of an answer that counts; the sockets' buffers take smaller ones


class Unread:
    """Bytes of large answers on their way, by organization; each may have `most`."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._held: Counter[str] = Counter()

    def bounded(self, organization: str, answer: Response) -> Response:
        """Return an answer that counts while it is sent."""
        return answer if len(answer.body) < LARGE else _Counted(self, organization, answer)

    @contextmanager
    def hold(self, organization: str, size: int) -> Iterator[None]:
        """Count so many bytes. A first answer always passes. Raises connection_limit_exceeded."""
        held = self._held[organization]
        if held and held + size > self.most:
            raise error_for(
                "connection_limit_exceeded",
                f"{held} bytes of answers wait for clients of this organization to read them",
                remedy="read answers as they come, or ask for less at once",
                details={"limit": self.most},
            )
        self._held[organization] += size
        try:
            yield
        finally:
            self._held[organization] -= size
            if not self._held[organization]:
                del self._held[organization]


class _Counted(Response):
    """An answer that is done when the client has read nearly all of it."""

    def __init__(self, unread: Unread, organization: str, answer: Response) -> None:
        self._unread = unread
        self._organization = organization
        self.body, self.status_code = answer.body, answer.status_code
        self.raw_headers, self.background = answer.raw_headers, None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it. The server takes the last, empty part when it has room again."""
        with self._unread.hold(self._organization, len(self.body)):
            head = {"status": self.status_code, "headers": self.raw_headers}
            await send({"type": "http.response.start", **head})
            await send({"type": "http.response.body", "body": self.body, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
