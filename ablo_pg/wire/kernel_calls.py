"""The one table of calls: what the kernel answers to a client, each declared once. Pure.

`db.calls` makes the statement of a call, the transports of `client.direct` and `client.remote` send
it, `relay.http.kernel_routes` serves it, `openapi_paths` describes it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Generic, Literal, Protocol, TypeVar

import msgspec

from ablo_pg.claim import ClaimAnswer
from ablo_pg.wire import claim_results, results
from ablo_pg.wire import kernel_bodies as bodies
from ablo_pg.wire.committed import Receipt, previewed_of, receipt_of
from ablo_pg.wire.names import Names

PREFIX: Final = "/api/v1/kernel/"
WHO: Final = ("organization", "participant")
KEYED: Final = (*WHO, "capability_id")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
B = TypeVar("B", bound=bodies.Body)
R_co = TypeVar("R_co", covariant=True)


@dataclass(frozen=True, slots=True)
class KernelCall(Generic[B, R_co]):
    """One call: POST /api/v1/kernel/NAME, `select ablo.NAME(...)`.

    takes: which of the caller's (`Caller`) the routine takes in addition to the body's fields.
    result: what reads the answer. verb: what a key must be allowed to do with the body's models;
    "write" is any of create, update, delete. retryable: safe to send again while it is not known
    whether it arrived. routine: if it has another name. fixed: arguments that no body says. member:
    the name of an answer that is not JSON. metric: what a relay counts by it.
    """

    name: str
    summary: str
    body: type[B]
    result: Callable[[bytes, Names], R_co]
    verb: Literal["read", "write"] | None = None
    retryable: bool = True
    routine: str = ""
    takes: tuple[str, ...] = KEYED
    fixed: Mapping[str, object] = field(default_factory=dict)
    member: str | None = None
    metric: Literal["claims", "claim_waits"] | None = None


class Reads(Protocol[T_co]):
    """A decoder."""

    def decode(self, data: bytes, /) -> T_co:
        """Return the value."""


class News(msgspec.Struct, frozen=True, rename="camel"):
    """Claims that something was said of, '' for all, and where to go on.

    answers: what CLAIM_LOOK answers of them now, as many as fit.
    """

    claim_ids: list[str]
    after: str
    answers: dict[str, msgspec.Raw] = {}


_FLAG: Final = msgspec.json.Decoder(dict[str, bool])
_NUMBER: Final = msgspec.json.Decoder(dict[str, int])


def _by(decoder: Reads[T]) -> Callable[[bytes, Names], T]:
    """Return what reads an answer that names nothing of the author's."""
    return lambda data, names: decoder.decode(data)


def _flag(data: bytes, names: Names) -> bool:
    (found,) = _FLAG.decode(data).values()
    return found


def _number(data: bytes, names: Names) -> int:
    (found,) = _NUMBER.decode(data).values()
    return found


def _receipt(data: bytes, names: Names) -> Receipt | None:
    return None if data == b"null" else receipt_of(data, names)


def _claimed(data: bytes, names: Names) -> ClaimAnswer | None:
    return None if data == b"null" else claim_results.claim_answer_of(data, names)


