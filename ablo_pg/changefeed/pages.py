"""Pages of the log, each read once for all subscribers that need it, and passed on in turns.

Why sharing is safe (I1, I7). Within an organization, id order is visibility order, so everything up
to a page's last id is final: whenever it is read, it is the same. What a page does not show is only
known for the time of its query. A subscriber may therefore take, from any page, what follows its
position; but that nothing more was visible counts only if the query began after it asked. Rights
are not considered here: each subscriber applies its own to the page.

Why in turns. Processing a page is one step of the event loop. Those that waited for one continue in
one queue, one in each turn of the loop, so a live subscriber waits for one of them, not for all.
Until the last of them has continued, others can still join, so subscribers that catch up stay
together. Memory: at most one page for each waiting subscriber, as when each read its own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import anyio

from ablo_pg.db.log import LogSource, is_whole
from ablo_pg.delta import Delta
from ablo_pg.errors import AbloError

Page: TypeAlias = tuple[Sequence[Delta], bool]  # deltas, and whether no more were visible
# By organization, position and limit.
ReadPage: TypeAlias = Callable[[str, int, int], Awaitable[Page]]


async def read_alone(log: LogSource, organization: str, after: int, limit: int) -> Page:
    """Read a page without sharing it. Raises the log's errors."""
    deltas = await log.read(organization, after, limit)
    return deltas, is_whole(deltas, limit)


@dataclass(slots=True, eq=False)
class _Flight:
    """A query, and what it returned until its last user has it. number: in order of beginning."""

    number: int
    after: int
    limit: int
    over: bool = False
    page: Page | None = None
    error: AbloError | None = None
    users: int = 1
    followers: list[anyio.Event] = field(default_factory=list)

    def part(self, after: int, asked: int) -> Page | None:
        """Return its part for one that asked after flight number `asked`; None if it has none."""
        fresh = self.number > asked
        if self.error is not None and fresh:
            raise self.error.with_traceback(None)
        if self.page is None:
            return None
        deltas, whole = self.page
        if after > self.after:
            deltas = [delta for delta in deltas if delta.sync_id > after]
        return (deltas, whole and fresh) if deltas or fresh else None


class Pages:
    """Reads pages of one log for many subscribers. One event loop."""

    def __init__(self, log: LogSource) -> None:
        self._log = log
        self._begun = 0
        self._flights: dict[str, list[_Flight]] = {}  # by organization
        self._turns: deque[anyio.Event] = deque()  # that wait to continue; the first is set

    async def read(self, organization: str, after: int, limit: int) -> Page:
        """Return some of the deltas after a position, about `limit`, in order, and whether nothing
        more was visible at some time since the call. Raises the log's errors.
        """
        asked = self._begun
        while (flight := self._shared(organization, after, asked)) is not None:
            flight.users += 1
            try:
                await self._turn(flight)
            finally:
                self._leave(organization, flight)
            if (page := flight.part(after, asked)) is not None:
                return page
        return await self._lead(organization, after, limit)

    def _shared(self, organization: str, after: int, asked: int) -> _Flight | None:
        """Return a flight that has a part for this position, or, if it is not over, will have one
        if its page is full: ids rise by at least one."""
        for flight in self._flights.get(organization, ()):
            if flight.after <= after < flight.after + flight.limit and (
                not flight.over or flight.part(after, asked) is not None
            ):
                return flight
        return None

    async def _lead(self, organization: str, after: int, limit: int) -> Page:
        self._begun += 1
        flight = _Flight(self._begun, after, limit)
        self._flights.setdefault(organization, []).append(flight)
        try:
            try:
                page = flight.page = await read_alone(self._log, organization, after, limit)
            except AbloError as exc:
                flight.error = exc
                raise
            finally:
                flight.over = True
                waiting = bool(self._turns)
                followers, flight.followers = flight.followers, []
                for follower in followers:
                    self._queue(follower)
            if waiting:
                await self._turn(flight)
            return page
        finally:
            self._leave(organization, flight)

    def _leave(self, organization: str, flight: _Flight) -> None:
        flight.users -= 1
        if flight.over and not flight.users:
            flights = self._flights[organization]
            flights.remove(flight)
            if not flights:
                del self._flights[organization]

    async def _turn(self, flight: _Flight) -> None:
        """Wait for this task's turn, once the flight is over; the next has the next one."""
        turn = anyio.Event()
        if flight.over:
            self._queue(turn)
        else:
            flight.followers.append(turn)
        try:
            await turn.wait()
        finally:
            if turn in flight.followers:  # cancelled before the flight was over
                flight.followers.remove(turn)
            else:
                self._turns.remove(turn)
                if self._turns:
                    self._turns[0].set()

    def _queue(self, turn: anyio.Event) -> None:
        self._turns.append(turn)
        self._turns[0].set()
