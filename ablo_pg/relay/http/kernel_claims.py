"""The kernel's own calls on claims and presence, for the Python client; see `kernel_routes`.

A grant answers with the row as of the grant, in the same round trip. A caller that sees only some
rows gets that row only where it may read it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import anyio
import msgspec
import orjson
from starlette.responses import Response
from starlette.routing import BaseRoute

from ablo_pg.db import claims, routines
from ablo_pg.errors import AbloNotFoundError, error_for
from ablo_pg.relay.claim_news import EVERYTHING
from ablo_pg.relay.http.answers import JsonBytes, json_answer
from ablo_pg.relay.http.call import Call
from ablo_pg.relay.http.claim_routes import writable_model
from ablo_pg.relay.http.kernel_routes import kernel_route, model_for
from ablo_pg.relay.live_schema import LiveSchema
from ablo_pg.wire.kernel_calls import (
    AcquireBody,
    BeatsBody,
    ClaimBody,
    NewsBody,
    OrderBody,
    PresenceBody,
    RowBody,
)

Json = dict[str, Any]


async def claim_acquire(call: Call) -> Response:
    """Ask for a claim: granted with the row, or a place in line."""
    body = await call.body(AcquireBody)
    model = await writable_model(call, body.model)
    target = (*call.who, model.typename, body.id, bytes(body.request), None, call.capability)
    return await _answer(call, await call.service.database.read(claims.claim_acquire, *target))


async def claim_look(call: Call) -> Response:
    """Look at an own claim and renew it; one whose turn has come is granted here."""
    body = await call.body(ClaimBody)
    target = (*call.who, body.claim_id, True)
    return await _answer(call, await call.service.database.read(claims.claim_get, *target))


async def claim_beats(call: Call) -> Response:
    """Renew own claims; each is held, queued or lost."""
    body = await call.body(BeatsBody)
    _check_number(call, body.claim_ids)
    target = (*call.who, body.claim_ids)
    return JsonBytes(await call.service.database.read(claims.claim_heartbeat_all, *target))


async def claim_news(call: Call) -> Response:
    """Wait until something is said of one of these claims; '' stands for all of them."""
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
    own = [one for one in told if one == EVERYTHING or await _is_here(call, one)]
    return json_answer({"claimIds": own, "after": after})


async def _is_here(call: Call, claim_id: str) -> bool:
    """Whether the caller's organization has that claim: of others nothing is told."""
    try:
        await call.service.database.read(claims.claim_get, *call.who, claim_id, False)
    except AbloNotFoundError:
        return False
    return True


async def claim_release(call: Call) -> Response:
    """Give a claim back, or leave the line."""
    body = await call.body(ClaimBody)
    found = await call.service.database.read(claims.claim_release, *call.who, body.claim_id)
    return json_answer({"released": found})


async def claim_release_row(call: Call) -> Response:
    """Give back whatever the caller holds, or waits for, on a row."""
    body = await call.body(RowBody)
    model = (await call.service.schemas.find(body.model)).model(body.model)
    target = (*call.who, model.typename, body.id)
    found = await call.service.database.read(claims.claim_release_row, *target)
    return json_answer({"released": found})


async def claim_line(call: Call) -> Response:
    """A row's holders and its wait line."""
    body = await call.body(RowBody)
    model = await model_for(call, body.model)
    target = (*call.who, model.typename, body.id)
    return JsonBytes(await call.service.database.read(claims.claim_list, *target))


async def claim_reorder(call: Call) -> Response:
    """Move these waiters to the head of the line."""
    body = await call.body(OrderBody)
    model = await writable_model(call, body.model)
    target = (*call.who, model.typename, body.id, body.order)
    await call.service.database.run(claims.claim_reorder, *target)
    return json_answer({"reordered": True})


async def presence_beat(call: Call) -> Response:
    """Say that a session of the caller is here."""
    body = await call.body(PresenceBody)
    target = (*call.who, body.session, bytes(body.request))
    return JsonBytes(await call.service.database.read(claims.presence_beat, *target))


async def presence_leave(call: Call) -> Response:
    """Say that a session of the caller is gone."""
    body = await call.body(PresenceBody)
    found = await call.service.database.read(claims.presence_leave, *call.who, body.session)
    return json_answer({"left": found})


async def presence_list(call: Call) -> Response:
    """Who is here, with those of their claims that the caller may know of."""
    found = await call.service.database.read(claims.presence_list, *call.who)
    if not call.narrow:
        return JsonBytes(found)
    people: list[Json] = msgspec.json.decode(found)
    schema = call.schema
    for one in people:
        own = one["participant"] == call.participant
        for key in ("claims", "waiting"):
            one[key] = [each for each in one.get(key) or () if own or _known(call, schema, each)]
    return json_answer([one for one in people if one.get("sessions") or one["claims"]])


def _known(call: Call, schema: LiveSchema, summary: Json) -> bool:
    """Whether the caller may know of a claim: of rows of some groups it cannot be told here."""
    model = schema.find(summary["entityType"])
    may = model is not None and call.credential.may(model.typename, "read")
    return may and call.credential.sync_groups is None


def _check_number(call: Call, claim_ids: Sequence[str]) -> None:
    limit = call.service.settings.open_claims + call.service.settings.open_waits
    if len(claim_ids) > limit:
        raise error_for(
            "invalid_request",
            f"{len(claim_ids)} claims in one request; the limit is {limit}",
            field="claimIds",
            remedy="name those that are live; a participant may have no more",
            details={"limit": limit},
        )


async def _answer(call: Call, answer: bytes) -> Response:
    """Answer with a claim; the row in it is read again for a caller that sees only some."""
    if not call.narrow:
        return JsonBytes(answer)
    found: Json = msgspec.json.decode(answer)
    if found["claim"]["status"] == "active":
        target = found["claim"]["target"]
        model = call.schema.model(target["model"])
        found.pop("data", None)
        if call.credential.may(model.typename, "read"):
            row = await call.service.database.read(
                routines.row_get, *call.who, model.typename, target["id"], call.capability
            )
            read: Json = msgspec.json.decode(row)
            found["data"], found["stamp"] = read["row"], read["stamp"]
    return JsonBytes(orjson.dumps(found))


ROUTES: Final[list[BaseRoute]] = [
    kernel_route(each.__name__, each)
    for each in (
        claim_acquire,
        claim_look,
        claim_beats,
        claim_news,
        claim_release,
        claim_release_row,
        claim_line,
        claim_reorder,
        presence_beat,
        presence_leave,
        presence_list,
    )
]
