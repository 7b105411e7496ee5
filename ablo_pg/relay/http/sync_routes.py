"""On-demand reads for local copies, single rows, and whether a credential is still valid."""

from __future__ import annotations

import secrets
from typing import Any, Final

import psycopg
from starlette.responses import Response
from starlette.routing import BaseRoute

from ablo_pg.db.errors import translate
from ablo_pg.errors import AbloError, error_for
from ablo_pg.relay.http.answers import JsonBytes
from ablo_pg.relay.http.call import Call, route
from ablo_pg.relay.http.sync_reads import ROWS, Conn, Rows, read_rows, snapshot_of
from ablo_pg.relay.http.writes import require
from ablo_pg.relay.live_schema import LiveSchema
from ablo_pg.schema import ModelSpec
from ablo_pg.wire.kernel_bodies import RowBody
from ablo_pg.wire.kernel_calls import ROW_GET
from ablo_pg.wire.limits import QUERIES, READ_BYTES
from ablo_pg.wire.related import keys_of, nest, relation_of, values_of
from ablo_pg.wire.results import ROW_READ
from ablo_pg.wire.sync import Query, QueryBody, order_of, query_error, results_body

VALUES: Final = 500  # of one related read


async def query(call: Call) -> Response:
    """POST: several reads of one snapshot. A failed one leaves an empty slot and an error."""
    body = await call.body(QueryBody)
    if not body.queries or len(body.queries) > QUERIES:
        raise error_for(
            "queries_required",
            f"{len(body.queries)} queries in one request",
            field="queries",
            remedy=f"send 1 to {QUERIES}",
        )
    schema = call.schema
    for one in body.queries:
        schema = await call.service.schemas.find(one.model)

    async def read(conn: Conn) -> tuple[list[Rows], list[dict[str, object]]]:
        results: list[Rows] = []
        errors: list[dict[str, object]] = []
        room = READ_BYTES
        for index, one in enumerate(body.queries):
            try:
                results.append(await read_one(conn, call, schema, one, room))
                room -= results[-1].size
            except AbloError as exc:
                results.append(Rows([], []))
                event = f"evt_{secrets.token_hex(8)}"
                errors.append(query_error(index, one.model[:80], exc, event))
        return results, errors

    (results, errors), sync_id = await snapshot_of(call, read)
    return JsonBytes(
        results_body(
            [one.data for one in results], [one.evidence for one in results], errors, sync_id
        )
    )


async def read_one(conn: Conn, call: Call, schema: LiveSchema, query: Query, room: int) -> Rows:
    """Run one query, with its nested relations, in its own savepoint.

    room: bytes that it may take. Raises response_too_large: a partial copy would look complete.
    """
    model = schema.model(query.model)
    require(call.credential, model, "read")
    relations = [relation_of(model, name) for name in query.related or ()]
    limit = min(query.limit or ROWS, ROWS)
    found = await listed(conn, call, model, limit, query.where, order_of(query), room)
    for relation in relations:
        other = schema.model(relation.target)
        require(call.credential, other, "read")
        mine, theirs = keys_of(relation)
        values = await call.aside(found.size, values_of, found.data, mine)
        related: list[bytes] = []
        for start in range(0, len(values), VALUES):
            part = values[start : start + VALUES]
            left = room - found.size - sum(map(len, related))
            rows = await listed(conn, call, other, ROWS, [[theirs, "IN", part]], None, left)
            related.extend(rows.data)
        size = found.size + sum(map(len, related))
        found.data = await call.aside(size, nest, found.data, relation, related)
    return found


async def listed(
    conn: Conn,
    call: Call,
    model: ModelSpec,
    limit: int,
    where: list[list[Any]] | None,
    order: tuple[str, str] | None,
    room: int,
) -> Rows:
    """List rows; a failed query affects only its own savepoint. Raises AbloError."""
    try:
        async with conn.transaction():
            rows = await read_rows(
                conn, call, model, limit, where=where, order=order, most_bytes=room
            )
    except psycopg.Error as exc:
        if conn.closed:
            raise
        raise translate(exc, call.service.database.names) from exc
    if rows.size > room or (rows.after is not None and len(rows.data) < limit):
        raise error_for(
            "response_too_large",
            f"The rows of all queries are larger than {READ_BYTES} bytes",
            model=model.key,
            field="queries",
            remedy="ask for fewer rows at once: a limit, a filter, fewer queries in one request",
            details={"limit": READ_BYTES},
        )
    return rows


async def entity(call: Call) -> Response:
    """GET one row by typename and id, as it is."""
    name = call.path("typename")
    model = (await call.service.schemas.find(name)).model(name)
    require(call.credential, model, "read")
    row_id = call.path("id")
    found = ROW_READ.decode(await call.ask(ROW_GET, RowBody(model.typename, row_id)))
    if found.data is None:
        raise error_for(
            "entity_not_found",
            f"There is no {model.key} {row_id[:80]!r}",
            model=model.key,
            row_id=row_id[:80],
            remedy="it was deleted or never existed",
        )
    return JsonBytes(found.data)


async def check(call: Call) -> Response:
    """HEAD: 200 if the credential is valid. Otherwise X-Auth-Failure has the reason."""
    return Response(status_code=204)


ROUTES: Final[list[BaseRoute]] = [
    route("/api/sync/query", query, "POST"),
    route("/api/sync/entity/{typename}/{id}", entity),
    route("/api/auth/check", check, "HEAD", "GET"),
]
