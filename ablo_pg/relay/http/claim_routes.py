"""Claims: claim a row, wait in the queue, renew, release, list holders."""

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
from ablo_pg.relay.http.model_routes import ROW
from ablo_pg.relay.http.writes import denied, require_write
from ablo_pg.schema import ModelSpec
from ablo_pg.wire.claim_requests import (
    AcquireBody,
    BeatAllBody,
    BeatBody,
    ReorderBody,
    acquire_request,
    beat_request,
    read_claim_filter,
    reorder_request,
)
from ablo_pg.wire.claims import (
    acquired_body,
    beats_body,
    claim_list_body,
    claim_state_body,
)
from ablo_pg.wire.kernel_bodies import AcquireBody as RowClaim
from ablo_pg.wire.kernel_bodies import BeatBody as Beat
from ablo_pg.wire.kernel_bodies import ClaimBody, OrderBody, RowBody
from ablo_pg.wire.kernel_calls import CLAIM_ACQUIRE, CLAIM_RELEASE, CLAIM_RELEASE_ROW, CLAIM_REORDER
from ablo_pg.wire.relay_calls import (
    CLAIM_GET,
    CLAIM_HEARTBEAT,
    CLAIM_HEARTBEAT_EVERY,
    CLAIM_LIST,
    HoldersBody,
    TtlBody,
)
from ablo_pg.wire.requests import pass_on

MISSING_MS: Final = 5000  # the longest first lease on a row that is not there
MISSING: Final = msgspec.Raw(b'{"ttl":"5s"}')
RELEASED: Final = {"object": "claim_release"}


async def writable_model(call: Call, name: str) -> ModelSpec:
    """Return the model when the caller may write to it in some way."""
    model = (await call.service.schemas.find(name)).model(name)
    require_write(call.credential, model)
    return model


async def acquire_row(call: Call) -> Response:
    """POST: claim the row of the path.

    A missing row may be claimed in order to create it. The TypeScript SDK silently abandons such a
    claim, so its lease is short: a timely create lands, and a heartbeat with a ttl extends it.
    """
    body = await call.body(AcquireBody)
    return await _acquire(call, call.path("model"), call.path("id"), body)


async def acquire(call: Call) -> Response:
    """POST: claim the target that the body names."""
    body = await call.body(AcquireBody)
    target = body.target
    if target is None or target.model is None or target.id is None:
        raise error_for(
            "invalid_body",
            "target names no row",
            field="target",
            remedy='send {"target": {"model": ..., "id": ...}}',
        )
    return await _acquire(call, target.model, target.id, body)


async def _acquire(call: Call, name: str, row_id: str, body: AcquireBody) -> Response:
    model = await writable_model(call, name)
    asked = RowClaim(model.typename, row_id, msgspec.Raw(acquire_request(body)))
    got = loads(await call.ask(CLAIM_ACQUIRE, asked, again=False))
    held = got["claim"]["status"] == "active"
    if held and got["data"] is None and got["claim"]["ttlMs"] > MISSING_MS:
        now = loads(await call.ask(CLAIM_HEARTBEAT, Beat(got["claim"]["id"], MISSING)))
        got["claim"] |= {"expiresAt": now["expiresAt"], "ttlMs": now["ttlMs"]}
    status, found = acquired_body(got)
    return json_answer(found, status)


async def heartbeat_row(call: Call) -> Response:
    """POST: renew a claim on the row of the path, by its id in the body."""
    body = await call.body(BeatBody)
    if body.claim_id is None:
        raise error_for(
            "claim_id_required",
            "A heartbeat must name its claim",
            field="claimId",
            remedy='send {"claimId": ...}, as returned by the acquire',
        )
    return await _heartbeat(call, body.claim_id, body)


async def heartbeat(call: Call) -> Response:
    """POST: renew a claim, or a place in the queue. A waiter whose turn has come is granted."""
    return await _heartbeat(call, call.path("claim"), await call.body(BeatBody))


async def _heartbeat(call: Call, claim_id: str, body: BeatBody) -> Response:
    beat = Beat(claim_id, msgspec.Raw(beat_request(body)))
    return JsonBytes(await call.ask(CLAIM_HEARTBEAT, beat))


async def heartbeat_all(call: Call) -> Response:
    """POST: renew every claim and wait of the caller."""
    body = await call.body(BeatAllBody)
    ttl = None if body.ttl is None else msgspec.Raw(pass_on(body.ttl))
    answer = await call.ask(CLAIM_HEARTBEAT_EVERY, TtlBody(ttl))
    return json_answer(beats_body(loads(answer)))


async def get_claim(call: Call) -> Response:
    """GET one claim. Ended ones stay readable for some minutes."""
    answer = await call.ask(CLAIM_GET, ClaimBody(call.path("claim")))
    return json_answer(claim_state_body(loads(answer)))


async def release_row(call: Call) -> Response:
    """DELETE: release, or stop waiting for, the row of the path. Not an error without a claim."""
    name = call.path("model")
    model = (await call.service.schemas.find(name)).model(name)
    row = RowBody(model.typename, call.path("id"))
    return json_answer(RELEASED | loads(await call.ask(CLAIM_RELEASE_ROW, row)))


async def release(call: Call) -> Response:
    """DELETE: give a claim back by its id."""
    claim = ClaimBody(call.path("claim"))
    return json_answer(RELEASED | loads(await call.ask(CLAIM_RELEASE, claim)))


async def list_claims(call: Call) -> Response:
    """GET holders, and with a model and an id the wait queue too."""
    wanted = read_claim_filter(call.request.query_params)
    model = None
    if wanted.model is not None:
        model = (await call.service.schemas.find(wanted.model)).model(wanted.model)
        if not call.credential.may(model.typename, "read"):
            raise denied(model, "read")
    filtered = msgspec.Raw(orjson.dumps(wanted.kernel_filter()))
    whose = HoldersBody(None if model is None else model.typename, wanted.id, filtered)
    line = loads(await call.ask(CLAIM_LIST, whose))
    shown = {key: list(filter(wanted.admits, line.get(key) or ())) for key in ("claims", "queue")}
    return json_answer(claim_list_body(shown))


async def reorder(call: Call) -> Response:
    """POST: move waiters to the head of the queue."""
    model = await writable_model(call, call.path("model"))
    body = await call.body(ReorderBody)
    order = OrderBody(model.typename, call.path("id"), list(reorder_request(body)))
    await call.ask(CLAIM_REORDER, order)
    return json_answer({"object": "claim_reorder", "reordered": True})


ROUTES: Final[list[BaseRoute]] = [
    route(f"{ROW}/claim", acquire_row, "POST"),
    route(f"{ROW}/claim", release_row, "DELETE"),
    route(f"{ROW}/claim/heartbeat", heartbeat_row, "POST"),
    route(f"{ROW}/claim/reorder", reorder, "POST"),
    route("/api/v1/claims", list_claims),
    route("/api/v1/claims", acquire, "POST"),
    route("/api/v1/claims/heartbeat", heartbeat_all, "POST"),
    route("/api/v1/claims/{claim}", get_claim),
    route("/api/v1/claims/{claim}", release, "DELETE"),
    route("/api/v1/claims/{claim}/heartbeat", heartbeat, "POST"),
]
