"""The sync twin of `claims.presence`. It only sends; what each call does is said there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from ablo_pg.claim import Presence
from ablo_pg.client.claims.presence import PresenceClient
from ablo_pg.client.durations import Duration
from ablo_pg.client.sync.portal import Portal


class SyncPresenceClient:
    """The presence of this client, and of everybody of its organization; see `PresenceClient`."""

    def __init__(self, portal: Portal, inner: PresenceClient) -> None:
        self._portal = portal
        self._inner = inner

    @property
    def is_set(self) -> bool:
        """Whether this client says that it is here."""
        return self._inner.is_set

    def set(
        self,
        *,
        status: str | None = None,
        activity: Mapping[str, Any] | None = None,
        meta: Mapping[str, Any] | None = None,
        ttl: Duration | None = None,
        timeout: float | None = None,
    ) -> None:
        """Say that this client is here; what is left out stays as it was."""
        self._portal.call(
            partial(
                self._inner.set,
                status=status,
                activity=activity,
                meta=meta,
                ttl=ttl,
                timeout=timeout,
            )
        )

    def list(self, *, timeout: float | None = None) -> Sequence[Presence]:
        """Return who is here, by participant."""
        return self._portal.call(partial(self._inner.list, timeout=timeout))

    def leave(self, *, timeout: float | None = None) -> bool:
        """Say that this client is gone; whether it was here."""
        return self._portal.call(partial(self._inner.leave, timeout=timeout))
