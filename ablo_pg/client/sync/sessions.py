"""The sync twin of `sessions`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from ablo_pg.client.durations import Duration
from ablo_pg.client.session_values import SessionKey
from ablo_pg.client.sessions import Can, Sessions
from ablo_pg.client.sync.portal import Portal


class SyncSessions:
    """Makes and ends sessions of users and agents; see `Sessions`."""

    def __init__(self, portal: Portal, inner: Sessions) -> None:
        self._portal = portal
        self._inner = inner

    def create(
        self,
        *,
        user: str | None = None,
        agent: str | None = None,
        can: Can,
        sync_groups: Sequence[str] | None = None,
        ttl: Duration | None = None,
        label: str | None = None,
        meta: Mapping[str, Any] | None = None,
        timeout: float | None = None,
    ) -> SessionKey:
        """Make a key for a user or an agent."""
        return self._portal.call(
            partial(
                self._inner.create,
                user=user,
                agent=agent,
                can=can,
                sync_groups=sync_groups,
                ttl=ttl,
                label=label,
                meta=meta,
                timeout=timeout,
            )
        )

    def revoke(self, id: str, *, timeout: float | None = None) -> None:
        """End a session at once, with all that was made of it."""
        return self._portal.call(partial(self._inner.revoke, id, timeout=timeout))
