"""The kernel's own calls, for the Python client: POST /api/v1/kernel/NAME, its JSON in and out.

What the routes for models cannot express: filters of every kind, stamps, snapshots, past versions
of a row, tracks, claims with their rows, the log by page. Each identifies the caller by its
credential and enforces its rights, like every other interface.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import orjson
from starlette.responses import Response
from starlette.routing import BaseRoute

from ablo_pg.changefeed.view import seen
from ablo_pg.db import log, routines, tracks
from ablo_pg.errors import error_for
from ablo_pg.relay.auth import Verb
from ablo_pg.relay.http.answers import JsonBytes, json_answer
from ablo_pg.relay.http.call import Call, Handler, route
from ablo_pg.relay.http.writes import require
from ablo_pg.schema import ModelSpec
from ablo_pg.wire.deltas import delta_json
from ablo_pg.wire.kernel_calls import (
    HistoryBody,
    ListBody,
    LogBody,
    ReceiptBody,
    RowAtBody,
    RowBody,
    SnapshotBody,
    UntrackBody,
)

PREFIX: Final = "/api/v1/kernel/"
LOG_PAGE: Final = 500  # deltas in one answer
SNAPSHOT_ROWS: Final = 1000


def kernel_route(name: str, handler: Handler) -> BaseRoute:
    """Return the route of one call."""
    return route(PREFIX + name, handler, "POST")


async def model_for(call: Call, name: str, verb: Verb = "read") -> ModelSpec:
    """Return the model if the caller may do this to it."""
    model = (await call.service.schemas.find(name)).model(name)
    require(call.credential, model, verb)
    return model


async def status(call: Call) -> Response:
    """The kernel's status."""
    return JsonBytes(await call.service.database.read(routines.status))


async def row_get(call: Call) -> Response:
    """One row and its stamp."""
    body = await call.body(RowBody)
    model = await model_for(call, body.model)
    target = (*call.who, model.typename, body.id, call.capability)
    return JsonBytes(await call.service.database.read(routines.row_get, *target))


async def row_at(call: Call) -> Response:
    """One row as of an earlier time."""
    body = await call.body(RowAtBody)
    model = await model_for(call, body.model)
    target = (*call.who, model.typename, body.id, body.at, call.capability)
    return JsonBytes(await call.service.database.read(routines.row_at, *target))


async def row_history(call: Call) -> Response:
    """The changes of a row, newest first."""
    body = await call.body(HistoryBody)
    model = await model_for(call, body.model)
    target = (*call.who, model.typename, body.id, body.limit, body.before, call.capability)
    return JsonBytes(await call.service.database.read(routines.row_history, *target))


async def row_list(call: Call) -> Response:
    """A page of rows."""
    body = await call.body(ListBody)
    model = await model_for(call, body.model)
    target = (*call.who, model.typename, bytes(body.query), call.capability)
    return JsonBytes(await call.service.database.read(routines.row_list, *target))


async def snapshot_read(call: Call) -> Response:
    """Named rows and the watermark, from one snapshot."""
    body = await call.body(SnapshotBody)
    if len(body.targets) > SNAPSHOT_ROWS:
        raise error_for(
            "invalid_request",
            f"{len(body.targets)} rows in one snapshot; the limit is {SNAPSHOT_ROWS}",
            field="targets",
            remedy="take several snapshots",
            details={"limit": SNAPSHOT_ROWS},
        )
    for name in {one.model for one in body.targets}:
        await model_for(call, name)
    targets = orjson.dumps([{"model": one.model, "id": one.id} for one in body.targets])
    found = await call.service.database.read(
        routines.snapshot_read, *call.who, targets, call.capability
    )
    return JsonBytes(found)


async def receipt_get(call: Call) -> Response:
    """The receipt stored under one of the caller's keys; null if there is none."""
    body = await call.body(ReceiptBody)
    target = (*call.who, body.key, call.capability)
    found = await call.service.database.read(routines.receipt_get, *target)
    return JsonBytes(b"null" if found is None else found)


async def track_list(call: Call) -> Response:
    """The caller's tracks."""
    return JsonBytes(
        await call.service.database.read(tracks.track_list, *call.who, call.capability)
    )


async def track_remove(call: Call) -> Response:
    """End these tracks, or all."""
    targets = bytes((await call.body(UntrackBody)).targets)
    removed = await call.service.database.run(
        tracks.track_remove,
        *call.who,
        None if targets == b"null" else targets,
        call.capability,
    )
    return json_answer({"removed": removed})


async def log_head(call: Call) -> Response:
    """The last position of the organization's log."""
    heads = await call.service.database.read(log.log_heads, [call.organization])
    return json_answer({"head": heads[call.organization]})


async def log_read(call: Call) -> Response:
    """Deltas after a position that the caller may see, and how far that read went."""
    body = await call.body(LogBody)
    limit = min(body.limit, LOG_PAGE)
    page = await call.service.database.read(
        log.delta_read, call.organization, body.after, limit, body.through
    )
    shown = (seen((call.credential.view,), one) for one in page)
    deltas = [delta_json(one) for one in shown if one is not None]
    reached = page[-1].sync_id if page else body.after
    whole = b"true" if log.is_whole(page, limit) else b"false"
    return JsonBytes(
        b'{"deltas":[%b],"reached":%d,"whole":%b}' % (b",".join(deltas), reached, whole)
    )


_HANDLERS: Final[Sequence[Handler]] = (
    status,
    row_get,
    row_at,
    row_history,
    row_list,
    snapshot_read,
    receipt_get,
    track_list,
    track_remove,
    log_head,
    log_read,
)
ROUTES: Final[list[BaseRoute]] = [kernel_route(each.__name__, each) for each in _HANDLERS]
