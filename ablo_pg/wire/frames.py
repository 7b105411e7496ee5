"""Incoming frames of a live socket: `{"type": .., "payload": {..}}`, strict and typed. Pure.

`read_frame` returns the type and the payload's bytes; `read_payload` parses them; for a malformed
frame, `bad_frame` returns what its answer needs. Unknown keys are ignored: both generations of
clients send some that the other does not know. `wire.deltas`, `wire.live` and `frame` format
outgoing frames.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Final, TypeVar

import msgspec
import orjson

from ablo_pg.errors import AbloError, error_for
from ablo_pg.json_text import dumps
from ablo_pg.wire.commits import NOTHING, CommitBody, OperationBody, Position, many_operations
from ablo_pg.wire.limits import Fields, Groups, ModelName, Name, Note, RowId
from ablo_pg.wire.requests import pass_on, read_body

T = TypeVar("T", bound=msgspec.Struct)

PROTOCOL_VERSION: Final = 1
LEASE_SECONDS: Final = 90  # default ttl of a claim: three pings of a client
LEASE_LEAST_MS: Final = 1000  # the least that a relay can renew between two pings
LEASE_MOST_MS: Final = 86_400_000  # the kernel's own limit, which reads no more than 12 digits
# Frames whose refusal a client waits for, and the members that the answer repeats.
ANSWERED: Final = {
    "commit": ("clientTxId",),
    "claim_begin": ("claimId",),
    "claim_heartbeat": ("claimId",),
    "update_subscription": (),
    "live_begin": ("liveId",),
}
NAME_LENGTH: Final = 255  # of a repeated member; a lane may hold many frames


class Frame(msgspec.Struct, frozen=True):
    """Any frame."""

    type: str
    payload: msgspec.Raw = msgspec.Raw(b"{}")


class BadFrame(Frame, frozen=True, kw_only=True):
    """A malformed one: its payload holds only what its answer repeats."""

    error: AbloError


class UpdateSubscription(msgspec.Struct, frozen=True, rename="camel"):
    """Replace the followed groups."""

    sync_groups: Groups


class SyncRequest(msgspec.Struct, frozen=True, rename="camel"):
    """The client's position: the higher of the two counts."""

    cursor: str | int | None = None
    last_sync_id: Annotated[int, msgspec.Meta(le=2**63 - 1)] | None = None
    protocol_version: int | None = None

    @property
    def position(self) -> int | None:
        """The sync id up to which the client has everything; None when it has nothing yet."""
        cursor = cursor_of(self.cursor)
        if cursor is None:
            return self.last_sync_id or None
        return max(cursor, self.last_sync_id or 0)


class PresenceUpdate(msgspec.Struct, frozen=True):
    """A client's own presence and activity."""

    status: Name = "online"
    activity: dict[str, Any] | None = None


class Operation(msgspec.Struct, frozen=True, rename="camel"):
    """One operation of a commit."""

    type: Name
    model: ModelName
    id: RowId | None = None
    input: msgspec.Raw = NOTHING
    transaction_id: Name | None = None
    claim_id: Name | None = None
    read_at: Position | None = None
    on_stale: Name | None = None
    fence_token: Position | None = None


class Commit(msgspec.Struct, frozen=True, rename="camel"):
    """A commit; `client_tx_id` is its idempotency key."""

    client_tx_id: str
    operations: list[Operation] = []
    reads: list[dict[str, Any]] | None = None
    track: list[dict[str, Any]] | None = None


class ClaimBegin(msgspec.Struct, frozen=True, rename="camel"):
    """Ask for a claim."""

    claim_id: Name
    entity_type: ModelName
    entity_id: RowId
    description: Note | None = None
    action: Note | None = None
    field: Name | None = None
    fields: Fields | None = None
    meta: dict[str, Any] | None = None
    estimated_ms: float | None = None
    queue: bool = True


class ClaimAbandon(msgspec.Struct, frozen=True, rename="camel"):
    """Release a claim, or leave its queue."""

    claim_id: Name


class ClaimHeartbeat(msgspec.Struct, frozen=True, rename="camel"):
    """Renew a lease."""

    claim_id: Name
    ttl_ms: float | None = None
    details: Any = None


class Placed(msgspec.Struct, frozen=True, rename="camel"):
    """One entry of a new order."""

    claim_id: Name


class ClaimReorder(msgspec.Struct, frozen=True, rename="camel"):
    """Put a row's waiters into this order."""

    entity_type: ModelName
    entity_id: RowId
    order: Annotated[list[Placed], msgspec.Meta(max_length=1000)]


class LiveBegin(msgspec.Struct, frozen=True, rename="camel"):
    """Begin a live query. query: the parameters of `GET /api/v1/models/{model}/live`."""

    live_id: Name
    model: ModelName
    query: dict[str, str | int | bool] = {}


