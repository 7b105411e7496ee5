"""Bodies and filters of the claim routes, and their translation to the kernel's requests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec

from ablo_pg.wire.limits import Fields, ModelName, Name, Note, RowId
from ablo_pg.wire.participants import bare_id
from ablo_pg.wire.requests import pass_on

Ttl = Name | int | float  # "30s", or seconds


class TargetBody(msgspec.Struct, frozen=True):
    """What a claim covers: a row (if the path does not name it), or fields of it."""

    model: ModelName | None = None
    id: RowId | None = None
    field: Name | None = None
    fields: Fields | None = None
    meta: dict[str, Any] | None = None


class AcquireBody(msgspec.Struct, frozen=True, rename="camel"):
    """POST of a claim. `action` is what older clients call the description."""

    description: Note | None = None
    action: Note | None = None
    reason: Note | None = None
    queue: bool = True
    ttl: Ttl | None = None
    meta: dict[str, Any] | None = None
    target: TargetBody | None = None
    claim_id: Name | None = None
    max_depth: int | None = None
    field: Name | None = None
    fields: Fields | None = None


class BeatBody(msgspec.Struct, frozen=True, rename="camel"):
    """POST of a heartbeat; details become meta.progress."""

    claim_id: Name | None = None
    ttl: Ttl | None = None
    details: Any = None


class BeatAllBody(msgspec.Struct, frozen=True, rename="camel"):
    """POST of a heartbeat for all of the caller's claims."""

    ttl: Ttl | None = None


class OrderItem(msgspec.Struct, frozen=True, rename="camel"):
    """One waiter, identified by its claim."""

    claim_id: Name
    held_by: RowId | None = None


class ReorderBody(msgspec.Struct, frozen=True):
    """POST of a new order: listed waiters first, the others unchanged."""

    order: Annotated[list[OrderItem], msgspec.Meta(max_length=1000)]


def acquire_request(body: AcquireBody) -> bytes:
    """Return what `ablo.claim_acquire` takes."""
    target = body.target or TargetBody()
    meta = {**(target.meta or {}), **(body.meta or {})}
    asked = {
        "claimId": body.claim_id,
        "description": body.description or body.action or body.reason,
        "queue": body.queue,
        "ttl": body.ttl,
        "maxDepth": body.max_depth,
        "meta": meta or None,
        "fields": target.fields or body.fields,
        "field": target.field or body.field,
    }
    return pass_on({key: value for key, value in asked.items() if value is not None})


def beat_request(body: BeatBody) -> bytes:
    """Return what `ablo.claim_heartbeat` takes."""
    asked = {"ttl": body.ttl, "details": body.details}
    return pass_on({key: value for key, value in asked.items() if value is not None})


def reorder_request(body: ReorderBody) -> list[str]:
    """Return the claim ids in their new order."""
    return [item.claim_id for item in body.order]


@dataclass(frozen=True, slots=True)
class ClaimFilter:
    """Which claims a list covers; None means all."""

    model: str | None
    id: str | None
    field: str | None
    actor_id: str | None
    actor_kind: str | None
    on_behalf_of: str | None
    capability_id: str | None

    def kernel_filter(self) -> dict[str, object]:
        """Return the part that the kernel can filter; `admits` does the rest."""
        asked: dict[str, object] = {
            "kind": self.actor_kind,
            "capabilityId": self.capability_id,
            "field": self.field,
        }
        if self.actor_id and self.actor_kind:
            asked["participant"] = f"{self.actor_kind}:{self.actor_id}"
        return {key: value for key, value in asked.items() if value is not None}

    def admits(self, claim: Mapping[str, Any]) -> bool:
        """Whether ids that are given without their kind match this claim."""
        return all(
            wanted is None or wanted in (there, bare_id(there))
            for wanted, there in (
                (self.actor_id, claim.get("actor")),
                (self.on_behalf_of, claim.get("onBehalfOfId")),
            )
        )


def read_claim_filter(query: Mapping[str, str]) -> ClaimFilter:
    """Read the query string of a claim list; a kind of `human` is a user."""
    kind = query.get("actorKind") or None
    return ClaimFilter(
        model=query.get("model") or None,
        id=query.get("id") or None,
        field=query.get("field") or None,
        actor_id=query.get("actorId") or None,
        actor_kind="user" if kind == "human" else kind,
        on_behalf_of=query.get("onBehalfOfId") or None,
        capability_id=query.get("capabilityId") or None,
    )
