"""Limits for one caller: requests per second of a key, bytes and seconds of a body."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import anyio
from starlette.requests import Request

from ablo_pg.errors import error_for

KEYS: Final = 10_000  # buckets kept; the least recently used is dropped, which can only be too
# lenient


@dataclass(slots=True)
class RateLimit:
    """A token bucket for each key: `burst` at once, `rate` per second from then on.

    Count one request. Raises rate_limit_exceeded, with the seconds to wait.
    """

    rate: float
    burst: int
    clock: Callable[[], float]
    _buckets: OrderedDict[str, tuple[float, float]] = field(default_factory=OrderedDict, init=False)

    def take(self, key: str) -> None:
        """Count one request. Raises rate_limit_exceeded, with the seconds until there is room."""
        now = self.clock()
        tokens, since = self._buckets.pop(key, (float(self.burst), now))
        tokens = min(float(self.burst), tokens + (now - since) * self.rate)
        if tokens < 1:
            self._buckets[key] = (tokens, now)
            wait = math.ceil((1 - tokens) / self.rate * 1000) / 1000
            raise error_for(
                "rate_limit_exceeded",
                f"This key is limited to {self.rate:g} requests per second here",
                remedy=f"wait {wait:g} s, or combine the work into fewer requests",
                details={"retry_after": wait, "limit": self.rate},
            )
        self._buckets[key] = (tokens - 1, now)
        while len(self._buckets) > KEYS:
            self._buckets.popitem(last=False)


async def read_limited(request: Request, limit: int, seconds: float) -> bytes:
    """Read a body of at most `limit` bytes, whole within `seconds`.

    Raises request_too_large (before reading it, if the head says so), request_timeout.
    """
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and (len(announced) > 18 or int(announced) > limit):
        raise _too_large(limit)
    parts: list[bytes] = []
    size = 0
    try:
        with anyio.fail_after(seconds):
            async for part in request.stream():
                size += len(part)
                if size > limit:
                    raise _too_large(limit)
                parts.append(part)
    except TimeoutError:
        raise error_for(
            "request_timeout",
            f"The body did not arrive within {seconds:g} s",
            remedy="send it without delay",
            details={"limit": seconds},
        ) from None
    return b"".join(parts)


def _too_large(limit: int) -> Exception:
    return error_for(
        "request_too_large",
        f"The body is larger than {limit} bytes",
        remedy="split it into several requests",
        details={"limit": limit},
    )
