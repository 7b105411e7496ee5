"""The sync twins of `rows.models`. Written by .ci/sync_twin.py, do not edit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Unpack, overload

from ablo_pg.changefeed.totals import Aggregate
from ablo_pg.client.claims.claims import IfClaimed
from ablo_pg.client.claims.next import NextOptions
from ablo_pg.client.local.model import LocalModel
from ablo_pg.client.rows.decode import Page
from ablo_pg.client.rows.history import History
from ablo_pg.client.rows.premises import OnStale, Reads
from ablo_pg.client.rows.reads import RowT
from ablo_pg.client.rows.undo import Undone
from ablo_pg.client.rows.where import OrderBy, Where
from ablo_pg.client.session import ChangesT, NewT, Wait
from ablo_pg.client.sync.by_hand import BlockingModel
from ablo_pg.client.sync.claim import SyncClaim
from ablo_pg.client.sync.claims import SyncModelClaims
from ablo_pg.client.sync.live import SyncLive, SyncLiveAggregate
from ablo_pg.client.sync.subscriptions import SyncSubscription
from ablo_pg.client.sync.tracks import SyncModelTracks
from ablo_pg.wire.committed import Receipt


class SyncModelClient(BlockingModel[RowT, NewT, ChangesT]):
    """Reads and writes the rows of one model, and follows their changes.

    Every write takes `idempotency_key` (default: a new one; the same key with the same request
    applies once and returns the first receipt again), `timeout` in seconds, and `reads`: rows or
    premises that must not have changed. Raises the errors of `ablo_pg.errors`.

    A write that landed never fails for want of its row. If the key may write the model but not read
    it, or a retry finds the row deleted since, the write returns a row of which only `id` is known:
    `ablo.receipt(row)` is its receipt, `unread_fields(row)` names the reason, and reading another
    field raises that reason.
    """

    @property
    def key(self) -> str:
        """The model's key in the schema."""
        return self._inner.key

    def retrieve(
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
        return self._portal.call(
            partial(
                self._inner.retrieve,
                id,
                at=at,
                if_claimed=if_claimed,
                include=include,
                timeout=timeout,
            )
        )

    def history(
        self, id: str, *, limit: int = 100, before: int | None = None, timeout: float | None = None
    ) -> History[RowT]:
        """Return the changes of a row, newest first; also of a deleted row.

        limit: 1 to 1000. before: only changes older than this sync id; the previous page's
        `next_before` continues. A row that is not in the log has an empty history.
        """
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
        return self._portal.call(
            partial(
                self._inner.list,
                where,
                order_by=order_by,
                limit=limit,
                after=after,
                archived=archived,
                include=include,
                timeout=timeout,
            )
        )

    def subscribe(
        self,
        *,
        where: Where | None = None,
        cursor: int | None = None,
        groups: Iterable[str] | None = None,
    ) -> SyncSubscription[RowT]:
        """Follow this model's committed changes, live; see `live.subscriptions.SyncSubscription`.

        where: a filter as of `list`; only changes of rows that pass it before or after, and
        `change.event` says which. cursor: begin after that sync id; default: from when the
        subscription is entered or first iterated. groups: only changes delivered to one of these
        sync groups.
        """
        return SyncSubscription(
            self._portal, self._inner.subscribe(where=where, cursor=cursor, groups=groups)
        )

    def live(
        self,
        where: Where | None = None,
        *,
        order_by: OrderBy | None = None,
        limit: int = 100,
        include: Sequence[str] = (),
    ) -> SyncLive[RowT]:
        """Return what `list` returns, kept current; see `SyncLive`. Refuses now() in the filter.

        include: as of `list`; a row also gets an `update` event when its related rows change.
        """
        return SyncLive(
            self._portal, self._inner.live(where, order_by=order_by, limit=limit, include=include)
        )

    @overload
    def aggregate(
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
    def aggregate(
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

    def aggregate(
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
        return self._portal.call(
            partial(
                self._inner.aggregate,
                where,
                group_by=group_by,
                sum=sum,
                min=min,
                max=max,
                archived=archived,
                timeout=timeout,
            )
        )

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
    ) -> SyncLiveAggregate[Aggregate]: ...

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
    ) -> SyncLiveAggregate[dict[object, Aggregate]]: ...

    def live_aggregate(
        self,
        where: Where | None = None,
        *,
        group_by: str | None = None,
        sum: Sequence[str] = (),
        min: Sequence[str] = (),
        max: Sequence[str] = (),
        archived: bool = False,
    ) -> SyncLiveAggregate[Aggregate | dict[object, Aggregate]]:
        """Return what `aggregate` returns, kept current; see `SyncLiveAggregate`. Refuses now()."""
        found = self._inner.live_aggregate(
            where, group_by=group_by, sum=sum, min=min, max=max, archived=archived
        )
        return None if found is None else SyncLiveAggregate(self._portal, found)

    @property
    def claim(self) -> SyncModelClaims[RowT]:
        """Claims on the rows: `with ablo.tasks.claim(id=...) as claim`; see `SyncModelClaims`."""
        return SyncModelClaims(self._portal, self._inner.claim)

    def claim_next(
        self, where: Where | None = None, **options: Unpack[NextOptions]
    ) -> SyncClaim[RowT] | None:
        """Take the first free row that `list` would show, for work to be done; None if none is.

        Use the claim with `with`. Free is a row that no participant, this one neither, has
        claimed or waits for. options: see `NextOptions`.
        """
        found = self._portal.call(partial(self._inner.claim_next, where, **options))
        return None if found is None else SyncClaim(self._portal, found)

    @property
    def local(self) -> LocalModel[RowT]:
        """The model's rows in the local copy, without a round trip; see `LocalModel`."""
        return self._inner.local

    def create(
        self,
        data: NewT,
        *,
        id: str | None = None,
        reads: Reads | None = None,
        idempotency_key: str | None = None,
        timeout: float | None = None,
        wait: Wait = "confirmed",
    ) -> RowT:
        """Create a row and return it.

        id: default a random UUID; with an idempotency_key one derived from it, so that a retry
        names the same row; in a table that numbers its rows, the next number. Raises
        unique_violation if the id is taken.
        """
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
        """Delete a row. A missing row is named in the receipt's `missing_ids`."""
        return self._portal.call(
            partial(
                self._inner.delete,
                id,
                read_at=read_at,
                on_stale=on_stale,
                reads=reads,
                idempotency_key=idempotency_key,
                timeout=timeout,
                wait=wait,
            )
        )

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
        """Set a row's `archived_at`, which hides it from lists, and return it; see `update`."""
        return self._portal.call(
            partial(
                self._inner.archive,
                id,
                read_at=read_at,
                on_stale=on_stale,
                reads=reads,
                idempotency_key=idempotency_key,
                timeout=timeout,
                wait=wait,
            )
        )

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
        """Clear a row's `archived_at` and return it; see `update`."""
        return self._portal.call(
            partial(
                self._inner.unarchive,
                id,
                read_at=read_at,
                on_stale=on_stale,
                reads=reads,
                idempotency_key=idempotency_key,
                timeout=timeout,
                wait=wait,
            )
        )

    def restore(
        self, id: str, *, at: int, idempotency_key: str | None = None, timeout: float | None = None
    ) -> Undone:
        """Make a row what it was at position `at` of the log: an undo of all changes since.

        A deleted row is created again, one that did not exist yet is deleted; see `Ablo.undo`.
        Raises snapshot_required if the log does not tell.
        """
        return self._portal.call(
            partial(
                self._inner.restore, id, at=at, idempotency_key=idempotency_key, timeout=timeout
            )
        )

    @property
    def track(self) -> SyncModelTracks:
        """Standing premises: `ablo.tasks.track(id=...)`; see `SyncModelTracks`."""
        return SyncModelTracks(self._portal, self._inner.track)

    def untrack(
        self, id: str | None = None, *, group: str | None = None, timeout: float | None = None
    ) -> bool:
        """Stop tracking a row of this model, or a group; False if it was not tracked."""
        return self._portal.call(partial(self._inner.untrack, id, group=group, timeout=timeout))
