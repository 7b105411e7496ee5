"""Listens for claim events in the database, for clients that wait over HTTP.

A client asks with the claims it waits for or holds, and its last position; it is answered when an
event for one of them arrives. Events are kept for a while, so nothing is missed between two
requests. A client that comes from another relay, or from too far back, must check everything.
The relay listens while a client asks. A notification is only a hint: the client then checks.
"""

from __future__ import annotations

import logging
import secrets
from collections import deque
from collections.abc import Collection
from typing import Any, Final

import anyio
import psycopg
from psycopg import AsyncConnection

from ablo_pg.db.claims import LISTEN
from ablo_pg.db.errors import translate
from ablo_pg.relay.backoff import Backoff
from ablo_pg.relay.connecting import connect

logger: Final = logging.getLogger("ablo_pg.relay")

REMEMBERED: Final = 10_000  # of the latest claim events; about 100 bytes each
RETRY_FIRST: Final = 0.1
RETRY_LAST: Final = 5.0
LOOK_SECONDS: Final = 1.0  # how often it checks whether any client asks
IDLE_SECONDS: Final = 30.0  # without a request, after which the connection closes
EVERYTHING: Final = ""


class ClaimNews:
    """Claim events. Alive inside `run`; one event loop."""

    def __init__(self, url: str, remembered: int = REMEMBERED) -> None:
        self._url = url
        self._self = secrets.token_hex(6)  # tells this relay's positions from another's
        self._said: deque[str] = deque(maxlen=remembered)
        self._count = 0  # of all events so far
        self._heard = anyio.Event()
        self._wanted = anyio.Event()
        self._asked_at = 0.0
        self._asking = 0

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
        self._asked_at = anyio.current_time()
        self._asking += 1
        self._wanted.set()
        try:
            with anyio.move_on_after(seconds):
                while not (told := self._since(claim_ids, after)):
                    after = self.position
                    await self._heard.wait()
                return told, self.position
            return [], after or self.position
        finally:
            self._asking -= 1
            self._asked_at = anyio.current_time()

    async def run(self) -> None:
        """Listen while a client asks; reconnect if the connection breaks. Until cancelled."""
        backoff = Backoff(RETRY_FIRST, RETRY_LAST)
        while True:
            await self._wanted.wait()
            try:
                conn = await connect(self._url, application_name="ablo_pg relay claims")
                try:
                    await conn.execute(LISTEN)
                    self._say(EVERYTHING)  # earlier events were not received
                    backoff.reset()
                    await self._listen(conn)
                finally:
                    with anyio.CancelScope(shield=True):
                        await conn.close()
            except psycopg.Error as exc:
                logger.info("claim events are not received: %s", translate(exc).code)
                await anyio.sleep(backoff.pause())

    async def _listen(self, conn: AsyncConnection[Any]) -> None:
        while self._asking or anyio.current_time() - self._asked_at < IDLE_SECONDS:
            async for notification in conn.notifies(timeout=LOOK_SECONDS, stop_after=1):
                self._say(notification.payload)
        self._wanted = anyio.Event()

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
