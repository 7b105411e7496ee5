"""`ablo.tasks.live(...)`: a list that stays current; see `changefeed.result`."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final, Generic, Self, TypeAlias, TypeVar, cast

from ablo_pg.changefeed.filters import Filter
from ablo_pg.changefeed.related import Related, WithRelated
from ablo_pg.changefeed.result import BATCH, PageAt, Result, Taken
from ablo_pg.changefeed.window import LiveEvent, Undecided, Window, no_related
from ablo_pg.client.deadlines import within
from ablo_pg.client.live.background import Background
from ablo_pg.client.live.subscriptions import Subscription, subscribe
from ablo_pg.client.local.where import getter
from ablo_pg.client.names import Entry
from ablo_pg.client.rows.include import including, read_page, related_of, relations
from ablo_pg.client.rows.requests import list_query
from ablo_pg.client.rows.where import ListQuery, OrderBy, Predicate, Where, ordering
from ablo_pg.client.session import Session
from ablo_pg.client.transport import DeltaStream
from ablo_pg.delta import Delta
from ablo_pg.errors import AbloError
from ablo_pg.predicate.evaluate import Get
from ablo_pg.predicate.stream import Compares, refuse_clock, refuse_unlogged
from ablo_pg.schema.neutral import Field, Relation
from ablo_pg.schema.rows import Model, unread_fields

logger: Final = logging.getLogger("ablo_pg.client")
RowT = TypeVar("RowT", bound=Model)
# Takes the rows, and the events that led to them.
Watcher: TypeAlias = Callable[[list[RowT], list[LiveEvent[RowT]]], Awaitable[None] | None]


class Live(Generic[RowT]):
    """An async context manager and an endless async iterator of what changes in a result.

        async with ablo.tasks.live({"status": "todo"}, order_by="due_date", limit=20) as live:
            show(live.rows)
            async for event in live: ...

    Entering it reads the rows. Taking an event (`batch`: all that are available) applies the next
    commits, each as a whole: `rows` is always what `list` would have returned at `stamp`, related
    rows (`include`) as well: a change of one is an `update` of the rows that it belongs to, and
    costs a read of the page. Broken connections are replaced; if the log no longer reaches back,
    the rows are read again and the differences are the events. Raises what `list` and `subscribe`
    raise, and response_too_large if the first `limit` rows do not fit into one answer.
    """

    def __init__(
        self,
        session: Session,
        entry: Entry,
        where: Where | None,
        order_by: OrderBy | None,
        limit: int,
        include: Sequence[str] = (),
    ) -> None:
        wanted, registry = relations(entry, include), session.registry
        more = including(registry, wanted)
        query = list_query(entry, where, order_by, limit, None, False, compares=True, **more)
        refuse_clock(entry.key, query.where)
        for one in (entry, *(registry.entry(each.target) for each in wanted.values())):
            refuse_unlogged(one.spec)
        order = ordering(entry, order_by)
        related = related_of if wanted else no_related
        self._window: Window[Model] = Window(
            query.where, order, limit, entry.fields, attribute, related=related
        )
        self._source = _Rows(session, entry, query, wanted)
        self._result: Result[Model, Model | None, LiveEvent[Model]] = Result(
            self._window, self._source, limit
        )
        self._events: deque[LiveEvent[Model]] = deque()
        self._turn = asyncio.Lock()  # several tasks may share one: each event goes to one of them

    @property
    def rows(self) -> list[RowT]:
        """The rows, in order, as of `stamp`."""
        window = self._window
        return cast("list[RowT]", [window.rows[row_id] for row_id in window.ids])

    @property
    def stamp(self) -> int | None:
        """The sync id that the rows are as of; None before it is entered or iterated."""
        return self._result.stamp

    async def __aenter__(self) -> Self:
        async with self._turn:
            await self._result.begin()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()

    def __aiter__(self) -> AsyncIterator[LiveEvent[RowT]]:
        return self

    async def __anext__(self) -> LiveEvent[RowT]:
        async with self._turn:
            await self._result.begin()
            while not self._events:
                if self._result.closed:
                    raise StopAsyncIteration
                self._events.extend(await self._result.advance())
            return cast("LiveEvent[RowT]", self._events.popleft())

    async def batch(self) -> list[LiveEvent[RowT]]:
        """Wait for a change of the rows; return all events up to `stamp`, at least one.

        Raises StopAsyncIteration when it is closed.
        """
        first = await self.__anext__()
        found = [first, *cast("deque[LiveEvent[RowT]]", self._events)]
        self._events.clear()
        return found

    async def watch(self, callback: Watcher[RowT]) -> LiveHandle:
        """Call `callback(rows, events)` now, with no events, and then after every change.

        Calls come one at a time. Returns a handle whose `close` ends them. If the callback raises,
        the error is logged and the next change follows.
        """
        await self.__aenter__()

        async def run() -> None:
            events: list[LiveEvent[RowT]] = []
            while not self._result.closed:
                try:
                    answer = callback(self.rows, events)
                    if inspect.isawaitable(answer):
                        await answer
                except Exception:
                    logger.exception("a live query's callback failed at %s", self.stamp)
                try:
                    events = await self.batch()
                except StopAsyncIteration:
                    return

        return LiveHandle(self.aclose, self._source.background.start(run))

    async def aclose(self) -> None:
        """End it; `rows` and `stamp` stay readable."""
        self._result.closed = True
        if self._source.changes is not None:
            await self._source.changes.aclose()


class LiveHandle:
    """A running `watch`."""

    def __init__(self, aclose: Callable[[], Awaitable[None]], task: asyncio.Task[None]) -> None:
        self._aclose = aclose
        self._task = task

    async def close(self) -> None:
        """End the calls; a running one is cancelled. Idempotent."""
        self._task.cancel()
        await self._aclose()


class Following:
    """Follows a model's changes over the client's transport: half of a `Source`."""

    def __init__(
        self,
        session: Session,
        entry: Entry,
        where: Sequence[Predicate],
        related: Related | None = None,
    ) -> None:
        self.changes: Subscription[Model] | None = None
        self._related = related
        self._session = session
        self._entry = entry
        self._where = where
        self._filter: Filter | None = None

    @property
    def background(self) -> Background:
        """The client's background tasks."""
        return self._session.background

    def compared(self, compares: Compares) -> None:
        """Learn how columns compare: the hub passes on what concerns the filter, if it can tell."""
        filters, entry = self._session.transport.filters, self._entry
        with suppress(AbloError):
            found = filters.get(entry.typename, self._where, entry.fields, compares)
            self._filter = found if self._related is None else WithRelated(found, self._related)

    async def follow(self, cursor: int) -> None:
        """See Source."""
        if self.changes is not None:
            await self.changes.aclose()
        keys = {self._entry.key}
        if self._related is not None:
            keys |= {self._session.registry.typenames[one].key for one in self._related.models}
        self.changes = subscribe(self._session, frozenset(keys), None, cursor, self._filter)
        await self.changes.__aenter__()

    async def take(self) -> Taken:
        """See Source."""
        assert self.changes is not None
        return await self.changes._take(_batch)


