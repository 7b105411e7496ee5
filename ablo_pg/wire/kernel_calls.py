"""Bodies of the kernel's own calls, which the Python client sends over a relay.

Parts that the kernel reads itself (a filter, a claim's request, a presence) are passed on as the
bytes they came in. The credential identifies the caller; no body does.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]
Position = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
EMPTY: msgspec.Raw = msgspec.Raw(b"{}")


class RowBody(msgspec.Struct, frozen=True):
    """A row."""

    model: Text
    id: Text


class RowAtBody(RowBody, frozen=True):
    """A row, and a position of the log."""

    at: Position


class HistoryBody(RowBody, frozen=True, kw_only=True):
    """A row, and how much of its history."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 100
    before: Position | None = None


class ListBody(msgspec.Struct, frozen=True):
    """A page of a model's rows, in the kernel's query language."""

    model: Text
    query: msgspec.Raw = EMPTY


class SnapshotTarget(msgspec.Struct, frozen=True):
    """One row of a snapshot."""

    model: Text
    id: Text


class SnapshotBody(msgspec.Struct, frozen=True):
    """Rows to be read together."""

    targets: Annotated[list[SnapshotTarget], msgspec.Meta(max_length=1000)]


class ReceiptBody(msgspec.Struct, frozen=True):
    """The idempotency key of a commit."""

    key: Text


class UntrackBody(msgspec.Struct, frozen=True):
    """Tracks to end; all if empty."""

    targets: msgspec.Raw = msgspec.Raw(b"null")


class LogBody(msgspec.Struct, frozen=True):
    """A part of the log."""

    after: Position
    limit: Annotated[int, msgspec.Meta(ge=1)] = 100
    through: Position | None = None


class AcquireBody(RowBody, frozen=True):
    """A claim to acquire; the request as the kernel reads it."""

    request: msgspec.Raw = EMPTY


class ClaimBody(msgspec.Struct, frozen=True, rename="camel"):
    """An own claim."""

    claim_id: Text


class BeatsBody(msgspec.Struct, frozen=True, rename="camel"):
    """Own claims, to be renewed."""

    claim_ids: Annotated[list[Text], msgspec.Meta(max_length=1000)]


class NewsBody(msgspec.Struct, frozen=True, rename="camel"):
    """Claims to listen for, the last answer's position, and how long to wait."""

    claim_ids: Annotated[list[Text], msgspec.Meta(max_length=1000)] = []
    after: Text | None = None
    seconds: Annotated[float, msgspec.Meta(ge=0, le=25)] = 20.0


class OrderBody(RowBody, frozen=True):
    """A row's waiters in their new order."""

    order: Annotated[list[Text], msgspec.Meta(max_length=1000)]


class PresenceBody(msgspec.Struct, frozen=True):
    """A session, and its own activity."""

    session: Text
    request: msgspec.Raw = EMPTY
