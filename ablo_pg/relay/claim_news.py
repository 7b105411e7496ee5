"""Listens for claim events in the database, for clients that wait over HTTP.

A client asks with the claims it waits for or holds, and its last position; it is answered when an
event for one of them arrives. Events are kept for a while, so nothing is missed between two
requests. A client that comes from another relay, or from too far back, must check everything.
A notification is only a hint: the client then checks.
"""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Collection
from typing import Final

import anyio

from ablo_pg.db.notifications import CLAIMS, EVERYTHING, Notifications

REMEMBERED: Final = 10_000  # of the latest claim events; about 100 bytes each


class ClaimNews:
    """Claim events. Alive inside `run`; one event loop."""

    def __init__(self, notifications: Notifications, remembered: int = REMEMBERED) -> None:
        self._notifications = notifications
        self._self = secrets.token_hex(6)  # tells this relay's positions from another's
        self._said: deque[str] = deque(maxlen=remembered)
        self._count = 0  # of all events so far
        self._heard = anyio.Event()

    @property
    def position(self) -> str:
        """The position after the latest event."""
        return f"{self._self}:{self._count}"

    async def ask(
        self, claim_ids: Collection[str], after: str | None, seconds: float
    ) -> tuple[list[str], str]:
        """Return which of these claims had events after a position, and the next position.

        Waits at most this long. '' among them stands for all.
        """
        with anyio.move_on_after(seconds):
            while not (told := self._since(claim_ids, after)):
                after = self.position
                await self._heard.wait()
            return told, self.position
        return [], after or self.position

    async def run(self) -> None:
        """Listen until cancelled."""
        with self._notifications.listen(CLAIMS) as listener:
            while True:
                for claim_id in await listener.take():
                    self._say(claim_id)

    def _say(self, claim_id: str) -> None:
        self._said.append(claim_id)
        self._count += 1
        heard, self._heard = self._heard, anyio.Event()
        heard.set()

    def _since(self, claim_ids: Collection[str], after: str | None) -> list[str]:
        """Return the events of these claims after a position; all of them if that is unknown."""
        if after is None:
            return []
        name, _, count = after.partition(":")
        known = name == self._self and count.isascii() and count.isdigit() and len(count) < 19
        missed = self._count - int(count) if known else -1
        if not 0 <= missed <= len(self._said):
            return [EVERYTHING]
        recent = list(self._said)[len(self._said) - missed :] if missed else []
        wanted = {*claim_ids, EVERYTHING}
        return list(dict.fromkeys(one for one in recent if one in wanted))
