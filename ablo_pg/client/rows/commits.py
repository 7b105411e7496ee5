"""Atomic commits of several operations on several models: `ablo.commits.create(...)`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from psycopg import AsyncConnection, Connection

from ablo_pg.client.deadlines import within
from ablo_pg.client.rows.operations import Operation
from ablo_pg.client.rows.premises import Reads, encode_track
from ablo_pg.client.rows.requests import CommitRequest, commit_request, encode_operations
from ablo_pg.client.rows.tracks import Target
from ablo_pg.client.rows.whole import check_rows
from ablo_pg.client.session import Session, Wait, check_wait
from ablo_pg.wire.committed import Receipt


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

    def _request(
        self,
        operations: Sequence[Operation | Mapping[str, object]],
        reads: Reads | None,
        track: Sequence[Target] | None,
        key: str | None,
    ) -> CommitRequest:
        session = self._session
        return commit_request(session.registry, operations, reads, key, session.claims.cover, track)
