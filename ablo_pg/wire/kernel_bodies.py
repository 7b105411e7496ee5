"""Bodies of the kernel's calls, and who asks; `kernel_calls` has the calls. Pure.

A body's fields are the routine's parameters by name. Who asks is the credential's to say, and
stands in no body. The parts that the kernel reads itself (a filter, a claim's request, a presence)
go through as the bytes they came in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final

import msgspec

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]
Texts = Annotated[list[Text], msgspec.Meta(max_length=1000)]
Position = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
EMPTY: Final = msgspec.Raw(b"{}")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. participant, on_behalf_of: `kind:id`. capability_id: the key that limits it.

    key_id: the key behind it, whether or not it limits; claims end when that is revoked.
    """

    organization: str
    participant: str
    on_behalf_of: str | None = None
    capability_id: str | None = None
    key_id: str | None = None


class Body(msgspec.Struct, frozen=True, rename="camel"):
    """What a call says; each kind has the fields of its routine."""

    def arguments(self) -> dict[str, object]:
        """Return the routine's arguments, JSON as text."""
        found = {name: getattr(self, name) for name in self.__struct_fields__}
        return {
            name: bytes(value).decode() if isinstance(value, msgspec.Raw) else value
            for name, value in found.items()
        }

    def models(self) -> Sequence[str]:
        """Return the models it is about."""
        return ()


class NoBody(Body, frozen=True):
    """Nothing."""


class RowBody(Body, frozen=True):
    """A row."""

    model: Text
    id: Text

    def models(self) -> Sequence[str]:
        """The row's."""
        return (self.model,)


class RowAtBody(RowBody, frozen=True):
    """A row, and a position of the log."""

    at: Position


class HistoryBody(RowBody, frozen=True):
    """A row, and how much of its past."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 100
    before: Position | None = None


class ListBody(Body, frozen=True):
    """A page of a model's rows, in the kernel's query language."""

    model: Text
    query: msgspec.Raw = EMPTY

    def models(self) -> Sequence[str]:
        """The listed one."""
        return (self.model,)


class SnapshotTarget(msgspec.Struct, frozen=True):
    """One row of a snapshot."""

    model: Text
    id: Text


class SnapshotBody(Body, frozen=True):
    """Rows to be read together."""

    targets: Annotated[list[SnapshotTarget], msgspec.Meta(max_length=1000)]

    def arguments(self) -> dict[str, object]:
        """The targets, as JSON."""
        return {"targets": msgspec.json.encode(self.targets).decode()}

    def models(self) -> Sequence[str]:
        """Each of them once."""
        return tuple({one.model for one in self.targets})


class ReceiptBody(Body, frozen=True):
    """The idempotency key of a commit."""

    key: Text


class UntrackBody(Body, frozen=True):
    """What to track no longer; null for everything."""

    targets: msgspec.Raw = msgspec.Raw(b"null")

    def arguments(self) -> dict[str, object]:
        """The targets, as JSON; SQL null for everything."""
        text = bytes(self.targets).decode()
        return {"targets": None if text == "null" else text}


class LogBody(Body, frozen=True):
    """A part of the log."""

    after: Position
    limit: Annotated[int, msgspec.Meta(ge=1)] = 100
    through: Position | None = None


class PreviewBody(Body, frozen=True):
    """A commit to be tried, as `ablo.commit` reads it."""

    request: msgspec.Raw


class UndoBody(Body, frozen=True):
    """Which changes to undo, in the kernel's query language (`ablo.undo_chosen`)."""

    choice: msgspec.Raw


class AcquireBody(RowBody, frozen=True):
    """The row to claim; the request as the kernel reads it."""

    request: msgspec.Raw = EMPTY


class NextBody(ListBody, frozen=True):
    """Rows of a model, the first free one of which is claimed; and the claim's request."""

    request: msgspec.Raw = EMPTY


class ClaimBody(Body, frozen=True):
    """An own claim."""

    claim_id: Text


class BeatBody(ClaimBody, frozen=True):
    """An own claim to be renewed, and what of it changes."""

    request: msgspec.Raw = EMPTY


class BeatsBody(Body, frozen=True):
    """Own claims, to be renewed."""

    claim_ids: Texts


class NewsBody(Body, frozen=True):
    """Claims to wait for, where the last answer said to go on, and how long to wait."""

    claim_ids: Texts = []
    after: Text | None = None
    seconds: Annotated[float, msgspec.Meta(ge=0, le=25)] = 20.0


class OrderBody(RowBody, frozen=True):
    """A row's waiters in their new order."""

    order: Texts

    def arguments(self) -> dict[str, object]:
        """The order as JSON."""
        order = msgspec.json.encode(self.order).decode()
        return {"model": self.model, "id": self.id, "order": order}


class PresenceBody(Body, frozen=True):
    """A session, and what it says of itself."""

    session: Text
    request: msgspec.Raw = EMPTY


class SessionBody(Body, frozen=True):
    """A session."""

    session: Text
