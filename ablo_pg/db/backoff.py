"""How long to pause between attempts."""

from __future__ import annotations

import random


class Backoff:
    """Pauses that double from `first` to `last` seconds, each off by up to a quarter at random.

    The randomness keeps the many clients of a recovering server from all arriving at once.
    """

    def __init__(self, first: float, last: float) -> None:
        self._first = first
        self._last = last
        self._next = first

    def pause(self) -> float:
        """Return the seconds to wait before the next attempt."""
        seconds = self._next
        self._next = min(self._next * 2, self._last)
        return seconds * random.uniform(0.75, 1.25)

    def reset(self) -> None:
        """Start over: the last attempt succeeded."""
        self._next = self._first
