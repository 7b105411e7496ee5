"""Atomic commits: several operations, all or none, with premises and tracks."""

from __future__ import annotations

from typing import Final

import msgspec
import orjson
from starlette.responses import Response
from starlette.routing import BaseRoute

from ablo_pg.errors import error_for
from ablo_pg.json_text import loads
from ablo_pg.relay.http.answers import JsonBytes, json_answer
from ablo_pg.relay.http.call import Call, route
from ablo_pg.relay.http.writes import (
    VERB_OF,
    authority_of,
    check_premises,
    key_of,
    require,
    send_commit,
)
from ablo_pg.wire.commits import CommitBody, many_operations
from ablo_pg.wire.records import read_record_query, record_body, records_body
from ablo_pg.wire.relay_calls import COMMIT_GET, COMMIT_LIST, CommitIdBody, QueryBody

STORED: Final = "confirmed"  # a refused commit leaves nothing behind


async def commit(call: Call) -> Response:
    """POST /api/v1/commits."""
    body = await call.body(CommitBody)
    operations = body.operations or ()
    limit = call.service.settings.operations
    if len(operations) > limit:
        raise error_for(
            "commit_too_many_operations",
            f"{len(operations)} operations in one commit; the limit is {limit}",
            field="operations",
            remedy="split it into several commits",
            details={"limit": limit},
        )
    check_premises(call.service, body.reads, body.track)
    models = []
    for one in operations:
        model = (await call.service.schemas.find(one.model)).model(one.model)
        verb = VERB_OF.get(one.action.lower())
        if verb is not None:  # the kernel refuses unknown actions
            require(call.credential, model, verb)
        models.append(model.key)
    key = key_of(call, body.idempotency_key or body.client_tx_id)
    return await send_commit(call, key, many_operations(body, models))


async def get_commit(call: Call) -> Response:
    """GET one commit of the caller's organization by its key or serverTxId; null where none is."""
    found = await call.ask(COMMIT_GET, CommitIdBody(call.path("id"), call.narrow))
    if found == b"null":
        return JsonBytes(found)
    return json_answer(record_body(loads(found), authority_of(call.credential, call.schema)))


async def list_commits(call: Call) -> Response:
    """GET commits, newest first."""
    if call.request.query_params.get("status", STORED) != STORED:
        return JsonBytes(b'{"data":[],"nextCursor":null}')
    query = read_record_query(call.request.query_params, call.participant if call.narrow else None)
    found = await call.ask(COMMIT_LIST, QueryBody(msgspec.Raw(orjson.dumps(query))))
    authority = authority_of(call.credential, call.schema)
    return json_answer(records_body(found, authority))


ROUTES: Final[list[BaseRoute]] = [
    route("/api/v1/commits", commit, "POST"),
    route("/api/v1/commits", list_commits),
    route("/api/v1/commits/{id}", get_commit),
]
