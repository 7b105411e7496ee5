"""Server-Sent Events, for clients without a socket: deltas here, live queries in `live_routes`.

`GET /api/v1/stream?cursor=` sends one event per delta, whose id is where to resume: a browser's
EventSource sends it as Last-Event-ID when it reconnects. Without a cursor it begins now, and the
first event has that position. A slow reader has its queue dropped and continues from the log; one
that reads nothing at all is disconnected.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Final, Protocol, cast

import anyio
import msgspec
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import Receive, Scope, Send

from ablo_pg.changefeed.filters import Filter
from ablo_pg.changefeed.subscription import Subscription
from ablo_pg.errors import AbloError, error_for
from ablo_pg.json_text import Json, dumps
from ablo_pg.predicate.stream import refuse_clock, refuse_unlogged
from ablo_pg.relay.http.bootstrap_routes import groups_of, models_of
from ablo_pg.relay.http.call import Call, route
from ablo_pg.relay.http.writes import require
from ablo_pg.relay.live_schema import fields_of
from ablo_pg.schema import ModelSpec
from ablo_pg.wire.deltas import stream_event
from ablo_pg.wire.frames import cursor_of
from ablo_pg.wire.kernel_bodies import ListBody
from ablo_pg.wire.kernel_calls import ROW_LIST
from ablo_pg.wire.lists import read_query
from ablo_pg.wire.problems import problem_body
from ablo_pg.wire.results import PAGE_READ

logger: Final = logging.getLogger("ablo_pg.relay.http")

SILENT_SECONDS: Final = 15.0  # between comments, so that proxies do not close a quiet stream
RETRY_MS: Final = 1000  # after which an EventSource reconnects
BATCH: Final = 500
LAST_SECONDS: Final = 1.0  # for the final event


async def stream(call: Call) -> Response:
    """GET: every delta after the cursor, without end."""
    query = call.request.query_params
    resume = call.request.headers.get("last-event-id") or query.get("cursor")
    views = groups_of(call).views
    filter = None
    if query.get("models") or query.get("where"):
        specs = await models_of(call)
        for one in specs if query.get("models") else ():
            refuse_unlogged(one)
        models = {one.typename for one in specs if call.credential.may(one.typename, "read")}
        views = tuple(replace(view, models=models) for view in views)
        filter = await _filter(call, specs, query["where"]) if query.get("where") else None
    subscription = call.service.hub.follow(call.organization, views, cursor_of(resume), filter)
    await subscription.begin()
    return EventStream(call, _Deltas(subscription, filter))


async def _filter(call: Call, specs: Sequence[ModelSpec], where: str) -> Filter:
    """Return the filter of a stream. Raises invalid_request."""
    if len(specs) != 1 or not specs[0].before or where[0] in "[{":
        raise error_for(
            "invalid_request",
            "a filter is SQL text, of one model, which keeps what changes replace",
            field="where",
            remedy="name the model: models=tasks&where=status = 'todo'",
        )
    (model,) = specs
    require(call.credential, model, "read")
    fields = fields_of(model)
    query = read_query(model.key, [("where", where), ("limit", "1")], fields, 1)
    nodes = cast("Sequence[Json]", query.where)
    refuse_clock(model.key, nodes)
    body = ListBody(model.typename, msgspec.Raw(query.kernel_query(None, compares=True)))
    found = PAGE_READ.decode(await call.ask(ROW_LIST, body))
    return call.service.hub.filters.get(model.typename, nodes, fields, found.compares or {})


class Events(Protocol):
    """What an event stream sends."""

    async def first(self) -> bytes:
        """Return what comes first."""

    async def more(self) -> bytes:
        """Wait for the next events; nothing to send is an empty part. Raises AbloError."""

    async def aclose(self) -> None:
        """End it."""


class _Deltas:
    """One event per delta: `delta`, or with a filter `enter`, `update` or `leave`."""

    def __init__(self, subscription: Subscription, filter: Filter | None) -> None:
        self._subscription = subscription
        self._filter = filter

    async def first(self) -> bytes:
        """See Events."""
        return b"id: %d\n\n" % self._subscription.cursor

    async def more(self) -> bytes:
        """See Events."""
        found, filter = await self._subscription.batch(BATCH), self._filter
        if filter is None:
            return b"".join(map(stream_event, found))
        return b"".join(stream_event(one, filter.event(one)) for one in found)

    async def aclose(self) -> None:
        """See Events."""
        await self._subscription.aclose()


class EventStream(Response):
    """The answer: runs until the client leaves, its credential ends, or the relay stops."""

    media_type = "text/event-stream"

    def __init__(self, call: Call, events: Events) -> None:
        super().__init__(headers={"cache-control": "no-store", "x-accel-buffering": "no"})
        del self.headers["content-length"]
        self._call = call
        self._events = events
        self._send: Send
        self._last = b""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve it."""
        self._send = send
        try:
            with self._call.service.live.room(self._call.credential):
                await self._serve(receive)
        finally:
            await self._events.aclose()

    async def _serve(self, receive: Receive) -> None:
        send = self._send
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await send(start)
        if self._call.request.method == "HEAD":  # nothing would be written, so no loss be noticed
            await send({"type": "http.response.body"})
            return
        async with anyio.create_task_group() as group:

            async def until(work: Callable[[], Awaitable[None]]) -> None:
                await self._call.service.hub.tasks.attempt("event stream", work)
                group.cancel_scope.cancel()

            async def gone() -> None:
                while (await receive())["type"] != "http.disconnect":
                    pass

            for work in (self._parts, self._comments, self._ended, gone):
                group.start_soon(until, work)
            group.start_soon(until, self._call.service.stopping.wait)
        with anyio.move_on_after(LAST_SECONDS):
            await send({"type": "http.response.body", "body": self._last, "more_body": False})

    async def _write(self, part: bytes) -> None:
        """Send a part. Raises TimeoutError if the client reads nothing."""
        with anyio.fail_after(self._call.service.settings.stuck_seconds):
            await self._send({"type": "http.response.body", "body": part, "more_body": True})

    async def _parts(self) -> None:
        try:
            await self._write(b"retry: %d\n" % RETRY_MS + await self._events.first())
            while True:
                part = await self._events.more()
                if part:
                    await self._write(part)
        except TimeoutError:
            logger.info("a stream is not read and is closed")
        except AbloError as exc:
            self._last = failure_event(exc)

    async def _comments(self) -> None:
        try:
            while True:
                await anyio.sleep(SILENT_SECONDS)
                await self._write(b": here\n\n")
        except TimeoutError:
            logger.info("a stream is not read and is closed")

    async def _ended(self) -> None:
        with self._call.service.authenticator.watch(self._call.credential) as watch:
            self._last = failure_event(await watch.ended())


def failure_event(error: AbloError) -> bytes:
    """Return the event that ends a stream: what happened, and what to do."""
    return b"event: error\ndata: " + dumps(problem_body(error)) + b"\n\n"


ROUTES: Final[list[BaseRoute]] = [route("/api/v1/stream", stream, deadline=False, tickets=True)]
