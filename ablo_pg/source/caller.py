"""Calls an endpoint as a service does: signed requests over HTTP.

The conformance suite calls with it. A service that is asynchronous signs with `signing` and sends
with a client of its own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Protocol

import httpcore

from ablo_pg.json_text import dumps
from ablo_pg.source import signing
from ablo_pg.source.requests import Row


class Calls(Protocol):
    """How an endpoint is reached."""

    def __call__(self, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
        """POST a body; return status and body of the answer."""


class Caller:
    """Calls an endpoint as a service does: signed requests over HTTP.

    Args:
        send: another way than HTTP, for tests: `(body, headers) -> (status, body)`.
    """

    def __init__(
        self, url: str, key: str, *, scope: Row | None = None, send: Calls | None = None
    ) -> None:
        self._url, self._key, self._scope = url, key, scope
        self._pool = httpcore.ConnectionPool(max_connections=4) if send is None else None
        self._send = send or self._post

    def ask(self, type: str, **parts: object) -> Row:
        """Send a request; return its answer. Raises Failed for a status other than 200."""
        status, answer = self.raw(self.body(type, **parts))
        if status != 200:
            raise Failed(f"{type} was answered with {status} {shortened(answer)}")
        return answer

    def refused(self, type: str, **parts: object) -> tuple[int, str]:
        """Send a request that must be refused; return the status and the code."""
        status, answer = self.raw(self.body(type, **parts))
        return status, str(answer.get("error"))

    def body(self, type: str, **parts: object) -> bytes:
        """Return the bytes of a request."""
        scope = {} if self._scope is None else {"scope": self._scope}
        return dumps({"type": type, **parts, **scope})

    def raw(self, body: bytes, headers: Mapping[str, str] | None = None) -> tuple[int, Row]:
        """Send bytes, signed unless headers are given; return status and JSON."""
        signed = signing.signed_headers(self._key, body) if headers is None else headers
        status, answer = self._send(body, signed)
        if 300 <= status < 400:
            raise Failed(f"the answer is a redirect ({status}): use the URL to which it leads")
        try:
            found = json.loads(answer)
        except ValueError:
            raise Failed(f"the answer ({status}) is not JSON: {answer[:80]!r}") from None
        return status, found if isinstance(found, dict) else {}

    def headers(self, body: bytes, *, now: float | None = None, key: str | None = None) -> Row:
        """Return headers for a body; now, key: other than the right ones."""
        return dict(signing.signed_headers(self._key if key is None else key, body, now=now))

    def _post(self, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
        assert self._pool is not None
        timeouts = dict.fromkeys(("connect", "read", "write", "pool"), 30.0)
        try:
            answer = self._pool.request(
                "POST",
                self._url,
                headers=list(headers.items()),
                content=body,
                extensions={"timeout": timeouts},
            )
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException) as exc:
            raise Failed(f"the endpoint cannot be reached: {exc or type(exc).__name__}") from None
        return answer.status, answer.content


class Failed(Exception):
    """An answer is not what it must be."""


def shortened(value: object) -> str:
    """Return a value as JSON, cut for a message."""
    return dumps(value).decode()[:200]
