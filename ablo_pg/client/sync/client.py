"""`Ablo`, the sync twin of `AsyncAblo`: it runs one in a background thread and only sends to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Self, TypeVar, overload

from ablo_pg.client.async_client import AsyncAblo, unknown_attribute
from ablo_pg.client.deadlines import DEFAULT_TIMEOUT
from ablo_pg.client.home import Rooted
from ablo_pg.client.live.subscriptions import Change
from ablo_pg.client.rows.receipt import Receipt
from ablo_pg.client.rows.snapshots import Ids, Snapshot
from ablo_pg.client.sync.models import SyncCommits, SyncModelClient
from ablo_pg.client.sync.portal import Portal
from ablo_pg.client.sync.presence import SyncPresenceClient
from ablo_pg.client.sync.queued import SyncPending
from ablo_pg.client.sync.sessions import SyncSessions
from ablo_pg.client.sync.subscriptions import SyncChangeHandle, SyncSubscription, follow_blocking
from ablo_pg.client.sync.tracks import SyncTracks
from ablo_pg.db.results import KernelStatus
from ablo_pg.relay.status import ReaderStatus
from ablo_pg.schema.author import Schema
from ablo_pg.schema.rows import Model

RowT = TypeVar("RowT", bound=Model)


class Ablo(Rooted):
    """As `AsyncAblo`, without await; safe to use from several threads, which then commit together.

    with Ablo(schema=schema, organization="acme", participant="agent:a") as ablo:
        task = ablo.tasks.create({"title": "Write"})
    """

    def __init__(
        self,
        *,
        schema: Schema,
        database_url: str | None = None,
        base_url: str | None = None,
        api_key: str | None = None,
        organization: str | None = None,
        participant: str | None = None,
        on_behalf_of: str | None = None,
        replication_url: str | None = None,
        pool_min_size: int = 1,
        pool_max_size: int = 10,
        timeout: float = DEFAULT_TIMEOUT,
        local: bool | Iterable[str | type[Model]] = False,
    ) -> None:
        self._keys = tuple(schema)
        self._portal = Portal()
        self._inner = AsyncAblo(
            schema=schema,
            database_url=database_url,
            base_url=base_url,
            api_key=api_key,
            organization=organization,
            participant=participant,
            on_behalf_of=on_behalf_of,
            replication_url=replication_url,
            pool_min_size=pool_min_size,
            pool_max_size=pool_max_size,
            timeout=timeout,
            local=local,
        )
        self._commits = SyncCommits(self._portal, self._inner.commits)
        self._tracks = SyncTracks(self._portal, self._inner.tracks)
        self._presence = SyncPresenceClient(self._portal, self._inner.presence)
        self._sessions = SyncSessions(self._portal, self._inner.sessions)
        self._models: dict[str, SyncModelClient[Any]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Give claims back, end subscriptions and connections, for good."""
        if self._portal.running:
            self._portal.call(self._inner.close)
        self._portal.close()

    def ready(self, *, timeout: float | None = None) -> KernelStatus:
        """Connect, and check login, kernel and schema; return the kernel's status."""
        return self._portal.call(partial(self._inner.ready, timeout=timeout))

    @property
    def commits(self) -> SyncCommits:
        """Atomic commits of several operations."""
        return self._commits

    @property
    def tracks(self) -> SyncTracks:
        """What this participant tracks; `ablo.tasks.track(id=...)` adds to it."""
        return self._tracks

    @property
    def presence(self) -> SyncPresenceClient:
        """Who is here, on what, with which claims."""
        return self._presence

    @property
    def sessions(self) -> SyncSessions:
        """Keys for users and agents, made of the client's own API key."""
        return self._sessions

    @property
    def reader_status(self) -> ReaderStatus:
        """How changes reach this client: over the WAL, by LISTEN and why, or not yet."""
        return self._inner.reader_status

    @overload
    def model(self, model: type[RowT]) -> SyncModelClient[RowT]: ...

    @overload
    def model(self, model: str) -> SyncModelClient[Any]: ...

    def model(self, model: type[Model] | str) -> SyncModelClient[Any]:
        """Return the client of one model, by declared class or schema key."""
        inner: Any = self._inner.model(model)
        found = self._models.get(inner.key)
        if found is None:
            found = self._models[inner.key] = SyncModelClient(self._portal, inner)
        return found

    def __getattr__(self, name: str) -> SyncModelClient[Any]:
        if name.startswith("_"):
            raise AttributeError(name)
        if name in self._keys:
            return self.model(name)
        raise unknown_attribute(name, self._keys)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._keys})

    def snapshot(self, *, timeout: float | None = None, **targets: Ids) -> Snapshot:
        """Read named rows and the watermark together: `ablo.snapshot(tasks=id, users=[id, id])`."""
        return self._portal.call(partial(self._inner.snapshot, timeout=timeout, **targets))

    def subscribe(
        self,
        *,
        models: Iterable[str | type[Model]] | None = None,
        cursor: int | None = None,
        groups: Iterable[str] | None = None,
    ) -> SyncSubscription[Model]:
        """Follow all models' changes, or those of `models`."""
        inner = self._inner.subscribe(models=models, cursor=cursor, groups=groups)
        return SyncSubscription(self._portal, inner)

    def on_change(
        self,
        callback: Callable[[Change[Model]], None],
        *,
        models: Iterable[str | type[Model]] | None = None,
        cursor: int | None = None,
        groups: Iterable[str] | None = None,
    ) -> SyncChangeHandle:
        """Call `callback` with every change from now on, in a thread of its own."""
        subscription = self.subscribe(models=models, cursor=cursor, groups=groups)
        return follow_blocking(subscription, callback)

    def pending(self, written: Model | Receipt) -> SyncPending | None:
        """Return the handle of what a `wait="queued"` call returned; None for anything else."""
        found = self._inner.pending(written)
        return None if found is None else SyncPending(self._portal, found)

    def receipt(self, row: Model) -> Receipt | None:
        """Return the receipt of the write that gave this row back; None for a row that was read."""
        return self._inner.receipt(row)
