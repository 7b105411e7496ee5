"""The base of `SyncModelClaims`: calling it waits for the grant."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from typing import Generic, Literal, TypeAlias, TypeVar, Unpack, overload

from ablo_pg.claim import ClaimStatus
from ablo_pg.client.claims.claims import ModelClaims
from ablo_pg.client.claims.handle import Claim
from ablo_pg.client.claims.request import ClaimOptions
from ablo_pg.client.claims.waiter import OnStatus
from ablo_pg.client.durations import Duration
from ablo_pg.client.portal import Portal
from ablo_pg.client.sync.claim import SyncClaim
from ablo_pg.schema.rows import Model

RowT = TypeVar("RowT", bound=Model)
SyncOnStatus: TypeAlias = Callable[[ClaimStatus], object]


class BlockingClaims(Generic[RowT]):
    """Waits on the caller's thread; `on_status` runs in a separate thread."""

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
        meta: Mapping[str, object] | None = None,
        max_queue_depth: int | None = None,
        on_status: SyncOnStatus | None = None,
        timeout: float | None = None,
    ) -> SyncClaim[RowT] | None:
        """Claim a row: returns once it is granted; `with` releases it. See `ModelClaims.__call__`.

        on_status is called in a separate thread, and the wait continues when it returns.
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


def _in_thread(on_status: SyncOnStatus) -> OnStatus:
    async def call(status: ClaimStatus) -> None:
        outcome: Future[object] = Future()
        outcome.set_running_or_notify_cancel()

        def work() -> None:
            try:
                outcome.set_result(on_status(status))
            except BaseException as exc:
                outcome.set_exception(exc)

        # Not a thread of the event loop's own, which also look up host names.
        threading.Thread(target=work, name="ablo_pg.on_status", daemon=True).start()
        await asyncio.wrap_future(outcome)

    return call
