"""Hears in the database that something happened to a claim, for clients that wait over HTTP.

A client asks with the claims it waits for or holds, and where it stood; it is answered when one of
them was heard of. What was heard is remembered for a while, so nothing is missed between two
questions; a client that comes from another relay, or from too far back, is told to look at
everything.
"""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Collection
from typing import Final

import anyio

from ablo_pg.db.notifications import CLAIMS, EVERYTHING, Notifications

REMEMBERED: Final = 10_000  # of the last claims that were heard of; some 100 bytes each


class ClaimNews:
    """What was heard of claims. Alive inside `run`; one event loop."""

    def __init__(self, notifications: Notifications, remembered: int = REMEMBERED) -> None:
        self._notifications = notifications
        self._self = secrets.token_hex(6)  # tells this relay's positions from another's
        self._said: deque[str] = deque(maxlen=remembered)
        self._count = 0  # of all that was ever said
        self._heard = anyio.Event()

    @property
    def position(self) -> str:
        """Where news go on from here."""
        return f"{self._self}:{self._count}"

    async def ask(
        self, claim_ids: Collection[str], after: str | None, seconds: float
    ) -> tuple[list[str], str]:
        """Return which of these claims something was said of after a position, and the next one.

        Waits at most so long. '' among them stands for all.
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
        """Return what was said of these after a position; everything where that is not known."""
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
