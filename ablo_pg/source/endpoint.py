"""The endpoint itself: a signed request in, its answer out; as ASGI, WSGI and in frameworks.

The adapter is blocking code, as database drivers of web frameworks are; under ASGI it runs in a
thread. An error of the adapter that is not a refusal is logged, and answered without its text.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

import anyio
from anyio import to_thread

from ablo_pg.json_text import dumps
from ablo_pg.source import signing
from ablo_pg.source.refused import Refused
from ablo_pg.source.requests import AnyRequest, Commit, Events, List, Load, Row, read

if TYPE_CHECKING:
    from flask import Response
    from starlette.routing import Route

logger: Final = logging.getLogger("ablo_pg.source")
MAX_BODY: Final = 16 << 20  # bytes
_STATUS: Final = {
    200: "200 OK", 400: "400 Bad Request", 401: "401 Unauthorized", 403: "403 Forbidden",
    404: "404 Not Found", 405: "405 Method Not Allowed", 409: "409 Conflict",
    413: "413 Content Too Large", 500: "500 Internal Server Error", 503: "503 Service Unavailable",
}  # fmt: skip
Message: TypeAlias = MutableMapping[str, Any]
Page: TypeAlias = tuple[list[Row], str | None]


class Adapter(Protocol):
    """What an endpoint answers with. One may lack some of these; they raise `Refused` to refuse."""

    def load(self, request: Load) -> Row | None:
        """Return a row by its id, or None."""

    def list(self, request: List) -> Page:
        """Return a page of rows, and the cursor of the next one."""

    def commit(self, request: Commit) -> Sequence[Row | None]:
        """Apply operations together, and once for each correlation id; return the rows."""

    def events(self, request: Events) -> Page:
        """Return changes after a cursor in the order of their commits, and the next cursor."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back: a status, and JSON."""

    status: int
    body: bytes


def _refusal(refused: Refused) -> Answer:
    told = {"error": refused.code, "message": refused.message}
    return Answer(refused.status, dumps(told))


TOO_LARGE: Final = _refusal(Refused(413, "request_too_large", f"the limit is {MAX_BODY} bytes"))


