"""Sessions on a database: minted by the kernel from the client's own API key."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from ablo_pg.client.session_values import SessionKey, SessionRequest
from ablo_pg.credentials import key_hash, new_key
from ablo_pg.db import keys
from ablo_pg.db.pool import Database
from ablo_pg.errors import error_for


class DirectSessions:
    """Mints and revokes on a database URL. api_key: the parent, required for minting."""

    def __init__(self, database: Database, organization: str, api_key: str | None) -> None:
        self._database = database
        self._organization = organization
        self._api_key = api_key

    async def create(self, request: SessionRequest) -> SessionKey:
        """Mint a key from the client's own."""
        parent = await self._parent()
        prefix: Literal["ek", "rk"] = "ek" if request.kind == "user" else "rk"
        asked = {
            "prefix": prefix,
            "participantKind": request.kind,
            "participantId": request.name,
            "operations": request.operations,
            "wideScope": True if request.operations is None else None,
            "syncGroups": request.sync_groups,
            "ttlSeconds": request.ttl,
            "label": request.label,
            "userMeta": request.meta,
        }
        said = {name: value for name, value in asked.items() if value is not None}
        token = new_key(prefix)
        made = await self._database.run(keys.key_mint, self._organization, parent, token, said)
        expires = dt.datetime.fromtimestamp(made.expires_at or 0.0, dt.UTC)
        return SessionKey(made.id, token, made.organization_id, made.participant, expires)

    async def revoke(self, session_id: str) -> None:
        """End it, and every key minted from it."""
        parent = await self._parent()
        await self._database.run(keys.key_revoke, self._organization, session_id, parent)

    async def _parent(self) -> str:
        """Return the hash of the client's own key, which proves to the kernel that it has it."""
        if self._api_key is None:
            raise error_for(
                "api_key_required",
                "Sessions are minted from an API key, and this client has none",
                field="api_key",
                remedy="pass api_key= along with database_url= (`ablo-pg keys create` creates one)",
            )
        hashed = key_hash(self._api_key)
        found = await self._database.read(keys.key_find, hashed)
        if found is None or found.organization_id != self._organization:
            raise error_for(
                "apikey_invalid",
                "The API key does not belong to this organization",
                field="api_key",
                remedy="pass a key that `ablo-pg keys list` shows",
            )
        return hashed
