"""The sync twins of `rows.models` and `rows.commits`: same names, arguments and results.

They only send, and a test keeps the signatures equal. What each does is said there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Generic, TypeVar, overload

from psycopg import AsyncConnection, Connection

from ablo_pg.client.claims.claims import IfClaimed
from ablo_pg.client.live.subscriptions import Change
from ablo_pg.client.local.model import LocalModel
from ablo_pg.client.rows.commits import Commits
from ablo_pg.client.rows.decode import Page
from ablo_pg.client.rows.functional import check_retries
from ablo_pg.client.rows.history import History
from ablo_pg.client.rows.models import ModelClient
from ablo_pg.client.rows.operations import Operation
from ablo_pg.client.rows.premises import OnStale, Reads
from ablo_pg.client.rows.receipt import Receipt
from ablo_pg.client.rows.tracks import Target
from ablo_pg.client.rows.where import OrderBy, Where
from ablo_pg.client.session import Data, Wait
from ablo_pg.client.sync.claims import SyncModelClaims
from ablo_pg.client.sync.functional import SyncCompute, run_blocking
from ablo_pg.client.sync.portal import Portal
from ablo_pg.client.sync.subscriptions import SyncChangeHandle, SyncSubscription, follow_blocking
from ablo_pg.client.sync.tracks import SyncModelTracks
from ablo_pg.schema.rows import Model

RowT = TypeVar("RowT", bound=Model)


class SyncModelClient(Generic[RowT]):
    """Reads and writes the rows of one model, and follows their changes; see `ModelClient`."""

    def __init__(self, portal: Portal, inner: ModelClient[RowT]) -> None:
        self._portal = portal
        self._inner = inner
        self._claims: SyncModelClaims[RowT] = SyncModelClaims(portal, inner.claim)
        self._tracks = SyncModelTracks(portal, inner.track)

    @property
    def claim(self) -> SyncModelClaims[RowT]:
        """Claims on the rows: `with ablo.tasks.claim(id=...) as claim`; see `SyncModelClaims`."""
        return self._claims

    @property
    def local(self) -> LocalModel[RowT]:
        """The rows as the local copy has them, without a round trip; see `LocalModel`."""
        return self._inner.local

    @property
    def key(self) -> str:
        """The model's key in the schema."""
        return self._inner.key

    def create(
        self,
        data: Data,
        *,
        id: str | None = None,
        reads: Reads | None = None,
        idempotency_key: str | None = None,
        timeout: float | None = None,
        wait: Wait = "confirmed",
    ) -> RowT:
        """Create a row and return it."""
        return self._portal.call(
            partial(
                self._inner.create,
                data,
                id=id,
                reads=reads,
                idempotency_key=idempotency_key,
                timeout=timeout,
                wait=wait,
            )
        )

    def retrieve(
        self,
        id: str,
        *,
        at: int | None = None,
        if_claimed: IfClaimed = "return",
        timeout: float | None = None,
    ) -> RowT | None:
        """Return the row, or None."""
        return self._portal.call(
            partial(self._inner.retrieve, id, at=at, if_claimed=if_claimed, timeout=timeout)
        )

    def history(
        self,
        id: str,
        *,
        limit: int = 100,
        before: int | None = None,
        timeout: float | None = None,
    ) -> History[RowT]:
        """Return the changes of a row, newest first, also of one that is deleted."""
        return self._portal.call(
            partial(self._inner.history, id, limit=limit, before=before, timeout=timeout)
        )

    def list(
        self,
        where: Where | None = None,
        *,
        order_by: OrderBy | None = None,
        limit: int = 100,
        after: str | None = None,
        archived: bool = False,
        timeout: float | None = None,
    ) -> Page[RowT]:
        """Return a page of rows."""
        return self._portal.call(
            partial(
                self._inner.list,
                where,
                order_by=order_by,
                limit=limit,
                after=after,
                archived=archived,
                timeout=timeout,
            )
        )

    @overload
    def update(
        self,
        id: str,
        data: Data,
        *,
        read_at: int | None = None,
        on_stale: OnStale | None = None,
        reads: Reads | None = None,
        idempotency_key: str | None = None,
        timeout: float | None = None,
        wait: Wait = "confirmed",
    ) -> RowT: ...

    @overload
    def update(
        self,
        id: str,
        data: SyncCompute[RowT],
        *,
        reads: Reads | None = None,
        retries: int | None = None,
        idempotency_key: str | None = None,
        timeout: float | None = None,
        wait: Wait = "confirmed",
    ) -> RowT: ...

    def update(
        self,
        id: str,
        data: Data | SyncCompute[RowT],
        *,
        read_at: int | None = None,
        on_stale: OnStale | None = None,
        reads: Reads | None = None,
        retries: int | None = None,
        idempotency_key: str | None = None,
        timeout: float | None = None,
        wait: Wait = "confirmed",
    ) -> RowT:
        """Change the named fields of a row, or compute the change, and return the row as it is."""
        if callable(data):
            update = self._inner._functional(
                id,
                reads,
                retries,
                idempotency_key,
                timeout,
                wait,
                read_at=read_at,
                on_stale=on_stale,
            )
            return run_blocking(self._portal, update, data)
        check_retries(retries)
        options = _guards(read_at, on_stale, reads, idempotency_key, timeout, wait)
        return self._portal.call(partial(self._inner.update, id, data, **options))

    def delete(
        self,
        id: str,
        *,
        read_at: int | None = None,
        on_stale: OnStale | None = None,
        reads: Reads | None = None,
        idempotency_key: str | None = None,
        timeout: float | None = None,
        wait: Wait = "confirmed",
    ) -> Receipt:
        """Delete a row."""
        options = _guards(read_at, on_stale, reads, idempotency_key, timeout, wait)
        return self._portal.call(partial(self._inner.delete, id, **options))

    def archive(
        self,
        id: str,
        *,
        read_at: int | None = None,
        on_stale: OnStale | None = None,
        reads: Reads | None = None,
        idempotency_key: str | None = None,
        timeout: float | None = None,
        wait: Wait = "confirmed",
    ) -> RowT:
        """Set a row's `archived_at` and return it."""
        options = _guards(read_at, on_stale, reads, idempotency_key, timeout, wait)
        return self._portal.call(partial(self._inner.archive, id, **options))

    def unarchive(
        self,
        id: str,
        *,
        read_at: int | None = None,
        on_stale: OnStale | None = None,
        reads: Reads | None = None,
        idempotency_key: str | None = None,
        timeout: float | None = None,
        wait: Wait = "confirmed",
    ) -> RowT:
        """Clear a row's `archived_at` and return it."""
        options = _guards(read_at, on_stale, reads, idempotency_key, timeout, wait)
        return self._portal.call(partial(self._inner.unarchive, id, **options))

    @property
    def track(self) -> SyncModelTracks:
        """Standing premises: `ablo.tasks.track(id=...)`; see `SyncModelTracks`."""
        return self._tracks

    def untrack(
        self, id: str | None = None, *, group: str | None = None, timeout: float | None = None
    ) -> bool:
        """Stop tracking a row of this model, or a group; False when it was not tracked."""
        return self._portal.call(partial(self._inner.untrack, id, group=group, timeout=timeout))

    def subscribe(
        self, *, cursor: int | None = None, groups: Iterable[str] | None = None
    ) -> SyncSubscription[RowT]:
        """Follow this model's committed changes, live."""
        return SyncSubscription(self._portal, self._inner.subscribe(cursor=cursor, groups=groups))

    def on_change(
        self,
        callback: Callable[[Change[RowT]], None],
        *,
        cursor: int | None = None,
        groups: Iterable[str] | None = None,
    ) -> SyncChangeHandle:
        """Call `callback` with every change from now on, in a thread of its own."""
        return follow_blocking(self.subscribe(cursor=cursor, groups=groups), callback)


