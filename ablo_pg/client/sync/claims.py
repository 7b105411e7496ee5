"""The sync twins of the package `claims`. They only send; what each does is said there."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Generic, Literal, Self, TypeAlias, TypeVar, Unpack, overload

import anyio.to_thread

from ablo_pg.claim import ClaimState, ClaimStatus
from ablo_pg.client.claims.bell import Mark
from ablo_pg.client.claims.claims import ModelClaims
from ablo_pg.client.claims.handle import Claim, HandleStatus
from ablo_pg.client.claims.request import ClaimOptions, Order
from ablo_pg.client.claims.waiter import OnStatus
from ablo_pg.client.durations import Duration
from ablo_pg.client.sync.portal import Portal
from ablo_pg.schema.rows import Model

RowT = TypeVar("RowT", bound=Model)
SyncOnStatus: TypeAlias = Callable[[ClaimStatus], Any]


class SyncLostEvent:
    """Set when a claim is lost: its lease ran out, or somebody ended it."""

    def __init__(self, mark: Mark) -> None:
        self.mark = mark

    def is_set(self) -> bool:
        """Whether the claim is known to be lost."""
        return self.mark.is_set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the loss, at most `timeout` seconds; whether it came."""
        return self.mark.wait_blocking(timeout)


class SyncClaim(Generic[RowT]):
    """A claim that was granted; also a context manager, which gives it back; see `Claim`."""

    def __init__(self, portal: Portal, inner: Claim[RowT]) -> None:
        self._portal = portal
        self._inner = inner
        self._lost = SyncLostEvent(inner.lost.mark)

    @property
    def id(self) -> str:
        """The claim's id."""
        return self._inner.id

    @property
    def state(self) -> ClaimState:
        """The claim as the database gave it."""
        return self._inner.state

    @property
    def row(self) -> RowT | None:
        """The row as of the grant; None where there is none."""
        return self._inner.row

    @property
    def data(self) -> RowT:
        """The row as of the grant. Raises entity_not_found where there is none."""
        return self._inner.data

    @property
    def fence_token(self) -> int:
        """The fencing token: every later grant of the row has a higher one."""
        return self._inner.fence_token

    @property
    def read_at(self) -> int:
        """The stamp at which the row was read."""
        return self._inner.read_at

    @property
    def expires_at(self) -> dt.datetime:
        """When the lease would end had it not been renewed since, by the database's clock."""
        return self._inner.expires_at

    @property
    def status(self) -> HandleStatus:
        """How this handle stands: "held", "lost" (writes raise), or "released"."""
        return self._inner.status

    @property
    def lost(self) -> SyncLostEvent:
        """The event of its loss: `claim.lost.is_set()`, `claim.lost.wait(timeout)`."""
        return self._lost

    def release(self) -> bool:
        """Give the claim back; the next in line has it at once."""
        if self._inner.status == "released":  # also by the client's close, which ended the thread
            return False
        return self._portal.call(self._inner.release)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._portal.running and self._inner.status != "released":  # not in a forked child
            self._portal.call(self._inner.__aexit__, *exc)


class SyncModelClaims(Generic[RowT]):
    """Call it to claim a row; see `ModelClaims.__call__`."""

    def __init__(self, portal: Portal, inner: ModelClaims[RowT]) -> None:
        self._portal = portal
        self._inner = inner

    @overload
    def __call__(
        self,
        id: str,
        *,
        queue: Literal[True] = True,
        on_status: SyncOnStatus | None = None,
        **options: Unpack[ClaimOptions],
    ) -> SyncClaim[RowT]: ...

    @overload
    def __call__(
        self,
        id: str,
        *,
        queue: bool,
        on_status: SyncOnStatus | None = None,
        **options: Unpack[ClaimOptions],
    ) -> SyncClaim[RowT] | None: ...

    def __call__(
        self,
        id: str,
        *,
        action: str | None = None,
        ttl: Duration | None = None,
        queue: bool = True,
        fields: Iterable[str] | None = None,
        meta: Mapping[str, Any] | None = None,
        max_queue_depth: int | None = None,
        on_status: SyncOnStatus | None = None,
        timeout: float | None = None,
    ) -> SyncClaim[RowT] | None:
        """Claim a row: returns once it is granted; `with` releases it.

        on_status is called in a thread of its own, and the wait goes on when it returns.
        """

        async def obtain() -> Claim[RowT] | None:
            return await self._inner(
                id,
                action=action,
                ttl=ttl,
                queue=queue,
                fields=fields,
                meta=meta,
                max_queue_depth=max_queue_depth,
                on_status=None if on_status is None else _in_thread(on_status),
                timeout=timeout,
            )

        claim = self._portal.call(obtain)
        return None if claim is None else SyncClaim(self._portal, claim)

    def state(self, id: str, *, timeout: float | None = None) -> ClaimState | None:
        """Return who holds the row, or None."""
        return self._portal.call(partial(self._inner.state, id, timeout=timeout))

    def queue(self, id: str, *, timeout: float | None = None) -> list[ClaimState]:
        """Return the wait line, in order."""
        return self._portal.call(partial(self._inner.queue, id, timeout=timeout))

    def release(self, id: str, *, timeout: float | None = None) -> bool:
        """Give back whatever this participant holds, or waits for, on the row."""
        return self._portal.call(partial(self._inner.release, id, timeout=timeout))

    def reorder(self, id: str, order: Order, *, timeout: float | None = None) -> None:
        """Move these waiters to the head of the line, in this order."""
        self._portal.call(partial(self._inner.reorder, id, order, timeout=timeout))


def _in_thread(on_status: SyncOnStatus) -> OnStatus:
    async def told(status: ClaimStatus) -> None:
        await anyio.to_thread.run_sync(on_status, status)

    return told
