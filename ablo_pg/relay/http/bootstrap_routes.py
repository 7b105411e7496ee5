"""Bootstrap: the rows that a local copy starts with, and the position from which to follow."""

from __future__ import annotations

import time
from typing import Final

from starlette.responses import Response
from starlette.routing import BaseRoute

from ablo_pg.changefeed.view import seen
from ablo_pg.db import log
from ablo_pg.db.live import bootstrap_note
from ablo_pg.errors import AbloError, error_for
from ablo_pg.relay.http.answers import JsonBytes
from ablo_pg.relay.http.call import Call, route
from ablo_pg.relay.http.sync_reads import ROWS, Conn, read_rows, snapshot_of
from ablo_pg.relay.ws.groups import SocketGroups
from ablo_pg.schema import ModelSpec
from ablo_pg.wire.coalesce import coalesce
from ablo_pg.wire.deltas import delta_json
from ablo_pg.wire.limits import READ_BYTES
from ablo_pg.wire.sync import (
    bootstrap_body,
    own_limit,
    own_order,
    partial_body,
    read_cursor,
    write_cursor,
)

PARTIAL_DELTAS: Final = 5000  # a client that has missed more reads the rows instead


async def bootstrap(call: Call) -> Response:
    """GET: rows of the requested models, else of all that load at once; or the missed deltas."""
    models = await models_of(call)
    query = call.request.query_params
    position = query.get("lastSyncId", "")
    # What is longer is ahead of any log.
    if position.isascii() and position.isdigit() and len(position) <= 18 and int(position) > 0:
        # A key whose groups change reads its rows again.
        partial = None if call.credential.sight else await missed(call, models, int(position))
        if partial is not None:
            return partial
    return await full(call, models)


async def models_of(call: Call) -> list[ModelSpec]:
    """Return the requested models, by any spelling. Raises unknown_model."""
    given = call.request.query_params.getlist("models")
    names = [name.strip() for part in given for name in part.split(",") if name.strip()]
    schema = call.schema
    if not names:
        return [spec for spec in schema.spec.models if spec.load == "instant"]
    for name in names:
        schema = await call.service.schemas.find(name)
    return list({spec.typename: spec for spec in map(schema.model, names)}.values())


def groups_of(call: Call) -> SocketGroups:
    """Return the requested groups, within the credential's."""
    asked = call.request.query_params.getlist("syncGroups")
    names = [name for part in asked for name in part.split(",") if name]
    return SocketGroups(
        call.credential,
        call.service.settings.subscriptions,
        names or None,
        call.service.hub.permissions,
    )


async def full(call: Call, models: list[ModelSpec]) -> Response:
    """Answer with rows, all of one snapshot, and where to continue if those were not all."""
    query = call.request.query_params
    narrowed = groups_of(call).narrowed
    limit = limit_of(query.get("limit"))
    cursor = query.get("cursor")
    start, after, taken = read_cursor(cursor) if cursor else ("", None, 0)

    async def read(conn: Conn) -> tuple[dict[str, list[bytes]], str | None]:
        found: dict[str, list[bytes]] = {}
        left, room = limit, READ_BYTES
        names = [spec.typename for spec in models]
        begin = names.index(start) if start in names else 0
        for spec in models[begin:]:
            at, had = (after or None, taken) if spec.typename == start else (None, 0)
            found[spec.typename] = rows = []
            own = own_limit(spec)
            if not call.credential.may(spec.typename, "read") or had == own:
                continue
            if left <= 0 or room <= 0:
                return found, write_cursor(spec.typename, "", 0)
            most, order = left if own is None else min(left, own - had), own_order(spec)
            page = await read_rows(
                conn, call, spec, most, at, order=order, groups=narrowed, most_bytes=room
            )
            rows += page.data
            left -= len(rows)
            room -= sum(map(len, rows))
            had += len(rows)
            if page.after is not None and had != own and (left <= 0 or room <= 0):
                return found, write_cursor(spec.typename, page.after, had)
        return found, None

    (rows, following), sync_id = await snapshot_of(call, read)
    await note(call, sync_id)
    return JsonBytes(bootstrap_body(rows, sync_id, now_ms(), call.schema.hash, following))


async def missed(call: Call, models: list[ModelSpec], position: int) -> Response | None:
    """Answer with the deltas after a position; None if the rows must be read again."""
    organization = call.organization
    try:
        page = await call.service.database.read(
            log.delta_read, organization, position, PARTIAL_DELTAS + 1, None
        )
        head = (await call.service.database.read(log.log_heads, [organization]))[organization]
    except AbloError as exc:
        if exc.code not in ("snapshot_required", "cursor_ahead"):
            raise
        return None
    if not log.is_whole(page, PARTIAL_DELTAS + 1) or head < position:
        return None
    views = groups_of(call).views
    wanted = {spec.typename for spec in models}
    shown = (
        seen(views, delta, call.service.hub.permissions) for delta in page if delta.model in wanted
    )
    deltas = [delta for delta in shown if delta is not None]
    last = page[-1].sync_id if page else position
    await note(call, last)
    encoded = [delta_json(one._replace(before=None)) for one in coalesce(deltas)]
    return JsonBytes(partial_body(encoded, last, now_ms(), call.schema.hash))


async def note(call: Call, sync_id: int) -> None:
    """Record where the copy begins, for its socket: that may open on another relay."""
    key_id = call.credential.key_id
    await call.service.database.run(bootstrap_note, call.organization, key_id, sync_id)


def limit_of(text: str | None) -> int:
    """Return the requested page size. Raises invalid_request."""
    if not text:
        return ROWS
    if not (text.isascii() and text.isdigit()) or len(text) > 9 or int(text) == 0:
        raise error_for(
            "invalid_request",
            f"limit cannot be {text[:20]!r}",
            field="limit",
            remedy=f"send a whole number from 1 to {ROWS}",
        )
    return min(int(text), ROWS)


def now_ms() -> int:
    """Return the time of the answer, for people who read it."""
    return time.time_ns() // 1_000_000


ROUTES: Final[list[BaseRoute]] = [route("/api/sync/bootstrap", bootstrap)]
