"""Ask the kernel for a caller of the relay, and count what the table of calls says is counted.

Every route, socket and page asks here, so that a claim counts the same wherever it was asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeVar

import msgspec

from ablo_pg.db import calls
from ablo_pg.db.pool import Database
from ablo_pg.errors import AbloError
from ablo_pg.json_text import Decoder
from ablo_pg.relay.metrics import RelayMetrics
from ablo_pg.relay.waits import ClaimWaits
from ablo_pg.wire.kernel_bodies import Body, Caller
from ablo_pg.wire.kernel_calls import KernelCall

B = TypeVar("B", bound=Body)


class _Claim(msgspec.Struct, frozen=True):
    id: str
    status: str


class _Told(msgspec.Struct, frozen=True, rename="camel"):
    claim: _Claim | None = None
    claim_id: str = ""
    status: str = ""


_TOLD: Final = Decoder(_Told)
_ALL_TOLD: Final = Decoder(list[_Told])


@dataclass(frozen=True, slots=True)
class Kernel:
    """The kernel behind a relay."""

    database: Database
    metrics: RelayMetrics
    waits: ClaimWaits

    async def ask(
        self, call: KernelCall[B, object], caller: Caller, body: B, *, again: bool = True
    ) -> bytes:
        """Make a call; return its answer as JSON. again: see `KernelCall.retryable`."""
        run = self.database.read if again and call.retryable else self.database.run
        try:
            answer = await run(calls.ask, call, caller, body)
        except AbloError as exc:
            if call.metric == "claims":
                self.metrics.claims.labels(exc.code).inc()
            raise
        if call.metric is not None and answer != b"null":
            self._count(answer, asked=call.metric == "claims")
        return answer

    def _count(self, answer: bytes, asked: bool) -> None:
        """Count a claim that was asked for, and measure waits. Safe to repeat for a claim held."""
        found = _ALL_TOLD.decode(answer) if answer[:1] == b"[" else (_TOLD.decode(answer),)
        for one in found:
            claim = one.claim or _Claim(one.claim_id, one.status)
            if asked:
                self.metrics.claims.labels(claim.status).inc()
            if claim.status == "queued":
                self.waits.begin(claim.id)
            elif claim.status in ("active", "held"):
                self.waits.granted(claim.id)
