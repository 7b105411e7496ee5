"""All live sockets of a relay: who is connected, one `LiveView` per organization, timed work.

Alive inside `run`: it listens for changes of claims and presence, keeps short leases, and ends
sockets that do not read, and all when the relay stops.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final

import anyio
from anyio.abc import TaskGroup

from ablo_pg.changefeed.tasks import Tasks
from ablo_pg.db.notifications import LIVE, Notifications
from ablo_pg.errors import AbloError, error_for
from ablo_pg.relay.auth import Credential
from ablo_pg.relay.kernel import Kernel
from ablo_pg.relay.metrics import RelayMetrics
from ablo_pg.relay.settings import RelaySettings
from ablo_pg.relay.shares import acting_for
from ablo_pg.relay.ws.follow_frames import renew
from ablo_pg.relay.ws.live_view import LiveView
from ablo_pg.relay.ws.pump import Pump
from ablo_pg.relay.ws.session import Session, Shown
from ablo_pg.wire.frames import LEASE_SECONDS

logger: Final = logging.getLogger("ablo_pg.relay.ws")

TICK_SECONDS: Final = 0.25
# A client pings every 30 s and waits 10 s for an answer: then its short leases are not renewed.
SILENT_SECONDS: Final = 40.0

FAILED: Final = (1011, "the relay failed; reconnect")
GOING_AWAY: Final = (1012, "the relay stops")


class Sockets:
    """The live sockets of one relay."""

    def __init__(
        self,
        settings: RelaySettings,
        kernel: Kernel,
        notifications: Notifications,
        metrics: RelayMetrics,
        tasks: Tasks,
        stopping: anyio.Event,
    ) -> None:
        self._settings = settings
        self._kernel = kernel
        self._notifications = notifications
        self._metrics = metrics
        self._work = tasks
        self._stopping = stopping
        self.sessions: set[Session] = set()
        self.views: dict[str, LiveView] = {}
        self.pump = Pump(metrics.deliveries.inc, tasks)
        self._held: Counter[str] = Counter()  # by key, and by organization
        self._scopes: dict[str, anyio.CancelScope] = {}
        self._tasks: TaskGroup | None = None

    async def run(self) -> None:
        """Serve sockets until cancelled."""
        async with anyio.create_task_group() as group:
            self._tasks = group
            for work in (self._listen, self._tend):
                group.start_soon(self._work.keep, "sockets", work)
            await self._stopping.wait()
            for session in list(self.sessions):
                session.close(*GOING_AWAY)

    @contextmanager
    def room(self, credential: Credential) -> Iterator[None]:
        """Hold a place among the sockets and streams of a credential and of its organization.

        Raises connection_limit_exceeded if one of them has the maximum.
        """
        settings = self._settings
        key, organization = f"key {credential.key_id}", f"of {credential.organization}"
        self._check_room(key, settings.sockets_per_session, "credential")
        # The other half stays for others.
        self._check_room(organization, max(1, settings.connections // 2), "organization")
        self._held.update((key, organization))
        try:
            yield
        finally:
            for name in (key, organization):
                self._held[name] -= 1
                if not self._held[name]:
                    del self._held[name]

    def _check_room(self, name: str, most: int, whose: str) -> None:
        if self._held[name] >= most:
            raise error_for(
                "connection_limit_exceeded",
                f"This {whose} has {most} sockets or streams open, the most there may be",
                remedy="close some, or mint a credential for each client",
                details={"limit": most},
            )

    def add(self, session: Session) -> None:
        """A socket is open."""
        self.sessions.add(session)
        self._metrics.sockets = len(self.sessions)

    def remove(self, session: Session) -> None:
        """A socket has ended."""
        self.sessions.discard(session)
        self._metrics.sockets = len(self.sessions)
        for scope in session.scopes.values():
            scope.held.close()
        if session.view is not None:
            session.view = None
            view = self.views[session.organization]
            view.leave(session)
            if view.empty:
                del self.views[view.organization]
                self._scopes.pop(view.organization).cancel()

    def show(self, session: Session) -> None:
        """Begin to show claims and presence to a socket."""
        if session.view is not None or session not in self.sessions or self._tasks is None:
            return
        view = self.views.get(session.organization)
        if view is None:
            view = LiveView(self._kernel, session.organization, self._work)
            self.views[session.organization] = view
            self._scopes[session.organization] = anyio.CancelScope()
            self._tasks.start_soon(self._run_view, view)
        session.view = Shown(view.hint, partial(view.join, session))
        view.join(session)

    def hint(self, organization: str) -> None:
        """Claims or presence of an organization may have changed; '' means any."""
        for view in [self.views.get(organization)] if organization else self.views.values():
            if view is not None:
                view.hint()

    async def _run_view(self, view: LiveView) -> None:
        acting_for.set(view.organization)
        with self._scopes[view.organization]:
            await self._work.keep("live view", view.run)

    async def _listen(self) -> None:
        """Listen until cancelled."""
        with self._notifications.listen(LIVE) as listener:
            while True:
                for organization in await listener.take():
                    self.hint(organization)

    async def _tend(self) -> None:
        """Do what is due."""
        while True:
            await anyio.sleep(TICK_SECONDS)
            now = anyio.current_time()
            for session in list(self.sessions):
                work = partial(self._tend_one, session, now)
                if not await self._work.attempt("socket upkeep", work):
                    session.close(*FAILED)

    async def _tend_one(self, session: Session, now: float) -> None:
        self._end_overdue(session, now)
        try:
            await renew(self._kernel, session, leases_due(session, now))
        except AbloError as exc:  # the next tick retries
            logger.warning("leases could not be renewed: %s", exc.code)

    def _end_overdue(self, session: Session, now: float) -> None:
        for name in [name for name, scope in session.scopes.items() if scope.over(now)]:
            session.leave_scope(name)
        if session.wire.writable:
            session.stuck_since = None
        elif session.stuck_since is None:
            session.stuck_since = now
        elif now - session.stuck_since > self._settings.stuck_seconds:
            logger.info("a socket does not read, and is closed")
            session.wire.abort()


def leases_due(session: Session, now: float) -> list[str]:
    """Return the claims of a socket that do not last from ping to ping and need a renewal now."""
    if not session.claims or now - session.heard > SILENT_SECONDS:
        return []
    return [
        own.kernel_id
        for own in session.claims.values()
        if own.ttl_ms < LEASE_SECONDS * 1000 and (now - own.renewed) * 3000 >= own.ttl_ms
    ]
