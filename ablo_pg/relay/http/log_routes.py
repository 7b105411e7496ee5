"""The log as a feed: its newest events, or those after a cursor, in time order; and claim events
since then, for clients whose cursor shows that they support them.

Filters are applied here to bounded pages of the log, so a page may be empty and still advance the
cursor. A caller sees what it may: its organization's, its groups', its models'.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from starlette.responses import Response
from starlette.routing import BaseRoute

from ablo_pg.changefeed.sight import views_at
from ablo_pg.changefeed.view import seen
from ablo_pg.db.log import delta_read, delta_tail, is_whole, log_heads
from ablo_pg.delta import Delta
from ablo_pg.relay.http.answers import JsonBytes
from ablo_pg.relay.http.call import Call, route
from ablo_pg.relay.http.claim_feed import claim_events
from ablo_pg.wire.deltas import utc_time
from ablo_pg.wire.limits import LOG_BYTES
from ablo_pg.wire.logs import LogQuery, log_body, log_cursor, log_event, read_log_query

PAGE: Final = 500
# Deltas read for one answer: bounds the cost of a filter that matches nothing.
LOOKED_AT: Final = 5000
MOST: Final = 1000
Wanted: TypeAlias = Callable[[Delta], Delta | None]


async def logs(call: Call) -> Response:
    """GET /api/v1/logs."""
    query = read_log_query(call.request.query_params, MOST)
    wanted = await wanted_by(call, query)
    if query.after is None:
        found, more, log = await _newest(call, query, wanted)
    else:
        found, more, log = await _after(call, query, query.after, wanted)
    schema = call.schema
    events = []
    for delta in found:
        model = schema.find(delta.model)
        name = delta.model if model is None else model.key
        events.append((utc_time(delta.created_at), log_event(delta, name)))
    claims = 0
    if query.claims_after is not None and query.after is not None:
        told = await claim_events(call, query, query.limit - len(events))
        events = sorted([*events, *told.events], key=lambda each: each[0])
        more = more or told.more
        # An empty page returns its cursor.
        claims = told.after if events or told.more else query.claims_after
    return JsonBytes(log_body([text for _, text in events], more, log_cursor(log, claims)))


async def wanted_by(call: Call, query: LogQuery) -> Wanted:
    """Return the function that shows a requested and visible delta. Raises unknown_model."""
    typename = None
    if query.model is not None:
        typename = (await call.service.schemas.find(query.model)).model(query.model).typename
    views, _ = await views_at((call.credential.view,), call.organization, None)

    def wanted(delta: Delta) -> Delta | None:
        shown = seen(views, delta, call.service.hub.permissions)
        asked = shown is not None and (
            (typename is None or shown.model == typename)
            and (query.op is None or shown.op == query.op)
            and (query.since is None or shown.created_at >= query.since)
        )
        return shown if asked else None

    return wanted


async def _newest(call: Call, query: LogQuery, wanted: Wanted) -> tuple[list[Delta], bool, int]:
    """Return the newest events, oldest first, and the position after them."""
    found: list[Delta] = []
    before: int | None = None
    end: int | None = None
    looked_at = size = 0
    while looked_at < LOOKED_AT and len(found) < query.limit and size < LOG_BYTES:
        page = await call.service.database.read(delta_tail, call.organization, before, PAGE)
        if end is None:
            # If the log is empty, from its current position: nothing is missed afterwards.
            end = page[0].sync_id if page else await _head(call)
        found.extend(one for one in map(wanted, page) if one is not None)
        size = sum(delta.size for delta in found)
        looked_at += len(page)
        if is_whole(page, PAGE) or (query.since is not None and page[-1].created_at < query.since):
            break
        before = page[-1].sync_id
    return found[: query.limit][::-1], False, end or 0


async def _after(
    call: Call, query: LogQuery, after: int, wanted: Wanted
) -> tuple[list[Delta], bool, int]:
    """Return the events after a cursor, whether there may be more, and the next cursor."""
    found: list[Delta] = []
    cursor = after
    looked_at = size = 0
    while looked_at < LOOKED_AT and size < LOG_BYTES:
        page = await call.service.database.read(delta_read, call.organization, cursor, PAGE, None)
        for delta in page:
            if len(found) == query.limit:
                return found, True, cursor
            cursor = delta.sync_id
            if (shown := wanted(delta)) is not None:
                found.append(shown)
                size += shown.size
        looked_at += len(page)
        if is_whole(page, PAGE):
            return found, False, cursor
    return found, True, cursor


async def _head(call: Call) -> int:
    heads = await call.service.database.read(log_heads, [call.organization])
    return heads[call.organization]


ROUTES: Final[list[BaseRoute]] = [route("/api/v1/logs", logs)]
