"""Claims and presence over a relay: the kernel's calls over HTTP, and a sidecar.

The sidecar's thread renews leases, and listens for grants, over separate connections
(`remote.station`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import msgspec
import orjson

from ablo_pg.claim import ClaimAnswer, ClaimLine, Presence
from ablo_pg.client.claims.sidecar import Beside
from ablo_pg.client.remote.http import RelayHttp
from ablo_pg.client.remote.station import RemoteStation
from ablo_pg.db.claim_results import claim_answer_of, claim_line_of, presence_of, presence_ttl_of


class _Released(msgspec.Struct, frozen=True):
    released: bool


class _Left(msgspec.Struct, frozen=True):
    left: bool


_RELEASED: Final = msgspec.json.Decoder(_Released)
_LEFT: Final = msgspec.json.Decoder(_Left)


class RemoteClaims(Beside):
    """A `ClaimTransport` over a relay. opened: waits until the key's identity is known."""

    def __init__(self, http: RelayHttp, opened: Callable[[], Awaitable[None]]) -> None:
        super().__init__(RemoteStation(http.address))
        self._http = http
        self._opened = opened

    async def claim_acquire(self, model: str, row_id: str, request: bytes) -> ClaimAnswer:
        """Request a claim. Sent again after a broken connection: its claimId makes that safe."""
        target = orjson.dumps({"model": model, "id": row_id})
        body = target[:-1] + b',"request":' + request + b"}"
        return claim_answer_of(await self._call("claim_acquire", body), self._http.names)

    async def claim_look(self, claim_id: str) -> ClaimAnswer:
        """Read and renew an own claim."""
        answer = await self._call("claim_look", {"claimId": claim_id})
        return claim_answer_of(answer, self._http.names)

    async def claim_release(self, claim_id: str) -> bool:
        """Release a claim, or leave the queue."""
        return _RELEASED.decode(await self._call("claim_release", {"claimId": claim_id})).released

    async def claim_release_row(self, model: str, row_id: str) -> bool:
        """Release every claim and wait of the participant on a row."""
        answer = await self._call("claim_release_row", {"model": model, "id": row_id})
        return _RELEASED.decode(answer).released

    async def claim_line(self, model: str, row_id: str) -> ClaimLine:
        """Read a row's holders and its wait queue."""
        answer = await self._call("claim_line", {"model": model, "id": row_id})
        return claim_line_of(answer, self._http.names)

    async def claim_reorder(self, model: str, row_id: str, order: Sequence[str]) -> None:
        """Move these waiters to the head of the queue."""
        body = {"model": model, "id": row_id, "order": list(order)}
        await self._call("claim_reorder", body, again=False)

    async def presence_beat(self, session: str, body: bytes) -> float:
        """Record a session's presence."""
        said = b'{"session":' + orjson.dumps(session) + b',"request":' + body + b"}"
        return presence_ttl_of(await self._call("presence_beat", said))

    async def presence_leave(self, session: str) -> bool:
        """Record that a session has left."""
        return _LEFT.decode(await self._call("presence_leave", {"session": session})).left

    async def presence_list(self) -> list[Presence]:
        """Read who is present."""
        return presence_of(await self._call("presence_list", b"{}"), self._http.names)

    async def _call(self, name: str, body: Any, *, again: bool = True) -> bytes:
        await self._opened()
        return await self._http.kernel(name, body, again=again)
