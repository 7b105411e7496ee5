"""Claims and presence as frozen values: what `wire.claim_results` makes and clients hand on.

A claim is a lease on a row (or on some of its fields) with a wait queue. All times are the
database's; clients do not compare them with their own clocks.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

# The state of a claim: held, queued, released, expired, broken by another participant.
ClaimPhase: TypeAlias = Literal["active", "queued", "committed", "expired", "canceled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimSummary:
    """A claim's summary, for participants that it blocks.

    model: schema key. held_by: the participant, `kind:id`. action: its purpose. fields: the part of
    the row, None for the whole. position: place in the wait queue, None for a holder.
    """

    claim_id: str
    model: str
    row_id: str
    held_by: str
    action: str
    declared_at: dt.datetime
    expires_at: dt.datetime
    fields: tuple[str, ...] | None = None
    position: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimState:
    """One claim as the database had it.

    ttl: seconds that a lease, or a place in the queue, lasts from its last renewal. fence_token:
    rises with every grant; None while queued. read_at: stamp of the row at the grant. position:
    place in the queue, 0 is next. blocked_by: what a queued claim waits for, holders first, then
    earlier waiters.
    """

    id: str
    status: ClaimPhase
    model: str
    row_id: str
    held_by: str
    action: str
    declared_at: dt.datetime
    expires_at: dt.datetime
    ttl: float
    fields: tuple[str, ...] | None = None
    on_behalf_of: str | None = None
    capability_id: str | None = None
    meta: Mapping[str, Any] | None = None
    granted_at: dt.datetime | None = None
    ended_at: dt.datetime | None = None
    fence_token: int | None = None
    read_at: int | None = None
    position: int | None = None
    blocked_by: tuple[ClaimSummary, ...] = ()


@dataclass(frozen=True, slots=True)
class ClaimAnswer:
    """The result of an acquire or read: the claim; if active, the row (JSON) and its stamp.

    recheck: seconds after which a waiter checks again, with or without a notification.
    """

    claim: ClaimState
    row: bytes | None = None
    stamp: int | None = None
    recheck: float | None = None


@dataclass(frozen=True, slots=True)
class ClaimLine:
    """Who holds a row, and who waits for it, in order."""

    holders: tuple[ClaimState, ...]
    waiters: tuple[ClaimState, ...]


@dataclass(frozen=True, slots=True)
class ClaimBeat:
    """The result of a renewal for one claim. ttl: seconds it now lasts; None for a lost one."""

    claim_id: str
    status: Literal["held", "queued", "lost"]
    ttl: float | None = None


@dataclass(frozen=True, slots=True)
class ClaimStatus:
    """The argument of `on_status`: when the position changes, at the grant, at the loss.

    position: place in the queue, 0 is next; None unless queued. blocked_by: what is ahead of it.
    """

    status: Literal["queued", "held", "lost"]
    claim_id: str
    position: int | None = None
    blocked_by: tuple[ClaimSummary, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """A present participant: it sends heartbeats, or holds or waits for claims.

    sessions: how many of its clients send heartbeats; 0 for one that is known by its claims only.
    seen_at: its last heartbeat; expires_at: when it disappears without another.
    """

    participant: str
    sessions: int
    status: str | None
    activity: Any
    meta: Mapping[str, Any] | None
    since: dt.datetime | None
    seen_at: dt.datetime | None
    expires_at: dt.datetime | None
    claims: tuple[ClaimSummary, ...] = ()
    waiting: tuple[ClaimSummary, ...] = ()
