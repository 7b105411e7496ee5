"""A live query as Server-Sent Events: the rows, then what changes in them.

`GET /api/v1/models/{model}/live?where=` takes the parameters of the list. The first event is a
`snapshot`; then come `enter`, `update`, `move` and `leave`. The last event of each step has an id:
a client that resumes there continues without a snapshot if nothing has changed since.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from hashlib import blake2b
from typing import Final, cast

import msgspec
import orjson
from starlette.responses import Response
from starlette.routing import BaseRoute

from ablo_pg.changefeed.filters import Filter, json_attribute
from ablo_pg.changefeed.result import BATCH, PageAt, Result, Taken
from ablo_pg.changefeed.subscription import Subscription
from ablo_pg.changefeed.window import LiveEvent, Window
from ablo_pg.delta import Delta
from ablo_pg.errors import AbloError, error_for
from ablo_pg.json_text import Json, loads
from ablo_pg.predicate.evaluate import Get
from ablo_pg.predicate.stream import refuse_clock
from ablo_pg.relay.http.bootstrap_routes import groups_of
from ablo_pg.relay.http.call import TICKET, Call, route
from ablo_pg.relay.http.model_routes import MODEL, model_of
from ablo_pg.relay.http.stream_routes import EventStream
from ablo_pg.relay.live_schema import fields_of
from ablo_pg.schema import Field, FieldType, ModelSpec
from ablo_pg.wire.frames import cursor_of
from ablo_pg.wire.kernel_bodies import ListBody
from ablo_pg.wire.kernel_calls import ROW_LIST
from ablo_pg.wire.lists import ListQuery, read_query
from ablo_pg.wire.results import PAGE_READ


async def live(call: Call) -> Response:
    """GET: the rows of a list, and what changes in them, without end."""
    model = await model_of(call, "read")
    params, fields = call.request.query_params, fields_of(model)
    pairs = (one for one in params.multi_items() if one[0] != TICKET or not call.ticketed)
    query = read_query(model.key, pairs, fields, call.service.settings.list_rows)
    for name in ("starting_after", "archived", "include"):
        if not getattr(query, name):
            continue
        raise error_for(
            "invalid_request",
            f"a live query has no {name}: it shows the first rows that are not archived, alone",
            field=name,
            remedy="leave it out",
        )
    refuse_clock(model.key, _typed(query, fields))
    rows = _LiveRows(call, model, query, judged=params.get("where", "")[:1] not in ("[", "{"))
    try:
        await rows.begin(cursor_of(call.request.headers.get("last-event-id")))
    except BaseException:
        await rows.aclose()
        raise
    return EventStream(call, rows)


class _Row:
    """A row in its JSON; equal if that is. data and values: empty, or few, once it was sent."""

    __slots__ = ("_digest", "data", "id", "values")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self._digest = blake2b(data, digest_size=16).digest()
        self.values: dict[str, object] = loads(data)
        self.id = str(self.values["id"])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Row) and self._digest == other._digest

    __hash__ = None  # type: ignore[assignment]

    def shrink(self, kept: Iterable[str]) -> None:
        """Drop what sorting does not need: a stream holds its rows as long as it is open."""
        self.data = b""
        self.values = {name: self.values[name] for name in kept if name in self.values}


class _LiveRows:
    """The `Events` of a live query, and their `Source`."""

    def __init__(self, call: Call, model: ModelSpec, query: ListQuery, *, judged: bool) -> None:
        self._call = call
        self._model = model
        self._body = ListBody(model.typename, msgspec.Raw(query.kernel_query(None, compares=True)))
        self._changes: Subscription | None = None
        self._filter: Filter | None = None
        self._judged = judged
        self._resumed = False
        self._kept = ("id", *(wire for wire, _ in query.order_by))
        self._fields = fields = fields_of(model)
        self._where = _typed(query, fields)
        self._window: Window[_Row] = Window(
            self._where, query.order_by, query.limit, fields, _attribute, judged=judged
        )
        self._result: Result[_Row, _Row | None, LiveEvent[_Row]] = Result(
            self._window, self, query.limit
        )

    async def begin(self, cursor: int | None) -> None:
        """Read the rows; find out whether the client, at this cursor, has them."""
        await self._result.begin()
        if cursor is not None:
            try:
                since = await self._open(cursor)
            except AbloError as exc:
                if exc.code not in ("snapshot_required", "cursor_ahead"):
                    raise
            else:
                self._resumed = since.whole
                await since.aclose()

    async def first(self) -> bytes:
        """See Events."""
        window, stamp = self._window, self._result.stamp or 0
        rows = b",".join(window.rows[row_id].data for row_id in window.ids)
        for row in window.rows.values():
            row.shrink(self._kept)
        if self._resumed:
            return b"id: %d\n\n" % stamp
        return _event("snapshot", b'{"stamp":%d,"rows":[%b]}' % (stamp, rows), stamp)

    async def more(self) -> bytes:
        """See Events."""
        steps = await self._result.advance()
        last = len(steps) - 1
        stamp = self._result.stamp
        part = b"".join(
            _event(step.kind, _step(step), stamp if n == last else None)
            for n, step in enumerate(steps)
        )
        for step in steps:
            step.row.shrink(self._kept)
        return part

    async def aclose(self) -> None:
        """See Events."""
        self._result.closed = True
        if self._changes is not None:
            await self._changes.aclose()

    async def page(self) -> PageAt[_Row]:
        """See Source."""
        found = PAGE_READ.decode(await self._call.ask(ROW_LIST, self._body))
        rows = [_Row(bytes(one)) for one in found.data]
        compares = found.compares or {}
        if self._judged:
            filters, typename = self._call.service.hub.filters, self._model.typename
            with suppress(AbloError):  # else all changes come, and the window judges them
                self._filter = filters.get(typename, self._where, self._fields, compares)
        return PageAt(rows, found.has_more, found.stamp, compares)

    async def follow(self, cursor: int) -> None:
        """See Source."""
        if self._changes is not None:
            await self._changes.aclose()
        self._changes = await self._open(cursor)

    async def take(self) -> Taken:
        """See Source."""
        assert self._changes is not None
        deltas = await self._changes.batch(BATCH)
        return Taken(deltas, self._changes.cursor, self._changes.whole)

    async def rows(self, deltas: list[Delta]) -> dict[str, _Row | None]:
        """See Source."""
        rows = ((one.row_id, None if one.row is None else _Row(one.row)) for one in deltas)
        return {
            name: None if row is None or row.values.get("archivedAt") is not None else row
            for name, row in rows
        }

    async def _open(self, cursor: int) -> Subscription:
        views = groups_of(self._call).views
        models = {self._model.typename}
        mine = tuple(replace(view, models=models) for view in views)
        hub, organization = self._call.service.hub, self._call.organization
        made = hub.follow(organization, mine, cursor, self._filter)
        await made.begin()
        return made


def _typed(query: ListQuery, fields: dict[str, Field]) -> list[Json]:
    """Return a list's predicates with the values of its query string as their fields' types."""
    nodes = [
        [node[0], node[1], _number(fields[node[0]], node[2])] if isinstance(node, tuple) else node
        for node in query.where
    ]
    return cast("list[Json]", nodes)


def _number(field: Field, value: object) -> object:
    if field.type not in (FieldType.INTEGER, FieldType.NUMBER) or not isinstance(value, str):
        return value
    try:
        return int(value) if field.type is FieldType.INTEGER else float(value)
    except ValueError:
        return value


def _attribute(field: Field) -> Get:
    of_values = json_attribute(field)
    return lambda row: of_values(cast("_Row", row).values)


def _step(step: LiveEvent[_Row]) -> bytes:
    head = orjson.dumps({"id": step.id, "index": step.index})
    return head if step.kind == "leave" else b'%b,"row":%b}' % (head[:-1], step.row.data)


def _event(kind: str, data: bytes, stamp: int | None) -> bytes:
    """Return an event. A line break inside JSON only separates tokens, and would end its line."""
    line = data.replace(b"\r", b" ").replace(b"\n", b" ")
    head = b"" if stamp is None else b"id: %d\n" % stamp
    return b"%bevent: %b\ndata: %b\n\n" % (head, kind.encode(), line)


ROUTES: Final[list[BaseRoute]] = [route(f"{MODEL}/live", live, deadline=False, tickets=True)]
