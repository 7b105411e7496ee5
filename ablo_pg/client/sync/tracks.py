"""The sync twins of `rows.tracks`. Written by .ci/sync_twin.py, do not edit."""

from __future__ import annotations

from functools import partial

from ablo_pg.client.rows.tracks import ModelTracks, Track, Tracks, TrackStale
from ablo_pg.client.session import Wait
from ablo_pg.client.sync.by_hand import Twin
from ablo_pg.wire.committed import Receipt


class SyncTracks(Twin[Tracks]):
    """All tracks of this participant."""

    def list(self, *, timeout: float | None = None) -> tuple[Track, ...]:
        """Return the tracks, in the order in which they were registered."""
        return self._portal.call(partial(self._inner.list, timeout=timeout))

    def clear(self, *, timeout: float | None = None) -> int:
        """End all tracks; return how many there were."""
        return self._portal.call(partial(self._inner.clear, timeout=timeout))


class SyncModelTracks(Twin[ModelTracks]):
    """Registers tracks: `ablo.tasks.track(id=...)`."""

    def __call__(
        self,
        id: str | None = None,
        *,
        group: str | None = None,
        read_at: int | None = None,
        on_stale: TrackStale = "notify",
        idempotency_key: str | None = None,
        timeout: float | None = None,
        wait: Wait = "confirmed",
    ) -> Receipt:
        """Track a row of this model, or a sync group (`kind:id`); again to start over from now.

        read_at: the stamp of the read that counts; default: as of now. on_stale: "notify" reports a
        change by another participant on this participant's next receipt, once; "reject" refuses its
        commits (stale_context) until it has tracked the row again. At most 500 per participant.
        Raises quota_exceeded, invalid_request.
        """
        return self._portal.call(
            partial(
                self._inner,
                id,
                group=group,
                read_at=read_at,
                on_stale=on_stale,
                idempotency_key=idempotency_key,
                timeout=timeout,
                wait=wait,
            )
        )