STATUS: Final = KernelCall(
    "status", "The kernel's status", bodies.NoBody, _by(results.KERNEL_STATUS), takes=()
)
ROW_GET: Final = KernelCall("row_get", "A row", bodies.RowBody, _by(results.ROW_READ), "read")
ROW_AT: Final = KernelCall(
    "row_at", "A row as of an earlier position", bodies.RowAtBody, _by(results.ROW_READ), "read"
)
ROW_HISTORY: Final = KernelCall(
    "row_history", "A row's history", bodies.HistoryBody, _by(results.HISTORY_READ), "read"
)
ROW_LIST: Final = KernelCall(
    "row_list", "A page of rows", bodies.ListBody, _by(results.PAGE_READ), "read"
)
ROW_AGGREGATE: Final = KernelCall(
    *("row_aggregate", "Counts, sums, minima and maxima", bodies.ListBody),
    *(_by(results.AGGREGATES_READ), "read"),
)
SNAPSHOT_READ: Final = KernelCall(
    "snapshot_read", "Rows of one snapshot", bodies.SnapshotBody, _by(results.SNAPSHOT_READ), "read"
)
ACCESS_EXPLAIN: Final = KernelCall(
    "access_explain", "What the caller may do with a row", bodies.RowBody, _by(results.ACCESS)
)
RECEIPT_GET: Final = KernelCall("receipt_get", "A receipt", bodies.ReceiptBody, _receipt)
TRACK_LIST: Final = KernelCall(
    "track_list", "The caller's tracks", bodies.NoBody, _by(results.TRACKS)
)
TRACK_REMOVE: Final = KernelCall(
    "track_remove", "End tracks", bodies.UntrackBody, _number, retryable=False, member="removed"
)
LOG_HEAD: Final = KernelCall(
    *("log_head", "The last position of the log", bodies.NoBody, _number),
    takes=("organization",),
    member="head",
)
LOG_READ: Final = KernelCall("log_read", "A page of the log", bodies.LogBody, _by(results.LOG_PAGE))
COMMIT_PREVIEW: Final = KernelCall(
    *("commit_preview", "What a commit would change", bodies.PreviewBody, previewed_of),
    takes=("organization", "participant", "on_behalf_of", "capability_id"),
)
UNDO_PLAN: Final = KernelCall(
    "undo_plan", "The commit that undoes some changes", bodies.UndoBody, _by(results.UNDO)
)
CLAIM_ACQUIRE: Final = KernelCall(
    *("claim_acquire", "Request a claim", bodies.AcquireBody, claim_results.claim_answer_of),
    verb="write",
    takes=(*KEYED, "on_behalf_of", "key_id"),
    metric="claims",
)
CLAIM_NEXT: Final = KernelCall(
    *("claim_next", "Claim the first free row of a list", bodies.NextBody, _claimed),
    verb="write",
    retryable=False,
    takes=(*KEYED, "on_behalf_of", "key_id"),
    metric="claims",
)
CLAIM_LOOK: Final = KernelCall(
    *("claim_look", "Read a claim", bodies.ClaimBody, claim_results.claim_answer_of),
    routine="claim_get",
    fixed={"renew": True},
    metric="claim_waits",
)
CLAIM_BEATS: Final = KernelCall(
    *("claim_beats", "Renew claims", bodies.BeatsBody, claim_results.claim_beats_of),
    routine="claim_heartbeat_all",
    metric="claim_waits",
)
CLAIM_NEWS: Final = KernelCall(
    "claim_news", "Wait for claim events", bodies.NewsBody, _by(msgspec.json.Decoder(News))
)
CLAIM_RELEASE: Final = KernelCall(
    "claim_release", "Release a claim", bodies.ClaimBody, _flag, member="released"
)
CLAIM_RELEASE_ROW: Final = KernelCall(
    "claim_release_row", "Release all claims on a row", bodies.RowBody, _flag, member="released"
)
CLAIM_LINE: Final = KernelCall(
    *("claim_line", "A row's holders and wait queue", bodies.RowBody, claim_results.claim_line_of),
    verb="read",
    routine="claim_list",
)
CLAIM_REORDER: Final = KernelCall(
    *("claim_reorder", "Reorder a wait queue", bodies.OrderBody, _flag),
    verb="write",
    retryable=False,
    member="reordered",
)
PRESENCE_BEAT: Final = KernelCall(
    *("presence_beat", "Set own presence", bodies.PresenceBody, claim_results.presence_ttl_of),
    takes=WHO,
)
PRESENCE_LEAVE: Final = KernelCall(
    "presence_leave", "End own presence", bodies.SessionBody, _flag, takes=WHO, member="left"
)
PRESENCE_LIST: Final = KernelCall(
    "presence_list", "Who is present", bodies.NoBody, claim_results.presence_of
)
CALLS: Final[tuple[KernelCall[Any, object], ...]] = (
    *(STATUS, ROW_GET, ROW_AT, ROW_HISTORY, ROW_LIST, ROW_AGGREGATE, SNAPSHOT_READ, RECEIPT_GET),
    ACCESS_EXPLAIN,
    *(TRACK_LIST, TRACK_REMOVE, LOG_HEAD, LOG_READ, COMMIT_PREVIEW, UNDO_PLAN),
    *(
        CLAIM_ACQUIRE,
        CLAIM_NEXT,
        CLAIM_LOOK,
        CLAIM_BEATS,
        CLAIM_NEWS,
        CLAIM_RELEASE,
        CLAIM_RELEASE_ROW,
    ),
    *(CLAIM_LINE, CLAIM_REORDER, PRESENCE_BEAT, PRESENCE_LEAVE, PRESENCE_LIST),
)
