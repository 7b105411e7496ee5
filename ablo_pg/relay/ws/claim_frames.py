"""Claims over a socket: acquired, renewed, released; the leases are in the shared table.

A socket's leases are renewed by its pings, and the shorter ones in between (`leases`), as long as
the client is alive. A connection that ends releases nothing: the client may reconnect and ask with
the same id, and gets the same claim; otherwise the lease expires.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import anyio
import msgspec

from ablo_pg.errors import AbloError, error_for
from ablo_pg.json_text import loads
from ablo_pg.relay.http.writes import require_write
from ablo_pg.relay.service import RelayService
from ablo_pg.relay.ws.live_state import Target
from ablo_pg.relay.ws.session import Session, SocketClaim
from ablo_pg.schema import ModelSpec
from ablo_pg.wire import live as wire
from ablo_pg.wire.frames import (
    ClaimAbandon,
    ClaimBegin,
    ClaimHeartbeat,
    ClaimReorder,
    Frame,
    beat_details,
    claim_request,
)
from ablo_pg.wire.kernel_bodies import AcquireBody, BeatBody, ClaimBody, OrderBody
from ablo_pg.wire.kernel_calls import CLAIM_ACQUIRE, CLAIM_RELEASE, CLAIM_REORDER
from ablo_pg.wire.limits import SOCKET_CLAIMS
from ablo_pg.wire.relay_calls import CLAIM_HEARTBEAT

# Codes that mean for a heartbeat that the claim does not exist; with the last, it never can.
GONE: Final = ("claim_lost", "claim_not_found", "validation_failed")


@dataclass(frozen=True, slots=True)
class ClaimFrames:
    """Handles the frames of claims."""

    service: RelayService

    async def begin(self, session: Session, frame: Frame) -> None:
        """claim_begin: claim_acquired, claim_queued or claim_rejected."""
        try:
            begin = await session.payload(frame, ClaimBegin)
        except AbloError as exc:
            await session.outbox.say("claim_rejected", wire.rejected(_named(frame, exc), {}, exc))
            return
        fields = begin.fields or ([begin.field] if begin.field else None)
        where = wire.target(begin.entity_type, begin.entity_id, fields)
        try:
            answer = await self._acquire(session, begin)
        except AbloError as exc:
            await session.outbox.say("claim_rejected", wire.rejected(begin.claim_id, where, exc))
            return
        claim = answer["claim"]
        own = SocketClaim(
            begin.claim_id,
            claim["id"],
            begin.entity_type,
            begin.entity_id,
            claim["ttlMs"],
            claim["status"] == "active",
            anyio.current_time(),
        )
        session.claims[begin.claim_id] = own
        if own.granted:
            told = {**claim, "entityId": begin.entity_id, "fields": claim["target"].get("fields")}
            told["readAt"] = answer.get("stamp", claim.get("readAt"))
            payload = wire.granted(begin.claim_id, begin.entity_type, told)
            await session.outbox.say("claim_acquired", payload)
        else:
            blockers = answer.get("blockedBy") or ()
            payload = wire.queued(begin.claim_id, where, claim.get("position", 0), blockers)
            await session.outbox.say("claim_queued", payload)
        session.changed()

    async def _acquire(self, session: Session, begin: ClaimBegin) -> dict[str, Any]:
        """Call the kernel; return its answer."""
        check_room(session, begin.claim_id)
        model = await self._writable(session, begin.entity_type)
        asked = AcquireBody(model.typename, begin.entity_id, msgspec.Raw(claim_request(begin)))
        answer: dict[str, Any] = loads(
            await self.service.kernel.ask(
                CLAIM_ACQUIRE, session.credential.caller, asked, again=False
            )
        )
        return answer

    async def abandon(self, session: Session, frame: Frame) -> None:
        """claim_abandon: release it, or leave the queue. Not answered."""
        abandon = await session.payload(frame, ClaimAbandon)
        own = session.claims.pop(abandon.claim_id, None)
        kernel_id = own.kernel_id if own else abandon.claim_id
        if any(each.kernel_id == kernel_id for each in session.claims.values()):
            return  # still held under another of the client's ids
        await self.service.kernel.ask(
            CLAIM_RELEASE, session.credential.caller, ClaimBody(kernel_id)
        )
        session.changed()

    async def heartbeat(self, session: Session, frame: Frame) -> None:
        """claim_heartbeat: claim_heartbeat_ack, with a `code` if the heartbeat was refused.

        Its client is alive anyway: the lease continues, as at a ping.
        """
        try:
            beat = await session.payload(frame, ClaimHeartbeat)
            told = await self._beat(session, beat.claim_id, beat_details(beat))
        except AbloError as exc:
            if exc.retryable:
                raise  # the state of the claim is unknown now
            told = {"code": exc.code, **await self._beat(session, _named(frame, exc), b"{}")}
        await session.outbox.say("claim_heartbeat_ack", told)
        if told["status"] != "held":
            session.changed()

    async def _beat(self, session: Session, name: str, request: bytes) -> dict[str, Any]:
        """Renew a claim; return its state. Raises the kernel's refusal."""
        own = session.claims.get(name)
        try:
            body = BeatBody(own.kernel_id if own else name, msgspec.Raw(request))
            found: dict[str, Any] = loads(
                await self.service.kernel.ask(CLAIM_HEARTBEAT, session.credential.caller, body)
            )
        except AbloError as exc:
            if exc.code not in GONE:
                raise
            found = {"status": "lost", "code": exc.code}
        if own is not None and "ttlMs" in found:
            own.ttl_ms, own.renewed = found["ttlMs"], anyio.current_time()
        found.pop("object", None)
        return {**found, "claimId": name}

    async def reorder(self, session: Session, frame: Frame) -> None:
        """claim_reorder: not answered; all sockets get the new queue."""
        reorder = await session.payload(frame, ClaimReorder)
        model = await self._writable(session, reorder.entity_type)
        aliases = session.aliases
        order = [aliases.get(each.claim_id, each.claim_id) for each in reorder.order]
        try:
            body = OrderBody(model.typename, reorder.entity_id, order)
            await self.service.kernel.ask(CLAIM_REORDER, session.credential.caller, body)
        finally:
            session.changed(Target(model.typename.lower(), reorder.entity_id))

    async def _writable(self, session: Session, name: str) -> ModelSpec:
        """Return the model if the client may write to it in some way."""
        model = (await self.service.schemas.find(name)).model(name)
        require_write(session.credential, model)
        return model


def check_room(session: Session, name: str) -> None:
    """Refuse one name more than a socket may know claims by. Raises quota_exceeded."""
    if name not in session.claims and len(session.claims) >= SOCKET_CLAIMS:
        raise error_for(
            "quota_exceeded",
            f"This socket knows {SOCKET_CLAIMS} claims, the maximum",
            field="claimId",
            remedy="abandon some; the same row claimed again needs no new id",
            details={"limit": SOCKET_CLAIMS},
        )


def _named(frame: Frame, error: AbloError) -> str:
    """Return the claim that a refused frame names; raise the error if it names none."""
    try:
        return msgspec.json.decode(frame.payload, type=ClaimAbandon).claim_id  # ignore the rest
    except msgspec.DecodeError:
        raise error from None
