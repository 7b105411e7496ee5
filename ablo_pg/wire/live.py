"""Claims and presence for live sockets, from the kernel's JSON. Pure.

Targets are `{entityType: <typename in lower case>, entityId}`, participants are ids with a separate
kind, and `description`, `action` and `reason` are synonyms, for both generations of clients.
Optional keys are omitted, never null.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from ablo_pg.errors import AbloError
from ablo_pg.wire.participants import split_participant
from ablo_pg.wire.problems import problem_body, problem_details

Json = Mapping[str, Any]

# Why a claim was refused, in the words that clients know.
REASONS: Final = {
    "claim_conflict": "conflict",
    "entity_claimed": "conflict",
    "queue_too_deep": "conflict",
    "capability_scope_denied": "capability_denied",
    "capability_invalid": "capability_denied",
    "permission_denied": "capability_denied",
    "server_execute_unknown_model": "invalid_target",
    "unknown_model": "invalid_target",
    "model_not_tenant_scoped": "invalid_target",
    "entity_not_found": "invalid_target",
    "invalid_id": "invalid_target",
    "invalid_body": "invalid_target",
    "invalid_json": "invalid_target",
    "invalid_request": "invalid_target",
    "request_too_large": "invalid_target",
    "claim_lost": "expired",
}
# The status of a participant that is only known by its claims.
HERE: Final = "online"


def target(
    entity_type: str, entity_id: str, fields: Sequence[str] | None = None
) -> dict[str, object]:
    """Return the target of a claim."""
    found: dict[str, object] = {"entityType": entity_type, "entityId": entity_id}
    if fields:
        found["fields"] = list(fields)
    return found


def summary(claim: Json) -> dict[str, object]:
    """Return a claim's summary."""
    kind, holder = split_participant(claim.get("heldBy"))
    words = claim.get("description") or ""
    found = {
        "claimId": claim["claimId"],
        "entityType": claim["entityType"],
        "entityId": claim["entityId"],
        "heldBy": holder,
        "heldByKind": kind,
        "description": words,
        "action": words,
        "reason": words,
        "declaredAt": claim["declaredAt"],
        "expiresAt": claim["expiresAt"],
        "fields": claim.get("fields"),
    }
    return {key: value for key, value in found.items() if value is not None}


def active_claim(claim: Json) -> dict[str, object]:
    """Return an entry of `activeClaims`."""
    return {**summary(claim), "status": "active"}


def granted(claim_id: str, entity_type: str, claim: Json) -> dict[str, object]:
    """Return the payload of claim_acquired and claim_granted.

    Args: claim, with fenceToken, readAt, expiresAt and entityId; claim_id and entity_type in the
    client's spelling.
    """
    found = {
        "claimId": claim_id,
        "target": target(entity_type, claim["entityId"], claim.get("fields")),
        "fenceToken": claim.get("fenceToken"),
        "readAt": claim.get("readAt"),
        "expiresAt": claim.get("expiresAt"),
    }
    return {key: value for key, value in found.items() if value is not None}


def held_by(blockers: Iterable[Json]) -> dict[str, object]:
    """Return the first of the claims in the way."""
    for first in map(summary, blockers):
        found = {
            "reason": "conflict",
            "heldBy": first.get("heldBy"),
            "heldByKind": first.get("heldByKind"),
            "heldByClaimId": first["claimId"],
            "heldByExpiresAt": first["expiresAt"],
            "heldByClaim": first,
        }
        return {key: value for key, value in found.items() if value is not None}
    return {}


def queued(
    claim_id: str, where: Json, position: int, blockers: Iterable[Json]
) -> dict[str, object]:
    """Return the payload of claim_queued."""
    return {"claimId": claim_id, "position": position, "target": where, **held_by(blockers)}


def rejected(claim_id: str, where: Json, error: AbloError) -> dict[str, object]:
    """Return the payload of claim_rejected."""
    return {
        "claimId": claim_id,
        "target": where,
        "message": error.message,
        "code": error.code,
        **held_by(error.details.get("claims") or ()),
        "reason": REASONS.get(error.code, "coordination_unavailable"),
    }


def lost(claim_id: str, where: Json, reason: str) -> dict[str, object]:
    """Return the payload of claim_lost. reason: expired or preempted."""
    return {"claimId": claim_id, "reason": reason, "target": where}


def line(entity_type: str, entity_id: str, waiters: Iterable[Json]) -> dict[str, object]:
    """Return the payload of claim_queue: the whole wait queue of a row."""
    where = {"type": entity_type, "id": entity_id}
    return {"target": where, "queue": [_waiter(each, where, at) for at, each in enumerate(waiters)]}


def _waiter(claim: Json, where: Json, position: int) -> dict[str, object]:
    said = summary(claim)
    return {
        "object": "claim",
        "id": claim["claimId"],
        "status": "queued",
        "target": {**where, **({"fields": said["fields"]} if "fields" in said else {})},
        "position": position,
        "expiresAt": claim["expiresAt"],
        "declaredAt": claim["declaredAt"],
        "description": said["description"],
        "action": said["action"],
        "reason": said["reason"],
        "heldBy": said.get("heldBy"),
        "participantKind": said.get("heldByKind"),
    }


def presence(
    kind: str, participant: str, here: Json | None, claims: Iterable[Json], now: int
) -> dict[str, object]:
    """Return the payload of presence_update.

    Args: kind, enter, update or leave. here, the participant's own activity; None for one that is
    known by its claims only. now, milliseconds of the database's clock.
    """
    participant_kind, name = split_participant(participant)
    said = here or {}
    meta = said.get("meta") or {}
    found = {
        "kind": kind,
        "userId": name,
        "status": "offline" if kind == "leave" else said.get("status") or HERE,
        "syncGroups": list(meta.get("syncGroups") or ["default"]),
        "timestamp": said.get("seenAt") or now,
        "isAgent": participant_kind == "agent",
        "participantKind": participant_kind,
        "activity": said.get("activity"),
        "timezone": meta.get("timezone"),
        "customStatus": meta.get("customStatus"),
        "activeClaims": [] if kind == "leave" else [active_claim(each) for each in claims],
    }
    return {key: value for key, value in found.items() if value is not None}


def failed_commit(client_tx_id: str, error: AbloError, at: str, **own: object) -> dict[str, object]:
    """Return the payload of a mutation_result that refuses.

    Args: at, an ISO time. own, further members (serverTxId, authority).
    """
    problem = problem_body(error)
    told = {"code": error.code, "message": error.message, "retryable": error.retryable}
    details = {key: value for key, value in problem.items() if key not in told and key != "type"}
    if details:
        told["details"] = details
    conflicts = problem_details(error.details).get("conflicts")
    if conflicts:
        told["conflicts"] = conflicts
    return {
        "object": "commit_receipt",
        "clientTxId": client_tx_id,
        "success": False,
        "status": "rejected",
        "createdAt": at,
        "statusAt": at,
        "lastSyncId": 0,
        "error": told,
        **own,
    }
