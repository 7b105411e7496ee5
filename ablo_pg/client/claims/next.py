"""`ablo.tasks.claim_next(...)`: the first free row of a filter, claimed; or a wait for one.

The kernel chooses and claims in one call, so two takers never get one row. A taker that finds none
follows the changes that concern its filter and looks again at each; and once a second, since a
claim that ends changes no row.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final, TypedDict

import msgspec
import orjson

from ablo_pg.claim import ClaimAnswer
from ablo_pg.client.claims.request import claim_request
from ablo_pg.client.claims.waiter import ClaimWait, Granted
from ablo_pg.client.deadlines import timeout_of, within
from ablo_pg.client.durations import Duration
from ablo_pg.client.live.subscriptions import subscribe
from ablo_pg.client.names import Entry
from ablo_pg.client.rows.requests import list_query
from ablo_pg.client.rows.where import OrderBy, Where
from ablo_pg.client.session import Session
from ablo_pg.errors import AbloError, AbloValidationError
from ablo_pg.wire.kernel_bodies import NextBody
from ablo_pg.wire.kernel_calls import CLAIM_NEXT

LOOK_SECONDS: Final = 1.0


class NextOptions(TypedDict, total=False):
    """How to choose and claim the next row.

    order_by: which row comes first, as of `list`. action, ttl, meta: as of `claim`. timeout: how
    many seconds to wait for a row to become free, or to pass the filter; default: not at all.
    """

    order_by: OrderBy | None
    action: str | None
    ttl: Duration | None
    meta: Mapping[str, object] | None
    timeout: float | None


class _NoneFreeError(AbloError):
    """There is no free row now."""


class NextClaim(ClaimWait):
    """One look for a free row, up to its claim."""

    def __init__(self, session: Session, entry: Entry, query: bytes, options: NextOptions) -> None:
        def request_of(claim_id: str) -> bytes:
            return claim_request(
                claim_id,
                action=options.get("action"),
                ttl=options.get("ttl"),
                meta=options.get("meta"),
                queue=False,
                fields=None,
                max_queue_depth=None,
            )

        super().__init__(session, entry, "", request_of, timeout=session.timeout, on_status=None)
        self._next = NextBody(entry.typename, msgspec.Raw(query), self._body.request)

    async def _answer(self) -> ClaimAnswer:
        async with within(self._session.timeout, f"Claiming a row of {self._entry.key}"):
            found = await self._session.transport.ask(CLAIM_NEXT, self._next)
        if found is None:
            raise _NoneFreeError("none is free")
        self._row_id = found.claim.row_id
        return found


async def obtain_next(
    session: Session,
    entry: Entry,
    where: Where | None,
    options: NextOptions,
) -> Granted | None:
    """Return the grant of the first free row; None if there is none in time."""
    given = options.get("timeout")
    timeout = timeout_of(given, 0.0) if given else 0.0
    query = list_query(entry, where, options.get("order_by"), 1, None, False).body
    part = orjson.dumps({k: v for k, v in orjson.loads(query).items() if k in ("where", "orderBy")})

    async def look() -> Granted | None:
        try:
            return await NextClaim(session, entry, part, options).obtain()
        except _NoneFreeError:
            return None

    found = await look()
    if found is not None or not timeout:
        return found
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(timeout), _changes(session, entry, where) as changed:
            while (found := await look()) is None:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_SECONDS):
                        await changed.wait()
                changed.clear()
    return found


@asynccontextmanager
async def _changes(
    session: Session, entry: Entry, where: Where | None
) -> AsyncIterator[asyncio.Event]:
    """Give an event that is set by each change that may make a row match."""
    changed = asyncio.Event()

    async def follow(filtered: Where | None) -> None:
        changes = subscribe(session, frozenset({entry.key}), None, None, filtered)
        async with changes:
            changed.set()  # what came before it began
            async for change in changes:
                if change.event != "leave":
                    changed.set()

    async def following() -> None:
        try:
            await follow(where)
        except AbloValidationError:  # only the database can judge this filter
            await follow(None)

    task = asyncio.create_task(following())
    try:
        yield changed
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, AbloError):
            await task
