"""Keys made of keys: swaps, sessions, ending and replacing them."""

from __future__ import annotations

import datetime as dt
from typing import Any

import psycopg
import pytest

from ablo_pg.credentials import new_key
from ablo_pg.db.keys import create_key

from .world import World

pytestmark = pytest.mark.anyio

CAPABILITIES = "/api/v1/capabilities"
SWAP = {"participantKind": "system", "wideScope": True, "ttlSeconds": 3600}


@pytest.fixture
def world(own_organization: World) -> World:
    return own_organization


def in_seconds(expires_at: str) -> float:
    """Seconds until a time, which must end in Z: newer clients refuse an offset."""
    assert expires_at.endswith("Z")
    return (dt.datetime.fromisoformat(expires_at) - dt.datetime.now(dt.UTC)).total_seconds()


@pytest.mark.parametrize("path", [CAPABILITIES, "/api/auth/capability"])
async def test_a_swap_of_a_secret_key(api: Any, world: World, path: str) -> None:
    answer = await api("POST", path, SWAP)
    body = answer.json()
    assert answer.status_code == 201
    assert body.keys() >= {
        *("capabilityId", "token", "expiresAt", "organizationId", "scope", "userMeta")
    }
    assert body["token"].startswith("rk_")
    assert body["capabilityId"].startswith("cap_")
    assert 3500 < in_seconds(body["expiresAt"]) < 3700
    assert (body["organizationId"], body["branchRoot"], body["userMeta"]) == (
        world.organization,
        True,
        {},
    )
    scope = body["scope"]
    assert scope["branchId"] is not None
    assert (scope["organizationId"], scope["participantKind"]) == (world.organization, "system")
    assert scope["syncGroups"] == ["default", f"org:{world.organization}"]
    assert "*" not in str(scope["operations"])


async def test_two_swaps_are_two_participants(api: Any, world: Any) -> None:
    """So that two clients on one shared key exclude and see one another."""
    tokens = [(await api("POST", CAPABILITIES, SWAP)).json()["token"] for _ in range(2)]
    one, two = [await world.with_key(token) for token in tokens]
    await one.create("tasks", "t1", title="x")
    assert (await one("POST", "/api/v1/models/tasks/t1/claim", {})).status_code == 201
    assert (await two("POST", "/api/v1/models/tasks/t1/claim", {})).status_code == 202
    identities = {
        (await each("GET", "/api/auth/identity")).json()["participantId"] for each in (one, two)
    }
    assert len(identities) == 2


async def test_an_agents_session(api: Any, world: Any) -> None:
    asked = {
        "participantKind": "agent",
        "participantId": "triage",
        "operations": ["tasks.update", "tasks.read"],
        "ttlSeconds": 900,
        "userMeta": {"team": "x"},
    }
    body = (await api("POST", CAPABILITIES, asked)).json()
    assert body["scope"]["operations"] == ["tasks.read", "tasks.update"]
    assert body["scope"]["participantId"] == "triage"
    assert body["userMeta"] == {"team": "x"}
    agent = await world.with_key(body["token"])
    assert (await agent("GET", "/api/v1/models/tasks")).status_code == 200
    answer = await agent("POST", "/api/v1/models/tasks", {"id": "t", "data": {"title": "x"}})
    assert (answer.status_code, answer.json()["code"]) == (403, "capability_scope_denied")
    assert answer.json()["operation"] == "tasks.create"
    answer = await agent("GET", "/api/v1/models/projects")
    assert answer.json()["code"] == "capability_scope_denied"
    await api.create("tasks", "t1", title="x")
    assert (
        await agent("PATCH", "/api/v1/models/tasks/t1", {"data": {"title": "y"}})
    ).status_code == 200
    event = (await api("GET", "/api/v1/logs?limit=1")).json()["data"][0]
    assert event["actor"] == "agent:triage"
    assert event["delta"]["capabilityId"] == body["capabilityId"]


async def test_a_child_never_exceeds_its_parent(as_: Any) -> None:
    narrow = await as_("agent:n", operations=["tasks.read"])
    asked = {"participantKind": "agent", "participantId": "x", "operations": ["tasks.delete"]}
    answer = await narrow("POST", CAPABILITIES, asked)
    assert (answer.status_code, answer.json()["code"]) == (403, "capability_scope_denied")
    answer = await narrow("POST", CAPABILITIES, SWAP | {"organizationId": "other"})
    assert (answer.status_code, answer.json()["code"]) == (403, "organization_mismatch")


@pytest.mark.parametrize("path", ["/api/v1/ephemeral_keys", "/api/auth/ephemeral-keys"])
@pytest.mark.parametrize(
    ("may", "operations"),
    [
        ({"operations": ["tasks.read"]}, ["tasks.read"]),
        ({"activeSchemaOperations": ["read"]}, ["lineitems.read", "projects.read", "tasks.read"]),
        ({"controlPlaneOnly": True}, []),
    ],
)
async def test_a_users_session(
    api: Any, world: Any, path: str, may: dict[str, Any], operations: list[str]
) -> None:
    answer = await api("POST", path, {"user": {"id": "u1"}, "ttlSeconds": 900} | may)
    body = answer.json()
    assert answer.status_code == 201, answer.text
    assert body.keys() >= {
        *("id", "token", "expiresAt", "organizationId", "participantId", "syncGroups"),
        "operations",
    }
    assert body["token"].startswith("ek_")
    assert (body["participantId"], body["operations"]) == ("u1", operations)
    assert 800 < in_seconds(body["expiresAt"]) < 1000
    user = await world.with_key(body["token"])
    identity = (await user("GET", "/api/auth/identity")).json()
    assert (identity["participantKind"], identity["participantId"]) == ("user", "u1")


