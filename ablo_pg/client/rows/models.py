"""The client of one model: `ablo.tasks`, or typed, `ablo.model(Task)`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Generic, Unpack, cast, overload

from ablo_pg.client.claims.claims import ModelClaims
from ablo_pg.client.claims.handle import Claim
from ablo_pg.client.claims.next import NextOptions
from ablo_pg.client.deadlines import within
from ablo_pg.client.live.subscriptions import Change, ChangeHandle, follow
from ablo_pg.client.local.model import LocalModel
from ablo_pg.client.local.queued_writes import queue_delete, queue_row
from ablo_pg.client.names import Entry
from ablo_pg.client.rows.functional import (
    Compute,
    FunctionalUpdate,
    check_retries,
    options_of,
    run,
)
from ablo_pg.client.rows.history import check_position
from ablo_pg.client.rows.operations import Operation
from ablo_pg.client.rows.premises import OnStale, Reads
from ablo_pg.client.rows.reads import ModelReads, RowT
from ablo_pg.client.rows.requests import encode_operation, idempotency_key
from ablo_pg.client.rows.tracks import ModelTracks, untrack
from ablo_pg.client.rows.undo import Undone, restore
from ablo_pg.client.rows.where import Where
from ablo_pg.client.rows.whole import check_rows
from ablo_pg.client.rows.written import written_row
from ablo_pg.client.session import ChangesT, NewT, Session, Wait, check_wait
from ablo_pg.errors import AbloError
from ablo_pg.schema.inputs import judges_rows
from ablo_pg.wire.committed import Receipt
from ablo_pg.wire.kernel_bodies import NoBody
from ablo_pg.wire.kernel_calls import STATUS


class ModelClient(ModelReads[RowT], Generic[RowT, NewT, ChangesT]):
    """Reads and writes the rows of one model, and follows their changes.

    Every write takes `idempotency_key` (default: a new one; the same key with the same request
    applies once and returns the first receipt again), `timeout` in seconds, and `reads`: rows or
    premises that must not have changed. Raises the errors of `ablo_pg.errors`.

    A write that landed never fails for want of its row. If the key may write the model but not read
    it, or a retry finds the row deleted since, the write returns a row of which only `id` is known:
    `ablo.receipt(row)` is its receipt, `unread_fields(row)` names the reason, and reading another
    field raises that reason.
    """

    def __init__(self, session: Session, entry: Entry) -> None:
        super().__init__(session, entry)
        self._tracks = ModelTracks(session, entry)
        self._claims: ModelClaims[RowT] = ModelClaims(session, entry)

    @property
    def claim(self) -> ModelClaims[RowT]:
        """Claims on the rows: `async with ablo.tasks.claim(id=...) as claim`; see `ModelClaims`."""
        return self._claims

    async def claim_next(
        self, where: Where | None = None, **options: Unpack[NextOptions]
    ) -> Claim[RowT] | None:
        """Take the first free row that `list` would show, for work to be done; None if none is.

        Use the claim with `async with`. Free is a row that no participant, this one neither, has
        claimed or waits for. options: see `NextOptions`.
        """
        return await self._claims.next(where, options)

    @property
    def local(self) -> LocalModel[RowT]:
        """The model's rows in the local copy, without a round trip; see `LocalModel`."""
        return LocalModel(self._session, self._entry)

    async def create(
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
        operation = Operation("create", self._key, id, data)
        try:
            return await self._write(operation, reads, idempotency_key, timeout, wait)
        except AbloError as error:
            if id is not None or wait == "queued" or not await self._is_numbered(error):
                raise
        return await self._write(operation, reads, idempotency_key, timeout, wait)

    @overload
    async def update(
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
    async def update(
        self,
        id: str,
        data: Compute[RowT, ChangesT],
        *,
        reads: Reads | None = None,
        retries: int | None = None,
        idempotency_key: str | None = None,
        timeout: float | None = None,
        wait: Wait = "confirmed",
    ) -> RowT: ...

    async def update(
        self,
        id: str,
        data: ChangesT | Compute[RowT, ChangesT],
        *,
        read_at: int | None = None,
        on_stale: OnStale | None = None,
        reads: Reads | None = None,
        retries: int | None = None,
        idempotency_key: str | None = None,
        timeout: float | None = None,
        wait: Wait = "confirmed",
    ) -> RowT:
        """Change the named fields of a row and return the resulting row.

        read_at: the stamp at which the row was read (`snap.stamp`). If it has changed, `on_stale`
        decides: "reject" (the default, raises stale_context), "overwrite", or "notify": nothing is
        written, the current row is returned, and `ablo.receipt(row).notifications` lists what
        changed. Raises entity_not_found if there is no such row.

        data may be a function, plain or async: it gets the row, returns the fields to change (or
        None), and is called again with the new row if another writer changed it first, up to
        `retries` times (default 16), after which AbloContentionError is raised. `timeout` bounds
        all attempts together.
        """
        if callable(data):
            update = self._functional(
                id,
                reads,
                retries,
                idempotency_key,
                timeout,
                wait,
                read_at=read_at,
                on_stale=on_stale,
            )
            return await run(update, data)
        check_retries(retries)
        if (
            judges_rows(self._entry.row)
            and wait == "confirmed"
            and read_at is None
            and on_stale is None
        ):
            # The whole row is validated, and must still be that one when it is written.
            return await run(
                self._functional(id, reads, None, idempotency_key, timeout, wait), lambda row: data
            )
        operation = Operation("update", self._key, id, data, read_at, on_stale)
        return await self._write(operation, reads, idempotency_key, timeout, wait)

    async def delete(
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
        operation = Operation("delete", self._key, id, None, read_at, on_stale)
        wire = encode_operation(self._session.registry, operation)
        await self._session.known(reads, timeout)
        request = self._session.assemble([wire], reads, idempotency_key)
        if wait == "queued":
            return await queue_delete(self._session, self._entry, wire, request)
        return await self._session.commit(request, timeout, wait)

    async def archive(
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
        operation = Operation("archive", self._key, id, None, read_at, on_stale)
        return await self._write(operation, reads, idempotency_key, timeout, wait)

    async def unarchive(
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
        operation = Operation("unarchive", self._key, id, None, read_at, on_stale)
        return await self._write(operation, reads, idempotency_key, timeout, wait)

    async def restore(
        self,
        id: str,
        *,
        at: int,
        idempotency_key: str | None = None,
        timeout: float | None = None,
    ) -> Undone:
        """Make a row what it was at position `at` of the log: an undo of all changes since.

        A deleted row is created again, one that did not exist yet is deleted; see `Ablo.undo`.
        Raises snapshot_required if the log does not tell.
        """
        check_position(self._entry, "at", at)
        return await restore(self._session, self._entry, id, at, idempotency_key, timeout)

    @property
    def track(self) -> ModelTracks:
        """Standing premises: `await ablo.tasks.track(id=...)`; see `ModelTracks`."""
        return self._tracks

    async def untrack(
        self, id: str | None = None, *, group: str | None = None, timeout: float | None = None
    ) -> bool:
        """Stop tracking a row of this model, or a group; False if it was not tracked."""
        return await untrack(self._session, self._entry, id, group, timeout)

    async def on_change(
        self,
        callback: Callable[[Change[RowT]], Awaitable[None] | None],
        *,
        where: Where | None = None,
        cursor: int | None = None,
        groups: Iterable[str] | None = None,
    ) -> ChangeHandle:
        """Call `callback` with every change from now (or `cursor`) on, in order, one at a time.

        Returns a handle whose `close` ends it. If the callback raises, the error is logged and the
        next change follows.
        """
        subscription = self.subscribe(where=where, cursor=cursor, groups=groups)
        return await follow(self._session, subscription, callback)

    async def _is_numbered(self, error: AbloError) -> bool:
        """Whether a create with an id of ours was refused because its table numbers the rows.

        Such a table refuses a UUID. A retry of what it has numbered differs from the first request,
        which had no id.
        """
        known = self._session.registry.numbered
        if self._entry.typename in known:
            return False
        if error.details.get("generated"):
            known.add(self._entry.typename)
        elif error.code == "idempotency_conflict":
            status = await self._session.transport.ask(STATUS, NoBody())
            known.update(status.numbered)
        return self._entry.typename in known

    def _functional(
        self,
        id: str,
        reads: Reads | None,
        retries: int | None,
        key: str | None,
        timeout: float | None,
        wait: Wait,
        **guards: object,
    ) -> FunctionalUpdate[RowT]:
        check_wait(wait)
        options = options_of(reads, retries, key, self._session.seconds(timeout), guards)
        return FunctionalUpdate(self._session, self._entry, id, options)

    async def _write(
        self,
        operation: Operation,
        reads: Reads | None,
        key: str | None,
        timeout: float | None,
        wait: Wait,
    ) -> RowT:
        if wait != "queued":
            check_wait(wait)
        wire = encode_operation(self._session.registry, operation, key)
        key = idempotency_key(key)
        await self._session.known(reads, timeout)
        if wait == "queued":
            request = self._session.assemble([wire], reads, key)
            return cast(RowT, await queue_row(self._session, self._entry, wire, request))
        row_id: str = wire.get("id", "(a new one)")
        what = f"{operation.action} of {self._key} {row_id!r}"
        async with within(self._session.seconds(timeout), what, key):
            await check_rows(self._session, [wire])
            request = self._session.assemble([wire], reads, key, returning=True)
            done = await self._session.send(request)
            return cast(RowT, await written_row(self._session, self._entry, row_id, done))
