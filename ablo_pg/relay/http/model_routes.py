"""Rows of a model: create, read, list, update, delete."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeAlias

import msgspec
import orjson
from starlette.responses import Response
from starlette.routing import BaseRoute

from ablo_pg.db import routines
from ablo_pg.errors import AbloError, error_for
from ablo_pg.json_text import Decoder, dumps, members
from ablo_pg.relay.auth import Verb
from ablo_pg.relay.http.answers import JsonBytes
from ablo_pg.relay.http.call import Call, Caller, route
from ablo_pg.relay.http.writes import check_premises, key_of, require, send_commit
from ablo_pg.relay.live_schema import fields_of
from ablo_pg.schema import ModelSpec
from ablo_pg.schema.neutral import Relation
from ablo_pg.wire.claims import http_claim
from ablo_pg.wire.commits import (
    Action,
    CreateBody,
    DeleteBody,
    Guarded,
    UpdateBody,
    one_operation,
)
from ablo_pg.wire.kernel_bodies import ListBody, RowBody
from ablo_pg.wire.kernel_calls import ROW_GET, ROW_LIST
from ablo_pg.wire.lists import (
    PAGE,
    ListQuery,
    Page,
    is_cursor,
    names_in,
    page_body,
    read_query,
)
from ablo_pg.wire.related import included, nest, relation_of
from ablo_pg.wire.results import ROW_READ, RowEvidence

MODEL: Final = "/api/v1/models/{model}"
ROW: Final = "/api/v1/models/{model}/{id}"
Wanted: TypeAlias = list[tuple[Relation, ModelSpec]]  # to include, with the related rows' models


class _Claims(msgspec.Struct, frozen=True):
    claims: list[dict[str, Any]] = []


_CLAIMS: Final = Decoder(_Claims)
_ROWS: Final = Decoder(list[msgspec.Raw])
_EVIDENCE: Final = Decoder(list[RowEvidence])


async def model_of(call: Call, verb: Verb) -> ModelSpec:
    """Return the model of the path, if the caller may do this to it."""
    return await model_named(call, call.path("model"), verb)


async def model_named(call: Caller, name: str, verb: Verb) -> ModelSpec:
    """Return a model, if the caller may do this to it."""
    model = (await call.service.schemas.find(name)).model(name)
    require(call.credential, model, verb)
    return model


async def create(call: Call) -> Response:
    """POST: a row, under the id that the client chose, or that its table numbers it with.

    Without either it gets a UUID made of the key, so that a retry names the same row.
    """
    model = await model_of(call, "create")
    body = await call.body(CreateBody)
    key = key_of(call, body.idempotency_key)
    made = str(uuid.uuid5(uuid.NAMESPACE_OID, str((*call.who, model.key, key))))
    try:
        return await _write(call, model, "create", body.id or made, body, 201, key)
    except AbloError as error:
        # A table that numbers its rows refuses a UUID. A retry of what it has numbered differs from
        # the first request, which had no id.
        numbered = error.details.get("generated") or error.code == "idempotency_conflict"
        if body.id or not numbered:
            raise
    return await _write(call, model, "create", None, body, 201, key)


async def update(call: Call) -> Response:
    """PATCH: the named fields."""
    model = await model_of(call, "update")
    return await _write(call, model, "update", call.path("id"), await call.body(UpdateBody))


async def delete(call: Call) -> Response:
    """DELETE: the row; guards in the body."""
    model = await model_of(call, "delete")
    return await _write(call, model, "delete", call.path("id"), await call.body(DeleteBody))


async def _write(
    call: Call,
    model: ModelSpec,
    action: Action,
    row_id: str | None,
    body: Guarded,
    status: int = 200,
    key: str | None = None,
) -> Response:
    check_premises(call.service, body.reads, body.track)
    request = one_operation(action, model.key, row_id, body)
    return await send_commit(call, key or key_of(call, body.idempotency_key), request, status)


async def read(call: Call) -> Response:
    """GET one row: null if it does not exist, the stamp that guards a write, and its holders."""
    model = await model_of(call, "read")
    row_id = call.path("id")
    wanted = relations_of(call, model, names_in(call.request.query_params.get("include")))
    found, line = await call.service.database.read(
        routines.row_and_claims, *call.who, model.typename, row_id, call.capability
    )
    row = ROW_READ.decode(found)
    data, stamp = bytes(row.row), row.stamp
    if wanted and row.data is not None:
        query = ListQuery((("id", "=", row_id),), (), 1, None, archived=True)
        page = await _page(call, model, query, None, wanted)
        evidence = _EVIDENCE.decode(page.evidence)
        data = bytes(page.data)[1:-1] or b"null"  # deleted since
        stamp = evidence[0].stamp if evidence else page.stamp
    claims = [http_claim(one) for one in _CLAIMS.decode(line).claims]
    head = orjson.dumps({"object": "model", "model": model.key, "id": row_id})[:-1]
    tail = dumps({"stamp": stamp, "claims": claims})[1:]
    return JsonBytes(b'%b,"data":%b,%b' % (head, data, tail))


async def list_rows(call: Call) -> Response:
    """GET rows: filtered, ordered, one page at a time."""
    model = await model_of(call, "read")
    pairs = call.request.query_params.multi_items()
    query = read_query(model.key, pairs, fields_of(model), call.service.settings.list_rows)
    wanted = relations_of(call, model, query.include)
    page = await _page(call, model, query, await _cursor(call, model, query), wanted)
    return JsonBytes(page_body(model.key, page))


def relations_of(call: Caller, model: ModelSpec, names: Iterable[str]) -> Wanted:
    """Return relations with their targets, which the caller may read."""
    found = [relation_of(model, name) for name in names]
    wanted = [(relation, call.schema.model(relation.target)) for relation in found]
    for _, target in wanted:
        require(call.credential, target, "read")
    return wanted


async def _page(
    call: Call, model: ModelSpec, query: ListQuery, cursor: str | None, wanted: Wanted
) -> Page:
    """Read a page; rows that are included are nested into its rows."""
    page = await read_page(call, model, query, cursor, wanted)
    if not wanted:
        return page
    rows = await nested(call, rows_of(page), wanted, related_of(page))
    return msgspec.structs.replace(page, data=msgspec.Raw(b"[%b]" % b",".join(rows)))


async def read_page(
    call: Caller,
    model: ModelSpec,
    query: ListQuery,
    cursor: str | None,
    wanted: Wanted,
    **more: object,
) -> Page:
    """Read a page and, separately, the related rows. more: further members of its query."""
    if wanted:
        more["include"] = [included(relation, target.typename) for relation, target in wanted]
    body = ListBody(model.typename, msgspec.Raw(query.kernel_query(cursor, **more)))
    return PAGE.decode(await call.ask(ROW_LIST, body))


def rows_of(page: Page) -> list[bytes]:
    """Return a page's rows."""
    return list(map(bytes, _ROWS.decode(page.data)))


