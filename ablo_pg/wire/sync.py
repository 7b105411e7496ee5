"""Reading rows for a local copy: bootstrap requests, on-demand queries, and their answers. Pure.

A query names physical columns, as clients of this interface do; the kernel takes those as well as
wire names, in upper or lower case operators. Rows are passed on as Postgres's bytes.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Final

import msgspec
import orjson

from ablo_pg.errors import AbloError, error_for
from ablo_pg.json_text import Decoder, dumps
from ablo_pg.schema import FieldType, ModelSpec
from ablo_pg.wire.limits import RELATED, WHERE_TERMS, ModelName, Name

PAGE_ROWS: Final = 1000  # the kernel's maximum for one list
# Columns that every model has, by their wire names.
ORDERED_BASE: Final = {"id": "id", "created_at": "createdAt", "updated_at": "updatedAt"}


class Page(msgspec.Struct, frozen=True, rename="camel"):
    """One page from the kernel."""

    data: list[msgspec.Raw]
    evidence: list[msgspec.Raw]
    stamp: int
    has_more: bool
    next_cursor: str | None = None


PAGE: Final = Decoder(Page)


class Query(msgspec.Struct, frozen=True, rename="camel"):
    """One on-demand read. related: names of relations whose rows are nested into each row."""

    model: ModelName
    where: Annotated[list[list[Any]], msgspec.Meta(max_length=WHERE_TERMS)] | None = None
    order_by: Name | None = None
    order: Name | None = None
    limit: int | None = None
    related: Annotated[list[Name], msgspec.Meta(max_length=RELATED)] | None = None


class QueryBody(msgspec.Struct, frozen=True):
    """POST of on-demand reads."""

    queries: list[Query]


def kernel_query(
    limit: int,
    after: str | None = None,
    where: Sequence[Sequence[Any]] | None = None,
    order: tuple[str, str] | None = None,
    groups: Iterable[str] | None = None,
) -> bytes:
    """Return a list in the form of `ablo.row_list`."""
    query: dict[str, object] = {"limit": min(max(limit, 1), PAGE_ROWS)}
    if after is not None:
        query["after"] = after
    if where:
        query["where"] = where
    if order is not None:
        query["orderBy"] = [order]
    if groups is not None:
        query["groups"] = sorted(groups)
    return dumps(query)


def order_of(query: Query) -> tuple[str, str] | None:
    """Return the order of a query."""
    return None if query.order_by is None else (query.order_by, (query.order or "asc").lower())


def own_limit(model: ModelSpec) -> int | None:
    """Return a model's maximum of rows in a bootstrap; None if it has none."""
    limit = dict(model.options).get("bootstrapLimit")
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
        return None
    return limit


def own_order(model: ModelSpec) -> tuple[str, str] | None:
    """Return (wire name, direction) of a model's order, of which a limit takes the first rows; None
    if it has no order or an unknown one: a copy is valid in any order.

    Accepts `"createdAt"`, `"createdAt desc"` and `"-createdAt"`, and columns' names.
    """
    given = dict(model.options).get("bootstrapOrderBy")
    if not isinstance(given, str) or not given.strip():
        return None
    name, _, direction = given.strip().removeprefix("-").partition(" ")
    down = given.strip().startswith("-") or direction.strip().lower() == "desc"
    known = {each: each for each in ORDERED_BASE.values()} | ORDERED_BASE
    for field in model.fields:
        if field.type is not FieldType.JSON:
            known |= {field.wire: field.wire, field.column: field.wire}
    found = known.get(name)
    return None if found is None else (found, "desc" if down else "asc")


def write_cursor(typename: str, after: str, taken: int) -> str:
    """Return where a bootstrap continues. taken: rows of that model so far."""
    return base64.urlsafe_b64encode(orjson.dumps([typename, after, taken])).decode()


def read_cursor(cursor: str) -> tuple[str, str, int]:
    """Return (typename, cursor of its list, rows of it so far). Raises cursor_invalid."""
    try:
        found = orjson.loads(base64.urlsafe_b64decode(cursor.encode()))
    except ValueError:
        found = None
    match found:
        case [str(typename), str(after), int(taken)] if taken >= 0 and taken is not True:
            return typename, after, taken
    raise error_for(
        "cursor_invalid",
        f"{cursor[:40]!r} is not a cursor of a bootstrap",
        field="cursor",
        remedy="send the nextCursor of the previous page",
    )


def bootstrap_body(
    models: Mapping[str, Sequence[bytes]],
    sync_id: int,
    timestamp: int,
    schema_hash: str,
    next_cursor: str | None,
) -> bytes:
    """Return a full bootstrap; rows by exact typename."""
    parts = [b'{"type":"full","lastSyncId":%d,"models":{' % sync_id]
    parts.append(
        b",".join(
            orjson.dumps(typename) + b":[" + b",".join(rows) + b"]"
            for typename, rows in models.items()
        )
    )
    tail: dict[str, object] = {"timestamp": timestamp}
    if schema_hash:
        tail["schemaHash"] = schema_hash
    if next_cursor is not None:
        tail["nextCursor"] = next_cursor
    parts.append(b"}," + orjson.dumps(tail)[1:])
    return b"".join(parts)


def partial_body(deltas: Sequence[bytes], sync_id: int, timestamp: int, schema_hash: str) -> bytes:
    """Return a partial bootstrap: the deltas after the client's position."""
    tail: dict[str, object] = {"timestamp": timestamp}
    if schema_hash:
        tail["schemaHash"] = schema_hash
    head = b'{"type":"partial","lastSyncId":%d,"models":{},"deltas":[' % sync_id
    return head + b",".join(deltas) + b"]," + orjson.dumps(tail)[1:]


def results_body(
    results: Sequence[Sequence[bytes]],
    evidence: Sequence[Sequence[bytes]],
    errors: Sequence[Mapping[str, object]],
    sync_id: int,
) -> bytes:
    """Return the answer of on-demand reads: one slot per query, empty if it failed."""
    tail: dict[str, object] = {"lastSyncId": sync_id}
    if errors:
        tail["errors"] = errors
    return b"".join(
        (
            b'{"results":',
            _nested(results),
            b',"evidence":',
            _nested(evidence),
            b",",
            orjson.dumps(tail)[1:],
        )
    )


def query_error(index: int, model: str, error: AbloError, event_id: str) -> dict[str, object]:
    """Return the error of a failed query."""
    return {
        "index": index,
        "model": model,
        "type": type(error).__name__,
        "code": error.code,
        "message": error.message,
        "event_id": event_id,
    }


def _nested(lists: Sequence[Sequence[bytes]]) -> bytes:
    return b"[" + b",".join(b"[" + b",".join(one) + b"]" for one in lists) + b"]"
