"""Claims on the rows of one model: `ablo.tasks.claim(...)` and its `state`, `queue`, `release`,
`reorder`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, Final, Generic, Literal, TypeAlias, TypeVar, Unpack, get_args, overload

from ablo_pg.claim import ClaimState
from ablo_pg.client.claims.handle import Claim, Claiming, tell_loss
from ablo_pg.client.claims.held import Hold
from ablo_pg.client.claims.next import NextOptions, obtain_next
from ablo_pg.client.claims.request import (
    ClaimOptions,
    Order,
    claim_request,
    encode_order,
    wire_fields,
)
from ablo_pg.client.claims.waiter import LEAVE_SECONDS, ClaimWait, Granted, OnStatus, logger
from ablo_pg.client.deadlines import timeout_of, within
from ablo_pg.client.durations import Duration
from ablo_pg.client.names import Entry
from ablo_pg.client.rows.values import encode_id
from ablo_pg.client.rows.where import Where
from ablo_pg.client.session import Session
from ablo_pg.errors import AbloClaimedError, AbloError, error_for
from ablo_pg.schema.rows import Model
from ablo_pg.wire.kernel_bodies import ClaimBody, OrderBody, RowBody
from ablo_pg.wire.kernel_calls import (
    CLAIM_LINE,
    CLAIM_RELEASE,
    CLAIM_RELEASE_ROW,
    CLAIM_REORDER,
)

RowT = TypeVar("RowT", bound=Model)

# Default limit in seconds for a wait: longer than one holder's usual work, short enough that a
# forgotten wait ends. A false alarm costs the place in the queue.
WAIT_SECONDS: Final = 300.0
IfClaimed: TypeAlias = Literal["return", "fail"]
_TAKEN: Final = ("claim_conflict", "entity_claimed")


class ModelClaims(Generic[RowT]):
    """Call it to claim a row; see `__call__`."""

    def __init__(self, session: Session, entry: Entry) -> None:
        self._session = session
        self._entry = entry

    @overload
    def __call__(
        self,
        id: str,
        *,
        queue: Literal[True] = True,
        on_status: OnStatus | None = None,
        **options: Unpack[ClaimOptions],
    ) -> Claiming[Claim[RowT]]: ...

    @overload
    def __call__(
        self,
        id: str,
        *,
        queue: bool,
        on_status: OnStatus | None = None,
        **options: Unpack[ClaimOptions],
    ) -> Claiming[Claim[RowT] | None]: ...

    def __call__(
        self,
        id: str,
        *,
        action: str | None = None,
        ttl: Duration | None = None,
        queue: bool = True,
        fields: Iterable[str] | None = None,
        meta: Mapping[str, object] | None = None,
        max_queue_depth: int | None = None,
        on_status: OnStatus | None = None,
        timeout: float | None = None,
    ) -> Claiming[Any]:
        """Claim a row: `async with` it, or `await` it and `release` the handle.

        Returns once the database has granted it. Within one participant a claim is re-entrant.

        action: the purpose, shown to waiters. ttl: how long the lease lasts without renewal,
        "500ms", "30s", "5m", "24h", seconds or a timedelta (default 60 s); it renews automatically.
        queue: False returns None instead of waiting if another participant holds the row. fields:
        claim only these; disjoint claims coexist. meta: a JSON object, shown with the claim.
        max_queue_depth: raise queue_too_deep if this many already wait. on_status: called with a
        `ClaimStatus` when the position in the queue changes, at the grant, and at the loss.
        timeout: seconds to wait (default 300), then grant_timeout.

        Raises claim_lost if the place in the queue is lost, quota_exceeded, duration_invalid,
        unknown_field.
        """
        row_id = encode_id(self._entry.key, id)
        named = None if fields is None else wire_fields(self._entry, fields)

        def request_of(claim_id: str) -> bytes:
            return claim_request(
                claim_id,
                action=action,
                ttl=ttl,
                queue=queue,
                fields=named,
                meta=meta,
                max_queue_depth=max_queue_depth,
            )

        wait = ClaimWait(
            self._session,
            self._entry,
            row_id,
            request_of,
            timeout=timeout_of(timeout, WAIT_SECONDS),
            on_status=on_status,
        )
        return Claiming(self._claim(wait, queue, named, on_status))

    async def state(self, id: str, *, timeout: float | None = None) -> ClaimState | None:
        """Return who holds the row, or None. Never waits. See `queue` for the waiters."""
        holders = await self._line(id, "holders", timeout)
        return holders[0] if holders else None

    async def queue(self, id: str, *, timeout: float | None = None) -> list[ClaimState]:
        """Return the wait queue, in order; `blocked_by` of each lists what it waits for."""
        return await self._line(id, "waiters", timeout)

    async def release(self, id: str, *, timeout: float | None = None) -> bool:
        """Release every claim and wait of this participant on the row.

        Returns whether there were any. Open handles on the row are released with them, and waits
        for it end in claim_lost.
        """
        row_id, session = encode_id(self._entry.key, id), self._session
        for lease in session.claims.end((self._entry.typename, row_id)):
            session.transport.claims.drop(lease)
        async with within(session.seconds(timeout), f"Releasing {self._entry.key} {row_id!r}"):
            body = RowBody(self._entry.typename, row_id)
            return await session.transport.ask(CLAIM_RELEASE_ROW, body)

    async def reorder(self, id: str, order: Order, *, timeout: float | None = None) -> None:
        """Move these waiters to the head of the queue, in this order; the others keep theirs.

        order: claim ids, or claims as `queue` returned them. For users, systems, and the holder;
        raises permission_denied for others, claim_not_found for a claim that is not waiting.
        """
        row_id, ids = encode_id(self._entry.key, id), encode_order(order)
        async with within(self._session.seconds(timeout), f"Reordering {self._entry.key}"):
            body = OrderBody(self._entry.typename, row_id, list(ids))
            await self._session.transport.ask(CLAIM_REORDER, body)

    async def _claim(
        self,
        wait: ClaimWait,
        queue: bool,
        fields: tuple[str, ...] | None,
        on_status: OnStatus | None,
    ) -> Claim[RowT] | None:
        try:
            granted = await wait.obtain()
        except AbloClaimedError as exc:
            if not queue and exc.code in _TAKEN:
                return None
            raise
        return self._held(granted, fields, on_status)

    async def next(self, where: Where | None, options: NextOptions) -> Claim[RowT] | None:
        """See `ModelClient.claim_next`."""
        found = await obtain_next(self._session, self._entry, where, options)
        return None if found is None else self._held(found, None, None)

    def _held(
        self, granted: Granted, fields: tuple[str, ...] | None, on_status: OnStatus | None
    ) -> Claim[RowT]:
        entry, state, lease = self._entry, granted.state, granted.lease
        token, read_at = state.fence_token or 0, granted.read_at
        hold = Hold(entry.key, entry.typename, state.row_id, fields, lease, token, read_at)
        self._session.claims.open(hold)
        claim: Claim[RowT] = Claim(self._session, entry, granted, hold)
        if on_status is not None:
            self._session.background.start(lambda: tell_loss(hold, on_status))
        return claim

    async def _line(
        self, id: str, part: Literal["holders", "waiters"], timeout: float | None
    ) -> list[ClaimState]:
        row_id = encode_id(self._entry.key, id)
        async with within(self._session.seconds(timeout), f"Reading claims of {self._entry.key}"):
            body = RowBody(self._entry.typename, row_id)
            line = await self._session.transport.ask(CLAIM_LINE, body)
        return list(line.holders if part == "holders" else line.waiters)


async def check_free(session: Session, entry: Entry, row_id: str) -> None:
    """Raise model_claimed when another participant holds the row; for `if_claimed="fail"`."""
    line = await session.transport.ask(CLAIM_LINE, RowBody(entry.typename, row_id))
    me = session.transport.participant
    other = next((one for one in line.holders if one.held_by != me), None)
    if other is not None:
        raise error_for(
            "model_claimed",
            f"{entry.key} {row_id!r} is claimed by {other.held_by} ({other.action}) "
            f"until {other.expires_at.isoformat()}",
            model=entry.key,
            row_id=row_id,
            remedy="claim it and wait in the queue, or read it without if_claimed",
            details={"heldBy": other.held_by, "claims": line.holders},
        )


def fail_when_claimed(if_claimed: str, at: int | None) -> bool:
    """Read the options of a `retrieve`. Raises invalid_options, also together with `at`."""
    if if_claimed not in get_args(IfClaimed):
        raise error_for(
            "invalid_options",
            f"if_claimed cannot be {if_claimed!r}",
            field="if_claimed",
            remedy='pass "return" or "fail"',
        )
    if if_claimed == "fail" and at is not None:
        raise error_for(
            "invalid_options",
            "if_claimed cannot be combined with at: a claim is about the current row",
            field="if_claimed",
            remedy="leave one of them out",
        )
    return if_claimed == "fail"


async def release_all(session: Session) -> None:
    """Release the claims of a closing client: all at once, bounded, without raising."""

    async def release(claim_id: str) -> None:
        try:
            async with within(LEAVE_SECONDS, "Releasing it"):
                await session.transport.ask(CLAIM_RELEASE, ClaimBody(claim_id))
        except AbloError as exc:
            logger.warning("claim %s was not released: %s", claim_id, exc)

    leases = session.claims.end()
    async with asyncio.TaskGroup() as group:
        for lease in leases:
            session.transport.claims.drop(lease)
            if not lease.foreign:
                group.create_task(release(lease.claim_id))
