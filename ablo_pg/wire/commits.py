"""Writes in bodies, and in the kernel's form.

Every interface translates to one form: `{"operations": [...], "reads"?, "track"?}` without nulls,
so that equal writes have equal hashes. A row's data is passed on as the bytes it came in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal

import msgspec
import orjson

from ablo_pg.errors import error_for
from ablo_pg.wire.limits import ModelName, Name, RowId
from ablo_pg.wire.requests import pass_on

Action = Literal["create", "update", "delete", "archive", "unarchive"]
Position = Annotated[int, msgspec.Meta(ge=0)]
NOTHING: Final = msgspec.Raw(b"")


class Guarded(msgspec.Struct, frozen=True, rename="camel"):
    """What a write may be based on. `idempotency_key` is read if the header is missing."""

    claim: Name | None = None
    claim_id: Name | None = None
    fence_token: Position | None = None
    read_at: Position | None = None
    on_stale: Name | None = None
    reads: list[dict[str, Any]] | None = None
    track: list[dict[str, Any]] | None = None
    idempotency_key: str | None = None


class CreateBody(Guarded, frozen=True, kw_only=True):
    """POST of a model: the row, and the id the client chose for it."""

    data: msgspec.Raw
    id: RowId | None = None


class UpdateBody(Guarded, frozen=True, kw_only=True):
    """PATCH of a row: the fields that change."""

    data: msgspec.Raw


class DeleteBody(Guarded, frozen=True):
    """DELETE of a row: guards, or nothing."""


class OperationBody(msgspec.Struct, frozen=True, rename="camel"):
    """One operation of a commit; nulls are omitted."""

    action: Name
    model: ModelName
    id: RowId | None = None
    data: msgspec.Raw = NOTHING
    transaction_id: Name | None = None
    claim_id: Name | None = None
    read_at: Position | None = None
    on_stale: Name | None = None
    fence_token: Position | None = None


class CommitBody(msgspec.Struct, frozen=True, rename="camel"):
    """POST of a commit."""

    operations: list[OperationBody] | None = None
    reads: list[dict[str, Any]] | None = None
    track: list[dict[str, Any]] | None = None
    idempotency_key: str | None = None
    client_tx_id: str | None = None
    claim: Name | None = None
    returning: bool | None = None  # the rows too; our own client asks for them


def row_data(data: msgspec.Raw) -> orjson.Fragment | None:
    """Return a row's data to pass on; None if it is absent. Raises invalid_body."""
    text = bytes(data).strip()
    if text in (b"", b"null"):
        return None
    if not text.startswith(b"{"):
        raise error_for(
            "invalid_body",
            "data is not an object",
            field="data",
            remedy='send the fields of the row: {"data": {...}}',
        )
    return orjson.Fragment(text)


def one_operation(action: Action, model: str, row_id: str | None, body: Guarded) -> bytes:
    """Return the kernel's request to write one row; row_id: None for the table to choose."""
    data = getattr(body, "data", NOTHING)
    operation = {
        "action": action,
        "model": model,
        "id": row_id,
        "data": row_data(data),
        "claimId": body.claim or body.claim_id,
        "fenceToken": body.fence_token,
        "readAt": body.read_at,
        "onStale": body.on_stale,
    }
    return _request([operation], body.reads, body.track)


def many_operations(body: CommitBody, models: list[str]) -> bytes:
    """Return the kernel's request of a commit. models: each operation's, as the kernel spells it.

    An older client names the claim of a write once, for all operations.
    """
    operations = [
        {
            "action": one.action,
            "model": model,
            "id": one.id,
            "data": row_data(one.data),
            "transactionId": one.transaction_id,
            "claimId": one.claim_id or body.claim,
            "fenceToken": one.fence_token,
            "readAt": one.read_at,
            "onStale": one.on_stale,
        }
        for one, model in zip(body.operations or (), models, strict=True)
    ]
    return _request(operations, body.reads, body.track, body.returning)


def _request(
    operations: Sequence[Mapping[str, object]],
    reads: list[dict[str, object]] | None,
    track: list[dict[str, object]] | None,
    returning: bool | None = None,
) -> bytes:
    request: dict[str, object] = {"operations": [_said(one) for one in operations]}
    if reads:
        request["reads"] = [_said(one) for one in reads]
    if track:
        request["track"] = [_said(one) for one in track]
    if returning:
        request["returning"] = True
    return pass_on(request)


def _said(item: Mapping[str, object]) -> dict[str, object]:
    return {key: value for key, value in item.items() if value is not None}
