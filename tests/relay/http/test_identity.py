"""Who a key is, in the words of both generations; names at each door."""

from __future__ import annotations

import re
from typing import Any

import pytest

from ablo_pg import Model, define_schema
from ablo_pg.schema import dump_schema_json, parse_schema_json
from ablo_pg.testing import apply_schema

pytestmark = pytest.mark.anyio

IDENTITY = "/api/auth/identity"
OPERATION = re.compile(r"[^.*]+\.(read|create|update|delete)")


def is_authority(authority: dict[str, Any]) -> bool:
    """What clients require of the authority object: no star in it, all keys there."""
    return (
        authority.keys()
        >= {"organizationId", "syncGroups", "operations", "participantKind", "participantId"}
        and all(OPERATION.fullmatch(one) for one in authority["operations"])
        and authority["participantKind"] in ("user", "agent", "system")
    )


async def test_an_identity_has_what_clients_require(api: Any) -> None:
    answer = await api("GET", IDENTITY)
    body = answer.json()
    assert answer.status_code == 200
    assert (body["participantKind"], body["participantId"]) == ("system", "a")
    assert body["accountScope"] == "acme"
    assert body["projectId"] == "acme"  # the default project is the organization's
    assert (body["branchId"], body["branchRoot"]) == ("br_main", True)
    assert body["syncGroups"] == ["default", "org:acme"]
    assert body["userMeta"] == {}
    assert is_authority(body["authority"])
    assert "lineitems.update" in body["authority"]["operations"]  # the typename in lower case


@pytest.mark.parametrize("broken", [{"operations": ["*"]}, {"operations": ["tasks.*"]}])
async def test_the_check_catches_a_star(api: Any, broken: dict[str, Any]) -> None:
    authority = (await api("GET", IDENTITY)).json()["authority"]
    assert not is_authority(authority | broken)


async def test_a_wild_right_is_spelt_out(as_: Any) -> None:
    reader = await as_("user:r", operations=["*.read"])
    body = (await reader("GET", IDENTITY)).json()
    assert is_authority(body["authority"])
    assert body["authority"]["operations"] == ["lineitems.read", "projects.read", "tasks.read"]


async def test_receipts_carry_the_same_authority(api: Any) -> None:
    receipt = await api.create("tasks", "t1", title="a")
    assert receipt["authority"] == (await api("GET", IDENTITY)).json()["authority"]


async def test_a_key_bound_to_groups_says_which(as_: Any) -> None:
    narrow = await as_("agent:n", syncGroups=["projects:p1"], userMeta={"team": "x"})
    body = (await narrow("GET", IDENTITY)).json()
    assert body["syncGroups"] == ["projects:p1"]
    assert body["userMeta"] == {"team": "x"}


class LineItem(Model):
    label: str


async def test_each_door_answers_in_its_own_spelling(world: Any, api: Any) -> None:
    """A model whose key, typename and table all differ."""
    document = dump_schema_json(define_schema(lineItems=LineItem).spec)
    document["models"]["lineItems"] |= {"typename": "LineItem", "tableName": "line_items_t"}  # type: ignore[index]
    apply_schema(world.db.admin_url, parse_schema_json(document))
    await world.relay.service.schemas.refresh()
    for number, name in enumerate(["lineItems", "LineItem", "line_items_t", "LINEITEM"]):
        made = await api(
            "POST", f"/api/v1/models/{name}", {"id": f"l{number}", "data": {"label": "x"}}
        )
        assert made.status_code == 201, made.text
        assert (await api("GET", f"/api/v1/models/{name}/l0")).json()["model"] == "lineItems"
    (event, *_) = (await api("GET", "/api/v1/logs")).json()["data"]
    assert (event["model"], event["delta"]["modelName"]) == ("lineItems", "LineItem")
    held = (await api("POST", "/api/v1/models/LineItem/l0/claim", {})).json()
    assert held["claim"]["target"]["model"] == "lineItems"
    refused = await api("POST", "/api/v1/models/lineItems/l0/claim", {"queue": False})
    assert refused.status_code == 201  # one's own
    other = await world.api("acme", "agent:b")
    refused = await other("PATCH", "/api/v1/models/lineItems/l0", {"data": {"label": "y"}})
    assert refused.json()["claims"][0]["entityType"] == "lineitem"
    operations = (await api("GET", IDENTITY)).json()["authority"]["operations"]
    assert "lineitem.read" in operations
