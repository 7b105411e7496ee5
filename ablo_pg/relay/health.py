"""Whether this relay works: a canary through the whole path, and the age of the last one.

The canary is a delta of no organization (`ablo.canary_emit`): written through its own pool
connection, read by the reader, routed by the hub, received here. Each has a number, and its age
counts from when it was sent: on a path that is a minute late every canary is a minute old. Alive
means that the event loop runs. Ready means that a canary recently came through, that the schema can
be read, and that the kernel is as installed.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import anyio

from ablo_pg.changefeed.hub import Hub
from ablo_pg.db import calls, registry
from ablo_pg.db.pool import Database
from ablo_pg.errors import AbloError
from ablo_pg.wire.kernel_bodies import Caller, NoBody
from ablo_pg.wire.kernel_calls import STATUS
from ablo_pg.wire.results import KERNEL_STATUS

logger: Final = logging.getLogger("ablo_pg.relay")

ORGANIZATION: Final = "ablo:canary"
DRIFT_SECONDS: Final = 30.0  # between checks of the kernel's triggers and functions
AGAIN_SECONDS: Final = 1.0  # after a failure
KEPT: Final = 1000  # canaries in flight; one that arrives later than that proves nothing


@dataclass(slots=True)
class Health:
    """Emits canaries, waits for them, and reports whether the relay is ready.

    Args: database, a separate pool, so that an exhausted pool does not hide the problem.
    """

    database: Database
    hub: Hub
    every: float
    limit: float
    clock: Callable[[], float] = time.monotonic
    name: str = field(default_factory=lambda: f"relay-{secrets.token_hex(8)}")
    stopping: bool = field(default=False, init=False)
    drift: tuple[str, ...] = field(default=("not checked yet",), init=False)
    failure: str | None = field(default=None, init=False)
    _number: int = field(default=0, init=False)
    _sent: dict[str, float] = field(default_factory=dict, init=False)  # in flight, oldest first
    _seen: float | None = field(default=None, init=False)

    @property
    def age(self) -> float | None:
        """Seconds since the latest received canary was sent; None before the first."""
        return None if self._seen is None else self.clock() - self._seen

    @property
    def ready(self) -> bool:
        """Whether requests should be sent here."""
        return not self.reasons()

    def reasons(self) -> list[str]:
        """Return why not, in words that name no organization; empty if ready."""
        found = []
        age = self.age
        if self.stopping:
            found.append("the relay is stopping")
        if age is None:
            found.append("no canary has come through yet")
        elif age > self.limit:
            found.append(
                f"the last canary that came through was sent {age:.1f} s ago, "
                f"the limit is {self.limit:g} s"
            )
        if self.failure:
            found.append(self.failure)
        found.extend(f"drift: {one}" for one in self.drift)
        return found

    async def run(self) -> None:
        """Send and check until cancelled."""
        async with anyio.create_task_group() as group:
            for work in (self._look, self._watch_drift, self._send):
                group.start_soon(self.hub.tasks.keep, "health", work)

    async def _send(self) -> None:
        while True:
            try:
                await self.database.run(registry.canary_emit, self._next())
                self.failure = None
            except AbloError as exc:
                self.failure = f"a canary could not be sent: {exc.code}"
            await anyio.sleep(self.every)

    def _next(self) -> str:
        """Return the next canary's name. It may arrive before its sender has an answer."""
        self._number += 1
        name = f"{self.name}/{self._number}"
        self._sent[name] = self.clock()
        if len(self._sent) > KEPT:
            del self._sent[next(iter(self._sent))]
        return name

    async def _look(self) -> None:
        while True:
            try:
                async with self.hub.subscribe(ORGANIZATION) as canaries:
                    async for delta in canaries:
                        # Other relays' canaries are unknown here. They arrive in order.
                        self._seen = self._sent.pop(delta.row_id, self._seen)
            except AbloError as exc:
                logger.info("canaries cannot be followed: %s", exc.code)
                await anyio.sleep(AGAIN_SECONDS)

    async def _watch_drift(self) -> None:
        while True:
            try:
                told = await self.database.read(calls.ask, STATUS, Caller("", ""), NoBody())
                found = KERNEL_STATUS.decode(told)
                self.drift = tuple(found.drift)
                await anyio.sleep(DRIFT_SECONDS)
            except AbloError as exc:
                logger.info("the kernel cannot be checked: %s", exc.code)
                await anyio.sleep(AGAIN_SECONDS)
