"""Following committed changes: `async for change in ablo.tasks.subscribe()`, and callbacks.

A subscription asks the transport for a `DeltaStream`, turns deltas into `Change` values, and asks
again from its own cursor if the stream breaks or was disconnected for being slow, so nothing is
missed or seen twice.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import inspect
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, Literal, Self, TypeAlias, TypeVar, cast

import msgspec

from ablo_pg.changefeed.filters import Event, Filter
from ablo_pg.client.deadlines import within
from ablo_pg.client.home import Home
from ablo_pg.client.live.background import Background
from ablo_pg.client.names import Entry
from ablo_pg.client.registry import Registry
from ablo_pg.client.rows.decode import before_of, row_of
from ablo_pg.client.rows.requests import list_query
from ablo_pg.client.rows.where import Where
from ablo_pg.client.session import Session
from ablo_pg.client.transport import DeltaStream
from ablo_pg.delta import OP_NAMES, Delta
from ablo_pg.errors import AbloConnectionError, AbloTimeoutError, error_for
from ablo_pg.predicate.stream import refuse_clock
from ablo_pg.schema.rows import Model
from ablo_pg.wire.kernel_bodies import ListBody
from ablo_pg.wire.kernel_calls import ROW_LIST

logger = logging.getLogger("ablo_pg.client")
RowT = TypeVar("RowT", bound=Model)
T = TypeVar("T")
ChangeOp: TypeAlias = Literal["create", "update", "delete", "archive", "unarchive"]

# Seconds between attempts to resume a broken stream: the first at once, then doubling up to the
# last. Protects a recovering server; a subscriber waits at most that much longer.
_FIRST_PAUSE: Final = 0.05
_LAST_PAUSE: Final = 5.0


@dataclass(frozen=True, slots=True)
class Change(Generic[RowT]):
    """One committed row change.

    sync_id: its place in the organization's order, and the cursor after it. op: create, update,
    delete, archive, or unarchive. model: schema key. row: the row after the change, None for a
    delete. changed: names of the fields that an update changed. actor: `kind:id` of the writer;
    on_behalf_of: for whom; capability_id: with which key; claim_id: under which claim.

    before: what the change replaced, by field name: of an update, archive or unarchive the previous
    value of each changed field, of a delete the whole old row. None for a create; if the subscriber
    could not see the row before (it entered its sync groups, or left them); for a model with
    `before=False`; and for a change that was logged before the database had this release.

    event: with `where=`, what it does to the rows that pass: they are "enter"ed by it, "update"d
    and still pass, or "leave" (deleted, archived, or passing no longer).
    """

    sync_id: int
    op: ChangeOp
    model: str
    id: str
    row: RowT | None
    changed: tuple[str, ...]
    actor: str | None
    on_behalf_of: str | None
    created_at: dt.datetime
    transaction_id: str | None = None
    capability_id: str | None = None
    claim_id: str | None = None
    before: Mapping[str, Any] | None = None
    event: Event | None = None

    @property
    def cursor(self) -> int:
        """Where to resume to get what follows this change."""
        return self.sync_id


class Subscription(Generic[RowT]):
    """An endless async iterator of changes; also an async context manager, which begins it at once.

        async with ablo.tasks.subscribe() as changes:
            async for change in changes: ...

    `cursor` is after the last change returned: save it, and pass it to resume. Broken connections
    are replaced without gap or repeat. Raises snapshot_required if the cursor is older than the
    log, cursor_ahead if it lies in the future; unknown_field if a row lacks a field that is no
    longer declared.
    """

    def __init__(
        self,
        open_stream: Callable[[int | None], Awaitable[DeltaStream]],
        changes_of: Callable[[list[Delta]], Awaitable[list[Change[RowT]]]],
        cursor: int | None,
    ) -> None:
        self._open_stream = open_stream
        self._changes_of = changes_of
        self._cursor = cursor
        self._stream: DeltaStream | None = None
        self._begun = False
        self._closed = False
        self._home = Home()
        self._turn = asyncio.Lock()  # several tasks may share one: each change goes to one of them

    @property
    def cursor(self) -> int | None:
        """This subscription's position; None before it has begun without a cursor."""
        if self._stream is not None:
            self._cursor = self._stream.cursor
        return self._cursor

    async def __aenter__(self) -> Self:
        await self._ensure()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()

    def __aiter__(self) -> AsyncIterator[Change[RowT]]:
        return self

    async def __anext__(self) -> Change[RowT]:
        (change,) = await self._changes_of([await self._take(lambda stream: stream.__anext__())])
        return change

    async def batch(self, limit: int = 1000) -> list[Change[RowT]]:
        """Take what is available, at least one change and at most `limit`.

        `cursor` is then after the last of them. Raises StopAsyncIteration when it is closed.
        """
        return await self._changes_of(await self._take(lambda stream: stream.batch(limit)))

    async def _take(self, ask: Callable[[DeltaStream], Awaitable[T]]) -> T:
        """Ask the stream, or a new one if it broke."""
        self._home.check()
        pause = _FIRST_PAUSE
        async with self._turn:
            while not self._closed:
                try:
                    return await ask(await self._ensure())
                except (AbloConnectionError, AbloTimeoutError) as exc:
                    if not self._begun:
                        raise
                    await self._drop()
                    logger.warning("subscription interrupted after %s: %s", self._cursor, exc)
                    await asyncio.sleep(pause)
                    pause = min(pause * 2, _LAST_PAUSE)
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """End the subscription; `cursor` stays readable."""
        self._closed = True
        if self._home.here:
            await self._drop()

    async def _ensure(self) -> DeltaStream:
        self._home.check()
        if self._stream is None:
            self._stream = await self._open_stream(self._cursor)
            self._begun = True
        return self._stream

    async def _drop(self) -> None:
        cursor = self.cursor
        stream, self._stream = self._stream, None
        self._cursor = cursor
        if stream is not None:
            await stream.aclose()


