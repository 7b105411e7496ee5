"""Credentials derived from others: swaps, agents' and users' sessions, ending and replacing them.

A token is generated here and shown once. Only its hash goes to the database, which decides what the
child may do.
"""

from __future__ import annotations

from typing import Final

from starlette.responses import Response
from starlette.routing import BaseRoute

from ablo_pg.credentials import new_key
from ablo_pg.db import keys
from ablo_pg.db.keys import KeyRecord, iso_time
from ablo_pg.errors import error_for
from ablo_pg.relay.http.answers import json_answer
from ablo_pg.relay.http.call import Call, route
from ablo_pg.wire.authority import authority_body, expand_operations, wire_groups
from ablo_pg.wire.mints import (
    EphemeralBody,
    MintBody,
    RotateBody,
    ephemeral_body,
    ephemeral_request,
    mint_request,
    minted_body,
)
from ablo_pg.wire.participants import split_participant

CAPABILITY: Final = "/api/v1/capabilities/{capability}"


def authority_of_key(call: Call, key: KeyRecord) -> dict[str, object]:
    """Return a stored key's rights, in the spelling of every answer."""
    kind, name = split_participant(key.participant)
    return authority_body(
        key.organization_id,
        kind or "system",
        name or "",
        wire_groups(key.organization_id, key.sync_groups),
        expand_operations(key.operations, call.schema.operations),
    )


async def mint(call: Call) -> Response:
    """POST: a capability derived from the caller's key, as ablo.mint_participant decides."""
    request = mint_request(await call.body(MintBody))
    token = new_key("rk")
    key = await call.service.database.run(
        keys.key_mint, call.organization, call.credential.hash, token, request
    )
    return json_answer(_minted(call, key, token), 201)


async def mint_ephemeral(call: Call) -> Response:
    """POST: a user's session."""
    request = ephemeral_request(await call.body(EphemeralBody), call.schema.operations)
    token = new_key("ek")
    key = await call.service.database.run(
        keys.key_mint, call.organization, call.credential.hash, token, request
    )
    authority = authority_of_key(call, key)
    return json_answer(ephemeral_body(key.id, token, iso_time(key.expires_at), authority), 201)


async def revoke(call: Call) -> Response:
    """DELETE: end a capability and everything derived from it; their sockets close."""
    ended = await call.service.database.run(
        keys.key_revoke, call.organization, call.path("capability"), call.credential.hash
    )
    closed = call.service.authenticator.watching(ended.revoked)
    call.service.authenticator.forget(ended.revoked)
    return json_answer({"id": ended.id, "deleted": True, "activeSessionsClosed": closed})


async def rotate(call: Call) -> Response:
    """POST: a new token that replaces a capability's; the old one ends after a grace period."""
    body = await call.body(RotateBody)
    asked = {"graceSeconds": body.grace_seconds, "ttlSeconds": body.ttl_seconds}
    request = {name: value for name, value in asked.items() if value is not None}
    token, done = await call.service.database.run(
        keys.key_rotate,
        call.organization,
        call.path("capability"),
        request,
        call.credential.hash,
    )
    call.service.authenticator.forget([done.rotated_from.capability_id])
    answer = _minted(call, done.key, token)
    answer["rotatedFrom"] = {
        "capabilityId": done.rotated_from.capability_id,
        "expiresAt": iso_time(done.rotated_from.expires_at),
    }
    return json_answer(answer)


async def read(call: Call) -> Response:
    """GET a live capability without its token: the caller's own, or one that the caller may end."""
    key = await call.service.database.read(
        keys.key_get, call.organization, call.path("capability"), call.credential.hash
    )
    if key.status != "live":
        raise error_for(
            "capability_not_found", f"The capability is {key.status}", remedy="mint another"
        )
    body = _minted(call, key, "")
    del body["token"]
    return json_answer(body | {"id": key.id})


def _minted(call: Call, key: KeyRecord, token: str) -> dict[str, object]:
    authority = authority_of_key(call, key)
    return minted_body(key.id, token, iso_time(key.expires_at), authority, key.user_meta)


ROUTES: Final[list[BaseRoute]] = [
    route("/api/v1/capabilities", mint, "POST"),
    route("/api/auth/capability", mint, "POST"),  # the path that older clients use
    route("/api/v1/ephemeral_keys", mint_ephemeral, "POST"),
    route("/api/auth/ephemeral-keys", mint_ephemeral, "POST"),
    route(CAPABILITY, read),
    route(CAPABILITY, revoke, "DELETE"),
    route(f"{CAPABILITY}/rotate", rotate, "POST"),
]
