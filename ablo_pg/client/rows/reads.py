"""What a model's client reads: rows, pages, history, totals, and what follows them live."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Generic, TypeVar, cast, overload

from ablo_pg.changefeed.totals import Aggregate
from ablo_pg.client.claims.claims import IfClaimed, check_free, fail_when_claimed
from ablo_pg.client.deadlines import within
from ablo_pg.client.live.aggregate import (
    LiveAggregate,
    aggregate_query,
    read_totals,
    shown,
    totals_of,
)
from ablo_pg.client.live.live import Live
from ablo_pg.client.live.subscriptions import Subscription, subscribe
from ablo_pg.client.names import Entry
from ablo_pg.client.rows.decode import Page, row_of
from ablo_pg.client.rows.history import History, row_as_of, row_history
from ablo_pg.client.rows.include import including, read_page, relations
from ablo_pg.client.rows.requests import list_query
from ablo_pg.client.rows.values import encode_id
from ablo_pg.client.rows.where import OrderBy, Where
from ablo_pg.client.session import Session
from ablo_pg.predicate.stream import refuse_unlogged
from ablo_pg.schema.rows import Model
from ablo_pg.wire.kernel_bodies import RowBody
from ablo_pg.wire.kernel_calls import ROW_GET

RowT = TypeVar("RowT", bound=Model)


class ModelReads(Generic[RowT]):
    """Reads the rows of one model, and follows them."""

    def __init__(self, session: Session, entry: Entry) -> None:
        self._session = session
        self._entry = entry
        self._key = entry.key

    @property
    def key(self) -> str:
        """The model's key in the schema."""
        return self._key

    async def retrieve(
        self,
        id: str,
        *,
        at: int | None = None,
        if_claimed: IfClaimed = "return",
        include: Sequence[str] = (),
        timeout: float | None = None,
    ) -> RowT | None:
        """Return the row, or None.

        at: a sync id; the row as of that position of the organization's log. See
        `history.row_as_of` for the errors. if_claimed: "fail" raises model_claimed, naming the
        holder, if another participant has claimed the row or a part of it; not with `at`. include:
        see `list`; not with `at`.
        """
        only_free = fail_when_claimed(if_claimed, at)
        wanted = relations(self._entry, include, at)
        if at is not None:
            return cast("RowT | None", await row_as_of(self._session, self._entry, id, at, timeout))
        row_id = encode_id(self._key, id)
        async with within(self._session.seconds(timeout), f"Reading {self._key} {row_id!r}"):
            if only_free:
                await check_free(self._session, self._entry, row_id)
            if wanted:
                where, more = {"id": row_id}, including(self._session.registry, wanted)
                query = list_query(self._entry, where, None, 1, None, True, **more)
                page, _ = await read_page(self._session, self._entry, query, wanted)
                return cast("RowT | None", next(iter(page), None))
            async with self._session.asking():
                body = RowBody(self._entry.typename, row_id)
                found = await self._session.transport.ask(ROW_GET, body)
            if found.data is None:
                return None
            row = row_of(self._entry, found.data, found.stamp)
            await self._session.admit(self._entry, [row])
        return cast(RowT, row)

    async def history(
        self, id: str, *, limit: int = 100, before: int | None = None, timeout: float | None = None
    ) -> History[RowT]:
        """Return the changes of a row, newest first; also of a deleted row.

        limit: 1 to 1000. before: only changes older than this sync id; the previous page's
        `next_before` continues. A row that is not in the log has an empty history.
        """
        page = await row_history(self._session, self._entry, id, limit, before, timeout)
        return cast("History[RowT]", page)

    async def list(
        self,
        where: Where | None = None,
        *,
        order_by: OrderBy | None = None,
        limit: int = 100,
        after: str | None = None,
        archived: bool = False,
        include: Sequence[str] = (),
        timeout: float | None = None,
    ) -> Page[RowT]:
        """Return a page of rows.

        where: columns, `(col(Task.count) > 3) | col(Task.urgent)`; SQL text over the fields,
        `"count > 3 or urgent"`, with parameters `("count > $1", [3])`; or `{"status": "todo"}`,
        `{"count": {"gt": 3}}`, `[("count", ">", 3)]`, of which all must hold; a list means IN, None
        means IS NULL (docs/queries.md). order_by: "created_at", "-created_at", or a list of them;
        ties are broken by id. limit: 1 to 1000. after: the previous page's `next_cursor`. archived:
        include archived rows. include: relations; `row.project` is then the row's project or None,
        `row.messages` its messages, of the same snapshot (docs/schema.md).
        """
        wanted = relations(self._entry, include)
        more = including(self._session.registry, wanted)
        query = list_query(self._entry, where, order_by, limit, after, archived, **more)
        async with within(self._session.seconds(timeout), f"Listing {self._key}"):
            page, _ = await read_page(self._session, self._entry, query, wanted)
        return cast("Page[RowT]", page)

    def subscribe(
        self,
        *,
        where: Where | None = None,
        cursor: int | None = None,
        groups: Iterable[str] | None = None,
    ) -> Subscription[RowT]:
        """Follow this model's committed changes, live; see `live.subscriptions.Subscription`.

        where: a filter as of `list`; only changes of rows that pass it before or after, and
        `change.event` says which. cursor: begin after that sync id; default: from when the
        subscription is entered or first iterated. groups: only changes delivered to one of these
        sync groups.
        """
        refuse_unlogged(self._entry.spec)
        keys = frozenset({self._key})
        return cast("Subscription[RowT]", subscribe(self._session, keys, groups, cursor, where))

    def live(
        self,
        where: Where | None = None,
        *,
        order_by: OrderBy | None = None,
        limit: int = 100,
        include: Sequence[str] = (),
    ) -> Live[RowT]:
        """Return what `list` returns, kept current; see `Live`. Refuses now() in the filter.

        include: as of `list`; a row also gets an `update` event when its related rows change.
        """
        return Live(self._session, self._entry, where, order_by, limit, include)

    @overload
    async def aggregate(
        self,
        where: Where | None = None,
        *,
        group_by: None = None,
        sum: Sequence[str] = (),
        min: Sequence[str] = (),
        max: Sequence[str] = (),
        archived: bool = False,
        timeout: float | None = None,
    ) -> Aggregate: ...

    @overload
    async def aggregate(
        self,
        where: Where | None = None,
        *,
        group_by: str,
        sum: Sequence[str] = (),
        min: Sequence[str] = (),
        max: Sequence[str] = (),
        archived: bool = False,
        timeout: float | None = None,
    ) -> dict[object, Aggregate]: ...

    async def aggregate(
        self,
        where: Where | None = None,
        *,
        group_by: str | None = None,
        sum: Sequence[str] = (),
        min: Sequence[str] = (),
        max: Sequence[str] = (),
        archived: bool = False,
        timeout: float | None = None,
    ) -> Aggregate | dict[object, Aggregate]:
        """Count rows, and calculate sums, minima and maxima of fields, in the database.

        where, archived: as of `list`. group_by: a field; the result is then a dict by its values
        (of an enum, the text). sum: integers, decimals and floats; min, max: these, times, dates
        and text. Raises response_too_large for more than 1000 groups.
        """
        query = aggregate_query(self._entry, where, group_by, sum, min, max, archived)
        found = await read_totals(self._session, self._entry, query, timeout)
        totals = totals_of(self._entry, query)
        totals.read(found.groups, False, found.compares)
        return cast("Aggregate | dict[object, Aggregate]", shown(query, totals.groups))

    @overload
    def live_aggregate(
        self,
        where: Where | None = None,
        *,
        group_by: None = None,
        sum: Sequence[str] = (),
        min: Sequence[str] = (),
        max: Sequence[str] = (),
        archived: bool = False,
    ) -> LiveAggregate[Aggregate]: ...

    @overload
    def live_aggregate(
        self,
        where: Where | None = None,
        *,
        group_by: str,
        sum: Sequence[str] = (),
        min: Sequence[str] = (),
        max: Sequence[str] = (),
        archived: bool = False,
    ) -> LiveAggregate[dict[object, Aggregate]]: ...

    def live_aggregate(
        self,
        where: Where | None = None,
        *,
        group_by: str | None = None,
        sum: Sequence[str] = (),
        min: Sequence[str] = (),
        max: Sequence[str] = (),
        archived: bool = False,
    ) -> LiveAggregate[Aggregate | dict[object, Aggregate]]:
        """Return what `aggregate` returns, kept current; see `LiveAggregate`. Refuses now()."""
        query = aggregate_query(self._entry, where, group_by, sum, min, max, archived)
        return LiveAggregate(self._session, self._entry, query)