def related_of(page: Page) -> dict[str, list[bytes]]:
    """Return the related rows of a page, by relation."""
    return {name: list(map(bytes, one.data)) for name, one in page.related.items()}


async def nested(
    call: Caller, rows: list[bytes], wanted: Wanted, related: Mapping[str, list[bytes]]
) -> list[bytes]:
    """Return rows with their related rows in them."""
    for relation, _ in wanted:
        others = related[relation.name]
        rows = await call.aside(sum(map(len, (*rows, *others))), nest, rows, relation, others)
    return rows


async def _cursor(call: Call, model: ModelSpec, query: ListQuery) -> str | None:
    """Return where a page begins; a row's id stands for the position after that row."""
    after = query.starting_after
    if after is None or is_cursor(after):
        return after
    found = await call.ask(ROW_GET, RowBody(model.typename, after))
    data = ROW_READ.decode(found).data
    if data is None:
        raise error_for(
            "cursor_invalid",
            f"starting_after names no {model.key}",
            model=model.key,
            field="starting_after",
            remedy="pass next_cursor of the previous page, or the id of its last row",
        )
    return query.cursor_of(members(data))


ROUTES: Final[list[BaseRoute]] = [
    route(MODEL, list_rows),
    route(MODEL, create, "POST"),
    route(ROW, read),
    route(ROW, update, "PATCH"),
    route(ROW, delete, "DELETE"),
]
