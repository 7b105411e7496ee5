"""The outermost layer: a request id, common headers, errors as bodies, one log line.

The log line has the route's pattern, never the path: ids and filters are row data. Live sockets
skip the layers within, which are for HTTP: each socket would keep a frame of every layer.
"""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections.abc import MutableMapping
from typing import Any, Final
from urllib.parse import unquote, unquote_to_bytes

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ablo_pg.errors import AbloError, error_for
from ablo_pg.relay.http.answers import problem_answer
from ablo_pg.relay.service import RelayService
from ablo_pg.relay.ws import endpoint
from ablo_pg.wire.problems import unexpected_error

logger: Final = logging.getLogger("ablo_pg.relay.http")

SOCKETS: Final = {route.path: route.app for route in endpoint.ROUTES}
VERSION: Final = "1"  # of the error contract
REQUEST_ID: Final = re.compile(r"[A-Za-z0-9_.:-]{1,128}")
# Readable by browsers across origins.
EXPOSED: Final = ("x-auth-failure", "x-request-id", "ablo-version", "retry-after")


class RequestMiddleware:
    """Wraps the application."""

    def __init__(self, app: ASGIApp, service: RelayService) -> None:
        self.app = app
        self.service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await SOCKETS.get(scope.get("path", ""), self.app)(scope, receive, send)
            return
        began = time.perf_counter()
        state = scope.setdefault("state", {})
        keep_slashes(scope)
        state["request_id"] = request_id = _request_id(scope)
        status = 0

        async def send_marked(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["x-request-id"] = request_id
                headers["ablo-version"] = VERSION
            await send(message)

        try:
            require_text(scope)
            await self.app(scope, receive, send_marked)
        except ClientDisconnect:
            status = status or 499
        except Exception as exc:
            if not isinstance(exc, AbloError):
                logger.exception("a request failed", extra={"request_id": request_id})
            if status:  # the answer had begun: it is aborted
                raise
            error = exc if isinstance(exc, AbloError) else unexpected_error()
            state["code"] = error.code
            await problem_answer(error, request_id)(scope, receive, send_marked)
        finally:
            self._note(scope, status, time.perf_counter() - began)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        state: MutableMapping[str, object] = scope["state"]
        route = state.get("route", "none")
        metrics = self.service.metrics
        metrics.requests.labels(route, scope["method"], str(status)).inc()
        metrics.request_seconds.labels(route).observe(seconds)
        logger.log(
            logging.ERROR if status >= 500 else logging.INFO,
            "request",
            extra={
                "request_id": state["request_id"],
                "method": scope["method"],
                "route": route,
                "status": status,
                "ms": round(seconds * 1000, 2),
                "code": state.get("code"),
                "key_id": state.get("key_id"),
            },
        )


def keep_slashes(scope: Scope) -> None:
    """Let an escaped slash be part of an id, not of the path: it is NUL until it is read."""
    raw: bytes = scope["raw_path"]
    if b"%2f" in raw.lower() and b"%00" not in raw:
        kept = raw.replace(b"%2f", b"%00").replace(b"%2F", b"%00")
        scope["path"] = unquote(kept.decode("ascii"))
        scope["state"]["slashes"] = True


def require_text(scope: Scope) -> None:
    """Refuse an address that is not UTF-8: replaced characters would be another id or value."""
    for name, part in (("path", scope["raw_path"]), ("query", scope["query_string"])):
        try:
            unquote_to_bytes(part).decode()
        except UnicodeDecodeError:
            raise error_for(
                "invalid_request",
                f"The {name} of the address is not UTF-8",
                field=name,
                remedy="encode text as UTF-8, then each byte other than a letter or a digit as %XX",
            ) from None


async def show_error(request: Request, error: Exception) -> Any:
    """Answer an error that a handler raised, inside the layers that add headers."""
    if not isinstance(error, AbloError):
        raise error
    request.state.code = error.code
    return problem_answer(error, request.state.request_id)


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            given = value.decode("latin-1")
            if REQUEST_ID.fullmatch(given):
                return str(given)
    return f"req_{secrets.token_hex(12)}"
