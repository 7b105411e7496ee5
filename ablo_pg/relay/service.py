"""`RelayService`: everything that the interfaces (HTTP, WebSocket) share, and its lifetime.

Composed by `daemon` from settings. No other relay needs it: shared state is in the database.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Protocol

import anyio

from ablo_pg.changefeed.auto import AutoReader
from ablo_pg.changefeed.hub import Hub
from ablo_pg.changefeed.reader import Reader
from ablo_pg.changefeed.tasks import Tasks, Work
from ablo_pg.db.log import PostgresLog
from ablo_pg.db.notifications import Notifications
from ablo_pg.db.pool import Database, PoolOptions
from ablo_pg.relay.auth import Authenticator
from ablo_pg.relay.claim_news import ClaimNews
from ablo_pg.relay.health import Health
from ablo_pg.relay.housekeeping import keep_house
from ablo_pg.relay.kernel import Kernel
from ablo_pg.relay.lanes import CommitLanes
from ablo_pg.relay.live_schema import LiveSchemas
from ablo_pg.relay.memory import give_back
from ablo_pg.relay.metrics import RelayMetrics
from ablo_pg.relay.settings import RelaySettings
from ablo_pg.relay.shares import SharedDatabase, Shares
from ablo_pg.relay.unread import Unread
from ablo_pg.relay.waits import ClaimWaits
from ablo_pg.relay.ws.sockets import Sockets
from ablo_pg.schema import Change, SchemaSpec
from ablo_pg.schema.pushing import PushOptions

# Threads that parse large bodies: more of them would make the event loop wait for the GIL.
PARSERS: Final = 2


class PushResult(Protocol):
    """The result of a push."""

    @property
    def version(self) -> int:
        """The version that is now active; for a dry run, the one that would be."""

    @property
    def changes(self) -> tuple[Change, ...]:
        """Everything that differs."""

    @property
    def warnings(self) -> tuple[Change, ...]:
        """Changes that were made although they lose data."""

    @property
    def unchanged(self) -> bool:
        """Whether it was already active."""


class SchemaApplier(Protocol):
    """Applies a schema with rights that the relay's own login does not have. Blocking."""

    def __call__(
        self, spec: SchemaSpec, options: PushOptions, *, dry_run: bool = False
    ) -> PushResult:
        """Compare, refuse or apply, and save nothing for a dry run; raises AbloError."""


@dataclass(slots=True, kw_only=True)
class RelayService:
    """What a request needs. Created by `make_service`, alive inside `running`.

    apply_schema: None if no administrative URL was given. clock: seconds, rising, of this process;
    comparisons between processes use the database's time.
    """

    settings: RelaySettings
    database: Database
    notifications: Notifications
    schemas: LiveSchemas
    authenticator: Authenticator
    hub: Hub
    reader: Reader
    lanes: CommitLanes
    health: Health
    metrics: RelayMetrics
    apply_schema: SchemaApplier | None = None
    clock: Callable[[], float] = time.monotonic
    stopping: anyio.Event = field(default_factory=anyio.Event)
    parsing: Shares = field(default_factory=lambda: Shares(PARSERS, 1))
    unread: Unread = field(init=False)
    live: Sockets = field(init=False)
    claim_news: ClaimNews = field(init=False)
    kernel: Kernel = field(init=False)

    def __post_init__(self) -> None:
        self.unread = Unread(self.settings.unread_bytes)
        waits = ClaimWaits(self.metrics.claim_wait_seconds.observe, self.clock)
        self.kernel = Kernel(self.database, self.metrics, waits)
        self.live = Sockets(
            self.settings,
            self.kernel,
            self.notifications,
            self.metrics,
            self.hub.tasks,
            self.stopping,
        )
        self.claim_news = ClaimNews(self.notifications)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Check the database, then follow it until the block ends.

        Raises the errors of the first connection (database_unreachable, kernel_not_installed,
        database_role_cannot_enforce_rls), so that a wrong configuration fails at once and by name.
        """
        try:
            await self.database.open()
            await self.schemas.refresh()
            async with anyio.create_task_group() as group:
                for name, work in self._tasks().items():
                    group.start_soon(self.hub.tasks.keep, name, work)
                try:
                    yield
                finally:
                    group.cancel_scope.cancel()
        finally:
            with anyio.CancelScope(shield=True):
                await self.database.close()
                await self.health.database.close()

    def _tasks(self) -> dict[str, Work]:
        """Return the background tasks, by the names under which their failures are counted."""
        return {
            "notifications": self.notifications.run,
            "reader": partial(self.reader.run, self.hub),
            "schema": self.schemas.run,
            "keys": self.authenticator.run,
            "health": self.health.run,
            "sockets": self.live.run,
            "claim news": self.claim_news.run,
            "housekeeping": partial(keep_house, self.database),
            "memory": give_back,
        }

    def stop(self) -> None:
        """Announce the shutdown: not ready any more, long answers end."""
        self.health.stopping = True
        self.stopping.set()


def make_service(
    settings: RelaySettings, apply_schema: SchemaApplier | None = None
) -> RelayService:
    """Create a service; nothing connects before `running`."""
    options = PoolOptions(
        max_size=settings.pool_size,
        acquire_timeout=settings.acquire_seconds,
        statement_timeout=settings.statement_seconds,
        open_claims=settings.open_claims,
        open_waits=settings.open_waits,
        application_name="ablo_pg relay",
    )
    database = SharedDatabase(settings.database_url, options)
    # One connection stays free of requests: for key lookups and reading schemas.
    places = max(1, settings.pool_size - 1)
    database.shares = Shares(places, min(settings.organization_share, max(1, places - 1)))
    metrics = RelayMetrics()
    hub = Hub(
        PostgresLog(database),
        queue_count=settings.queue_count,
        queue_bytes=settings.queue_bytes,
        tasks=Tasks(lambda name: metrics.task_failures.labels(name).inc()),
    )
    # Two separate connections: an exhausted pool must not look like a broken path.
    probe = Database(
        settings.database_url,
        PoolOptions(
            max_size=2,
            acquire_timeout=settings.canary_age,
            statement_timeout=settings.canary_age,
            maintenance=False,
            application_name="ablo_pg relay health",
        ),
    )
    notifications = Notifications(settings.database_url, "ablo_pg relay notifications")
    service = RelayService(
        settings=settings,
        database=database,
        notifications=notifications,
        schemas=LiveSchemas(database, probe, hub.permissions),
        authenticator=Authenticator(database, notifications),
        hub=hub,
        reader=AutoReader(notifications, settings.replication_url),
        lanes=CommitLanes(database, metrics.batch.observe),
        health=Health(probe, hub, settings.canary_seconds, settings.canary_age),
        metrics=metrics,
        apply_schema=apply_schema,
    )
    metrics.watch(service.reader, hub, service.lanes, service.health, database)
    return service
