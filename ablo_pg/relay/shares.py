"""Fair admission to what all organizations share: one organization gets a share at most.

In front of the pool (`SharedDatabase`) and of the threads that parse large bodies (`aside`). An
organization that asks for more than its share waits for itself. A free place goes to the waiting
organization that has the fewest, the longest waiting one first, so a flood by one delays another's
request by one statement, not by the flood. `acting_for` identifies the organization: it is set when
a credential is admitted, and tasks inherit it. Lookups of unknown keys count as one organization's.
Work of the relay itself (schemas, housekeeping) has no organization and no limit except the pool's
own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Final, ParamSpec, TypeVar

import anyio
import anyio.to_thread

from ablo_pg.db.pool import Database
from ablo_pg.db.pooled import PooledConnection
from ablo_pg.errors import error_for
from ablo_pg.wire.limits import PARSED_HERE

P = ParamSpec("P")
R = TypeVar("R")

PARSE_SECONDS: Final = 10.0  # how long a large body waits to be parsed

STRANGERS: Final = ""  # the organization of keys looked up for the first time; no organization has
# this name
acting_for: Final[ContextVar[str | None]] = ContextVar("acting_for", default=None)


class Shares:
    """A number of places, of which an organization holds `share` at most."""

    def __init__(self, total: int, share: int) -> None:
        self.total = total
        self.share = share
        self._held: dict[str, int] = {}
        self._waiting: dict[str, deque[anyio.Event]] = {}  # in the order of their last turn

    @property
    def waiting(self) -> int:
        """How many wait."""
        return sum(map(len, self._waiting.values()))

    @asynccontextmanager
    async def place(self, seconds: float) -> AsyncIterator[None]:
        """Hold a place for the acting organization. Raises connection_limit_exceeded."""
        organization = acting_for.get()
        if organization is None:
            yield
            return
        await self._take(organization, seconds)
        try:
            yield
        finally:
            self._give(organization)

    async def _take(self, organization: str, seconds: float) -> None:
        if not self._waiting.get(organization) and self._may(organization):
            self._held[organization] = self._held.get(organization, 0) + 1
            return
        turn = anyio.Event()
        self._waiting.setdefault(organization, deque()).append(turn)
        try:
            with anyio.fail_after(seconds):
                await turn.wait()
        except BaseException as exc:
            if turn.is_set():  # it was granted at the moment of cancellation
                self._give(organization)
            else:
                self._leave(organization, turn)
            if isinstance(exc, TimeoutError):
                raise self._refusal(seconds) from None
            raise

    def _may(self, organization: str) -> bool:
        held = self._held.get(organization, 0)
        return held < self.share and sum(self._held.values()) < self.total

    def _give(self, organization: str) -> None:
        self._held[organization] -= 1
        if not self._held[organization]:
            del self._held[organization]
        due = [one for one in self._waiting if self._may(one)]
        if due:
            first = min(due, key=lambda one: self._held.get(one, 0))
            queue = self._waiting.pop(first)
            self._held[first] = self._held.get(first, 0) + 1
            queue.popleft().set()
            if queue:
                self._waiting[first] = queue

    def _leave(self, organization: str, turn: anyio.Event) -> None:
        queue = self._waiting[organization]
        queue.remove(turn)
        if not queue:
            del self._waiting[organization]

    def _refusal(self, seconds: float) -> Exception:
        return error_for(
            "connection_limit_exceeded",
            f"This organization's share, {self.share} concurrent statements, was busy for "
            f"{seconds:g} s",
            remedy="send fewer requests at once, or combine them",
            details={"limit": self.share},
        )


class SharedDatabase(Database):
    """A pool in front of which organizations wait for their turn."""

    shares: Shares | None = None

    @property
    def most_alone(self) -> int:
        """Leave one place of a share to the organization's calls that need not wait for a row."""
        assert self.shares is not None
        return max(1, min(super().most_alone, self.shares.share - 1))

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[PooledConnection]:
        assert self.shares is not None
        async with self.shares.place(self.options.acquire_timeout), super()._connection() as conn:
            yield conn


async def aside(
    shares: Shares, size: int, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs
) -> R:
    """Return work(...): here for a few bytes, in a thread for more."""
    if size <= PARSED_HERE:
        return work(*args, **kwargs)
    async with shares.place(PARSE_SECONDS):
        return await anyio.to_thread.run_sync(lambda: work(*args, **kwargs))
