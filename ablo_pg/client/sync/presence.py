"""The sync twins of `claims.presence`. Written by .ci/sync_twin.py, do not edit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from ablo_pg.claim import Presence
from ablo_pg.client.claims.presence import PresenceClient
from ablo_pg.client.durations import Duration
from ablo_pg.client.sync.by_hand import Twin


class SyncPresenceClient(Twin[PresenceClient]):
    """The presence of this client, and of all participants of its organization.

    `set` repeats automatically, in a separate thread, until `leave` or `close`; a process that dies
    disappears within the ttl. Each client is one session of its participant.
    """

    @property
    def is_set(self) -> bool:
        """Whether this client has announced its presence."""
        return self._inner.is_set

    def set(
        self,
        *,
        status: str | None = None,
        activity: Mapping[str, object] | None = None,
        meta: Mapping[str, object] | None = None,
        ttl: Duration | None = None,
        timeout: float | None = None,
    ) -> None:
        """Announce this client's presence; omitted values stay as they were.

        status: default "online". activity: what it works on, as a JSON object: {"model": "tasks",
        "id": "t1"}. ttl: how long it shows without renewal (default 60 s). Raises duration_invalid.
        """
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
        """Return who is present, by participant; claim holders are listed with or without `set`."""
        return self._portal.call(partial(self._inner.list, timeout=timeout))

    def leave(self, *, timeout: float | None = None) -> bool:
        """End this client's presence; return whether it was present. Its claims stay."""
        return self._portal.call(partial(self._inner.leave, timeout=timeout))
