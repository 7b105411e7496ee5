"""The JSON of claim and presence routines, as values of `ablo_pg.claim`.

Wire names become the author's names, milliseconds of the database's clock become aware datetimes,
durations become seconds. A row inside an answer stays bytes.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

import msgspec

from ablo_pg.claim import (
    ClaimAnswer,
    ClaimBeat,
    ClaimLine,
    ClaimPhase,
    ClaimState,
    ClaimSummary,
    Presence,
)
from ablo_pg.json_text import Decoder
from ablo_pg.wire.names import Names


class _Target(msgspec.Struct, frozen=True):
    model: str
    id: str
    fields: list[str] | None = None


class _Summary(msgspec.Struct, frozen=True, rename="camel"):
    claim_id: str
    entity_type: str
    entity_id: str
    held_by: str
    declared_at: int
    expires_at: int
    action: str = ""
    fields: list[str] | None = None
    position: int | None = None


class _Claim(msgspec.Struct, frozen=True, rename="camel"):
    id: str
    status: ClaimPhase
    target: _Target
    actor: str
    declared_at: int
    expires_at: int
    ttl_ms: int
    action: str = ""
    on_behalf_of_id: str | None = None
    on_behalf_of_kind: str | None = None
    capability_id: str | None = None
    meta: Any = None  # an Any; hand-written SQL may store anything
    granted_at: int | None = None
    ended_at: int | None = None
    fence_token: int | None = None
    read_at: int | None = None
    position: int | None = None
    blocked_by: list[_Summary] = []


class _Answer(msgspec.Struct, frozen=True, rename="camel"):
    claim: _Claim
    data: msgspec.Raw = msgspec.Raw(b"null")
    stamp: int | None = None
    blocked_by: list[_Summary] = []
    recheck_ms: int | None = None


class _List(msgspec.Struct, frozen=True):
    claims: list[_Claim] = []
    queue: list[_Claim] = []


class _Beat(msgspec.Struct, frozen=True, rename="camel"):
    claim_id: str
    status: str
    ttl_ms: int | None = None


class _Presence(msgspec.Struct, frozen=True, rename="camel"):
    participant: str
    sessions: int = 0
    status: str | None = None
    activity: Any = None
    meta: Any = None  # an Any; hand-written SQL may store anything
    since: int | None = None
    seen_at: int | None = None
    expires_at: int | None = None
    claims: list[_Summary] = []
    waiting: list[_Summary] = []


class _PresenceBeat(msgspec.Struct, frozen=True, rename="camel"):
    ttl_ms: int


_ANSWER: Final = Decoder(_Answer)
_LIST: Final = Decoder(_List)
_BEATS: Final = Decoder(list[_Beat])
_PRESENT: Final = Decoder(list[_Presence])
_PRESENCE_BEAT: Final = Decoder(_PresenceBeat)


def claim_answer_of(data: bytes, names: Names) -> ClaimAnswer:
    """Read the answer of claim_acquire or claim_get."""
    found = _ANSWER.decode(data)
    row = bytes(found.data)
    return ClaimAnswer(
        _state(found.claim, found.blocked_by, names),
        None if row == b"null" else row,
        found.stamp,
        None if found.recheck_ms is None else found.recheck_ms / 1000,
    )


def claim_line_of(data: bytes, names: Names) -> ClaimLine:
    """Read the answer of claim_list."""
    found = _LIST.decode(data)
    return ClaimLine(
        tuple(_state(one, one.blocked_by, names) for one in found.claims),
        tuple(_state(one, one.blocked_by, names) for one in found.queue),
    )


def claim_beats_of(data: bytes, names: Names) -> list[ClaimBeat]:
    """Read the answer of claim_heartbeat_all."""
    return [
        ClaimBeat(
            one.claim_id,
            "held" if one.status == "held" else "queued" if one.status == "queued" else "lost",
            None if one.ttl_ms is None else one.ttl_ms / 1000,
        )
        for one in _BEATS.decode(data)
    ]


def presence_ttl_of(data: bytes, names: Names) -> float:
    """Read the answer of presence_beat: the seconds until the next one must have come."""
    return _PRESENCE_BEAT.decode(data).ttl_ms / 1000


def presence_of(data: bytes, names: Names) -> list[Presence]:
    """Read the answer of presence_list."""
    return [
        Presence(
            participant=one.participant,
            sessions=one.sessions,
            status=one.status,
            activity=one.activity,
            meta=one.meta,
            since=_time(one.since),
            seen_at=_time(one.seen_at),
            expires_at=_time(one.expires_at),
            claims=tuple(_summary(each, names) for each in one.claims),
            waiting=tuple(_summary(each, names) for each in one.waiting),
        )
        for one in _PRESENT.decode(data)
    ]


def _state(found: _Claim, blocked_by: list[_Summary], names: Names) -> ClaimState:
    model = names.model(found.target.model) or ""
    behalf = found.on_behalf_of_id
    if behalf and found.on_behalf_of_kind and not behalf.startswith(f"{found.on_behalf_of_kind}:"):
        behalf = f"{found.on_behalf_of_kind}:{behalf}"
    return ClaimState(
        id=found.id,
        status=found.status,
        model=model,
        row_id=found.target.id,
        held_by=found.actor,
        action=found.action,
        declared_at=_moment(found.declared_at),
        expires_at=_moment(found.expires_at),
        ttl=found.ttl_ms / 1000,
        fields=_fields(found.target.fields, model, names),
        on_behalf_of=behalf,
        capability_id=found.capability_id,
        meta=found.meta,
        granted_at=_time(found.granted_at),
        ended_at=_time(found.ended_at),
        fence_token=found.fence_token,
        read_at=found.read_at,
        position=found.position,
        blocked_by=tuple(_summary(one, names) for one in blocked_by),
    )


def _summary(found: _Summary, names: Names) -> ClaimSummary:
    model = _key_of(found.entity_type, names)
    return ClaimSummary(
        claim_id=found.claim_id,
        model=model,
        row_id=found.entity_id,
        held_by=found.held_by,
        action=found.action,
        declared_at=_moment(found.declared_at),
        expires_at=_moment(found.expires_at),
        fields=_fields(found.fields, model, names),
        position=found.position,
    )


def _key_of(entity_type: str, names: Names) -> str:
    """Return the schema key of a typename in lower case."""
    for name, key in names.models.items():
        if name.lower() == entity_type:
            return key
    return entity_type


def _fields(wire: list[str] | None, model: str, names: Names) -> tuple[str, ...] | None:
    return None if wire is None else tuple(names.field(model, one) or one for one in wire)


def _moment(milliseconds: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(milliseconds / 1000, dt.UTC)


def _time(milliseconds: int | None) -> dt.datetime | None:
    return None if milliseconds is None else _moment(milliseconds)
