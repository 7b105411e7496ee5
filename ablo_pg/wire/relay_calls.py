"""Calls of the kernel that only a relay's other routes, its sockets and the commands make. Pure.

Declared like those of `kernel_calls`, and served under no name of their own: what reads the answer
takes it as the JSON it is.
"""

from __future__ import annotations

from typing import Final

import msgspec

from ablo_pg.wire.kernel_bodies import BeatBody, Body, ClaimBody
from ablo_pg.wire.kernel_calls import WHO, KernelCall
from ablo_pg.wire.names import Names


class CommitIdBody(Body, frozen=True):
    """A commit, by its key or serverTxId. own: only if it is the participant's."""

    id: str
    own: bool


class QueryBody(Body, frozen=True):
    """A query of the kernel's."""

    query: msgspec.Raw


class TtlBody(Body, frozen=True):
    """How long leases are to last from here on; null: as long as before."""

    ttl: msgspec.Raw | None


class HoldersBody(Body, frozen=True):
    """Whose claims to list: of a model, or of a row, or of everything that a filter admits."""

    model: str | None
    id: str | None
    filter: msgspec.Raw


class EventsBody(Body, frozen=True):
    """What became of claims: after a position of theirs, and one of the log."""

    after: int
    log: int
    limit: int


def _json(data: bytes, names: Names) -> bytes:
    return data


CLAIM_GET: Final = KernelCall("claim_get", "", ClaimBody, _json)
CLAIM_HEARTBEAT: Final = KernelCall("claim_heartbeat", "", BeatBody, _json, metric="claim_waits")
CLAIM_HEARTBEAT_EVERY: Final = KernelCall(
    "claim_heartbeat_all", "", TtlBody, _json, metric="claim_waits"
)
CLAIM_LIST: Final = KernelCall("claim_list", "", HoldersBody, _json)
CLAIM_EVENTS: Final = KernelCall("claim_events", "", EventsBody, _json)
CLAIM_BREAK: Final = KernelCall(
    "claim_break", "", ClaimBody, _json, retryable=False, takes=WHO, member="broken"
)
COMMIT_GET: Final = KernelCall("commit_get", "", CommitIdBody, _json)
COMMIT_LIST: Final = KernelCall("commit_list", "", QueryBody, _json)
