"""Drives a live query: a page at its stamp, changes from there on, and what judges them.

That is a `Window` of rows, or the `Totals` of an aggregate.

Pages and changes come from a `Source`: the client's, or a relay's for its event streams. The page
is read again if it cannot tell the result from the changes, if they do not end with a
commit (too many at once, or part of a large transaction), and if the log no longer reaches back.
Whenever nothing is being done, what is shown is what a page would show at `stamp`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, Generic, NamedTuple, Protocol, TypeVar

import anyio

from ablo_pg.db.backoff import Backoff
from ablo_pg.delta import Delta
from ablo_pg.errors import AbloError, error_for
from ablo_pg.predicate.stream import Compares

T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)
C = TypeVar("C")
C_co = TypeVar("C_co", covariant=True)
C_contra = TypeVar("C_contra", contravariant=True)
E = TypeVar("E")
R = TypeVar("R")

BATCH: Final = 1000  # changes judged at once; of more the page is read instead
# Seconds between attempts while the server cannot be reached, or queries do not see yet what was
# streamed.
FIRST_PAUSE: Final = 0.01
LAST_PAUSE: Final = 5.0


class PageAt(NamedTuple, Generic[T]):
    """A page as of a stamp. more: rows follow; compares: `ablo.field_compares` by wire name."""

    rows: Sequence[T]
    more: bool
    stamp: int
    compares: Compares


class Taken(NamedTuple):
    """Changes of the model, up to a cursor. whole: they end with a commit."""

    deltas: list[Delta]
    cursor: int
    whole: bool


class Shown(Protocol[T_contra, C_contra, E]):
    """What is shown of a page; both return the steps from what was shown before."""

    def read(self, rows: Sequence[T_contra], more: bool, compares: Compares) -> list[E]:
        """Show a page."""

    def apply(self, changes: Mapping[str, C_contra]) -> list[E] | None:
        """Show it after these changes, by row; None, and nothing changed: the page must be read."""


class Source(Protocol[T, C_co]):
    """Where pages and changes come from. Calls raise AbloError."""

    async def page(self) -> PageAt[T]:
        """Read the page now."""

    async def follow(self, cursor: int) -> None:
        """Begin the changes after a cursor; end those that were begun before."""

    async def take(self) -> Taken:
        """Wait for changes, and take at most BATCH. Nothing is lost if it is cancelled."""

    async def rows(self, deltas: list[Delta]) -> Mapping[str, C_co] | None:
        """Return what these changes did, by row; None: only a page tells."""


class Result(Generic[T, C, E]):
    """See the module. limit: of a page. closed: set it to end retries."""

    def __init__(self, shown: Shown[T, C, E], source: Source[T, C], limit: int) -> None:
        self._shown = shown
        self.stamp: int | None = None
        self.closed = False
        self._source = source
        self._limit = limit
        self._behind: int | None = 0  # the page must be read, at this position or later
        self._following = False

    async def begin(self) -> None:
        """Read the rows, and follow from there on. Idempotent."""
        if self.stamp is None:
            await self._read()
            await self._follow()

    async def advance(self) -> list[E]:
        """Apply the next commits; return the steps, none if they do not concern the result."""
        try:
            if self._behind is not None:
                return await self._patient(self._read) or []
            if self._following:
                return await self._apply()
            await self._patient(self._follow)
        except AbloError as exc:
            if exc.code not in ("snapshot_required", "cursor_ahead"):
                raise
            self._behind, self._following = 0, False
        return []

    async def _apply(self) -> list[E]:
        stamp = self.stamp or 0
        deltas, cursor, whole = await self._source.take()
        self._behind = cursor  # whatever happens next, these are not lost
        rows = await self._source.rows([delta for delta in deltas if delta.sync_id > stamp])
        events = None
        if rows is not None and (whole or not rows):
            events = self._shown.apply(rows)
        if events is None:
            return await self._patient(self._read) or []
        self._behind = None
        if whole:
            self.stamp = max(stamp, cursor)
        return events

    async def _read(self) -> list[E]:
        backoff = Backoff(FIRST_PAUSE, LAST_PAUSE)
        least = self._behind or 0
        while True:
            page = await self._source.page()
            if page.stamp >= least:  # else a commit was streamed before queries see it
                break
            await anyio.sleep(backoff.pause())
        if page.more and len(page.rows) < self._limit:
            raise _too_large(self._limit, len(page.rows))
        events = self._shown.read(page.rows, page.more, page.compares)
        self.stamp, self._behind = page.stamp, None
        return events

    async def _follow(self) -> None:
        await self._source.follow(self.stamp or 0)
        self._following = True

    async def _patient(self, work: Callable[[], Awaitable[R]]) -> R | None:
        """Do something that was possible before, as soon as the server can be reached."""
        backoff = Backoff(FIRST_PAUSE, LAST_PAUSE)
        while not self.closed:
            try:
                return await work()
            except AbloError as exc:
                if not exc.retryable or exc.code == "internal_error":
                    raise
                await anyio.sleep(backoff.pause())
        return None


def _too_large(limit: int, fit: int) -> AbloError:
    return error_for(
        "response_too_large",
        f"The first {limit} rows of this live query do not fit into one answer",
        field="limit",
        remedy=f"use a lower limit; {fit} rows did",
        details={"limit": limit},
    )
