"""Sessions over a relay: minted from the key of the client."""

from __future__ import annotations

import datetime as dt
from typing import Final
from urllib.parse import quote

import msgspec
import orjson

from ablo_pg.client.remote.http import RelayHttp
from ablo_pg.client.session_values import VERBS, SessionKey, SessionRequest


class _Scope(msgspec.Struct, frozen=True, rename="camel"):
    participant_id: str


class _Capability(msgspec.Struct, frozen=True, rename="camel"):
    capability_id: str
    token: str
    expires_at: str
    organization_id: str
    scope: _Scope


class _Ephemeral(msgspec.Struct, frozen=True, rename="camel"):
    id: str
    token: str
    expires_at: str
    organization_id: str
    participant_id: str


_CAPABILITY: Final = msgspec.json.Decoder(_Capability)
_EPHEMERAL: Final = msgspec.json.Decoder(_Ephemeral)


class RemoteSessions:
    """Mints and revokes through a relay."""

    def __init__(self, http: RelayHttp) -> None:
        self._http = http

    async def create(self, request: SessionRequest) -> SessionKey:
        """Mint a key from the client's own."""
        said: dict[str, object] = {
            "syncGroups": request.sync_groups,
            "ttlSeconds": request.ttl,
            "label": request.label,
            "userMeta": request.meta,
            "operations": request.operations,
        }
        if request.kind == "user":
            return await self._user(request, said)
        said |= {"participantKind": "agent", "participantId": request.name}
        said["wideScope"] = True if request.operations is None else None
        found = _CAPABILITY.decode(await self._post("/api/v1/capabilities", said))
        return SessionKey(
            found.capability_id,
            found.token,
            found.organization_id,
            f"agent:{found.scope.participant_id}",
            dt.datetime.fromisoformat(found.expires_at),
        )

    async def revoke(self, session_id: str) -> None:
        """End it, and every key minted from it."""
        path = f"/api/v1/capabilities/{quote(session_id, safe='')}"
        await self._http.request("DELETE", path, b"{}", again=False)

    async def _user(self, request: SessionRequest, said: dict[str, object]) -> SessionKey:
        said["user"] = {"id": request.name}
        if request.operations is None:
            said["activeSchemaOperations"] = VERBS
        found = _EPHEMERAL.decode(await self._post("/api/v1/ephemeral_keys", said))
        return SessionKey(
            found.id,
            found.token,
            found.organization_id,
            f"user:{found.participant_id}",
            dt.datetime.fromisoformat(found.expires_at),
        )

    async def _post(self, path: str, said: dict[str, object]) -> bytes:
        body = {name: value for name, value in said.items() if value is not None}
        return await self._http.request("POST", path, orjson.dumps(body), again=False)