class Endpoint:
    """A signed endpoint over an adapter.

        app = Endpoint(SqlAdapter(schema, psycopg_transactions(url)), api_key=KEY).asgi

    Args:
        api_key: the key that the service signs with; several while one is replaced.
        authorize: called with each request after its signature; return False to refuse it (403).
    """

    def __init__(
        self,
        adapter: Adapter,
        *,
        api_key: str | Iterable[str],
        authorize: Callable[[AnyRequest], bool] | None = None,
    ) -> None:
        self._adapter = adapter
        self._keys = [api_key] if isinstance(api_key, str) else list(api_key)
        self._authorize = authorize

    def __repr__(self) -> str:
        return f"Endpoint({type(self._adapter).__name__})"  # without the key

    def handle(self, method: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Answer a request. headers: names in any case; of one that is repeated, the last."""
        try:
            if method != "POST":
                raise Refused(405, "method_not_allowed", "send a POST")
            if len(body) > MAX_BODY:
                return TOO_LARGE
            signing.verify({k.lower(): v for k, v in headers.items()}, body, self._keys)
            request = read(body)
            if self._authorize is not None and not self._authorize(request):
                raise Refused(403, "source_forbidden", "the endpoint does not allow this request")
            return Answer(200, dumps(self._answer(request)))
        except Refused as exc:
            return _refusal(exc)
        except Exception as exc:
            refused = _by_the_database(exc)
            if refused is None:
                logger.exception("a request of a service failed")
                refused = Refused(500, "source_internal_error", "the endpoint failed: see its log")
            elif refused.status == 503:
                logger.warning("a request of a service failed: %s", exc)
            return _refusal(refused)

    def _answer(self, request: AnyRequest) -> Row:
        word = {Load: "load", List: "list", Commit: "commit", Events: "events"}[type(request)]
        handler = getattr(self._adapter, word, None)
        if handler is None:
            raise Refused(404, f"source_{word}_not_configured", f"this endpoint has no {word}")
        found = handler(request)
        match request:
            case Load():
                return {"row": found}
            case List():
                rows, following = found
                return {"rows": rows} | ({} if following is None else {"nextCursor": following})
            case Commit():
                return {"rows": list(found)}
            case Events():
                events, following = found
                return {"events": events} | ({} if following is None else {"nextCursor": following})

    async def asgi(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        """The ASGI application."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        if scope["type"] != "http":
            return
        parts: list[bytes] = []
        size, more = 0, True
        while more and size <= MAX_BODY:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            more = message.get("more_body", False)
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        work = partial(self.handle, scope["method"], headers, b"".join(parts))
        with anyio.CancelScope(shield=True):  # a commit that has begun ends
            answer = await to_thread.run_sync(work)
        length = str(len(answer.body)).encode()
        await send(
            {
                "type": "http.response.start",
                "status": answer.status,
                "headers": [(b"content-type", b"application/json"), (b"content-length", length)],
            }
        )
        await send({"type": "http.response.body", "body": answer.body})

    def starlette(self, path: str) -> Route:
        """Return a route of Starlette and FastAPI: `app.router.routes.append(...)`.

        A mount of `asgi` is under `path + "/"` only: they redirect from `path`, and a service does
        not follow.
        """
        from starlette.routing import Route  # its users have it

        return Route(path, _Application(self))

    def wsgi(self, environ: Message, start_response: Callable[..., object]) -> list[bytes]:
        """The WSGI application."""
        length = environ.get("CONTENT_LENGTH") or ""
        size = min(int(length), MAX_BODY + 1) if length.isascii() and length.isdigit() else 0
        if not length and environ.get("wsgi.input_terminated"):
            size = MAX_BODY + 1  # in chunks: the server ends the input
        body = environ["wsgi.input"].read(size)
        headers = {
            name.removeprefix("HTTP_").replace("_", "-"): value
            for name, value in environ.items()
            if name.startswith("HTTP_")
        }
        answer = self.handle(environ["REQUEST_METHOD"], headers, body)
        told = [("Content-Type", "application/json"), ("Content-Length", str(len(answer.body)))]
        start_response(_STATUS[answer.status], told)
        return [answer.body]

    def flask(self) -> Callable[[], Response]:
        """Return a view, for `app.add_url_rule("/ablo", view_func=..., methods=["POST"])`."""
        from flask import Response as Answered
        from flask import request  # its users have it

        def ablo_source() -> Response:
            if (request.content_length or 0) > MAX_BODY:
                answer = TOO_LARGE  # before it is read
            else:
                answer = self.handle(request.method, dict(request.headers), request.get_data())
            return Answered(answer.body, answer.status, content_type="application/json")

        return ablo_source

    def django(self) -> Callable[[object], object]:
        """Return a view: `path("ablo", endpoint.django())`.

        It is exempt from CSRF, as requests are signed, from ATOMIC_REQUESTS, as a commit has landed
        when it is answered, and from DATA_UPLOAD_MAX_MEMORY_SIZE, as it has a limit of its own.
        """
        from django.db import connections, transaction  # its users have it
        from django.http import HttpRequest, HttpResponse
        from django.views.decorators.csrf import csrf_exempt

        def ablo_source(request: HttpRequest) -> HttpResponse:
            body = request.read(MAX_BODY + 1)
            answer = self.handle(request.method, dict(request.headers), body)
            return HttpResponse(answer.body, status=answer.status, content_type="application/json")

        view: Callable[[object], object] = csrf_exempt(ablo_source)
        for using in connections:
            view = transaction.non_atomic_requests(using=using)(view)
        return view


@dataclass(frozen=True, slots=True)
class _Application:
    """An endpoint's ASGI application as an object: a router calls functions otherwise."""

    endpoint: Endpoint

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        """Answer one request."""
        await self.endpoint.asgi(scope, receive, send)


async def _lifespan(
    receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    while True:
        word = (await receive())["type"].removeprefix("lifespan.")
        await send({"type": f"lifespan.{word}.complete"})
        if word == "shutdown":
            return


def _by_the_database(exc: BaseException) -> Refused | None:
    """Return what Postgres refuses about the data: its SQLSTATE's class says so."""
    unavailable = Refused(503, "source_unavailable", "the owner's database is busy or down: retry")
    cause: BaseException | None = exc
    while cause is not None:
        state = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)
        if isinstance(state, str):
            text = str(cause).split("\n", 1)[0][:300]
            if state[:2] == "23":
                return Refused(409, "source_commit_refused", text)
            if state[:2] == "22":
                return Refused(400, "source_value_invalid", text)
            if state[:2] in ("40", "55", "57", "08", "53"):
                return unavailable
            return None
        if any(kind.__name__ == "OperationalError" for kind in type(cause).__mro__):
            return unavailable  # of each driver: no connection
        cause = cause.__cause__
    return None
