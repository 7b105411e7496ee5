"""The kernel's own calls, for the Python client: POST /api/v1/kernel/NAME, its JSON in and out.

What the routes for models cannot say: filters of every kind, stamps, snapshots, the past of a row,
tracks, claims with their rows, the log by page. The table (`wire.kernel_calls`) says what each
takes and may; each names the caller by its credential and is held to what that may do, like every
other route.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

import anyio
import msgspec
import orjson
from starlette.responses import Response
from starlette.routing import BaseRoute

from ablo_pg.changefeed.sight import SightView, markers, reach_changed, views_at
from ablo_pg.changefeed.view import View, seen
from ablo_pg.db import log
from ablo_pg.db.notifications import EVERYTHING
from ablo_pg.delta import Delta
from ablo_pg.errors import AbloNotFoundError, error_for
from ablo_pg.relay.http.answers import JsonBytes, json_answer
from ablo_pg.relay.http.call import Call, Handler, route
from ablo_pg.relay.http.writes import require, require_write
from ablo_pg.wire.deltas import delta_json
from ablo_pg.wire.kernel_bodies import BeatsBody, Body, ClaimBody, LogBody, NewsBody, RowBody
from ablo_pg.wire.kernel_calls import (
    ACCESS_EXPLAIN,
    CALLS,
    CLAIM_BEATS,
    CLAIM_LOOK,
    PREFIX,
    KernelCall,
)

B = TypeVar("B", bound=Body)
EXPLAIN: Final = "/api/v1/access/explain"
LOG_PAGE: Final = 500  # deltas in one answer
NEWS_BYTES: Final = 1 << 20  # of claims and their rows in one answer


def serve(one: KernelCall[Any, object]) -> BaseRoute:
    """Return the route of one call."""

    async def answer(call: Call) -> Response:
        return JsonBytes(await call.ask(one, await admitted(call, one)))

    return route(PREFIX + one.name, _OTHERS.get(one.name, answer), "POST")


async def admitted(call: Call, one: KernelCall[B, object]) -> B:
    """Read the body; return it with the kernel's name of its model, if the caller may do this."""
    body = await call.body(one.body)
    for name in body.models():
        model = (await call.service.schemas.find(name)).model(name)
        if one.verb == "write":
            require_write(call.credential, model)
        elif one.verb is not None:
            require(call.credential, model, one.verb)
        if hasattr(body, "model"):
            body = msgspec.structs.replace(body, model=model.typename)
    return body


async def explain(call: Call) -> Response:
    """GET what the caller may do with a row, and why. It tells of no row that it may not see."""
    asked = call.request.query_params
    missing = next((name for name in ("model", "id") if not asked.get(name)), None)
    if missing is not None:
        raise error_for(
            *("invalid_request", f"{missing} is missing"),
            field=missing,
            remedy=f"ask as {EXPLAIN}?model=tasks&id=t1",
        )
    model = (await call.service.schemas.find(asked["model"])).model(asked["model"])
    return JsonBytes(await call.ask(ACCESS_EXPLAIN, RowBody(model.typename, asked["id"])))


async def claim_beats(call: Call) -> Response:
    """Renew own claims; each is held, queued or lost."""
    body = await call.body(BeatsBody)
    _check_number(call, body.claim_ids)
    return JsonBytes(await call.ask(CLAIM_BEATS, body))


async def claim_news(call: Call) -> Response:
    """Wait until something is said of one of these claims; '' stands for all of them.

    Each is looked at here, so that a grant comes with the answer.
    """
    body = await call.body(NewsBody)
    _check_number(call, body.claim_ids)
    told: list[str] = []
    after = body.after or ""

    async with anyio.create_task_group() as group:

        async def stop() -> None:
            await call.service.stopping.wait()
            group.cancel_scope.cancel()

        group.start_soon(stop)
        told, after = await call.service.claim_news.ask(body.claim_ids, body.after, body.seconds)
        group.cancel_scope.cancel()
    own: list[str] = []
    answers: dict[str, orjson.Fragment] = {}
    room = NEWS_BYTES
    for one in told:
        if one != EVERYTHING:
            try:
                answer = await call.ask(CLAIM_LOOK, ClaimBody(one))
            except AbloNotFoundError:  # claims that the caller may not see are not revealed
                continue
            room -= len(answer)
            if room >= 0:
                answers[one] = orjson.Fragment(answer)
        own.append(one)
    return json_answer({"claimIds": own, "after": after, "answers": answers})


async def log_read(call: Call) -> Response:
    """Deltas after a position that the caller may see, and how far that read went."""
    body = await call.body(LogBody)
    limit = min(body.limit, LOG_PAGE)
    page = await call.service.database.read(
        log.delta_read, call.organization, body.after, limit, body.through
    )
    view: View = call.credential.view
    if isinstance(view, SightView):
        view = await sight_over(view, call.organization, body.after, page)
    shown = (seen((view,), one, call.service.hub.permissions) for one in page)
    deltas = [delta_json(one) for one in shown if one is not None]
    reached = page[-1].sync_id if page else body.after
    whole = b"true" if log.is_whole(page, limit) else b"false"
    return JsonBytes(
        b'{"deltas":[%b],"reached":%d,"whole":%b}' % (b",".join(deltas), reached, whole)
    )


async def sight_over(view: SightView, organization: str, after: int, page: Sequence[Delta]) -> View:
    """Return a view as it was at a cursor and all over the page that follows it.

    Raises snapshot_required if it has changed in between.
    """
    views, _ = await views_at((view,), organization, after)
    turns = markers(views)
    if any(not turns.isdisjoint((*one.groups, *one.left_groups)) for one in page):
        raise reach_changed("a grant has changed what this key may see since the cursor")
    return views[0]


def _check_number(call: Call, claim_ids: Sequence[str]) -> None:
    limit = call.service.settings.open_claims + call.service.settings.open_waits
    if len(claim_ids) > limit:
        raise error_for(
            "invalid_request",
            f"{len(claim_ids)} claims in one request; the limit is {limit}",
            field="claimIds",
            remedy="name only live claims; a participant cannot have more",
            details={"limit": limit},
        )


# Calls that the relay answers with more than the kernel's word.
_OTHERS: Final[Mapping[str, Handler]] = {
    each.__name__: each for each in (claim_beats, claim_news, log_read)
}
ROUTES: Final[list[BaseRoute]] = [route(EXPLAIN, explain), *(serve(each) for each in CALLS)]
