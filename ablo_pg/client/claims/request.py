"""The arguments of `claim(...)`, checked, and as the kernel reads them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeAlias, TypedDict

import orjson

from ablo_pg.claim import ClaimState
from ablo_pg.client.durations import Duration, encode_duration
from ablo_pg.client.names import Entry
from ablo_pg.errors import AbloError, error_for
from ablo_pg.schema.values import BadValueError, json_value

# Claims by id, or as `queue` returned them.
Order: TypeAlias = Sequence[str | ClaimState]
ACTION_DEFAULT: Final = "editing"


class ClaimOptions(TypedDict, total=False):
    """The arguments of both clients besides `queue`, which decides the result, and `on_status`."""

    action: str | None
    ttl: Duration | None
    fields: Iterable[str] | None
    meta: Mapping[str, object] | None
    max_queue_depth: int | None
    timeout: float | None


def claim_request(
    claim_id: str,
    *,
    action: str | None,
    ttl: Duration | None,
    queue: bool,
    fields: tuple[str, ...] | None,
    meta: Mapping[str, object] | None,
    max_queue_depth: int | None,
) -> bytes:
    """Build the request of `claim_acquire`. fields: wire names."""
    if action is not None and (not isinstance(action, str) or not action or "\x00" in action):
        raise _invalid(f"action cannot be {action!r}", "action", 'pass a string such as "update"')
    if not isinstance(queue, bool):
        raise _invalid(f"queue cannot be {queue!r}", "queue", "pass True or False")
    body: dict[str, object] = {"claimId": claim_id, "queue": queue}
    body["description"] = ACTION_DEFAULT if action is None else action
    if ttl is not None:
        body["ttl"] = encode_duration(ttl, "ttl")
    if fields is not None:
        body["fields"] = fields
    if max_queue_depth is not None:
        body["maxDepth"] = _depth(max_queue_depth)
    if meta is not None:
        body["meta"] = json_object(meta, "meta")
    return orjson.dumps(body)


def wire_fields(entry: Entry, fields: Iterable[str]) -> tuple[str, ...]:
    """Return fields under wire names, each once. Raises unknown_field, invalid_options."""
    if isinstance(fields, str):
        raise _invalid("fields must be a list of names", "fields", 'pass fields=["status"]')
    names = tuple(dict.fromkeys(entry.field(one).wire for one in fields))
    if not names:
        raise _invalid("fields names no field", "fields", "leave it out for the whole row")
    return names


def encode_order(order: Order) -> list[str]:
    """Return the claim ids of an order."""
    if isinstance(order, str | bytes) or not isinstance(order, Sequence):
        raise _invalid("order must be a list of claim ids", "order", "pass order=[claim_id, ...]")
    ids = [one.id if isinstance(one, ClaimState) else one for one in order]
    if not all(isinstance(one, str) and one for one in ids) or len(set(ids)) < len(ids):
        raise _invalid("order must name claims, each once", "order", "pass ids from claim.queue")
    return ids


def json_object(value: object, field: str) -> object:
    """Return a JSON object, checked to be storable."""
    try:
        wire = orjson.dumps(value)
    except TypeError as exc:
        raise _invalid(f"{field} is not JSON: {exc}", field, "pass a dict of plain values") from exc
    if not isinstance(value, Mapping) or b"\\u0000" in wire:
        raise _invalid(f"{field} is not a JSON object", field, "pass a dict of plain values")
    try:
        return json_value(value)
    except BadValueError as exc:
        raise _invalid(f"{field}: {exc.reason}", field, exc.remedy) from None


def _depth(value: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise _invalid(
            f"max_queue_depth cannot be {value!r}",
            "max_queue_depth",
            "pass how many may already wait, 0 or more",
        )
    return min(value, 2**31 - 1)


def _invalid(message: str, field: str, remedy: str) -> AbloError:
    return error_for("invalid_options", message, field=field, remedy=remedy)