def _guards(
    read_at: int | None,
    on_stale: OnStale | None,
    reads: Reads | None,
    idempotency_key: str | None,
    timeout: float | None,
    wait: Wait,
) -> dict[str, Any]:
    return {
        "read_at": read_at,
        "on_stale": on_stale,
        "reads": reads,
        "idempotency_key": idempotency_key,
        "timeout": timeout,
        "wait": wait,
    }


class SyncCommits:
    """Makes commits: all of their operations land, or none; see `Commits`."""

    def __init__(self, portal: Portal, inner: Commits) -> None:
        self._portal = portal
        self._inner = inner

    def create(
        self,
        operations: Sequence[Operation | Mapping[str, Any]],
        *,
        reads: Reads | None = None,
        track: Sequence[Target] | None = None,
        idempotency_key: str | None = None,
        connection: Connection[Any] | AsyncConnection[Any] | None = None,
        timeout: float | None = None,
        wait: Wait = "confirmed",
    ) -> Receipt:
        """Apply the operations in one transaction and return the receipt.

        connection: a `psycopg.Connection`; the commit runs on the calling thread, within its
        transaction.
        """
        if connection is not None:
            return self._inner.join_blocking(
                operations, reads, track, idempotency_key, connection, wait
            )
        return self._portal.call(
            partial(
                self._inner.create,
                operations,
                reads=reads,
                track=track,
                idempotency_key=idempotency_key,
                timeout=timeout,
                wait=wait,
            )
        )
