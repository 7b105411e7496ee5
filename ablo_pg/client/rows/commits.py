"""Atomic commits of several operations on several models: `ablo.commits.create(...)`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import msgspec
from psycopg import AsyncConnection, Connection

from ablo_pg.client.deadlines import within
from ablo_pg.client.live.subscriptions import ChangeOp
from ablo_pg.client.rows.decode import before_of
from ablo_pg.client.rows.operations import Operation
from ablo_pg.client.rows.premises import Reads, encode_track
from ablo_pg.client.rows.requests import CommitRequest, commit_request, encode_operations
from ablo_pg.client.rows.tracks import Target
from ablo_pg.client.rows.whole import check_rows
from ablo_pg.client.session import Session, Wait, check_wait
from ablo_pg.delta import OP_NAMES
from ablo_pg.schema.rows import Model, row_from_json
from ablo_pg.wire.committed import Notification, Receipt
from ablo_pg.wire.kernel_bodies import PreviewBody
from ablo_pg.wire.kernel_calls import COMMIT_PREVIEW
from ablo_pg.wire.results import PreviewedData


@dataclass(frozen=True, slots=True)
class PreviewedChange:
    """One change that a commit would make, also by cascades and triggers.

    op: create, update, delete, archive, or unarchive. row: the row after it, None for a delete; it
    cannot be a premise. changed, before: as of `Change`.
    """

    op: ChangeOp
    model: str
    id: str
    row: Model | None
    changed: tuple[str, ...]
    before: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Preview:
    """What a commit would do. ops: operations applied; the others as in a Receipt."""

    ops: int
    changes: tuple[PreviewedChange, ...]
    notifications: tuple[Notification, ...] = ()
    missing_ids: tuple[str, ...] = ()


class Commits:
    """Makes commits: all of their operations land, or none."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def create(
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
        """Apply the operations in one transaction and return the receipt.

        operations: `Operation` values or dicts {action, model, id, data, read_at, on_stale}; at
            most 500. Those on a row that this client has claimed are made under the claim.
        reads: rows, pages or premises that must not have changed; one that has rejects the whole
            commit, or, under on_stale="notify", is listed in the receipt's notifications.
        track: rows or {"model", "id"} or {"group"} to track from here on; see `tracks`. With it,
            operations may be empty.
        connection: the caller's own psycopg connection; the commit joins its open transaction (at
            READ COMMITTED) and commits or rolls back with it. Until then, other commits of the
            organization wait. Validators of whole rows do not run.
        """
        check_wait(wait)
        session = self._session
        await session.known([*(reads or ()), *(track or ())], timeout)
        if connection is None:
            key = idempotency_key
            wire = encode_operations(session.registry, operations, key, empty=bool(track))
            async with within(session.seconds(timeout), "Checking the rows of a commit"):
                await check_rows(session, wire)
            targets = [encode_track(session.registry, one) for one in track or ()]
            request = session.assemble(wire, reads, key, targets)
            return await session.commit(request, timeout, wait)
        request = self._request(operations, reads, track, idempotency_key)
        async with within(self._session.seconds(timeout), "The joined commit", request.key):
            return await self._session.link.join(request, connection)

    def join_blocking(
        self,
        operations: Sequence[Operation | Mapping[str, object]],
        reads: Reads | None,
        track: Sequence[Target] | None,
        idempotency_key: str | None,
        connection: Connection[object] | AsyncConnection[object],
        wait: Wait,
    ) -> Receipt:
        """As `create` with a blocking connection, on the calling thread; for the sync twin.

        The caller's own statement_timeout and lock_timeout bound it.
        """
        check_wait(wait)
        request = self._request(operations, reads, track, idempotency_key)
        return self._session.link.join_blocking(request, connection)

    async def preview(
        self,
        operations: Sequence[Operation | Mapping[str, object]],
        *,
        reads: Reads | None = None,
        timeout: float | None = None,
    ) -> Preview:
        """Tell what a commit would change, and write nothing; see `create`.

        It is made and rolled back: what would refuse it is raised, triggers of the tables run, and
        tables that number their rows skip numbers.
        """
        session = self._session
        await session.known(reads, timeout)
        wire = encode_operations(session.registry, operations, None, empty=False)
        async with within(session.seconds(timeout), "The preview of a commit"):
            await check_rows(session, wire)
            request = session.assemble(wire, reads, None)
            found = await session.transport.ask(
                COMMIT_PREVIEW, PreviewBody(msgspec.Raw(request.body))
            )
        return Preview(
            found.ops,
            tuple(self._previewed(one) for one in found.changes),
            found.notifications,
            found.missing_ids,
        )

    def _previewed(self, found: PreviewedData) -> PreviewedChange:
        entry = self._session.registry.entry(found.model)
        row, before = (
            None if one == b"null" else one for one in (bytes(found.row), bytes(found.before))
        )
        changed = tuple(entry.python(wire) for wire in found.changed or ())
        return PreviewedChange(
            cast(ChangeOp, OP_NAMES[found.op]),
            entry.key,
            found.id,
            None if row is None else row_from_json(entry.row, row),
            changed,
            before_of(entry, row, before, changed),
        )

    def _request(
        self,
        operations: Sequence[Operation | Mapping[str, object]],
        reads: Reads | None,
        track: Sequence[Target] | None,
        key: str | None,
    ) -> CommitRequest:
        session = self._session
        return commit_request(session.registry, operations, reads, key, session.claims.cover, track)
