"""Claims in HTTP bodies, from the kernel's JSON (`ablo.claim_json`, `ablo.claim_summary`).

One body serves both generations of clients: `description`, `action` and `reason` are synonyms, and
participants are ids with a separate kind. Optional keys are never null, except the three of
delegation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from ablo_pg.wire.participants import split_participant

Json = Mapping[str, Any]
NULLABLE: Final = ("onBehalfOfId", "onBehalfOfKind", "capabilityId")


def http_claim(claim: Json) -> dict[str, object]:
    """Return a claim with its target, its holder, and its position or fence token."""
    kind, actor = split_participant(claim["actor"])
    behalf_kind, behalf = split_participant(claim.get("onBehalfOfId"))
    body = {key: value for key, value in claim.items() if value is not None}
    body.update(
        object="claim",
        actor=actor,
        heldBy=actor,
        participantKind=kind or claim.get("participantKind"),
        onBehalfOfId=behalf,
        onBehalfOfKind=behalf_kind or claim.get("onBehalfOfKind") or None,
        capabilityId=claim.get("capabilityId"),
    )
    if claim.get("status") != "active":
        body.pop("fenceToken", None)
    body.pop("blockedBy", None)
    return body


def http_summary(summary: Json) -> dict[str, object]:
    """Return a claim's summary, for errors and answers to waiters."""
    kind, holder = split_participant(summary.get("heldBy"))
    body = {key: value for key, value in summary.items() if value is not None}
    words = summary.get("description") or summary.get("action") or ""
    body.update(description=words, action=words, reason=words)
    if holder is not None:
        body.update(heldBy=holder, participantId=holder)
    if kind is not None:
        body.update(heldByKind=kind, participantKind=kind)
    return body


def acquired_body(answer: Json) -> tuple[int, dict[str, object]]:
    """Return status and body of an acquire: 201 with the claim, or 202 with its position."""
    claim = http_claim(answer["claim"])
    body: dict[str, object] = {"id": claim["id"], "object": "claim", "status": claim["status"]}
    if claim["status"] == "active":
        body.update(claim=claim, fenceToken=claim["fenceToken"], expiresAt=claim["expiresAt"])
        if "readAt" in claim:
            body["readAt"] = claim["readAt"]
        return 201, body
    body.update(position=claim.get("position", 0), claim=claim)
    blockers = [http_summary(one) for one in answer.get("blockedBy") or ()]
    if blockers:
        first = blockers[0]
        body.update(heldByClaim=first, blockedBy=blockers, expiresAt=first["expiresAt"])
        body.update({key: first[key] for key in ("heldBy", "heldByKind") if key in first})
    if answer.get("recheckMs") is not None:
        body["recheckMs"] = answer["recheckMs"]
    return 202, body


def claim_state_body(answer: Json) -> dict[str, object]:
    """Return one claim looked up by its id: the claim itself, flat."""
    return http_claim(answer["claim"])


def claim_list_body(line: Json) -> dict[str, object]:
    """Return holders, then waiters: in `data`, and separately for the older generation."""
    claims = [http_claim(one) for one in line.get("claims") or ()]
    queue = [http_claim(one) for one in line.get("queue") or ()]
    return {
        "object": "list",
        "data": [*claims, *queue],
        "has_more": False,
        "next_cursor": None,
        "claims": claims,
        "queue": queue,
    }


def beats_body(beats: Iterable[Json]) -> dict[str, object]:
    """Return the answer of a heartbeat for all of the caller's claims."""
    return {"object": "list", "results": [dict(beat) for beat in beats]}
