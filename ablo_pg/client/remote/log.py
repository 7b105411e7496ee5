"""The log behind a relay: the `LogSource` that a client's hub catches up from, and its deltas.

It returns only what the key may see; for a client that is the whole log.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from ablo_pg.client.remote.http import RelayHttp
from ablo_pg.db.log import Horizon
from ablo_pg.delta import Delta, Op
from ablo_pg.json_text import Decoder
from ablo_pg.lsn import LSN

_DEFAULT: Final = "default"


class _Who(msgspec.Struct, frozen=True):
    kind: str
    id: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}"


class WireDelta(msgspec.Struct, frozen=True, rename="camel"):
    """A delta as a relay spells it."""

    id: int
    action_type: Op
    model_name: str
    model_id: str
    data: msgspec.Raw
    sync_groups: tuple[str, ...]
    created_at: str
    actor: _Who | None = None
    on_behalf_of: _Who | None = None
    capability_id: str | None = None
    transaction_id: str | None = None
    claim_id: str | None = None
    changed: tuple[str, ...] = ()
    left_groups: tuple[str, ...] = ()

    def delta(self, organization: str) -> Delta:
        """Return it as the log has it, except its transaction's number, which is not sent."""
        data = bytes(self.data)
        return Delta(
            self.id,
            organization,
            self.model_name,
            self.model_id,
            self.action_type,
            tuple(group for group in self.sync_groups if group != _DEFAULT),
            None if data == b"null" else data,
            self.changed,
            None if self.actor is None else str(self.actor),
            None if self.on_behalf_of is None else str(self.on_behalf_of),
            self.capability_id,
            self.claim_id,
            self.transaction_id,
            0,
            self.created_at,
            self.left_groups,
        )


class _Page(msgspec.Struct, frozen=True):
    deltas: list[WireDelta]
    reached: int
    whole: bool


class _Head(msgspec.Struct, frozen=True):
    head: int


_PAGE: Final = Decoder(_Page)
_HEAD: Final = Decoder(_Head)


class RemoteLog:
    """A `LogSource` over a relay, of the key's organization."""

    def __init__(self, http: RelayHttp) -> None:
        self._http = http

    async def read(
        self, organization: str, after: int, limit: int, through: int | None = None
    ) -> list[Delta]:
        """See LogSource: what the key may not see is skipped."""
        found: list[Delta] = []
        whole = False
        while not whole and len(found) < limit:
            body: dict[str, Any] = {"after": after, "limit": limit - len(found)}
            if through is not None:
                body["through"] = through
            page = _PAGE.decode(await self._http.kernel("log_read", body))
            found.extend(one.delta(organization) for one in page.deltas)
            after, whole = page.reached, page.whole
        return found

    async def head(self, organization: str) -> int:
        """See LogSource."""
        return _HEAD.decode(await self._http.kernel("log_head", b"{}")).head

    async def heads(self, organizations: Sequence[str]) -> dict[str, int]:
        """See LogSource."""
        return {organization: await self.head(organization) for organization in organizations}

    async def horizon(self, lsn: LSN) -> Horizon:
        """See LogSource; the relay has no WAL for its clients."""
        return Horizon(lsn, None)

    async def reached(self, horizon: Horizon) -> bool:
        """See LogSource."""
        return True

    async def oldest(self) -> str:
        """See LogSource."""
        return ""

    async def publication(self) -> str:
        """See LogSource."""
        return ""
