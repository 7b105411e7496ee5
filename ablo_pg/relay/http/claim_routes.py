"""Claims: claim a row, wait in the queue, renew, release, list holders."""

from __future__ import annotations

from typing import Final

import msgspec
import orjson
from starlette.responses import Response
from starlette.routing import BaseRoute

from ablo_pg.db import claims
from ablo_pg.errors import AbloError, error_for
from ablo_pg.json_text import Decoder, loads
from ablo_pg.relay.auth import Verb
from ablo_pg.relay.http.answers import JsonBytes, json_answer
from ablo_pg.relay.http.call import Call, route
from ablo_pg.relay.http.model_routes import ROW
from ablo_pg.relay.http.writes import denied
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
from ablo_pg.wire.requests import pass_on


class _Beat(msgspec.Struct, frozen=True):
    status: str


_BEAT: Final = Decoder(_Beat)
MISSING_MS: Final = 5000  # the longest first lease on a missing row
MISSING: Final = b'{"ttl":"5s"}'
WRITES: Final[tuple[Verb, ...]] = ("update", "delete", "create")


async def writable_model(call: Call, name: str) -> ModelSpec:
    """Return the model if the caller may write to it: read-only callers hold no claims."""
    model = (await call.service.schemas.find(name)).model(name)
    if not any(call.credential.may(model.typename, verb) for verb in WRITES):
        raise denied(model, "update")
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
    counts = call.service.metrics.claims
    try:
        answer = await call.service.database.run(
            claims.claim_acquire,
            *call.who,
            model.typename,
            row_id,
            acquire_request(body),
            None,
            call.capability,
            call.credential.key_id,
        )
    except AbloError as exc:
        counts.labels(exc.code).inc()
        raise
    got = loads(answer)
    held = got["claim"]["status"] == "active"
    if held and got["data"] is None and got["claim"]["ttlMs"] > MISSING_MS:
        beat = await call.service.database.run(
            claims.claim_heartbeat, *call.who, got["claim"]["id"], MISSING
        )
        got["claim"]["expiresAt"] = loads(beat)["expiresAt"]
    status, found = acquired_body(got)
    counts.labels(found["status"]).inc()
    if status == 202:
        call.service.waits.begin(found["id"])
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
    answer = await call.service.database.run(
        claims.claim_heartbeat, *call.who, claim_id, beat_request(body), call.capability
    )
    if _BEAT.decode(answer).status == "held":
        call.service.waits.granted(claim_id)
    return JsonBytes(answer)


async def heartbeat_all(call: Call) -> Response:
    """POST: renew every claim and wait of the caller."""
    body = await call.body(BeatAllBody)
    ttl = None if body.ttl is None else pass_on(body.ttl)
    answer = await call.service.database.run(
        claims.claim_heartbeat_every, *call.who, ttl, call.capability
    )
    return json_answer(beats_body(loads(answer)))


async def get_claim(call: Call) -> Response:
    """GET one claim. Ended ones stay readable for some minutes."""
    target = (*call.who, call.path("claim"), False, call.capability)
    answer = await call.service.database.run(claims.claim_get, *target)
    return json_answer(claim_state_body(loads(answer)))


async def release_row(call: Call) -> Response:
    """DELETE: release, or stop waiting for, the row of the path. Not an error if there is none."""
    name = call.path("model")
    model = (await call.service.schemas.find(name)).model(name)
    released = await call.service.database.run(
        claims.claim_release_row, *call.who, model.typename, call.path("id"), call.capability
    )
    return json_answer({"object": "claim_release", "released": released})


async def release(call: Call) -> Response:
    """DELETE: release a claim by its id."""
    target = (*call.who, call.path("claim"), call.capability)
    released = await call.service.database.run(claims.claim_release, *target)
    return json_answer({"object": "claim_release", "released": released})


async def list_claims(call: Call) -> Response:
    """GET holders, and with a model and an id the wait queue too."""
    wanted = read_claim_filter(call.request.query_params)
    model = None
    if wanted.model is not None:
        model = (await call.service.schemas.find(wanted.model)).model(wanted.model)
        if not call.credential.may(model.typename, "read"):
            raise denied(model, "read")
    answer = await call.service.database.read(
        claims.claim_list_filtered,
        *call.who,
        None if model is None else model.typename,
        wanted.id,
        orjson.dumps(wanted.kernel_filter()),
        call.capability,
    )
    line = loads(answer)
    shown = {key: list(filter(wanted.admits, line.get(key) or ())) for key in ("claims", "queue")}
    return json_answer(claim_list_body(shown))


async def reorder(call: Call) -> Response:
    """POST: move waiters to the head of the queue."""
    model = await writable_model(call, call.path("model"))
    body = await call.body(ReorderBody)
    await call.service.database.run(
        claims.claim_reorder,
        *call.who,
        model.typename,
        call.path("id"),
        reorder_request(body),
        call.capability,
    )
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
