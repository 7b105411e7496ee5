"""The sync twin of `local.queued.Pending`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ablo_pg.client.local.queued import Pending, State
from ablo_pg.client.rows.receipt import Receipt
from ablo_pg.client.sync.portal import Portal
from ablo_pg.errors import AbloError


class SyncPending:
    """A queued write; see `Pending`."""

    def __init__(self, portal: Portal, inner: Pending) -> None:
        self._portal = portal
        self._inner = inner

    @property
    def state(self) -> State:
        """Where it stands."""
        return self._inner.state

    @property
    def error(self) -> AbloError | None:
        """What it was refused with."""
        return self._inner.error

    def on_rejected(self, callback: Callable[[AbloError], Any]) -> None:
        """Have `callback` called if the write is refused, from the client's own thread."""
        self._inner.on_rejected(callback)

    def confirmed(self, *, timeout: float | None = None) -> Receipt:
        """Wait for the answer; return the receipt, or raise what the write was refused with."""
        self._portal.check()
        return self._inner._confirmed_blocking(timeout)