@pytest.mark.parametrize("may", [{}, {"operations": []}, {"activeSchemaOperations": ["fly"]}])
async def test_a_users_session_says_what_it_may(api: Any, may: dict[str, Any]) -> None:
    answer = await api("POST", "/api/v1/ephemeral_keys", {"user": {"id": "u1"}} | may)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_body")


async def test_a_revoked_key_is_refused_at_once_and_says_so(api: Any, world: Any) -> None:
    minted = (await api("POST", CAPABILITIES, SWAP)).json()
    agent = await world.with_key(minted["token"])
    assert (await agent("GET", "/api/auth/identity")).status_code == 200
    answer = await api("DELETE", f"{CAPABILITIES}/{minted['capabilityId']}")
    assert answer.json() == {
        "id": minted["capabilityId"],
        "deleted": True,
        "activeSessionsClosed": 0,
    }
    answer = await agent("GET", "/api/auth/identity")
    assert (answer.status_code, answer.json()["code"]) == (401, "apikey_revoked")
    assert answer.headers["x-auth-failure"] == "apikey_revoked"


async def test_rotation_gives_a_new_token_and_the_old_one_a_grace(api: Any, world: Any) -> None:
    minted = (await api("POST", CAPABILITIES, SWAP)).json()
    path = f"{CAPABILITIES}/{minted['capabilityId']}/rotate"
    body = (await api("POST", path, {"graceSeconds": 60, "ttlSeconds": 600})).json()
    assert body["token"] != minted["token"]
    assert body["rotatedFrom"]["capabilityId"] == minted["capabilityId"]
    assert in_seconds(body["rotatedFrom"]["expiresAt"]) < 61
    assert body["scope"] == minted["scope"]
    for token in (minted["token"], body["token"]):
        assert (await (await world.with_key(token))("GET", "/api/auth/identity")).status_code == 200


@pytest.mark.parametrize("spelling", ["sk", "rk", "sk_test"])
async def test_a_rotated_key_is_of_the_same_kind(world: Any, spelling: Any) -> None:
    """Contract, credentials: a rotation puts a key in the place of another, as it was spelt."""
    key = new_key(spelling)
    with psycopg.connect(world.db.admin_url, autocommit=True) as conn:
        made = create_key(conn, world.organization, "system:a", key, {"prefix": spelling[:2]})
    api = await world.with_key(key)
    answer = await api("POST", f"{CAPABILITIES}/{made.id}/rotate", {})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["token"].startswith(f"{spelling}_")
    assert body.keys() >= {"capabilityId", "token", "expiresAt", "organizationId", "scope"}
    assert body["rotatedFrom"].keys() == {"capabilityId", "expiresAt"}
    assert body["expiresAt"] is None  # as the old one, it does not end by itself
    again = await world.with_key(body["token"])
    assert (await again("GET", "/api/auth/identity")).json()["participantId"] == "a"


async def test_a_key_looks_at_itself_and_at_its_children(api: Any, world: Any) -> None:
    minted = (await api("POST", CAPABILITIES, SWAP)).json()
    agent = await world.with_key(minted["token"])
    body = (await agent("GET", f"{CAPABILITIES}/{minted['capabilityId']}")).json()
    assert body["scope"] == minted["scope"]
    assert "token" not in body
    seen = await api("GET", f"{CAPABILITIES}/{minted['capabilityId']}")  # as by who may end it
    assert seen.json() == body
    sibling = await world.with_key((await api("POST", CAPABILITIES, SWAP)).json()["token"])
    answer = await sibling("GET", f"{CAPABILITIES}/{minted['capabilityId']}")
    assert (answer.status_code, answer.json()["code"]) == (404, "capability_not_found")
    await api("DELETE", f"{CAPABILITIES}/{minted['capabilityId']}")
    answer = await api("GET", f"{CAPABILITIES}/{minted['capabilityId']}")
    assert (answer.status_code, answer.json()["code"]) == (404, "capability_not_found")


async def test_a_key_does_not_look_at_others(api: Any, world: Any) -> None:
    agent = await world.with_key((await api("POST", CAPABILITIES, SWAP)).json()["token"])
    answer = await agent("GET", f"{CAPABILITIES}/cap_other")
    assert (answer.status_code, answer.json()["code"]) == (404, "capability_not_found")
    answer = await agent("DELETE", f"{CAPABILITIES}/cap_other")
    assert answer.json()["code"] == "capability_not_found"


async def test_a_publishable_key_reads_only(as_: Any) -> None:
    reader = await as_("user:p", prefix="pk")
    assert (await reader("GET", "/api/v1/models/tasks")).status_code == 200
    answer = await reader("POST", "/api/v1/models/tasks", {"id": "t", "data": {"title": "x"}})
    assert answer.status_code == 403
    assert (await reader("POST", CAPABILITIES, SWAP)).status_code == 403
    assert (await reader("POST", "/api/schema", {"schema": {}})).status_code == 403


@pytest.mark.parametrize("user", ["", "a\nb", "\x1b[2J", "x" * 600])
async def test_a_session_is_for_a_user_that_can_act(api: Any, user: str) -> None:
    asked = {"user": {"id": user}, "operations": ["tasks.read"]}
    answer = await api("POST", "/api/v1/ephemeral_keys", asked)
    assert answer.status_code == 400, answer.text
