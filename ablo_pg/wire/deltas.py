"""A delta of the log as live clients get it; the row's JSON is passed on as its bytes.

    {"id":7,"actionType":"U","modelName":"Task","modelId":"t1","data":{..row..}, ...}

Frames for the TypeScript SDK carry the row as JSON text, `"data":"{..row..}"`, which its clients of
both generations read, and one delta per row (`wire.coalesce`). A client that requests every delta
gets them all.

Callers: the socket (frames of one or several), catch-up answers, Server-Sent Events. Pure. The only
module that formats a delta, so every interface sends the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
import orjson

from ablo_pg.delta import Delta, Op
from ablo_pg.wire.participants import participant_json

DEFAULT: Final = "default"  # the organization's own group, before the others


def delta_json(delta: Delta, *, text: bool = False) -> bytes:
    """Return one delta. Its groups begin with `default`, which means the organization's own.

    text: the row as a string of JSON in place of an object, and without what was before.
    `changed`, `claimId`, `leftGroups`, `before` and `enteredGroups` are ours, for our own client;
    others ignore what they do not know.
    """
    actor = orjson.dumps(participant_json(delta.actor))
    return b"".join(
        (
            b'{"id":',
            str(delta.sync_id).encode(),
            b',"actionType":"',
            delta.op.encode(),
            b'","modelName":',
            orjson.dumps(delta.model),
            b',"modelId":',
            orjson.dumps(delta.row_id),
            b',"data":',
            b"null" if delta.row is None else row_text(delta.row) if text else delta.row,
            b',"syncGroups":',
            orjson.dumps((DEFAULT, *delta.groups)),
            b',"transactionId":',
            orjson.dumps(delta.transaction_id),
            b',"createdAt":"',
            utc_time(delta.created_at).encode(),
            b'","createdBy":',
            actor,
            b',"actor":',
            actor,
            b',"onBehalfOf":',
            orjson.dumps(participant_json(delta.on_behalf_of)),
            b',"capabilityId":',
            orjson.dumps(delta.capability_id),
            b',"confirmationState":"auto"',
            b',"changed":' + orjson.dumps(delta.changed) if delta.changed else b"",
            b',"claimId":' + orjson.dumps(delta.claim_id) if delta.claim_id else b"",
            b',"leftGroups":' + orjson.dumps(delta.left_groups) if delta.left_groups else b"",
            b"" if text else _before(delta),
            b"}",
        )
    )


def _before(delta: Delta) -> bytes:
    if delta.before is None:
        return b""
    entered = delta.entered_groups
    groups = b',"enteredGroups":' + orjson.dumps(entered) if entered else b""
    return b',"before":' + delta.before + groups


def row_text(row: bytes) -> bytes:
    """Return a row's JSON as a JSON string."""
    return orjson.dumps(row.decode())


def delta_frame(deltas: Sequence[bytes], whole: bool = False) -> bytes:
    """Return the `delta` frame of one encoded delta, or of several.

    whole: say that they end with a commit.
    """
    head = b'{"type":"delta","whole":true,' if whole else b'{"type":"delta",'
    if len(deltas) == 1:
        return head + b'"payload":' + deltas[0] + b"}"
    return head + b'"payload":{"deltas":[' + b",".join(deltas) + b"]}}"


def sync_response(deltas: Sequence[bytes], current: int, cursor: int, extra: bytes = b"") -> bytes:
    """Return the `sync_response` frame.

    Args: current, the log's head. cursor, the position up to which the client is served. extra,
    more members of the payload, each with a leading comma.
    """
    return (
        b'{"type":"sync_response","payload":{"deltas":[%b],"currentSyncId":%d,"newCursor":"%d"%b}}'
        % (
            b",".join(deltas),
            current,
            cursor,
            extra,
        )
    )


def stream_event(delta: Delta, kind: str = "delta") -> bytes:
    """Return a delta as a Server-Sent Event of a kind, whose id is where to resume.

    A line break inside JSON only separates tokens, and would end the event's line.
    """
    data = delta_json(delta).replace(b"\r", b" ").replace(b"\n", b" ")
    return b"id: %d\nevent: %b\ndata: %b\n\n" % (delta.sync_id, kind.encode(), data)


def utc_time(text: str) -> str:
    """Return a time of the log as clients parse it: milliseconds, and Z.

    >>> utc_time("2026-11-23T05:13:01.65672+00:00")
    '2026-11-23T05:13:01.656Z'
    >>> utc_time("2026-11-23T05:13:01+00:00")
    '2026-11-23T05:13:01.000Z'
    """
    fraction = text[20:23] if text[19:20] == "." else ""
    digits = fraction.partition("+")[0]
    return f"{text[:19]}.{digits:0<3}Z"


class _Who(msgspec.Struct, frozen=True):
    kind: str
    id: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}"


class WireDelta(msgspec.Struct, frozen=True, rename="camel"):
    """A delta as a relay spells it."""

    id: int
    action_type: Op
    model_name: str
    model_id: str
    data: msgspec.Raw
    sync_groups: tuple[str, ...]
    created_at: str
    actor: _Who | None = None
    on_behalf_of: _Who | None = None
    capability_id: str | None = None
    transaction_id: str | None = None
    claim_id: str | None = None
    changed: tuple[str, ...] = ()
    left_groups: tuple[str, ...] = ()
    before: msgspec.Raw = msgspec.Raw(b"null")
    entered_groups: tuple[str, ...] = ()

    def delta(self, organization: str) -> Delta:
        """Return it as the log has it; its transaction's number is not told."""
        data, before = bytes(self.data), bytes(self.before)
        return Delta(
            self.id,
            organization,
            self.model_name,
            self.model_id,
            self.action_type,
            tuple(group for group in self.sync_groups if group != DEFAULT),
            None if data == b"null" else data,
            self.changed,
            None if self.actor is None else str(self.actor),
            None if self.on_behalf_of is None else str(self.on_behalf_of),
            self.capability_id,
            self.claim_id,
            self.transaction_id,
            0,
            self.created_at,
            self.left_groups,
            None if before == b"null" else before,
            self.entered_groups,
        )
