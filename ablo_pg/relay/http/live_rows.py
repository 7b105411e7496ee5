"""A live query in the relay: the rows, then the steps to what they are, for each way to send them.

`live_routes` sends them as events, `ws.live_frames` as frames.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from dataclasses import replace
from hashlib import blake2b
from typing import TypeAlias, cast

import orjson

from ablo_pg.changefeed.filters import Filter, json_attribute
from ablo_pg.changefeed.related import Related, WithRelated
from ablo_pg.changefeed.result import BATCH, PageAt, Result, Taken
from ablo_pg.changefeed.subscription import Subscription
from ablo_pg.changefeed.view import View
from ablo_pg.changefeed.window import LiveEvent, Window
from ablo_pg.delta import Delta
from ablo_pg.errors import AbloError, error_for
from ablo_pg.json_text import Json, loads
from ablo_pg.predicate.evaluate import Get
from ablo_pg.predicate.stream import refuse_clock, refuse_unlogged
from ablo_pg.relay.http.call import Caller
from ablo_pg.relay.http.model_routes import (
    Wanted,
    nested,
    read_page,
    related_of,
    relations_of,
    rows_of,
)
from ablo_pg.relay.live_schema import fields_of
from ablo_pg.schema import Field, FieldType, ModelSpec
from ablo_pg.wire.lists import ListQuery, read_query

Turn: TypeAlias = Callable[[], AbstractAsyncContextManager[None]]


def live_rows(
    caller: Caller,
    model: ModelSpec,
    pairs: Iterable[tuple[str, str]],
    views: Iterable[View],
    turn: Turn = nullcontext,
) -> LiveRows:
    """Return the live query of these parameters of a list. Raises invalid_request.

    turn: held while a page is read.
    """
    given, fields = list(pairs), fields_of(model)
    query = read_query(model.key, given, fields, caller.service.settings.list_rows)
    for name in ("starting_after", "archived"):
        if not getattr(query, name):
            continue
        raise error_for(
            "invalid_request",
            f"a live query has no {name}: it shows the first rows that are not archived",
            field=name,
            remedy="leave it out",
        )
    refuse_clock(model.key, _typed(query, fields))
    refuse_unlogged(model)
    judged = dict(given).get("where", "")[:1] not in ("[", "{")
    wanted = relations_of(caller, model, query.include)
    for _, target in wanted:
        refuse_unlogged(target)
    return LiveRows(caller, model, query, wanted, tuple(views), turn, judged=judged)


class Row:
    """A row in its JSON; equal if that is. data and values: empty, or few, once it was sent.

    whole: with the related rows that are shown with it.
    """

    __slots__ = ("_digest", "data", "id", "values", "whole")

    def __init__(self, data: bytes, *, whole: bool = True) -> None:
        self.data = data
        self.whole = whole
        self._digest = blake2b(data, digest_size=16).digest()
        self.values: dict[str, object] = loads(data)
        self.id = str(self.values["id"])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Row) and self._digest == other._digest

    __hash__ = None  # type: ignore[assignment]

    def shrink(self, kept: Iterable[str]) -> None:
        """Drop what sorting does not need: a stream holds its rows as long as it is open."""
        self.data = b""
        self.values = {name: self.values[name] for name in kept if name in self.values}


class LiveRows:
    """A live query, and its `Source`."""

    def __init__(
        self,
        caller: Caller,
        model: ModelSpec,
        query: ListQuery,
        wanted: Wanted,
        views: tuple[View, ...],
        turn: Turn,
        *,
        judged: bool,
    ) -> None:
        self._caller = caller
        self._views = views
        self._turn = turn
        self._model = model
        self._query = query
        self._wanted = wanted
        self._related = Related(
            (relation for relation, _ in wanted), (target.typename for _, target in wanted)
        )
        self._changes: Subscription | None = None
        self._filter: Filter | None = None
        self._judged = judged
        self.resumed = False  # the client has these rows
        self._kept = ("id", *(wire for wire, _ in query.order_by))
        self._fields = fields = fields_of(model)
        self._where = _typed(query, fields)
        self._window: Window[Row] = Window(
            self._where,
            query.order_by,
            query.limit,
            fields,
            _attribute,
            judged=judged,
            related=_related,
        )
        self._result: Result[Row, Row | None, LiveEvent[Row]] = Result(
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
                self.resumed = since.whole
                await since.aclose()

    @property
    def stamp(self) -> int:
        """The sync id that the rows are as of."""
        return self._result.stamp or 0

    def rows_now(self) -> list[bytes]:
        """Return the rows; once, before the first step."""
        window = self._window
        rows = [window.rows[row_id].data for row_id in window.ids]
        for row in window.rows.values():
            row.shrink(self._kept)
        return rows

    async def steps(self) -> list[tuple[LiveEvent[Row], bytes]]:
        """Wait for the next commits; return the steps, with the rows as JSON. Raises AbloError."""
        steps = [(step, step.row.data) for step in await self._result.advance()]
        for step, _ in steps:
            step.row.shrink(self._kept)
        return steps

    async def aclose(self) -> None:
        """End it."""
        self._result.closed = True
        if self._changes is not None:
            await self._changes.aclose()

    async def page(self) -> PageAt[Row]:
        """See Source."""
        caller, model, wanted = self._caller, self._model, self._wanted
        async with self._turn():
            found = await read_page(caller, model, self._query, None, wanted, compares=True)
            data, others, compares = rows_of(found), related_of(found), found.compares
            self._related.read(data, others)
            rows = list(map(Row, await nested(caller, data, wanted, others)))
        if self._judged:
            filters, typename = self._caller.service.hub.filters, self._model.typename
            with suppress(AbloError):  # else all changes come, and the window judges them
                filter = filters.get(typename, self._where, self._fields, compares)
                self._filter = WithRelated(filter, self._related) if wanted else filter
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

    async def rows(self, deltas: list[Delta]) -> dict[str, Row | None] | None:
        """See Source."""
        if self._related.concerned(deltas):
            return None
        mine, whole = self._model.typename, not self._wanted
        rows = (
            (one.row_id, None if one.row is None else Row(one.row, whole=whole))
            for one in deltas
            if one.model == mine
        )
        return {
            name: None if row is None or row.values.get("archivedAt") is not None else row
            for name, row in rows
        }

    async def _open(self, cursor: int) -> Subscription:
        models = {self._model.typename, *self._related.models}
        mine = tuple(replace(view, models=models) for view in self._views)
        hub, organization = self._caller.service.hub, self._caller.organization
        made = hub.follow(organization, mine, cursor, self._filter)
        await made.begin()
        return made


def step_json(step: LiveEvent[Row], row: bytes, *, kind: bool = False) -> bytes:
    """Return a step as JSON. row: as it is now. kind: say which."""
    said: dict[str, object] = {"kind": step.kind} if kind else {}
    head = orjson.dumps(said | {"id": step.id, "index": step.index})
    return head if step.kind == "leave" else b'%b,"row":%b}' % (head[:-1], row)


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
    return lambda row: of_values(cast("Row", row).values)


def _related(row: Row) -> object:
    return row.whole or None