class LiveEnd(msgspec.Struct, frozen=True, rename="camel"):
    """End a live query."""

    live_id: Name


class ScopeJoin(msgspec.Struct, frozen=True, rename="camel"):
    """Follow more groups, until released or expired."""

    claim_id: Name
    sync_groups: Groups
    ttl_seconds: float | None = None
    capability_token: Name | None = None


class ScopeLeave(msgspec.Struct, frozen=True, rename="camel"):
    """Stop following them."""

    claim_id: Name


def cursor_of(cursor: str | int | None) -> int | None:
    """Return the sync id of a cursor; None for no cursor. Raises cursor_invalid.

    >>> cursor_of("54"), cursor_of(""), cursor_of(None)
    (54, None, None)
    """
    if cursor is None or cursor == "":
        return None
    text = str(cursor)
    if not (text.isascii() and text.isdigit()) or len(text) > 18:
        raise error_for(
            "cursor_invalid",
            f"{text[:40]!r} is not a cursor",
            field="cursor",
            remedy="send the newCursor or event id that was received last, or no cursor",
        )
    return int(text)


def read_frame(text: bytes, depth: int) -> Frame:
    """Return a frame's type and payload. Raises invalid_json, invalid_body."""
    return read_body(text, Frame, depth)


def bad_frame(text: bytes, error: AbloError) -> BadFrame | None:
    """Return a frame that was refused with `error`, to be answered; None if it has no answer.

    Parsed as leniently as possible: it is only used to answer its sender.
    """
    try:
        found: Any = json.loads(text)
        kind = found["type"]
        named = {key: found["payload"][key] for key in ANSWERED[kind]}
        payload = orjson.dumps(named)
    except (ValueError, TypeError, LookupError, RecursionError):
        return None
    if not all(isinstance(each, str) and len(each) <= NAME_LENGTH for each in named.values()):
        return None
    error.__traceback__ = error.__context__ = None  # they keep the text in memory
    return BadFrame(kind, msgspec.Raw(payload), error=error)


def read_payload(frame: Frame, kind: type[T], depth: int) -> T:
    """Return the payload as `kind`. Raises invalid_json, invalid_body; a bad frame's error."""
    if isinstance(frame, BadFrame):
        raise frame.error
    return read_body(bytes(frame.payload), kind, depth)


def text_of(frame: Frame, member: str) -> str:
    """Return a member of a payload, "" if it cannot be read: what the answer repeats."""
    try:
        payload: Any = msgspec.json.decode(frame.payload)
    except msgspec.DecodeError:
        return ""
    found = payload.get(member) if isinstance(payload, dict) else None
    return found if isinstance(found, str) else ""


def frame(kind: str, payload: object) -> bytes:
    """Return an outgoing frame."""
    return dumps({"type": kind, "payload": payload})


def commit_request(commit: Commit, models: list[str], aliases: dict[str, str]) -> bytes:
    """Return the kernel's request for a commit, in the form that every interface translates to.

    Args: models, each operation's as the kernel spells it. aliases, the kernel's ids of claims that
    this client knows under other ids.
    """
    operations = [
        OperationBody(
            action=one.type.lower(),
            model=one.model,
            id=one.id,
            data=one.input,
            transaction_id=one.transaction_id,
            claim_id=aliases.get(one.claim_id, one.claim_id) if one.claim_id else None,
            read_at=one.read_at,
            on_stale=one.on_stale,
            fence_token=one.fence_token,
        )
        for one in commit.operations
    ]
    return many_operations(CommitBody(operations, commit.reads, commit.track), models)


def claim_request(begin: ClaimBegin) -> bytes:
    """Return the kernel's request for a claim; the default ttl is three pings."""
    given = {
        "claimId": begin.claim_id,
        "description": begin.description or begin.action,
        "field": begin.field,
        "fields": begin.fields or None,
        "meta": begin.meta,
        "ttl": lease_text(begin.estimated_ms),
        "queue": begin.queue,
    }
    return pass_on({key: value for key, value in given.items() if value is not None})


def beat_details(beat: ClaimHeartbeat) -> bytes:
    """Return the kernel's request for a renewal."""
    request: dict[str, object] = {}
    if beat.ttl_ms is not None:
        request["ttl"] = lease_text(beat.ttl_ms)
    if beat.details is not None:
        request["details"] = beat.details
    return pass_on(request)


def lease_text(milliseconds: float | None) -> str:
    """Return a duration in the kernel's form."""
    if milliseconds is None:
        return f"{LEASE_SECONDS}s"
    return f"{min(max(LEASE_LEAST_MS, round(milliseconds)), LEASE_MOST_MS)}ms"
