"""Credentials derived from others: bodies in and out. Pure.

The database decides what a child may do; this module only translates. Times are ISO 8601 ending in
Z: newer clients refuse an offset.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Final

import msgspec

from ablo_pg.errors import error_for
from ablo_pg.wire.requests import pass_on

VERBS: Final = ("read", "create", "update", "delete")


class MintBody(msgspec.Struct, frozen=True, rename="camel"):
    """POST of a capability: a swap of a secret key, or a session for an agent."""

    participant_kind: str | None = None
    participant_id: str | None = None
    operations: list[str] | None = None
    wide_scope: bool | None = None
    sync_groups: list[str] | None = None
    scopes: list[str] | None = None
    ttl_seconds: float | None = None
    user_meta: dict[str, Any] | None = None
    label: str | None = None
    organization_id: str | None = None


class UserBody(msgspec.Struct, frozen=True):
    """The participant of an ephemeral key."""

    id: Annotated[str, msgspec.Meta(min_length=1)]


class EphemeralBody(msgspec.Struct, frozen=True, rename="camel"):
    """POST of an ephemeral key: a session for a user."""

    user: UserBody
    operations: list[str] | None = None
    active_schema_operations: list[str] | None = None
    control_plane_only: bool = False
    ttl_seconds: float | None = None
    organization_id: str | None = None
    sync_groups: list[str] | None = None
    user_meta: dict[str, Any] | None = None
    label: str | None = None


class RotateBody(msgspec.Struct, frozen=True, rename="camel"):
    """POST of a rotation."""

    grace_seconds: float | None = None
    ttl_seconds: float | None = None


def mint_request(body: MintBody) -> dict[str, object]:
    """Return the kernel's request of a capability."""
    return _said(
        {
            "prefix": "rk",
            "participantKind": _kind(body.participant_kind),
            "participantId": body.participant_id,
            "operations": body.operations,
            "wideScope": body.wide_scope,
            "syncGroups": body.sync_groups,
            "scopes": body.scopes,
            "ttlSeconds": body.ttl_seconds,
            "userMeta": body.user_meta,
            "label": body.label,
            "organizationId": body.organization_id,
        }
    )


def ephemeral_request(body: EphemeralBody, every: Sequence[str]) -> dict[str, object]:
    """Return the kernel's request of an ephemeral key. every: the active schema's operations.

    Raises invalid_body if it does not say what the user may do.
    """
    return _said(
        {
            "prefix": "ek",
            "participantKind": "user",
            "participantId": body.user.id,
            "operations": _operations(body, every),
            "syncGroups": body.sync_groups,
            "ttlSeconds": body.ttl_seconds,
            "userMeta": body.user_meta,
            "label": body.label,
            "organizationId": body.organization_id,
        }
    )


def minted_body(
    capability_id: str,
    token: str,
    expires_at: str | None,
    authority: Mapping[str, object],
    user_meta: Mapping[str, object],
) -> dict[str, object]:
    """Return the answer of a mint; the token is shown only once."""
    return {
        "object": "capability",
        "capabilityId": capability_id,
        "token": token,
        "expiresAt": expires_at,
        "organizationId": authority["organizationId"],
        "branchRoot": True,
        "branchId": authority["branchId"],
        "scope": authority,
        "userMeta": user_meta,
    }


def ephemeral_body(
    key_id: str, token: str, expires_at: str | None, authority: Mapping[str, object]
) -> dict[str, object]:
    """Return the answer of an ephemeral key."""
    return {
        "object": "ephemeral_key",
        "id": key_id,
        "token": token,
        "expiresAt": expires_at,
        **{
            key: authority[key]
            for key in ("organizationId", "participantId", "syncGroups", "operations")
        },
        "projectId": authority["projectId"],
        "branchId": authority["branchId"],
        "branchRoot": True,
        "deliveryPartition": None,
    }


def _operations(body: EphemeralBody, every: Iterable[str]) -> list[str]:
    if body.operations:
        return body.operations
    if body.control_plane_only:
        return []
    if body.active_schema_operations is None:
        raise error_for(
            "invalid_body",
            "An ephemeral key must say what its user may do",
            field="operations",
            remedy='send {"operations": ["task.read"]}, or {"activeSchemaOperations": ["read"]}',
        )
    verbs = set(body.active_schema_operations)
    if verbs - set(VERBS):
        raise error_for(
            "invalid_body",
            "activeSchemaOperations names no operations",
            field="activeSchemaOperations",
            remedy=f"use some of: {', '.join(VERBS)}",
        )
    return [one for one in every if one.rpartition(".")[2] in verbs]


def _kind(kind: str | None) -> str | None:
    return "user" if kind == "human" else kind


def _said(request: dict[str, object]) -> dict[str, object]:
    found = {key: value for key, value in request.items() if value is not None}
    pass_on(found)  # refuse what cannot be passed on before a key is created
    return found
