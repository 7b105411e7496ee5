"""The log as a feed of events: its cursor, its filters, and the format of an event. Pure.

A cursor is `<log>.<claims>`, two whole numbers: the position in the log, and the position in the
claim events; 0 there means from the time of the log position on. A cursor without the second part
belongs to a client that does not know claim events (older ones read it as a number), and gets none.
It is opaque to clients but not secret.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from ablo_pg.delta import Delta
from ablo_pg.errors import AbloError, error_for
from ablo_pg.wire.deltas import delta_json, utc_time
from ablo_pg.wire.participants import split_participant

CURSOR: Final = re.compile(r"([0-9]{1,18})(\.[0-9]{1,18})?")
# Delta actions by their name in the feed; this server produces no group actions.
OPS: Final = {
    "create": "I",
    "update": "U",
    "delete": "D",
    "archive": "A",
    "revive": "V",
    "visible": "C",
    "group_added": "G",
    "group_removed": "S",
}
NAMES: Final = {action: name for name, action in OPS.items()}
DEFAULT_LIMIT: Final = 100


@dataclass(frozen=True, slots=True)
class LogQuery:
    """The requested part of the log. after None: the newest `limit` events."""

    after: int | None
    claims_after: int | None  # None: no claim events
    limit: int
    model: str | None
    op: str | None
    since: str | None  # ISO 8601 in UTC, comparable with a delta's time


def read_log_query(query: Mapping[str, str], most: int) -> LogQuery:
    """Read a query string. Raises invalid_request."""
    op = query.get("op") or None
    if op is not None and op not in OPS:
        raise _bad("op", f"op is {op[:20]!r}", f"use one of: {', '.join(OPS)}")
    log, claims = _after(query.get("after"))
    return LogQuery(
        log,
        claims if op is None else None,
        _limit(query.get("limit"), most),
        query.get("model") or None,
        None if op is None else OPS[op],
        _since(query.get("since")),
    )


def log_cursor(sync_id: int, claims: int = 0) -> str:
    """Return the cursor after a sync id and a position among the claim events."""
    return f"{sync_id}.{claims}"


def claim_event(event: Mapping[str, Any]) -> bytes:
    """Return one claim event, from the JSON of `ablo.claim_events`."""
    kind, actor = split_participant(event["participant"])
    behalf_kind, behalf = split_participant(event.get("onBehalfOf"))
    target = {"model": event.get("model"), "id": event["rowId"], "fields": event.get("fields")}
    found = {
        "object": "claim_event",
        "seq": event["seq"],
        "at": utc_time(event["at"]),
        "claimId": event["claimId"],
        "status": event["status"],
        "actor": actor,
        "participantKind": kind,
        "onBehalfOfId": behalf,
        "onBehalfOfKind": behalf_kind,
        "capabilityId": event.get("capabilityId"),
        "description": event["description"],
        "expiresAt": event["expiresAt"],
        "target": {key: value for key, value in target.items() if value is not None},
    }
    if "fenceToken" in event:
        found["fenceToken"] = event["fenceToken"]
    return orjson.dumps(found)


def log_event(delta: Delta, model: str) -> bytes:
    """Return one event, with its delta; `model` is the feed's name of it."""
    head = orjson.dumps(
        {
            "object": "log_event",
            "id": delta.sync_id,
            "at": utc_time(delta.created_at),
            "model": model,
            "op": NAMES[delta.op],
            "recordId": delta.row_id,
            "actor": delta.actor,
        }
    )
    return head[:-1] + b',"delta":' + delta_json(delta) + b"}"


def log_body(events: Sequence[bytes], has_more: bool, cursor: str) -> bytes:
    """Return a page of the feed."""
    return b'{"object":"list","data":[%b],"has_more":%b,"next_cursor":"%b"}' % (
        b",".join(events),
        b"true" if has_more else b"false",
        cursor.encode(),
    )


def _after(text: str | None) -> tuple[int | None, int | None]:
    """Return both parts of a cursor."""
    if not text:
        return None, None
    found = CURSOR.fullmatch(text)
    if found is None:
        raise _bad(
            "after", "after is not a cursor of this feed", "pass next_cursor of an earlier page"
        )
    return int(found[1]), None if found[2] is None else int(found[2][1:])


def _limit(text: str | None, most: int) -> int:
    if text is None:
        return min(DEFAULT_LIMIT, most)
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) >= 1):
        raise _bad("limit", f"limit is {text[:20]!r}", f"a whole number from 1 to {most}")
    return min(int(text), most)


def _since(text: str | None) -> str | None:
    """Parse a time; without a zone it is UTC."""
    if not text:
        return None
    try:
        # An unescaped `+` of an offset arrives as a space.
        moment = dt.datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=dt.UTC)
        return moment.astimezone(dt.UTC).isoformat(timespec="microseconds")
    except (ValueError, OverflowError):
        raise _bad("since", "since is not a time", "pass ISO 8601: 2026-01-01T00:00:00Z") from None


def _bad(field: str, message: str, remedy: str) -> AbloError:
    return error_for("invalid_request", message, field=field, remedy=remedy)
