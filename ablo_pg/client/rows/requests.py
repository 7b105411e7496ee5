"""Requests as the kernel reads them, from callers' arguments. Pure: no I/O, no clock.

Called by `models`, `commits` and `snapshots`; every transport sends its results. Names become wire
names, values JSON, read evidence premises; invalid arguments are refused by name before anything is
sent.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias, get_args

import msgspec
import orjson

from ablo_pg.client.names import Entry, did_you_mean
from ablo_pg.client.registry import Registry
from ablo_pg.client.rows.operations import Action, Operation
from ablo_pg.client.rows.premises import (
    Reads,
    disposition_of,
    encode_premise,
    encode_track,
    stamp_of,
)
from ablo_pg.client.rows.values import encode_data, encode_id
from ablo_pg.client.rows.where import ListQuery, OrderBy, Where, ordering, predicates
from ablo_pg.errors import AbloError, error_for
from ablo_pg.schema.neutral import PARTICIPANT_KINDS
from ablo_pg.schema.rows import Model

KEY_LIMIT: Final = 255
PAGE_DEFAULT: Final = 100
PAGE_LIMIT: Final = 1000
# Bytes of a commit as JSON: bounds its memory here and in its backend.
REQUEST_LIMIT: Final = 16 << 20
ID_NAMESPACE: Final = uuid.UUID("aa4ba6d4-bf0b-5b38-9c45-116f79a6e548")
_ACTIONS: Final = get_args(Action)
_EXAMPLES: Final = {"participant": "agent:triage", "on_behalf_of": "user:ann"}
_OPERATION_KEYS: Final = {
    "action": "action",
    "model": "model",
    "id": "id",
    "data": "data",
    "read_at": "read_at",
    "readAt": "read_at",
    "on_stale": "on_stale",
    "onStale": "on_stale",
    "transaction_id": "transaction_id",
    "transactionId": "transaction_id",
    "claim_id": "claim_id",
    "claimId": "claim_id",
    "fence_token": "fence_token",
    "fenceToken": "fence_token",
}
# Puts claims on operations (wire form), and premises into the list.
Cover: TypeAlias = Callable[[list[dict[str, Any]], list[dict[str, Any]]], None]


class CommitRequest(msgspec.Struct, frozen=True):
    """A commit ready to send: its key and its request as JSON, the same bytes for every attempt.

    created: (schema key, id) of the rows that it makes.
    """

    key: str
    body: bytes
    created: tuple[tuple[str, str], ...] = ()


def participant_of(participant: str | None, option: str = "participant") -> str:
    """Return `kind:id`, checked; `option` is the caller's name for it.

    Raises invalid_participant_kind.
    """
    kind, _, name = participant.partition(":") if isinstance(participant, str) else ("", "", "")
    if kind in PARTICIPANT_KINDS and name and "\x00" not in name:
        return f"{kind}:{name}"
    raise error_for(
        "invalid_participant_kind",
        f"{option} {participant!r} is not kind:id with kind {', '.join(PARTICIPANT_KINDS)}",
        field=option,
        remedy=f'pass for example {option}="{_EXAMPLES[option]}"',
    )


def organization_of(organization: str | None) -> str:
    """Return the organization, checked. Raises identity_missing_organization."""
    if isinstance(organization, str) and organization and "\x00" not in organization:
        return organization
    raise error_for(
        "identity_missing_organization",
        "No organization was given",
        field="organization",
        remedy='pass organization="..."',
    )


def idempotency_key(key: str | None) -> str:
    """Return the key, or a new one. Raises idempotency_key_too_long, invalid_request."""
    if key is None:
        return str(uuid.uuid4())
    if not isinstance(key, str) or not key or "\x00" in key:
        raise error_for(
            "invalid_request",
            "An idempotency key must be a non-empty string without NUL characters",
            field="idempotency_key",
            remedy="leave it out to get a new one",
        )
    if len(key) > KEY_LIMIT:
        raise error_for(
            "idempotency_key_too_long",
            f"The idempotency key has {len(key)} characters; the maximum is {KEY_LIMIT}",
            field="idempotency_key",
            remedy="shorten or hash it",
        )
    return key


def new_id(model: Entry, key: str | None, suffix: str = "") -> str:
    """Return a new row's id: random, or derived from the key so that a retry generates it again."""
    if key is None:
        return str(uuid.uuid4())
    return str(uuid.uuid5(ID_NAMESPACE, f"{model.key}:{key}{suffix}"))


def commit_request(
    registry: Registry,
    operations: Sequence[Operation | Mapping[str, object]],
    reads: Reads | None,
    key: str | None,
    cover: Cover | None = None,
    track: Sequence[Model | Mapping[str, object]] | None = None,
) -> CommitRequest:
    """Build a commit of several operations; cover, track: see `assemble`."""
    wire = encode_operations(registry, operations, key, empty=bool(track))
    targets = [encode_track(registry, one) for one in track or ()]
    return assemble(registry, wire, reads, key, cover, targets)


def encode_operations(
    registry: Registry,
    operations: Sequence[Operation | Mapping[str, object]],
    key: str | None,
    *,
    empty: bool,
) -> list[dict[str, Any]]:
    """Return the operations of a commit under wire names; empty: there may be none."""
    if isinstance(operations, Operation | Mapping | str) or not isinstance(operations, Sequence):
        raise _invalid("operations must be a list", "operations", "pass operations=[...]")
    if not operations and not empty:
        raise error_for(
            "commit_operation_required",
            "A commit needs at least one operation",
            field="operations",
            remedy='pass operations=[{"action": ..., "model": ..., "id": ..., "data": ...}]',
        )
    return [
        encode_operation(registry, _operation(one), key, f":{index}")
        for index, one in enumerate(operations)
    ]


