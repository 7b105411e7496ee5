"""What the sync client does differently from sending a call to its event loop.

`.ci/sync_twin.py` writes the rest of each twin under these bases, from the async class.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Generic, Self, TypeVar, overload

from psycopg import AsyncConnection, Connection

from ablo_pg.client.claims.handle import Claim, LostEvent
from ablo_pg.client.live.subscriptions import Change
from ablo_pg.client.local.queued import Pending
from ablo_pg.client.portal import Portal
from ablo_pg.client.rows.commits import Commits, Preview
from ablo_pg.client.rows.functional import check_retries
from ablo_pg.client.rows.models import ModelClient
from ablo_pg.client.rows.operations import Operation
from ablo_pg.client.rows.premises import OnStale, Reads
from ablo_pg.client.rows.tracks import Target
from ablo_pg.client.rows.where import Where
from ablo_pg.client.session import ChangesT, NewT, Wait
from ablo_pg.client.sync.functional import SyncCompute, run_blocking
from ablo_pg.client.sync.subscriptions import SyncChangeHandle, SyncSubscription, follow_blocking
from ablo_pg.schema.rows import Model
from ablo_pg.wire.committed import Receipt

RowT = TypeVar("RowT", bound=Model)
InnerT = TypeVar("InnerT")


class Twin(Generic[InnerT]):
    """Calls an async object through the portal."""

    def __init__(self, portal: Portal, inner: InnerT) -> None:
        self._portal = portal
        self._inner = inner


class BlockingModel(Generic[RowT, NewT, ChangesT]):
    """Functional updates and callbacks run on threads of the caller's side."""

    def __init__(self, portal: Portal, inner: ModelClient[RowT, NewT, ChangesT]) -> None:
        self._portal = portal
        self._inner = inner

    @overload
    def update(
        self,
        id: str,
        data: ChangesT,
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
        data: SyncCompute[RowT, ChangesT],
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
        data: ChangesT | SyncCompute[RowT, ChangesT],
        *,
        read_at: int | None = None,
        on_stale: OnStale | None = None,
        reads: Reads | None = None,
        retries: int | None = None,
        idempotency_key: str | None = None,
        timeout: float | None = None,
        wait: Wait = "confirmed",
    ) -> RowT:
        """Change the named fields of a row, or compute the change, and return the row as it is.

        As `AsyncAblo`'s, but a function is called on the caller's own thread, where it may take its
        time and use the client.
        """
        guards = {"read_at": read_at, "on_stale": on_stale}
        if callable(data):
            update = self._inner._functional(
                id, reads, retries, idempotency_key, timeout, wait, **guards
            )
            return run_blocking(self._portal, update, data)
        check_retries(retries)
        work = partial(
            self._inner.update,
            id,
            data,
            read_at=read_at,
            on_stale=on_stale,
            reads=reads,
            idempotency_key=idempotency_key,
            timeout=timeout,
            wait=wait,
        )
        return self._portal.call(work)

    def on_change(
        self,
        callback: Callable[[Change[RowT]], None],
        *,
        where: Where | None = None,
        cursor: int | None = None,
        groups: Iterable[str] | None = None,
    ) -> SyncChangeHandle:
        """Call `callback` with every change from now (or `cursor`) on, in a separate thread.

        Returns a handle whose `close` ends it. If the callback raises, the error is logged and the
        next change follows.
        """
        inner = self._inner.subscribe(where=where, cursor=cursor, groups=groups)
        return follow_blocking(SyncSubscription(self._portal, inner), callback)


class SyncCommits(Twin[Commits]):
    """Makes commits: all of their operations land, or none."""

    def create(
        self,
        operations: Sequence[Operation | Mapping[str, object]],
        *,
        reads: Reads | None = None,
        track: Sequence[Target] | None = None,
        idempotency_key: str | None = None,
        connection: Connection[object] | AsyncConnection[object] | None = None,
        timeout: float | None = None,
        wait: Wait = "confirmed",
    ) -> Receipt:
        """Apply the operations in one transaction and return the receipt; see `Commits.create`.

        connection: a `psycopg.Connection`; the commit runs on the calling thread, within its
        transaction.
        """
        if connection is not None:
            return self._inner.join_blocking(
                operations, reads, track, idempotency_key, connection, wait
            )
        work = partial(
            self._inner.create,
            operations,
            reads=reads,
            track=track,
            idempotency_key=idempotency_key,
            timeout=timeout,
            wait=wait,
        )
        return self._portal.call(work)

    def preview(
        self,
        operations: Sequence[Operation | Mapping[str, object]],
        *,
        reads: Reads | None = None,
        timeout: float | None = None,
    ) -> Preview:
        """Tell what a commit would change, and write nothing; see `Commits.preview`."""
        work = partial(self._inner.preview, operations, reads=reads, timeout=timeout)
        return self._portal.call(work)


class SyncLostEvent:
    """Set when a claim is lost: its lease expired, or it was ended."""

    def __init__(self, portal: Portal, inner: LostEvent) -> None:
        self.mark = inner.mark

    def is_set(self) -> bool:
        """Whether the claim is known to be lost."""
        return self.mark.is_set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the loss, at most `timeout` seconds; return whether it came."""
        return self.mark.wait_blocking(timeout)


class BlockingClaim(Generic[RowT]):
    """A claim is also released by the client's `close`, which ends the event loop."""

    def __init__(self, portal: Portal, inner: Claim[RowT]) -> None:
        self._portal = portal
        self._inner = inner

    def release(self) -> bool:
        """Release the claim; the next waiter gets it at once.

        Returns whether the database ended it now: not if it was lost or released before, or if
        another handle of this client still holds it.
        """
        if self._inner.status == "released":
            return False
        return self._portal.call(self._inner.release)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._portal.running and self._inner.status != "released":  # not in a forked child
            self._portal.call(self._inner.__aexit__, *exc)


class BlockingPending(Twin[Pending]):
    """Waits for the answer of a queued write on the calling thread."""

    def confirmed(self, *, timeout: float | None = None) -> Receipt:
        """Wait for the answer; return the receipt, or raise the error of its refusal.

        Raises wait_for_timeout if no answer comes within `timeout` seconds; it stays queued.
        """
        self._portal.check()
        return self._inner._confirmed_blocking(timeout)
