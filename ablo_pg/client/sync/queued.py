"""The sync twins of `local.queued`. Written by .ci/sync_twin.py, do not edit."""

from __future__ import annotations

from collections.abc import Callable

from ablo_pg.client.local.queued import State
from ablo_pg.client.sync.by_hand import BlockingPending
from ablo_pg.errors import AbloError


class SyncPending(BlockingPending):
    """The handle of a queued write: `ablo.pending(row).confirmed()`."""

    @property
    def state(self) -> State:
        """Its state."""
        return self._inner.state

    @property
    def error(self) -> AbloError | None:
        """The error of its refusal."""
        return self._inner.error

    def on_rejected(self, callback: Callable[[AbloError], object]) -> None:
        """Call `callback` with the error if the write is refused; at once if it already was."""
        self._inner.on_rejected(callback)
