"""The sync twins of `async_client`. Written by .ci/sync_twin.py, do not edit."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from functools import partial

from ablo_pg.changefeed.status import ReaderStatus
from ablo_pg.client.rows.snapshots import Ids, Snapshot
from ablo_pg.client.rows.undo import Undone
from ablo_pg.client.sync.access import SyncAccessClient
from ablo_pg.client.sync.by_hand import SyncCommits
from ablo_pg.client.sync.client_by_hand import BlockingClient
from ablo_pg.client.sync.presence import SyncPresenceClient
from ablo_pg.client.sync.queued import SyncPending
from ablo_pg.client.sync.sessions import SyncSessions
from ablo_pg.client.sync.subscriptions import SyncSubscription
from ablo_pg.client.sync.tracks import SyncTracks
from ablo_pg.schema.rows import Model
from ablo_pg.wire.committed import Receipt
from ablo_pg.wire.results import KernelStatus


class Ablo(BlockingClient):
    """A client of one schema, for one organization and participant, on a database or a relay.

        with Ablo(schema=schema, organization="acme", participant="agent:a") as ablo:
            task = ablo.tasks.create({"title": "Write"})

    Each model of the schema is an attribute (`ablo.tasks`). `ablo.model(Task)` returns the same
    client, typed; use it for a model whose key is also a method here.

    Args:
        schema: what `define_schema` made; it must have been applied (`ablo-pg migrate`).
        database_url: a runtime login; default: the environment variable DATABASE_URL.
        base_url, api_key: a relay instead of a database, and a key for it; default: ABLO_API_URL
            and ABLO_API_KEY. The key determines organization and participant. On a database a key
            is only used to mint `sessions`.
        organization: the tenant of all calls. participant: who acts, `kind:id`, kind one of user,
            agent, system. With a relay both are only checked against the key.
        on_behalf_of: for whom, `kind:id`; every change records it. Not with a relay.
        replication_url: a login that may read the change stream; default: ABLO_REPLICATION_URL;
            without one, changes arrive by LISTEN/NOTIFY. Not with a relay.
        pool_min_size, pool_max_size: connections kept and allowed.
        timeout: seconds that a call may take by default.
        local: keep a copy of all models' rows, or of these models', which `ready` begins:
            `ablo.tasks.local.list(...)`; then writes support `wait="queued"`.

    Nothing connects before the first call or `ready`.
    """

    def ready(self, *, timeout: float | None = None) -> KernelStatus:
        """Connect, and check login, kernel and schema; return the kernel's status.

        With `local=`, also start the local copy.
        Raises database_unreachable, database_role_cannot_enforce_rls, kernel_not_installed,
        kernel_checksum_mismatch (the kernel or a trigger was altered), model_not_provisioned. A
        schema other than the applied one only logs a warning: either may be the newer.
        """
        return self._portal.call(partial(self._inner.ready, timeout=timeout))

    @property
    def access(self) -> SyncAccessClient:
        """Why this client may or may not read and write a row."""
        return SyncAccessClient(self._portal, self._inner.access)

    @property
    def commits(self) -> SyncCommits:
        """Atomic commits of several operations."""
        return SyncCommits(self._portal, self._inner.commits)

    @property
    def tracks(self) -> SyncTracks:
        """This participant's tracks; `ablo.tasks.track(id=...)` adds one."""
        return SyncTracks(self._portal, self._inner.tracks)

    @property
    def presence(self) -> SyncPresenceClient:
        """Who is present, on what, with which claims."""
        return SyncPresenceClient(self._portal, self._inner.presence)

    @property
    def sessions(self) -> SyncSessions:
        """Keys for users and agents, minted from the client's own API key."""
        return SyncSessions(self._portal, self._inner.sessions)

    @property
    def reader_status(self) -> ReaderStatus:
        """How changes reach this client: over the WAL, by LISTEN and why, or not yet."""
        return self._inner.reader_status

    def snapshot(self, *, timeout: float | None = None, **targets: Ids) -> Snapshot:
        """Read named rows and the watermark together: `ablo.snapshot(tasks=id, users=[id, id])`."""
        return self._portal.call(partial(self._inner.snapshot, timeout=timeout, **targets))

    def undo(
        self,
        *,
        commit: str | Receipt | None = None,
        claim: str | None = None,
        actor: str | None = None,
        since: int | dt.datetime | None = None,
        preview: bool = False,
        idempotency_key: str | None = None,
        timeout: float | None = None,
    ) -> Undone:
        """Take changes back, in one commit of this client; return what it wrote and what it left.

        commit: a receipt of the last day, its server_tx_id, or an own idempotency key. claim: the
            id of a claim: what was written under it. actor: a participant, `kind:id`: what it wrote
            since a time, or after a sync id (since).
        preview: tell what it would write, and write nothing.

        Fields that others changed later, and rows that others deleted, are left (`Undone.left`);
        so are rows that this client may not see. An undone undo is a redo. Triggers of the table
        run as for any write. A call again under an idempotency_key that has landed returns its
        receipt only. Raises entity_not_found (no such commit), commit_too_many_operations (more
        than 500), stale_context (others kept changing the rows), and whatever a commit raises.
        """
        return self._portal.call(
            partial(
                self._inner.undo,
                commit=commit,
                claim=claim,
                actor=actor,
                since=since,
                preview=preview,
                idempotency_key=idempotency_key,
                timeout=timeout,
            )
        )

    def subscribe(
        self,
        *,
        models: Iterable[str | type[Model]] | None = None,
        cursor: int | None = None,
        groups: Iterable[str] | None = None,
    ) -> SyncSubscription[Model]:
        """Follow all models' changes, or those of `models`; see `SyncModelClient.subscribe`."""
        return SyncSubscription(
            self._portal, self._inner.subscribe(models=models, cursor=cursor, groups=groups)
        )

    def pending(self, written: Model | Receipt) -> SyncPending | None:
        """Return the handle of a `wait="queued"` call's result; None for anything else."""
        found = self._inner.pending(written)
        return None if found is None else SyncPending(self._portal, found)

    def receipt(self, row: Model) -> Receipt | None:
        """Return the receipt of the write that returned this row; None for a row that was read."""
        return self._inner.receipt(row)
