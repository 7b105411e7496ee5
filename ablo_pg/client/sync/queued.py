"""The sync twins of `local.queued`. Written by .ci/sync_twin.py, do not edit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ablo_pg.client.local.queued import State
from ablo_pg.client.sync.by_hand import BlockingPending
from ablo_pg.errors import AbloError


class SyncPending(BlockingPending):
    """The handle of a queued write: `ablo.pending(row).confirmed()`."""

    @property
    def state(self) -> State:
        """Where it stands."""
        return self._inner.state

    @property
    def error(self) -> AbloError | None:
        """What it was refused with."""
        return self._inner.error

    def on_rejected(self, callback: Callable[[AbloError], Any]) -> None:
        """Have `callback` called with the error if the write is refused; at once where it was."""
        self._inner.on_rejected(callback)
