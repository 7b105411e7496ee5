"""Writes that show at once and are sent in the background: `wait="queued"`.

A queued write overlays the local copy from the moment it is made. Queued writes are sent in order,
each once, under its own idempotency key; they wait while the other side is unreachable. A refused
write is removed again, and its handle gets the error.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Literal, Protocol, TypeAlias
from weakref import WeakValueDictionary

from ablo_pg.client.claims.wakeup import Mark
from ablo_pg.client.live.background import Background
from ablo_pg.client.names import Entry
from ablo_pg.client.rows.requests import CommitRequest
from ablo_pg.db.backoff import Backoff
from ablo_pg.errors import AbloConnectionError, AbloError, AbloTimeoutError, error_for
from ablo_pg.schema.rows import Model
from ablo_pg.wire.committed import Receipt

logger: Final = logging.getLogger("ablo_pg.client")
QUEUE_MOST: Final = 1000  # queued writes; beyond it another one is refused
RETRY_FIRST: Final = 0.1
RETRY_LAST: Final = 5.0
State: TypeAlias = Literal["queued", "confirmed", "rejected"]


@dataclass(eq=False, slots=True)
class QueuedWrite:
    """The data to write, and how it changes the row under it.

    confirmed_at: the sync id at which it landed.
    """

    entry: Entry
    row_id: str
    request: CommitRequest
    over: Callable[[Model | None], Model | None]
    confirmed_at: int | None = None

    @property
    def target(self) -> tuple[str, str]:
        """(schema key, id) of its row."""
        return self.entry.key, self.row_id

    def refused(self, code: str, what: str, remedy: str, **details: object) -> AbloError:
        """Return an error about it."""
        return error_for(
            code,
            f"The queued write of {self.entry.key} {self.row_id!r} {what}",
            model=self.entry.key,
            row_id=self.row_id,
            remedy=remedy,
            details={"idempotency_key": self.request.key, **details},
        )


class Rows(Protocol):
    """The local copy, as the rest of its client sees it; `copy.LocalCopy` says what each does."""

    @property
    def position(self) -> int | None:
        """Up to which sync id changes are in it."""

    async def start(self) -> None:
        """Read the rows, and follow."""

    def get(self, entry: Entry, row_id: str) -> Model | None:
        """Return a row."""

    def rows(self, entry: Entry) -> list[Model]:
        """Return all rows of a model."""

    def cover(self, write: QueuedWrite) -> None:
        """Lay a write over the rows."""

    def uncover(self, write: QueuedWrite, confirmed_at: int | None = None) -> None:
        """Take it away."""


class Pending:
    """The handle of a queued write: `await ablo.pending(row).confirmed()`."""

    def __init__(self, write: QueuedWrite) -> None:
        self._write = write
        self._receipt: Receipt | None = None
        self._error: AbloError | None = None
        self._done = Mark()
        self._callbacks: list[Callable[[AbloError], object]] = []

    @property
    def state(self) -> State:
        """Its state."""
        if not self._done.is_set():
            return "queued"
        return "confirmed" if self._error is None else "rejected"

    @property
    def error(self) -> AbloError | None:
        """The error of its refusal."""
        return self._error

    def on_rejected(self, callback: Callable[[AbloError], object]) -> None:
        """Call `callback` with the error if the write is refused; at once if it already was."""
        self._callbacks.append(callback)
        if self._error is not None:
            callback(self._error)

    async def confirmed(self, *, timeout: float | None = None) -> Receipt:
        """Wait for the answer; return the receipt, or raise the error of its refusal.

        Raises wait_for_timeout if no answer comes within `timeout` seconds; it stays queued.
        """
        await self._done.wait(timeout)
        return self._answer()

    def _confirmed_blocking(self, timeout: float | None) -> Receipt:
        self._done.wait_blocking(timeout)
        return self._answer()

    def _settle(self, receipt: Receipt | None, error: AbloError | None) -> None:
        self._receipt, self._error = receipt, error
        self._done.set()
        if error is not None:
            for callback in self._callbacks:
                try:
                    callback(error)
                except Exception:
                    logger.exception("on_rejected of %s %r failed", *self._write.target)

    def _answer(self) -> Receipt:
        if self._error is not None:
            raise self._error
        if self._receipt is None:
            raise self._write.refused(
                "wait_for_timeout", "has not been answered yet", "it stays queued: wait again"
            )
        return self._receipt


class WriteQueue:
    """Sends queued writes one at a time, in the client's background."""

    def __init__(
        self,
        background: Background,
        commit: Callable[[CommitRequest], Awaitable[Receipt]],
        copy: Rows,
    ) -> None:
        self._background = background
        self._commit = commit
        self._copy = copy
        self._waiting: deque[tuple[QueuedWrite, Pending]] = deque()
        self._handles: WeakValueDictionary[str, Pending] = WeakValueDictionary()
        self._more = asyncio.Event()
        self._started = False

    async def put(self, write: QueuedWrite) -> Pending:
        """Show a write, and send it in the background. Raises quota_exceeded if too many wait."""
        if len(self._waiting) >= QUEUE_MOST:
            what = f"is refused: {QUEUE_MOST} others wait"
            remedy = "wait for some to be confirmed"
            raise write.refused("quota_exceeded", what, remedy, limit=QUEUE_MOST)
        self._copy.cover(write)
        pending = self._handles[write.request.key] = Pending(write)
        self._waiting.append((write, pending))
        self._more.set()
        if not self._started:
            self._started = True
            self._background.start(self._run)
        return pending

    def find(self, key: str) -> Pending | None:
        """Return the handle of a queued write by its idempotency key, while there is one."""
        return self._handles.get(key)

    def close(self) -> None:
        """Refuse unsent writes: the client is closed."""
        while self._waiting:
            write, pending = self._waiting.popleft()
            self._copy.uncover(write)
            what = "was not sent or not answered before the client was closed"
            remedy = "wait for ablo.pending(row).confirmed() before close"
            pending._settle(None, write.refused("wait_for_timeout", what, remedy))

    async def _run(self) -> None:
        while True:
            while not self._waiting:
                self._more = asyncio.Event()
                await self._more.wait()
            await self._send(*self._waiting[0])
            self._waiting.popleft()

    async def _send(self, write: QueuedWrite, pending: Pending) -> None:
        backoff = Backoff(RETRY_FIRST, RETRY_LAST)
        while True:
            try:
                receipt = await self._commit(write.request)
            except (AbloConnectionError, AbloTimeoutError) as exc:
                logger.info("a queued write of %s %r waits: %s", *write.target, exc)
                await asyncio.sleep(backoff.pause())
            except Exception as exc:  # the next ones must not wait for it
                failure = exc if isinstance(exc, AbloError) else _failed(write, exc)
                self._copy.uncover(write)
                pending._settle(None, failure)
                return
            else:
                refusal = _refusal(write, receipt)
                self._copy.uncover(write, None if refusal else receipt.last_sync_id)
                pending._settle(receipt, refusal)
                return


def _failed(write: QueuedWrite, exc: Exception) -> AbloError:
    logger.error("a queued write of %s %r failed", *write.target, exc_info=exc)
    what = f"failed: {type(exc).__name__}"
    return write.refused("internal_error", what, "read the row again: it may have landed")


def _refusal(write: QueuedWrite, receipt: Receipt) -> AbloError | None:
    """Return why an answered commit has not written the row."""
    if receipt.notifications and not receipt.ops:
        what = "was not applied: the row has changed"
        return write.refused("stale_context", what, "read it again", receipt=receipt)
    if write.row_id in receipt.missing_ids:
        what = "found no such row"
        return write.refused("entity_not_found", what, "read it again", receipt=receipt)
    return None
