"""Forwarding a commit and answering with its receipt: shared by models and commits."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Final, Literal

import msgspec
import orjson

from ablo_pg.db.routines import BatchItem
from ablo_pg.errors import AbloError, error_for
from ablo_pg.relay.auth import Credential, Verb
from ablo_pg.relay.http.answers import JsonBytes
from ablo_pg.relay.http.call import Call
from ablo_pg.relay.live_schema import LiveSchema
from ablo_pg.relay.service import RelayService
from ablo_pg.schema import ModelSpec
from ablo_pg.wire.authority import authority_body, expand_operations, wire_groups
from ablo_pg.wire.receipts import receipt_bytes

WRITES: Final[tuple[Verb, ...]] = ("update", "delete", "create")
VERB_OF: Final[dict[str, Verb]] = {
    "create": "create",
    "update": "update",
    "delete": "delete",
    "archive": "update",
    "unarchive": "update",
}


def authority_of(credential: Credential, schema: LiveSchema) -> dict[str, object]:
    """Return a credential's rights, in the spelling of every answer."""
    return authority_body(
        credential.organization,
        credential.kind,
        credential.participant_id,
        wire_groups(
            credential.organization,
            credential.sync_groups,
            changing=credential.sight is not None,
        ),
        expand_operations(credential.operations, schema.operations),
    )


def require(credential: Credential, model: ModelSpec, verb: Verb) -> None:
    """Raise capability_scope_denied unless the credential may do this to that model."""
    if not credential.may(model.typename, verb):
        raise denied(model, verb)


def require_write(credential: Credential, model: ModelSpec) -> None:
    """Raise unless the credential may write to the model: read-only callers hold no claims."""
    if not any(credential.may(model.typename, verb) for verb in WRITES):
        raise denied(model, "update")


def denied(model: ModelSpec, verb: Verb) -> AbloError:
    """Return the refusal."""
    operation = f"{model.typename.lower()}.{verb}"
    return error_for(
        "capability_scope_denied",
        f"This key may not {verb} {model.key}",
        model=model.key,
        remedy=f"use one that has {operation}",
        details={"operation": operation},
    )


def key_of(call: Call, given: str | None) -> str:
    """Return the idempotency key: the header's, else the body's, else one of ours."""
    header = call.request.headers.get("idempotency-key")
    return header if header is not None else given or str(uuid.uuid4())


def check_premises(service: RelayService, *premises: Sequence[object] | None) -> None:
    """Raise invalid_request if there are more premises and tracks than one commit may have."""
    count = sum(len(each or ()) for each in premises)
    if count > service.settings.premises:
        raise error_for(
            "invalid_request",
            f"{count} premises and tracks in one commit; the limit is {service.settings.premises}",
            field="reads",
            remedy="name a group instead of many rows",
            details={"limit": service.settings.premises},
        )


async def send_commit(call: Call, key: str, request: bytes, status: int = 200) -> JsonBytes:
    """Commit and answer with the receipt."""
    stored = await submit(call.service, call.credential, key, request, "http")
    authority = orjson.dumps(authority_of(call.credential, call.schema))
    return JsonBytes(receipt_bytes(stored, authority), status)


async def submit(
    service: RelayService,
    credential: Credential,
    key: str,
    request: bytes,
    transport: Literal["http", "websocket"],
) -> bytes:
    """Commit as `credential`; return the receipt that the kernel stored. Sockets use it too."""
    item = BatchItem(
        credential.participant,
        key,
        msgspec.Raw(request),
        capability_id=credential.capability,
        transport=transport,
    )
    try:
        stored = await service.lanes.submit(credential.organization, item)
    except AbloError as exc:
        service.metrics.commits.labels(exc.code).inc()
        raise
    service.metrics.commits.labels("confirmed").inc()
    return stored
