"""Which reader runs, since when, and why not the other one, for status, metrics and log."""

from __future__ import annotations

import datetime as dt
import logging
from dataclasses import dataclass, field, replace
from typing import Final, Literal

logger: Final = logging.getLogger("ablo_pg.changefeed")

NOT_STARTED: Final = "not started"
ReaderKind = Literal["wal", "listen", "socket", "events", "none"]


@dataclass(frozen=True, slots=True)
class ReaderStatus:
    """The status of a reader.

    kind: wal (logical replication), listen (LISTEN/NOTIFY and polling); of a client on a relay,
    socket (a live socket) or events (Server-Sent Events); none (not connected). reason: why it is
    not `wal` or `socket`, or what it waits for; None if there is no problem. lag: seconds since the
    commit of what was last passed on, or since nothing could be read; None if unknown. lag_bytes:
    WAL that the server has written and that is not passed on yet.
    """

    kind: ReaderKind = "none"
    reason: str | None = NOT_STARTED
    since: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC))
    lag: float | None = None
    lag_bytes: int | None = None


class StatusLog:
    """Holds the status and logs each change of kind or reason, once."""

    def __init__(self) -> None:
        self.status = ReaderStatus()

    def set(self, kind: ReaderKind, reason: str | None) -> None:
        """Report what runs now, and why."""
        old = self.status
        if (old.kind, old.reason) == (kind, reason):
            return
        since = old.since if old.kind == kind else dt.datetime.now(dt.UTC)
        self.status = ReaderStatus(kind, reason, since)
        logger.log(
            # A start, and the requested reader, are the normal case.
            logging.INFO
            if kind in ("wal", "socket") or old.reason == NOT_STARTED
            else logging.WARNING,
            "reader: %s%s",
            kind,
            f" ({reason})" if reason else "",
        )

    def measured(self, lag: float | None, lag_bytes: int | None = None) -> ReaderStatus:
        """Return the status with a lag."""
        return replace(self.status, lag=lag, lag_bytes=lag_bytes)