def assemble(
    registry: Registry,
    operations: list[dict[str, Any]],
    reads: Reads | None,
    key: str | None,
    cover: Cover | None = None,
    track: Sequence[Mapping[str, object]] = (),
    returning: bool = False,
) -> CommitRequest:
    """Build a commit from operations in wire form.

    cover: puts the caller's claims on the operations, and their premises into the list. track: what
    the participant tracks from here on, in wire form. returning: answer with the rows.
    """
    body: dict[str, object] = {"operations": operations}
    premises = [encode_premise(registry, one) for one in reads or ()]
    if cover is not None:
        cover(operations, premises)
    if premises:
        body["reads"] = premises
    if track:
        body["track"] = list(track)
    if returning:
        body["returning"] = True
    created = tuple(
        (registry.entry(one["model"]).key, one["id"])
        for one in operations
        if one["action"] == "create" and "id" in one
    )
    wire = orjson.dumps(body, option=orjson.OPT_SORT_KEYS)
    if len(wire) > REQUEST_LIMIT:
        raise error_for(
            "request_too_large",
            f"The commit has {len(wire):,} bytes; the limit is {REQUEST_LIMIT:,}",
            field="operations",
            remedy="split it into several commits",
        )
    return CommitRequest(idempotency_key(key), wire, created)


def with_taken_id(error: AbloError, request: CommitRequest) -> AbloError:
    """Name the id in a unique_violation, if only one row of the model was created.

    Postgres does not: it gives no DETAIL for tables under row-level security.
    """
    ids = [row_id for model, row_id in request.created if model == error.model]
    if error.code != "unique_violation" or error.field != "id" or len(ids) != 1:
        return error
    return error_for(
        error.code,
        f"{error.model} {ids[0]!r} already exists",
        model=error.model,
        field="id",
        row_id=ids[0],
        remedy=error.remedy,
    )


def encode_operation(
    registry: Registry, operation: Operation, key: str | None = None, suffix: str = ""
) -> dict[str, Any]:
    """Return one operation under wire names.

    A create without an id gets one, unless the model's ids are known to be numbers.
    """
    if operation.action not in _ACTIONS:
        code = "commit_operation_unsupported" if operation.action else _MISSING_ACTION
        raise _invalid(
            f"{operation.action!r} is not an action", "action", f"use {', '.join(_ACTIONS)}", code
        )
    if not operation.model:
        raise _invalid(
            "An operation names no model", "model", "add model", "commit_operation_model_required"
        )
    model = registry.entry(operation.model)
    row_id = operation.id
    wire: dict[str, Any] = {"action": operation.action, "model": model.typename}
    if row_id is None and operation.action == "create":
        row_id = None if model.typename in registry.numbered else new_id(model, key, suffix)
    if row_id is not None or operation.action != "create":
        wire["id"] = encode_id(model.key, row_id)
    if operation.data is not None:
        wire["data"] = encode_data(model, operation.action, operation.data)
    elif operation.action in ("create", "update"):
        raise _invalid(
            f"{operation.action} of {model.key} has no data",
            "data",
            "pass data={...}",
            "commit_operation_invalid",
            model.key,
        )
    if operation.read_at is not None:
        wire["readAt"] = stamp_of(operation.read_at, model.key)
    if operation.on_stale is not None:
        wire["onStale"] = disposition_of(operation.on_stale, model.key)
    if operation.transaction_id is not None:
        wire["transactionId"] = operation.transaction_id
    if operation.claim_id is not None:
        wire["claimId"] = operation.claim_id
    if operation.fence_token is not None:
        wire["fenceToken"] = operation.fence_token
    return wire


def _operation(given: Operation | Mapping[str, object]) -> Operation:
    if isinstance(given, Operation):
        return given
    if not isinstance(given, Mapping):
        raise _invalid(
            f"An operation is a {type(given).__name__}",
            "operations",
            "pass dicts or Operation values",
            "commit_operation_invalid",
        )
    options: dict[str, Any] = {}
    for name, value in given.items():
        known = _OPERATION_KEYS.get(name)
        if known is None:
            raise _invalid(
                f"An operation has no key {name!r}",
                str(name),
                did_you_mean(str(name), set(_OPERATION_KEYS.values())),
                "commit_operation_invalid",
            )
        options[known] = value
    if not options.get("action"):
        raise _invalid(
            "An operation names no action",
            "action",
            f"add action: {', '.join(_ACTIONS)}",
            _MISSING_ACTION,
        )
    return Operation(**{"model": "", **options})


def list_query(
    model: Entry,
    where: Where | None,
    order_by: OrderBy | None,
    limit: int,
    after: str | None,
    archived: bool,
    **more: object,
) -> ListQuery:
    """Build the query of one page. more: further members."""
    if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= PAGE_LIMIT:
        raise error_for(
            "invalid_options",
            f"limit must be between 1 and {PAGE_LIMIT}",
            model=model.key,
            field="limit",
            remedy="continue with after=page.next_cursor",
        )
    wanted = predicates(model, where)
    query: dict[str, object] = {"where": wanted, "orderBy": ordering(model, order_by)}
    query |= {"limit": limit, "archived": archived, **more}
    if after is not None:
        query["after"] = after
    return ListQuery(orjson.dumps(query), wanted, bool(archived))


_MISSING_ACTION: Final = "commit_operation_action_required"


def _invalid(
    message: str, field: str, remedy: str, code: str = "invalid_request", model: str | None = None
) -> AbloError:
    return error_for(code, message, field=field, remedy=remedy, model=model)
