"""The local copy: rows of some models, kept current, read without a round trip.

Starts with `bootstrap` and follows the changes after it. A change older than the stored row is
ignored, so nothing is missed and nothing goes back. Queued writes (`queued`) overlay the rows until
they are confirmed or refused. Archived rows are not in it.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterable
from typing import Final

from ablo_pg.client.live.subscriptions import Change, Subscription, subscribe
from ablo_pg.client.local.bootstrap import ROWS_MOST, too_many_rows
from ablo_pg.client.local.queued import QueuedWrite
from ablo_pg.client.names import Entry
from ablo_pg.client.rows.decode import row_of
from ablo_pg.client.session import Session
from ablo_pg.errors import AbloError, error_for
from ablo_pg.schema.rows import Model

logger: Final = logging.getLogger("ablo_pg.client")
_RETRY_SECONDS: Final = 1.0  # between two attempts to start over, after the log has been cut


class LocalCopy:
    """The rows of `keys` (schema keys). Written in the client's event loop, read from anywhere."""

    def __init__(self, session: Session, keys: Iterable[str]) -> None:
        self.keys = frozenset(keys)
        self._session = session
        self._lock = threading.Lock()
        self._rows: dict[str, dict[str, Model]] = {}
        self._stamps: dict[tuple[str, str], int] = {}
        self._pending: dict[tuple[str, str], list[QueuedWrite]] = {}
        self._failure: AbloError | None = None
        self._position: int | None = None

    @property
    def position(self) -> int | None:
        """The sync id up to which changes are applied; None before it has begun."""
        return self._position

    async def start(self) -> None:
        """Read the rows, and follow from there on in the background. Idempotent."""
        if self._position is None:
            changes = await self._begin()
            self._session.background.start(lambda: self._follow(changes))

    def get(self, entry: Entry, row_id: str) -> Model | None:
        """Return a row with its queued writes applied."""
        with self._lock:
            row = self._of(entry.key).get(row_id)
            for one in self._pending.get((entry.key, row_id), ()):
                row = one.over(row)
            return row

    def rows(self, entry: Entry) -> list[Model]:
        """Return all rows of a model."""
        with self._lock:
            found = dict(self._of(entry.key))
            for (key, row_id), waiting in self._pending.items():
                if key == entry.key:
                    row = found.pop(row_id, None)
                    for one in waiting:
                        row = one.over(row)
                    if row is not None:
                        found[row_id] = row
        return list(found.values())

    def cover(self, write: QueuedWrite) -> None:
        """Overlay the rows with a write. Raises if the model is not in the copy."""
        with self._lock:
            self._of(write.entry.key)
            self._pending.setdefault(write.target, []).append(write)

    def uncover(self, write: QueuedWrite, confirmed_at: int | None = None) -> None:
        """Remove it: refused, or confirmed at a sync id, as soon as that has arrived."""
        with self._lock:
            write.confirmed_at = confirmed_at
            self._settle(write.target, force=write if confirmed_at is None else None)

    def _of(self, key: str) -> dict[str, Model]:
        self._check()
        if key not in self.keys or self._position is None:
            raise error_for(
                "invalid_options",
                f"There is no local copy of {key}"
                + ("" if key not in self.keys else ": it has not begun"),
                model=key,
                field="local",
                remedy="pass local=True (or the models) to the client, and call ready() first",
            )
        return self._rows[key]

    def _check(self) -> None:
        if self._failure is not None:
            raise self._failure

    async def _begin(self) -> Subscription[Model]:
        """Read everything, and open the stream that continues from there."""
        session = self._session
        entries = {session.registry.entry(key).typename: key for key in self.keys}
        found = await session.transport.bootstrap(sorted(entries))
        changes = subscribe(session, self.keys, None, found.stamp or 0)
        await changes.__aenter__()
        rows: dict[str, dict[str, Model]] = {key: {} for key in self.keys}
        stamps: dict[tuple[str, str], int] = {}
        for typename, read in found.rows.items():
            entry = session.registry.entry(entries[typename])
            for data, stamp in read:
                row = row_of(entry, data, stamp)
                rows[entry.key][row.id] = row
                stamps[entry.key, row.id] = stamp
            await session.admit(entry, rows[entry.key].values())
        with self._lock:
            self._rows, self._stamps = rows, stamps
            for target in list(self._pending):
                self._settle(target)
        self._move(found.stamp or 0)
        return changes

    async def _follow(self, changes: Subscription[Model]) -> None:
        """Keep it current. Readers raise the error that ended it: it never goes stale silently."""
        try:
            await self._keep_current(changes)
        except AbloError as exc:
            self._end(exc)
        except Exception as exc:
            what = f"The local copy has ended: {type(exc).__name__}: {exc}"
            self._end(error_for("internal_error", what[:300], remedy="make a new client"))
        if self._failure is not None:
            logger.error("the local copy has ended", exc_info=self._failure)

    async def _keep_current(self, changes: Subscription[Model]) -> None:
        while True:
            try:
                while True:
                    for change in await changes.batch():
                        self._apply(change)
                    self._move(changes.cursor or 0)
            except StopAsyncIteration:
                return
            except AbloError as exc:
                await changes.aclose()
                if exc.code not in ("snapshot_required", "cursor_ahead"):
                    raise
                logger.info("the local copy starts over: %s", exc)
                changes = await self._begin_again()

    async def _begin_again(self) -> Subscription[Model]:
        while True:
            try:
                return await self._begin()
            except AbloError as exc:
                if not exc.retryable or exc.code == "quota_exceeded":
                    raise
                await asyncio.sleep(_RETRY_SECONDS)

    def _apply(self, change: Change[Model]) -> None:
        target = (change.model, change.id)
        with self._lock:
            if change.sync_id > self._stamps.get(target, 0):
                row = change.row
                if row is None or row.archived_at is not None:
                    self._rows[change.model].pop(change.id, None)
                else:
                    self._rows[change.model][change.id] = row
                # Kept for deleted rows too: late data must not bring them back.
                self._stamps[target] = change.sync_id
                if len(self._stamps) > ROWS_MOST:
                    self._forget_gone()
            self._settle(target)

    def _forget_gone(self) -> None:
        """Drop the stamps of deleted rows. Raises quota_exceeded if there are none."""
        live = {(key, row_id) for key, rows in self._rows.items() for row_id in rows}
        self._stamps = {target: self._stamps[target] for target in live}
        if len(live) > ROWS_MOST:
            raise too_many_rows()

    def _settle(self, target: tuple[str, str], force: QueuedWrite | None = None) -> None:
        """Remove what is confirmed and has arrived, or everything with `force`."""
        here = max(self._stamps.get(target, 0), self._position or 0)
        left = [
            one
            for one in self._pending.get(target, ())
            if one is not force and (one.confirmed_at is None or one.confirmed_at > here)
        ]
        if left:
            self._pending[target] = left
        else:
            self._pending.pop(target, None)

    def _move(self, position: int) -> None:
        with self._lock:
            self._position = max(position, self._position or 0)
            for target in list(self._pending):
                self._settle(target)

    def _end(self, failure: AbloError) -> None:
        self._failure = failure


def local_keys(session: Session, wanted: object) -> list[str]:
    """Return the schema keys of a client's `local=`: True for all. Raises invalid_options."""
    if isinstance(wanted, bool):
        return list(session.registry.keys) if wanted else []
    if isinstance(wanted, str) or not isinstance(wanted, Iterable):
        raise error_for(
            "invalid_options",
            "local must be a list",
            field="local",
            remedy='pass ["tasks"], or True',
        )
    return [session.registry.entry(one).key for one in wanted]
