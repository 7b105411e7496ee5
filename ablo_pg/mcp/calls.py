"""What each tool does: its calls of the relay's HTTP API. `tools` has what they are offered as."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias
from urllib.parse import urlencode

from ablo_pg.mcp.session import Catalogue, Json, Session, quoted
from ablo_pg.wire.openapi_models import model_components

Told: TypeAlias = Callable[[str], Awaitable[None]]  # progress, in words
TEXT_LIMIT: Final = 20_000  # characters of one text in an answer
WAIT_LIMIT: Final = 300  # seconds in a queue


async def get_schema(session: Session, given: Json, told: Told) -> object:
    """See `tools.OFFERS`."""
    catalogue = await session.catalogue()
    return {
        "version": catalogue.version,
        "models": [
            {
                "model": key,
                "may": [verb for verb, keys in catalogue.verbs.items() if key in keys],
                "fields": component(catalogue, key, "Row")["properties"],
                "relations": [
                    {
                        "name": one.name,
                        "kind": one.kind,
                        "model": one.target,
                        "field": one.foreign_key,
                    }
                    for one in spec.relations
                ],
            }
            for key, spec in catalogue.models.items()
            if any(key in keys for keys in catalogue.verbs.values())
        ],
    }


async def list_records(session: Session, given: Json, told: Told) -> object:
    """See `tools.OFFERS`."""
    query = {"limit": given.get("limit", 20)}
    names = {"where": "where", "cursor": "starting_after"}
    query |= {names[name]: given[name] for name in names if name in given}
    if (order := given.get("order_by")) is not None:
        query["order_by"] = order.removeprefix("-")
        query["order"] = "desc" if order.startswith("-") else "asc"
    path = f"/api/v1/models/{quoted(given['model'])}?{urlencode(query)}"
    page = await session.call("GET", path)
    return {"rows": page["data"], "next_cursor": page.get("next_cursor")}


async def get_model(session: Session, given: Json, told: Told) -> object:
    """See `tools.OFFERS`."""
    found = await session.call("GET", _row(given))
    return {"row": found["data"], "stamp": found["stamp"], "claims": found["claims"]}


async def history(session: Session, given: Json, told: Told) -> object:
    """See `tools.OFFERS`."""
    body = {"model": given["model"], "id": given["id"], "limit": given.get("limit", 20)}
    return await session.call("POST", "/api/v1/kernel/row_history", body)


async def tail_logs(session: Session, given: Json, told: Told) -> object:
    """See `tools.OFFERS`."""
    return await session.call("GET", f"/api/v1/logs?{urlencode({'limit': 20, **given})}")


async def create_model(session: Session, given: Json, told: Told) -> object:
    """See `tools.OFFERS`."""
    body = {name: given[name] for name in ("data", "id") if name in given}
    path = f"/api/v1/models/{quoted(given['model'])}"
    receipt = await session.call("POST", path, body, key=given.get("idempotency_key"))
    made = given.get("id") or receipt.get("id")
    return await _written(session, given | ({"id": made} if made else {}), receipt)


async def update_model(session: Session, given: Json, told: Told) -> object:
    """See `tools.OFFERS`."""
    body = {"data": given["data"], **_guards(session, given)}
    receipt = await session.call("PATCH", _row(given), body, key=given.get("idempotency_key"))
    return await _written(session, given, receipt)


async def delete_model(session: Session, given: Json, told: Told) -> object:
    """See `tools.OFFERS`."""
    body = _guards(session, given)
    receipt = await session.call("DELETE", _row(given), body, key=given.get("idempotency_key"))
    session.claims.pop((given["model"], given["id"]), None)
    return {"receipt": receipt}


async def claim_model(session: Session, given: Json, told: Told) -> object:
    """See `tools.OFFERS`."""
    wait = min(float(given.get("wait_seconds", 30)), WAIT_LIMIT)
    return await session.claim(given["model"], given["id"], given["description"], wait, told)


async def release_claim(session: Session, given: Json, told: Told) -> object:
    """See `tools.OFFERS`."""
    return {"released": await session.release(given["model"], given["id"])}


async def preview(session: Session, given: Json, told: Told) -> object:
    """See `tools.OFFERS`."""
    body = {"request": {"operations": given["operations"]}}
    return await session.call("POST", "/api/v1/kernel/commit_preview", body)


async def undo(session: Session, given: Json, told: Told) -> object:
    """See `tools.OFFERS`."""
    choice = {name: given[name] for name in ("commit", "claim", "actor", "after") if name in given}
    plan = await session.call("POST", "/api/v1/kernel/undo_plan", {"choice": choice})
    if given.get("preview") or not plan["operations"]:
        return {"receipt": None, "operations": plan["operations"], "left": plan["left"]}
    body = {"operations": plan["operations"], "reads": plan["reads"]}
    receipt = await session.call("POST", "/api/v1/commits", body)
    return {"receipt": receipt, "operations": plan["operations"], "left": plan["left"]}


def capped(value: object) -> object:
    """Return an answer whose texts have a limit, so that one row does not fill a context."""
    if isinstance(value, str) and len(value) > TEXT_LIMIT:
        return f"{value[:TEXT_LIMIT]} [cut: {len(value)} characters in all]"
    if isinstance(value, dict):
        return {name: capped(one) for name, one in value.items()}
    return [capped(one) for one in value] if isinstance(value, list) else value


async def _written(session: Session, given: Json, receipt: Json) -> object:
    """Return the receipt and the row; a key that may not read it gets the receipt alone."""
    if "id" not in given or receipt.get("notifications"):
        return {"receipt": receipt}
    found = await session.call("GET", _row(given))
    return {"receipt": receipt, "row": found["data"], "stamp": found["stamp"]}


def _guards(session: Session, given: Json) -> Json:
    """Return what a write rests on: the stamp, and the claim that this session holds."""
    claim = session.claims.get((given["model"], given["id"]))
    found = {"readAt": given.get("read_at"), "claim": claim}
    return {name: value for name, value in found.items() if value is not None}


def _row(given: Json) -> str:
    return f"/api/v1/models/{quoted(given['model'])}/{quoted(given['id'])}"


def component(catalogue: Catalogue, key: str, part: str) -> Json:
    """Return a model's JSON schema: Row, New or Changes."""
    found = model_components(catalogue.models[key])[f"{key}.{part}"]
    assert isinstance(found, dict)
    return found
