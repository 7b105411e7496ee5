"""The kernel's own calls on claims and presence, for the Python client; see `kernel_routes`.

A grant answers with the row as of the grant, in the same round trip.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import anyio
from starlette.responses import Response
from starlette.routing import BaseRoute

from ablo_pg.db import claims
from ablo_pg.db.notifications import EVERYTHING
from ablo_pg.errors import AbloNotFoundError, error_for
from ablo_pg.relay.http.answers import JsonBytes, json_answer
from ablo_pg.relay.http.call import Call
from ablo_pg.relay.http.claim_routes import writable_model
from ablo_pg.relay.http.kernel_routes import kernel_route, model_for
from ablo_pg.wire.kernel_calls import (
    AcquireBody,
    BeatsBody,
    ClaimBody,
    NewsBody,
    OrderBody,
    PresenceBody,
    RowBody,
)


async def claim_acquire(call: Call) -> Response:
    """Request a claim: granted with the row, or a place in the queue."""
    body = await call.body(AcquireBody)
    model = await writable_model(call, body.model)
    target = (*call.who, model.typename, body.id, bytes(body.request), None, call.capability)
    key_id = call.credential.key_id
    return JsonBytes(await call.service.database.read(claims.claim_acquire, *target, key_id))


async def claim_look(call: Call) -> Response:
    """Read and renew an own claim; if its turn has come, it is granted here."""
    body = await call.body(ClaimBody)
    target = (*call.who, body.claim_id, True, call.capability)
    return JsonBytes(await call.service.database.read(claims.claim_get, *target))


async def claim_beats(call: Call) -> Response:
    """Renew own claims; each is held, queued or lost."""
    body = await call.body(BeatsBody)
    _check_number(call, body.claim_ids)
    target = (*call.who, body.claim_ids, call.capability)
    return JsonBytes(await call.service.database.read(claims.claim_heartbeat_all, *target))


async def claim_news(call: Call) -> Response:
    """Wait until one of these claims has an event; '' stands for all of them."""
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
    """Whether the caller may know of that claim; other claims are not revealed."""
    try:
        target = (*call.who, claim_id, False, call.capability)
        await call.service.database.read(claims.claim_get, *target)
    except AbloNotFoundError:
        return False
    return True


async def claim_release(call: Call) -> Response:
    """Release a claim, or leave the queue."""
    body = await call.body(ClaimBody)
    target = (*call.who, body.claim_id, call.capability)
    found = await call.service.database.read(claims.claim_release, *target)
    return json_answer({"released": found})


async def claim_release_row(call: Call) -> Response:
    """Release every claim and wait of the caller on a row."""
    body = await call.body(RowBody)
    model = (await call.service.schemas.find(body.model)).model(body.model)
    target = (*call.who, model.typename, body.id, call.capability)
    found = await call.service.database.read(claims.claim_release_row, *target)
    return json_answer({"released": found})


async def claim_line(call: Call) -> Response:
    """A row's holders and its wait queue."""
    body = await call.body(RowBody)
    model = await model_for(call, body.model)
    target = (*call.who, model.typename, body.id, call.capability)
    return JsonBytes(await call.service.database.read(claims.claim_list, *target))


async def claim_reorder(call: Call) -> Response:
    """Move these waiters to the head of the queue."""
    body = await call.body(OrderBody)
    model = await writable_model(call, body.model)
    target = (*call.who, model.typename, body.id, body.order, call.capability)
    await call.service.database.run(claims.claim_reorder, *target)
    return json_answer({"reordered": True})


async def presence_beat(call: Call) -> Response:
    """Record that a session of the caller is present."""
    body = await call.body(PresenceBody)
    target = (*call.who, body.session, bytes(body.request))
    return JsonBytes(await call.service.database.read(claims.presence_beat, *target))


async def presence_leave(call: Call) -> Response:
    """Record that a session of the caller has left."""
    body = await call.body(PresenceBody)
    found = await call.service.database.read(claims.presence_leave, *call.who, body.session)
    return json_answer({"left": found})


async def presence_list(call: Call) -> Response:
    """Who is present, with those of their claims that the caller may know of."""
    target = (*call.who, call.capability)
    return JsonBytes(await call.service.database.read(claims.presence_list, *target))


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