class _Rows(Following):
    """A list, and rows as changes leave them; None for one that is gone or archived."""

    def __init__(
        self, session: Session, entry: Entry, query: ListQuery, wanted: dict[str, Relation]
    ) -> None:
        targets = [session.registry.entry(one.target).typename for one in wanted.values()]
        related = Related(wanted.values(), targets) if wanted else None
        super().__init__(session, entry, query.where, related)
        self._query = query
        self._wanted = wanted

    async def page(self) -> PageAt[Model]:
        """See Source."""
        session, entry = self._session, self._entry
        async with within(session.timeout, f"Listing {entry.key}"):
            page, found = await read_page(session, entry, self._query, self._wanted)
        if self._related is not None and found.related is not None:
            others = {name: list(map(bytes, one.data)) for name, one in found.related.items()}
            self._related.read(list(map(bytes, found.data)), others)
        self.compared(found.compares or {})
        return PageAt(page, page.has_more, page.stamp, found.compares or {})

    async def rows(self, deltas: list[Delta]) -> dict[str, Model | None] | None:
        """See Source."""
        assert self.changes is not None
        if self._related is not None:
            if self._related.concerned(deltas):
                return None
            deltas = [one for one in deltas if one.model == self._entry.typename]
        changes = await self.changes._changes_of(deltas)
        rows = ((one.id, one.row) for one in changes)
        return {
            name: None if row is None or row.archived_at is not None else row for name, row in rows
        }


async def _batch(stream: DeltaStream) -> Taken:
    deltas = await stream.batch(BATCH)
    return Taken(deltas, stream.cursor, stream.whole)


def attribute(field: Field) -> Get:
    get, name = getter(field), field.name

    def value(row: object) -> object:
        found = get(row)
        if found != found or name in unread_fields(cast("Model", row)):
            raise Undecided
        return found

    return value