class ChangeHandle:
    """A running `on_change`."""

    def __init__(
        self,
        subscription: Subscription[RowT],
        callback: Callable[[Change[RowT]], Awaitable[None] | None],
        background: Background,
    ) -> None:
        self._subscription = subscription
        self._callback = callback
        self._cursor = subscription.cursor
        self._task = background.start(self.run)

    @property
    def cursor(self) -> int | None:
        """Where to resume: after the last change that the callback has handled."""
        return self._cursor

    async def close(self) -> None:
        """End the calls; a running one is cancelled. Idempotent."""
        self._task.cancel()
        await self._subscription.aclose()

    async def run(self) -> None:
        """Call back with each change until closed; the client runs this in the background."""
        async for change in self._subscription:
            try:
                answer = self._callback(change)
                if inspect.isawaitable(answer):
                    await answer
            except Exception:
                logger.exception("on_change callback failed at sync id %s", change.sync_id)
            self._cursor = change.sync_id


def subscribe(
    session: Session,
    keys: frozenset[str] | None,
    groups: Iterable[str] | None,
    cursor: int | None,
    where: Where | Filter | None = None,
) -> Subscription[Model]:
    """Make a subscription to the models of those schema keys (None: all of the schema).

    where: a filter, of one model; a Filter was read before.
    """
    if cursor is not None and (
        isinstance(cursor, bool) or not isinstance(cursor, int) or cursor < 0
    ):
        raise error_for(
            "cursor_invalid",
            f"{cursor!r} is not a cursor",
            field="cursor",
            remedy="pass the cursor of a subscription or the sync_id of a change",
        )
    if isinstance(groups, str):
        raise error_for(
            "invalid_options", "groups must be a list", field="groups", remedy='pass ["kind:id"]'
        )
    registry = session.registry
    wanted = registry.keys if keys is None else keys
    typenames = frozenset(registry.entry(key).typename for key in wanted)
    narrowed = None if groups is None else frozenset(groups)
    filter = where if isinstance(where, Filter) else None
    asked = None
    if where is not None and not isinstance(where, Filter):
        asked = FilterQuery(registry.entry(next(iter(wanted))), where)

    async def open_stream(after: int | None) -> DeltaStream:
        nonlocal filter
        async with within(session.timeout, "Starting a subscription"):
            if asked is not None and filter is None:
                filter = await asked.read(session)
            return await session.transport.subscribe(typenames, narrowed, after, filter)

    async def changes_of(deltas: list[Delta]) -> list[Change[Model]]:
        changes = [
            change_of(registry, delta, None if filter is None else filter.event(delta))
            for delta in deltas
        ]
        for change in changes:
            await session.admit(registry.entry(change.model), [change.row])
        return changes

    return Subscription(open_stream, changes_of, cursor)


async def follow(
    session: Session,
    subscription: Subscription[RowT],
    callback: Callable[[Change[RowT]], Awaitable[None] | None],
) -> ChangeHandle:
    """Begin the subscription, then call back with each change in the background."""
    await subscription.__aenter__()
    return ChangeHandle(subscription, callback, session.background)


class FilterQuery:
    """The filter of a subscription, before the database was asked how its fields compare."""

    def __init__(self, entry: Entry, where: Where | None) -> None:
        self._entry = entry
        self._query = list_query(entry, where, None, 1, None, False, compares=True)
        refuse_clock(entry.key, self._query.where)
        if not entry.spec.before:
            raise error_for(
                "invalid_options",
                f"{entry.key} keeps no previous values (before=False): what leaves a filter is"
                " not known",
                model=entry.key,
                field="where",
                remedy="leave `where` out, or keep what changes replace",
            )

    async def read(self, session: Session) -> Filter:
        """Return the filter. Raises invalid_request if only the database can judge it."""
        entry = self._entry
        body = ListBody(entry.typename, msgspec.Raw(self._query.body))
        async with session.asking():
            found = await session.transport.ask(ROW_LIST, body)
        filters = session.transport.filters
        return filters.get(entry.typename, self._query.where, entry.fields, found.compares or {})


def change_of(registry: Registry, delta: Delta, event: Event | None = None) -> Change[Model]:
    """Turn a delta into a change; its row carries the delta's sync id as evidence."""
    entry: Entry = registry.typenames[delta.model]
    changed = tuple(entry.python(wire) for wire in delta.changed)
    return Change(
        sync_id=delta.sync_id,
        op=cast(ChangeOp, OP_NAMES[delta.op]),
        model=entry.key,
        id=delta.row_id,
        row=None if delta.row is None else row_of(entry, delta.row, delta.sync_id),
        changed=changed,
        actor=delta.actor,
        on_behalf_of=delta.on_behalf_of,
        created_at=dt.datetime.fromisoformat(delta.created_at),
        transaction_id=delta.transaction_id,
        capability_id=delta.capability_id,
        claim_id=delta.claim_id,
        before=before_of(entry, delta.row, delta.before, changed),
        event=event,
    )
