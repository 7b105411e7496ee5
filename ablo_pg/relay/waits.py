"""How long claims wait, if one relay sees both ends: queuing and grant."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

REMEMBERED: Final = 10_000  # waits; the oldest are dropped, and not measured


@dataclass(slots=True)
class ClaimWaits:
    """Measures waits and passes the seconds on. Times are of this process's clock."""

    observe: Callable[[float], None]
    clock: Callable[[], float]
    _begun: OrderedDict[str, float] = field(default_factory=OrderedDict, init=False)

    def begin(self, claim_id: str) -> None:
        """A claim is queued."""
        self._begun.setdefault(claim_id, self.clock())
        while len(self._begun) > REMEMBERED:
            self._begun.popitem(last=False)

    def granted(self, claim_id: str) -> None:
        """A claim is held. Safe to repeat."""
        began = self._begun.pop(claim_id, None)
        if began is not None:
            self.observe(self.clock() - began)
