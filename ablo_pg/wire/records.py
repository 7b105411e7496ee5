"""Commit records: a stored commit as an auditor reads it, without values.

A newer client accepts a record only with exactly these keys, so nothing optional is ever null.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import orjson

from ablo_pg.errors import AbloError, error_for
from ablo_pg.json_text import loads
from ablo_pg.wire.authority import authority_body, wire_groups
from ablo_pg.wire.deltas import utc_time
from ablo_pg.wire.participants import split_participant

MOST: Final = 100
DEFAULT: Final = 20
# Names of onStale that clients of the newer generation know.
STALE_WORDS: Final = {"force": "overwrite", "flag": "notify", "merge": "notify"}
ACTIONS: Final = {
    "I": "create",
    "U": "update",
    "D": "delete",
    "A": "archive",
    "V": "unarchive",
}


def record_body(record: Mapping[str, Any], authority: dict[str, Any]) -> dict[str, object]:
    """Return a record. authority: the reader's own, which is also that of its own commits."""
    receipt = record["receipt"]
    kind, name = split_participant(record["participant"])
    kind, name = kind or "system", name or ""
    mine = (authority["participantKind"], authority["participantId"]) == (kind, name)
    organization = authority["organizationId"]
    groups = wire_groups(organization, None)
    return {
        "id": receipt["clientTxId"],
        "attempts": _attempts(receipt, record["attempts"]),
        "actor": {"kind": kind, "id": name},
        "authority": authority if mine else authority_body(organization, kind, name, groups, []),
        "claims": [_claim(one) for one in record["claims"]],
        "createdAt": receipt["createdAt"],
        "readSet": [_premise(one) for one in record["reads"] if _is_premise(one)],
        "operations": [_operation(one) for one in record["operations"]],
        "receipt": {key: receipt[key] for key in ("clientTxId", "serverTxId", "ops")},
        "status": receipt["status"],
        "statusAt": receipt["statusAt"],
        "lastSyncId": receipt["lastSyncId"],
    }


def records_body(found: bytes, authority: dict[str, Any]) -> dict[str, object]:
    """Return a page of records."""
    page = loads(found)
    after = page["next"]
    cursor = None if after is None else base64.urlsafe_b64encode(orjson.dumps(after)).decode()
    return {"data": [record_body(one, authority) for one in page["data"]], "nextCursor": cursor}


def read_record_query(query: Mapping[str, str], only: str | None) -> dict[str, object]:
    """Read the query string of a list. only: whose commits the caller may see; None means all.

    Raises invalid_request, cursor_invalid.
    """
    limit = query.get("limit", str(DEFAULT))
    if not (limit.isascii() and limit.isdigit() and len(limit) < 4 and 1 <= int(limit) <= MOST):
        raise error_for(
            "invalid_request",
            f"limit is {limit[:20]!r}",
            field="limit",
            remedy=f"a whole number from 1 to {MOST}",
        )
    asked: dict[str, object] = {"limit": int(limit)}
    if only is not None:
        asked["participant"] = only
    elif query.get("actorId"):
        asked["participant"] = query["actorId"]
    if query.get("cursor"):
        asked["before"] = _cursor(query["cursor"])
    return asked


def _cursor(text: str) -> dict[str, str]:
    try:
        found = msgspec.json.decode(base64.urlsafe_b64decode(text), type=dict[str, str])
    except (ValueError, msgspec.MsgspecError):
        raise _bad_cursor() from None
    if found.keys() != {"at", "key", "participant"}:
        raise _bad_cursor()
    return found


def _bad_cursor() -> AbloError:
    return error_for(
        "cursor_invalid",
        "cursor does not belong to this list",
        field="cursor",
        remedy="pass nextCursor of the previous page",
    )


def _attempts(receipt: Mapping[str, Any], found: Sequence[Mapping[str, Any]]) -> list[object]:
    """Return the events of a key: executed once, then replayed."""
    name = receipt["serverTxId"]
    return [
        {
            "id": f"{name}.{number}" if number else name,
            "observedAt": utc_time(one["at"]),
            "transport": one["transport"] or "internal",
            "kind": "replay" if number else "execution",
        }
        for number, one in enumerate(found)
    ]


def _is_premise(one: Mapping[str, Any]) -> bool:
    """Whether clients know this kind of premise: a row's, a group's. Others hold values."""
    return "readAt" in one and ("group" in one or "id" in one)


def _premise(one: Mapping[str, Any]) -> dict[str, object]:
    """Return what a commit had read, and up to which position."""
    scope = "row" if one.get("group") is None else "group"
    named = ("model", "id", "fields") if scope == "row" else ("group",)
    target = {key: one[key] for key in named if one.get(key) is not None}
    word = one.get("onStale") or "reject"
    return {
        "target": {"scope": scope} | target,
        "watermark": one["readAt"],
        "lifetime": "commit",
        "onStale": STALE_WORDS.get(word, word),
    }


def _operation(one: Mapping[str, Any]) -> dict[str, object]:
    found = {
        "action": ACTIONS[one["op"]],
        "model": one["model"],
        "id": one["id"],
        "data": {"retention": "redacted"},
    }
    if "transactionId" in one:
        found["transactionId"] = one["transactionId"]
    return found


def _claim(one: Mapping[str, Any]) -> dict[str, object]:
    target = {"scope": "row", "model": one["model"], "id": one["rowId"]}
    if "fields" in one:
        target["fields"] = one["fields"]
    found = {"id": one["id"], "target": target}
    if "fenceToken" in one:
        found["fenceToken"] = one["fenceToken"]
    return found
