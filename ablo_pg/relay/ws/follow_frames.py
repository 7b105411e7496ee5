"""A socket's subscriptions, position, presence and pings."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Final

import anyio
import msgspec

from ablo_pg.errors import AbloError, error_for
from ablo_pg.json_text import loads
from ablo_pg.relay.auth import Authenticator, Credential
from ablo_pg.relay.kernel import Kernel
from ablo_pg.relay.ws.session import Scope, Session
from ablo_pg.wire.frames import (
    LEASE_SECONDS,
    PROTOCOL_VERSION,
    Frame,
    PresenceUpdate,
    ScopeJoin,
    ScopeLeave,
    SyncRequest,
    UpdateSubscription,
)
from ablo_pg.wire.kernel_bodies import BeatsBody, PresenceBody
from ablo_pg.wire.kernel_calls import CLAIM_BEATS, PRESENCE_BEAT
from ablo_pg.wire.limits import SOCKET_SCOPES
from ablo_pg.wire.requests import pass_on

SCOPE_SECONDS: Final = 60.0  # how long joined groups are followed, from the last ping
PRESENCE_GROUPS: Final = 50  # shown of what a participant follows
PROTOCOL_CLOSE: Final = 4010
# Heartbeats cost a statement each: those that come sooner than this after the last are not stored.
# The shortest leases are renewed by the relay meanwhile (`sockets.leases_due`).
BEAT_SECONDS: Final = 1.0
PRESENT_SECONDS: Final = 0.1  # between two changes of presence, which all sockets are shown


@dataclass(frozen=True, slots=True)
class FollowFrames:
    """Handles the frames of subscriptions, cursors, scopes, presence and pings."""

    kernel: Kernel
    authenticator: Authenticator

    async def subscribe(self, session: Session, frame: Frame) -> None:
        """update_subscription: a full replacement, answered in order."""
        groups = session.groups
        try:
            asked = (await session.payload(frame, UpdateSubscription)).sync_groups
            told = groups.replace(asked)
        except AbloError as exc:
            code = "malformed_subscription" if exc.code.startswith("invalid_") else exc.code
            payload: dict[str, object] = {
                "success": False,
                "syncGroups": groups.told(),
            }
            payload["error"] = {"code": code, "message": exc.message}
            await session.outbox.say("subscription_ack", payload)
            return
        session.regroup()
        await session.outbox.say("subscription_ack", {"success": True, "syncGroups": told})

    async def sync(self, session: Session, frame: Frame) -> None:
        """sync_request: the feed answers."""
        request = await session.payload(frame, SyncRequest)
        if request.protocol_version not in (None, PROTOCOL_VERSION):
            session.close(PROTOCOL_CLOSE, "protocol_version_unsupported")
            return
        session.feed.ask(request.position)

    async def ack(self, session: Session, frame: Frame) -> None:
        """ack: the client has stored what it got. The client keeps the cursor."""

    async def bootstrap(self, session: Session, frame: Frame) -> None:
        """bootstrap_request: defined, never sent. No frame would answer it; rows are read over
        HTTP, and the request is not an error."""

    async def join(self, session: Session, frame: Frame) -> None:
        """claim: follow more groups for a while; claim_ack."""
        payload: dict[str, object] = {"claimId": ""}  # a name that is too long is not repeated
        try:
            join = await session.payload(frame, ScopeJoin)
            payload["claimId"] = join.claim_id
            seconds = min(max(join.ttl_seconds or SCOPE_SECONDS, 1.0), 86_400.0)
            check_scopes(session, join.claim_id)
            other = await self._other(session, join.capability_token)
            told = session.groups.join(join.claim_id, join.sync_groups, other)
        except AbloError as exc:
            payload.update(success=False, syncGroups=[])
            payload["error"] = {"code": exc.code, "message": exc.message}
        else:
            self._keep(session, join.claim_id, seconds, other)
            session.regroup()
            payload.update(success=True, syncGroups=told, ttlSeconds=round(seconds))
        await session.outbox.say("claim_ack", payload)

    def _keep(self, session: Session, name: str, seconds: float, other: Credential | None) -> None:
        """Record how long the groups are followed: until then, while their key is valid."""
        if (before := session.scopes.pop(name, None)) is not None:
            before.held.close()
        held = ExitStack()
        watch = None
        if other is not None:
            watch = held.enter_context(self.authenticator.watch(other))
        session.scopes[name] = Scope(anyio.current_time() + seconds, seconds, watch, held)

    async def leave(self, session: Session, frame: Frame) -> None:
        """release: stop following them."""
        leave = await session.payload(frame, ScopeLeave)
        session.leave_scope(leave.claim_id)

    async def present(self, session: Session, frame: Frame) -> None:
        """presence_update: the client's own activity, shown to the others."""
        said = await session.payload(frame, PresenceUpdate)
        given: dict[str, Any] = loads(bytes(frame.payload))
        meta = {
            key: given[key][:200]
            for key in ("timezone", "customStatus")
            if isinstance(given.get(key), str)
        }
        session.presence = {"status": said.status, "meta": meta}
        if "activity" in given:
            session.presence["activity"] = said.activity
        await anyio.sleep_until(session.beaten + PRESENT_SECONDS)
        await self.beat(session)

    async def ping(self, session: Session, frame: Frame) -> None:
        """ping: it was answered already; renew what depends on it."""
        now = anyio.current_time()
        for scope in session.scopes.values():
            scope.ends = now + scope.lasts
        if now - session.pinged < BEAT_SECONDS:
            return  # what was stored a moment ago is still valid
        session.pinged = now
        await renew(self.kernel, session, [own.kernel_id for own in session.claims.values()])
        await self.beat(session)

    async def beat(self, session: Session) -> None:
        """Record in the database that the client is present, if it has announced itself."""
        session.beaten = anyio.current_time()
        if session.presence is None:
            return
        followed = session.groups.told()[:PRESENCE_GROUPS]
        request = {
            **session.presence,
            "meta": {**session.presence["meta"], "syncGroups": followed},
            "ttl": f"{LEASE_SECONDS}s",
        }
        body = PresenceBody(session.id, msgspec.Raw(pass_on(request)))
        await self.kernel.ask(PRESENCE_BEAT, session.credential.caller, body)
        session.changed()

    async def _other(self, session: Session, token: str | None) -> Credential | None:
        """Return the additional credential that a token stands for."""
        if token is None:
            return None
        other = await self.authenticator.authenticate(token)
        if other.organization != session.organization:
            raise error_for(
                "capability_invalid",
                "The capability belongs to another organization",
                remedy="use one that was minted for this organization",
            )
        return other


def check_scopes(session: Session, name: str) -> None:
    """Refuse one scope more than a socket may have joined. Raises quota_exceeded."""
    if name not in session.scopes and len(session.scopes) >= SOCKET_SCOPES:
        raise error_for(
            "quota_exceeded",
            f"This socket has joined {SOCKET_SCOPES} scopes, the maximum",
            field="claimId",
            remedy="release some, or subscribe to their groups",
            details={"limit": SOCKET_SCOPES},
        )


async def renew(kernel: Kernel, session: Session, kernel_ids: list[str]) -> None:
    """Renew these claims of a socket; the live state tells the client which are lost."""
    if not kernel_ids:
        return
    caller = session.credential.caller
    answer = await kernel.ask(CLAIM_BEATS, caller, BeatsBody(kernel_ids))
    now = anyio.current_time()
    for own in session.claims.values():
        if own.kernel_id in kernel_ids:
            own.renewed = now
    if b'"lost"' in answer:
        session.changed()
