"""Deadlines: every call of the client ends in time, with a typed error."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from ablo_pg.errors import error_for

# Seconds. Protects callers from a server or a lock that never answers; a false alarm costs a retry.
DEFAULT_TIMEOUT: Final = 30.0


def timeout_of(timeout: float | None, default: float) -> float:
    """Return the seconds to wait. Raises duration_invalid."""
    chosen = default if timeout is None else timeout
    if isinstance(chosen, bool) or not isinstance(chosen, int | float) or not 0 < chosen < 1e9:
        raise error_for(
            "duration_invalid",
            f"timeout must be a positive number of seconds, not {chosen!r}",
            field="timeout",
            remedy=f"leave it out for {default:g} s",
        )
    return float(chosen)


class within:
    """Bound the block. Raises wait_for_timeout, naming `what` and the idempotency key.

    Cancellation is sent once, not repeatedly, so that psycopg can cancel the statement on the
    server and keep the connection. A class: a generator is five times the work, in every call.
    """

    __slots__ = ("_before", "_expired", "_key", "_seconds", "_task", "_timer", "_what")

    def __init__(self, seconds: float, what: str, key: str | None = None) -> None:
        self._seconds, self._what, self._key = seconds, what, key
        self._expired = False

    async def __aenter__(self) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            raise error_for(
                "invalid_options",
                "No asyncio event loop runs here, and an AsyncAblo needs one",
                remedy="call it under asyncio (anyio: backend 'asyncio'), or use Ablo in a thread",
            ) from None
        task = asyncio.current_task(loop)
        assert task is not None  # a coroutine of asyncio runs in one
        self._task, self._before = task, task.cancelling()
        self._timer = loop.call_later(self._seconds, self._expire)

    def _expire(self) -> None:
        self._expired = True
        self._task.cancel()

    async def __aexit__(self, kind: Any, exc: Any, trace: Any) -> None:
        self._timer.cancel()
        only_ours = self._expired and self._task.uncancel() <= self._before
        if isinstance(exc, TimeoutError) or (only_ours and isinstance(exc, asyncio.CancelledError)):
            key = {"idempotency_key": self._key} if self._key else {}
            raise error_for(
                "wait_for_timeout",
                f"{self._what} did not end within {self._seconds:g} s",
                remedy="whether it was applied is unknown: retry it with the same idempotency_key"
                if key
                else "retry, or pass a longer timeout",
                details={"timeout": self._seconds, **key},
            ) from exc
