"""`ablo.tasks.aggregate(...)`, `live_aggregate(...)`: counts, sums, minima and maxima of rows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Self, TypeAlias, TypeVar, cast

import msgspec
import orjson

from ablo_pg.changefeed.result import PageAt, Result
from ablo_pg.changefeed.totals import HOWS, Aggregate, Exchange, Key, Totals
from ablo_pg.client.deadlines import within
from ablo_pg.client.live.live import Following, attribute
from ablo_pg.client.names import Entry
from ablo_pg.client.rows.decode import joined, row_of
from ablo_pg.client.rows.where import Predicate, Where, predicates
from ablo_pg.client.session import Session
from ablo_pg.delta import Delta
from ablo_pg.errors import error_for
from ablo_pg.predicate.stream import refuse_clock, refuse_unlogged
from ablo_pg.schema.neutral import Field
from ablo_pg.schema.rows import Model, row_from_json
from ablo_pg.wire.kernel_bodies import ListBody
from ablo_pg.wire.kernel_calls import ROW_AGGREGATE
from ablo_pg.wire.results import AggregatesRead, GroupRead

Names: TypeAlias = Sequence[str]
ValueT_co = TypeVar("ValueT_co", covariant=True)


@dataclass(frozen=True, slots=True)
class AggregateQuery:
    """What is asked, by wire names and as fields."""

    where: Sequence[Predicate]
    terms: Mapping[str, Sequence[Field]]
    group: Field | None
    archived: bool

    @property
    def body(self) -> bytes:
        """Its JSON, as `ablo.row_aggregate` reads it."""
        asked: dict[str, object] = {"where": self.where, "archived": self.archived}
        asked |= {how: [field.wire for field in fields] for how, fields in self.terms.items()}
        if self.group is not None:
            asked["groupBy"] = self.group.wire
        return orjson.dumps(asked)


def aggregate_query(
    entry: Entry,
    where: Where | None,
    group_by: str | None,
    sum: Names,
    min: Names,
    max: Names,
    archived: bool,
) -> AggregateQuery:
    """Read what a caller asks. Raises as `list`."""
    terms = {}
    for how, names in zip(HOWS, (sum, min, max), strict=True):
        if isinstance(names, str):
            raise error_for(
                "invalid_options",
                f"{how} is a text, not a list of fields",
                model=entry.key,
                field=how,
                remedy=f'pass {how}=["{names}"]',
            )
        terms[how] = [_field(entry, name) for name in dict.fromkeys(names)]
    group = None if group_by is None else _field(entry, group_by)
    return AggregateQuery(predicates(entry, where), terms, group, archived)


def totals_of(entry: Entry, query: AggregateQuery) -> Totals[Model]:
    """Return what shows the answer of a query."""
    return Totals(query.where, query.terms, query.group, entry.fields, attribute)


async def read_totals(
    session: Session, entry: Entry, query: AggregateQuery, timeout: float | None = None
) -> AggregatesRead:
    """Ask the database."""
    async with within(session.seconds(timeout), f"Aggregating {entry.key}"), session.asking():
        body = ListBody(entry.typename, msgspec.Raw(query.body))
        return await session.transport.ask(ROW_AGGREGATE, body)


def shown(query: AggregateQuery, groups: Mapping[Key, Aggregate]) -> object:
    """Return the value as a caller gets it: of all rows, or by the values of a field."""
    return groups[None] if query.group is None else dict(groups)


class LiveAggregate(Generic[ValueT_co]):
    """An async context manager and an endless async iterator of an aggregate that stays current.

        async with ablo.tasks.live_aggregate({"status": "todo"}, sum=["estimate"]) as live:
            show(live.value)
            async for value in live: ...

    It yields the value after each commit that changes it, several at once if they come quickly.
    `value` is what `aggregate` would have returned at `stamp`. Changes are added and taken away
    without a query where that is exact. Raises what `aggregate` and `subscribe` raise.
    """

    def __init__(self, session: Session, entry: Entry, query: AggregateQuery) -> None:
        refuse_clock(entry.key, query.where)
        refuse_unlogged(entry.spec)
        self._query = query
        self._totals = totals_of(entry, query)
        self._source = _Exchanges(session, entry, query)
        self._result: Result[GroupRead, Exchange[Model], dict[Key, Aggregate]] = Result(
            self._totals, self._source, 0
        )
        self._turn = asyncio.Lock()  # several tasks may share one: each value goes to one of them

    @property
    def value(self) -> ValueT_co:
        """The aggregate as of `stamp`."""
        return cast(ValueT_co, shown(self._query, self._totals.groups))

    @property
    def stamp(self) -> int | None:
        """The sync id that the value is as of; None before it is entered or iterated."""
        return self._result.stamp

    async def __aenter__(self) -> Self:
        async with self._turn:
            await self._result.begin()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()

    def __aiter__(self) -> AsyncIterator[ValueT_co]:
        return self

    async def __anext__(self) -> ValueT_co:
        async with self._turn:
            await self._result.begin()
            while not self._result.closed:
                if await self._result.advance():
                    return self.value
            raise StopAsyncIteration

    async def aclose(self) -> None:
        """End it; `value` and `stamp` stay readable."""
        self._result.closed = True
        if self._source.changes is not None:
            await self._source.changes.aclose()


class _Exchanges(Following):
    """The database's answer, and rows before and after changes."""

    def __init__(self, session: Session, entry: Entry, query: AggregateQuery) -> None:
        super().__init__(session, entry, query.where)
        self._query = query

    async def page(self) -> PageAt[GroupRead]:
        """See Source."""
        found = await read_totals(self._session, self._entry, self._query)
        if not self._query.archived:  # a filter lets no archived row pass
            self.compared(found.compares)
        return PageAt(found.groups, False, found.stamp, found.compares)

    async def rows(self, deltas: list[Delta]) -> dict[str, Exchange[Model]]:
        """See Source."""
        found: dict[str, Exchange[Model]] = {}
        for delta in deltas:
            now = self._counted(None if delta.row is None else row_of(self._entry, delta.row, 0))
            before, known = None, delta.op == "I"
            if delta.before is not None:
                old = delta.before if delta.row is None else joined(delta.row, delta.before)
                before, known = self._counted(row_from_json(self._entry.row, old)), True
            first = found.get(delta.row_id)
            if first is not None:
                before, known = first.before, first.known
            found[delta.row_id] = Exchange(before, now, known)
        await self._session.admit(self._entry, [one.after for one in found.values()])
        return found

    def _counted(self, row: Model | None) -> Model | None:
        archived = row is not None and row.archived_at is not None
        return None if archived and not self._query.archived else row


def _field(entry: Entry, name: str) -> Field:
    return entry.field(name, code="query_invalid_identifier")
