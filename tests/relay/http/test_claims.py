"""Claims over HTTP: acquire, wait, beat, look, release, reorder; as both generations read them."""

from __future__ import annotations

import time
from typing import Any

import msgspec
import psycopg
import pytest

from ablo_pg.relay.http import claim_routes

from .world import World

pytestmark = pytest.mark.anyio

ROW = "/api/v1/models/tasks/t1"
CLAIM = f"{ROW}/claim"
LIST = "/api/v1/claims?model=tasks&id=t1"
HTTP_CLAIM = {"id", "actor", "participantKind", "expiresAt", "target"}
DELEGATION = {"onBehalfOfId", "onBehalfOfKind", "capabilityId"}


@pytest.fixture
def world(own_organization: World) -> World:
    return own_organization


@pytest.fixture(autouse=True)
async def row(api: Any) -> None:
    await api.create("tasks", "t1", title="first")


@pytest.fixture
async def other(as_: Any) -> Any:
    return await as_("agent:b")


async def acquire(api: Any, **asked: Any) -> Any:
    return await api("POST", CLAIM, {"description": "edits", "queue": True} | asked)


def is_http_claim(claim: dict[str, Any]) -> bool:
    """What clients require of a claim: some keys, and null nowhere but in the three."""
    return (
        claim.keys() >= HTTP_CLAIM | DELEGATION
        and not [key for key in claim.keys() - DELEGATION if claim[key] is None]
        and isinstance(claim["expiresAt"], int)
        and claim["target"].keys() >= {"model", "id"}
        and claim["participantKind"] in ("user", "agent", "system")
    )


async def test_a_grant_is_201_with_the_claim(api: Any) -> None:
    answer = await acquire(api, ttl="30s", meta={"why": "test"})
    body = answer.json()
    assert answer.status_code == 201
    assert (body["object"], body["status"]) == ("claim", "active")
    assert isinstance(body["fenceToken"], int)
    assert body["expiresAt"] == body["claim"]["expiresAt"]
    claim = body["claim"]
    assert is_http_claim(claim)
    assert claim["id"] == body["id"]
    assert (claim["actor"], claim["participantKind"]) == ("a", "system")
    assert claim["target"] == {"model": "tasks", "id": "t1", "meta": {"why": "test"}}
    # One text under the names of both generations.
    assert {claim["description"], claim["action"], claim["reason"]} == {"edits"}


async def test_the_next_one_waits_with_202_counted_from_0(api: Any, other: Any, as_: Any) -> None:
    held = (await acquire(api)).json()
    for place, waiter in enumerate([other, await as_("user:c")]):
        answer = await acquire(waiter)
        body = answer.json()
        assert answer.status_code == 202
        assert (body["object"], body["status"], body["position"]) == ("claim", "queued", place)
        assert (body["heldBy"], body["heldByClaim"]["claimId"]) == ("a", held["id"])
        summary = {"claimId", "entityType", "entityId", "declaredAt", "expiresAt"}
        assert body["heldByClaim"].keys() >= summary
        assert "fenceToken" not in body


async def test_failing_fast_is_409_with_who_holds_it(api: Any, other: Any) -> None:
    held = (await acquire(api)).json()
    answer = await acquire(other, queue=False)
    body = answer.json()
    assert (answer.status_code, body["code"]) == (409, "claim_conflict")
    assert body["type"] == "AbloClaimedError"
    assert [one["claimId"] for one in body["claims"]] == [held["id"]]
    assert body["heldBy"] == "a"
    assert (await other("GET", LIST)).json()["queue"] == []


async def test_asking_again_is_the_same_claim(api: Any) -> None:
    first = (await acquire(api, ttl="10s")).json()
    again = await acquire(api, ttl="60s")
    assert again.status_code == 201
    assert again.json()["id"] == first["id"]
    assert again.json()["fenceToken"] == first["fenceToken"]
    assert again.json()["expiresAt"] > first["expiresAt"]


async def test_parts_of_a_row_are_claimed_apart(api: Any, other: Any, as_: Any) -> None:
    assert (await acquire(api, target={"fields": ["title"]})).status_code == 201
    assert (await acquire(other, target={"field": "status"})).status_code == 201
    third = await as_("user:c")
    assert (await acquire(third, queue=False, target={"field": "title"})).status_code == 409
    assert (await acquire(third, queue=False)).status_code == 409
    claims = (await api("GET", f"{LIST}&field=title")).json()["claims"]
    assert [one["actor"] for one in claims] == ["a"]


async def test_a_waiter_beats_is_granted_and_reads_its_fence(api: Any, other: Any) -> None:
    held = (await acquire(api)).json()
    waiting = (await acquire(other)).json()
    beat = f"/api/v1/claims/{waiting['id']}/heartbeat"
    body = (await other("POST", beat, {})).json()
    assert (body["object"], body["claimId"]) == ("claim_heartbeat", waiting["id"])
    assert (body["status"], body["position"]) == ("queued", 0)
    assert (await api("DELETE", CLAIM)).json() == {"object": "claim_release", "released": True}
    body = (await other("POST", beat)).json()
    assert body["status"] == "held"
    assert isinstance(body["expiresAt"], int)
    assert body["queueDepth"] == 0
    found = (await other("GET", f"/api/v1/claims/{waiting['id']}")).json()
    assert (found["object"], found["status"]) == ("claim", "active")
    assert found["fenceToken"] > held["fenceToken"]
    ended = (await api("GET", f"/api/v1/claims/{held['id']}")).json()
    assert ended["status"] == "committed"
    assert "fenceToken" not in ended


async def test_beats_by_row_and_for_all(api: Any, other: Any) -> None:
    held = (await acquire(api)).json()
    body = {"claimId": held["id"], "ttl": "90s", "details": {"done": 3}}
    answer = await api("POST", f"{CLAIM}/heartbeat", body)
    assert answer.json()["status"] == "held"
    assert answer.json()["expiresAt"] > held["expiresAt"]
    claim = (await api("GET", f"/api/v1/claims/{held['id']}")).json()
    assert claim["meta"]["progress"] == {"done": 3}
    every = (await api("POST", "/api/v1/claims/heartbeat", {"ttl": 30})).json()
    assert every["object"] == "list"
    assert [(one["claimId"], one["status"]) for one in every["results"]] == [(held["id"], "held")]
    assert (await api("POST", f"{CLAIM}/heartbeat", {})).json()["code"] == "claim_id_required"


async def test_a_beat_on_a_row_names_its_claim(api: Any) -> None:
    """Contract, claims: a heartbeat by row carries the claim's id; `details` is its progress."""
    path = "/api/v1/models/tasks/t1/claim"
    held = (await api("POST", path, {})).json()
    answer = await api("POST", f"{path}/heartbeat", {"ttl": "30s"})
    assert (answer.status_code, answer.json()["code"]) == (400, "claim_id_required")
    beat = {"claimId": held["id"], "ttl": "30s", "details": {"done": 3}}
    assert (await api("POST", f"{path}/heartbeat", beat)).json()["status"] == "held"
    (claim,) = (await api("GET", "/api/v1/claims?model=tasks&id=t1")).json()["data"]
    assert claim["meta"] == {"progress": {"done": 3}}


async def test_a_lost_claim_and_an_unknown_one(api: Any, other: Any) -> None:
    held = (await acquire(api)).json()
    await api("DELETE", f"/api/v1/claims/{held['id']}")
    for path in (f"/api/v1/claims/{held['id']}/heartbeat", f"{CLAIM}/heartbeat"):
        answer = await api("POST", path, {"claimId": held["id"]})
        assert (answer.status_code, answer.json()["code"]) == (409, "claim_lost")
    for method, tail in (("GET", ""), ("POST", "/heartbeat")):
        answer = await api(method, f"/api/v1/claims/clm_nobody{tail}")
        assert (answer.status_code, answer.json()["code"]) == (404, "claim_not_found")


async def test_release_is_no_error_when_nothing_is_held(api: Any, other: Any) -> None:
    assert (await api("DELETE", CLAIM)).json() == {"object": "claim_release", "released": False}
    await acquire(api)
    await acquire(other)
    assert (await other("DELETE", CLAIM)).json()["released"] is True  # it leaves the line
    assert (await api("GET", LIST)).json()["queue"] == []
    held = (await acquire(api)).json()
    answer = await other("DELETE", f"/api/v1/claims/{held['id']}")
    assert answer.json()["released"] is False  # somebody else's is not given back


async def test_the_list_serves_both_generations(api: Any, other: Any) -> None:
    await acquire(api)
    await acquire(other)
    body = (await api("GET", LIST)).json()
    assert body.keys() >= {"object", "data", "has_more", "next_cursor", "claims", "queue"}
    assert (body["object"], body["has_more"], body["next_cursor"]) == ("list", False, None)
    assert [one["status"] for one in body["data"]] == ["active", "queued"]
    assert body["data"] == body["claims"] + body["queue"]
    assert all(is_http_claim(one) for one in body["data"])
    assert body["queue"][0]["position"] == 0
    assert "position" not in body["claims"][0]
    everywhere = (await api("GET", "/api/v1/claims")).json()
    assert [one["status"] for one in everywhere["data"]] == ["active"]  # holders only


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("actorId=a", 1),
        ("actorId=b", 0),
        ("actorId=a&actorKind=system", 1),
        ("actorId=a&actorKind=agent", 0),
        ("actorKind=system", 1),
        ("actorKind=human", 0),
        ("capabilityId=cap_1", 0),
        ("onBehalfOfId=u", 0),
        ("model=projects", 0),
    ],
)
async def test_claims_are_found_by_who_holds_them(api: Any, query: str, found: int) -> None:
    await acquire(api)
    assert len((await api("GET", f"/api/v1/claims?{query}")).json()["data"]) == found


async def test_waiters_are_reordered(api: Any, other: Any, as_: Any) -> None:
    await acquire(api)
    third = await as_("user:c")
    one, two = [(await acquire(waiter)).json()["id"] for waiter in (other, third)]
    order = [{"heldBy": "c", "claimId": two}]
    answer = await api("POST", f"{CLAIM}/reorder", {"order": order})
    assert answer.json() == {"object": "claim_reorder", "reordered": True}
    line = (await api("GET", LIST)).json()["queue"]
    assert [(each["id"], each["position"]) for each in line] == [(two, 0), (one, 1)]
    older = {"order": [{"claimId": one}]}  # without who waits
    assert (await api("POST", f"{CLAIM}/reorder", older)).status_code == 200
    assert (await api("GET", LIST)).json()["queue"][0]["id"] == one
    jump = await other("POST", f"{CLAIM}/reorder", {"order": [{"claimId": one}]})
    assert (jump.status_code, jump.json()["code"]) == (403, "permission_denied")


async def test_a_claim_by_its_target_under_the_clients_own_id(api: Any) -> None:
    body = {"claimId": "int_1", "target": {"model": "tasks", "id": "t1"}, "action": "edit"}
    answer = await api("POST", "/api/v1/claims", body)
    assert (answer.status_code, answer.json()["id"]) == (201, "int_1")
    assert (await api("POST", "/api/v1/claims", {"action": "x"})).json()["code"] == "invalid_body"


@pytest.mark.parametrize(
    ("ttl", "milliseconds"),
    [("500ms", 500), ("30s", 30_000), ("1.5m", 90_000), (45, 45_000), (0.5, 500), (None, 60_000)],
)
async def test_a_ttl_is_a_duration_or_seconds(api: Any, ttl: Any, milliseconds: int) -> None:
    answer = await acquire(api, **({} if ttl is None else {"ttl": ttl}))
    assert answer.json()["claim"]["ttlMs"] == milliseconds


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"ttl": "soon"}, "duration_invalid"),
        ({"ttl": -1}, "duration_invalid"),
        ({"ttl": True}, "invalid_body"),
        ({"queue": "yes"}, "invalid_body"),
        ({"target": {"fields": "title"}}, "invalid_body"),
        ({"meta": []}, "invalid_body"),
    ],
)
async def test_what_cannot_be_claimed_like_that(api: Any, wrong: Any, code: str) -> None:
    answer = await acquire(api, **wrong)
    assert (answer.status_code, answer.json()["code"]) == (400, code)


async def test_another_organization_knows_nothing_of_a_claim(api: Any, as_: Any) -> None:
    held = (await acquire(api)).json()
    stranger = await as_("system:a", "other")
    assert (await stranger("GET", LIST)).json()["data"] == []
    answer = await stranger("GET", f"/api/v1/claims/{held['id']}")
    assert answer.json()["code"] == "claim_not_found"
    assert (await acquire(stranger)).json()["status"] == "active"  # of its own row, which is not
    assert (await stranger("DELETE", f"/api/v1/claims/{held['id']}")).json()["released"] is False


@pytest.mark.parametrize("asked", [{}, {"ttl": "30s"}, {"ttl": 600}, {"ttl": "500ms"}])
async def test_a_missing_row_is_claimed_for_seconds_only(
    api: Any, other: Any, asked: dict[str, Any]
) -> None:
    await claim_missing(api, other, asked)


@pytest.mark.parametrize(
    ("bound", "other_value"), [("MISSING_MS", 1 << 40), ("MISSING", msgspec.Raw(b"{}"))]
)
async def test_a_longer_claim_of_a_missing_row_is_caught(
    api: Any, other: Any, monkeypatch: Any, bound: str, other_value: Any
) -> None:
    """The mutants: the lease that was asked for; a bound that does not shorten it."""
    monkeypatch.setattr(claim_routes, bound, other_value)
    with pytest.raises(AssertionError):
        await claim_missing(api, other, {"ttl": "30s"})


# name -> a routine of the kernel, a text of it, and what stands there instead
KERNELS = {
    "keeps the lease": ("claim_renew", "() + coalesce(v_ttl, c.ttl)", "() + c.ttl"),
    "only lengthens": ("claim_renew", "= clock_timestamp() +", "= c.expires_at +"),
    "renews for what it had": ("claim_renew", "ttl = coalesce(v_ttl, c.ttl)", "ttl = c.ttl"),
    "ends it at once": ("claim_renew", "() + coalesce(v_ttl, c.ttl)", "() + '100ms'"),
    "grants none": ("row_try_lock", "perform pg_advisory_xact_lock", "return false; perform"),
}


@pytest.mark.parametrize("name", KERNELS)
async def test_a_kernel_with_another_lease_of_a_missing_row_is_caught(
    world: Any, api: Any, other: Any, name: str
) -> None:
    routine, old, new = KERNELS[name]
    with psycopg.connect(world.db.admin_url, autocommit=True) as conn:
        row = conn.execute(f"select pg_get_functiondef('ablo.{routine}'::regproc)").fetchone()
        assert row is not None
        assert old in row[0], f"{routine} has changed: the mutant no longer applies"
        conn.execute(row[0].replace(old, new).encode())
        try:
            with pytest.raises(AssertionError):
                await claim_missing(api, other, {"ttl": "30s"})
        finally:  # the next test has the same database
            conn.execute(row[0].encode())


async def claim_missing(api: Any, other: Any, asked: dict[str, Any]) -> None:
    """The SDK forgets a claim on a row that is not there: its id must not stay locked."""
    path = "/api/v1/models/tasks/t9"
    began = time.monotonic()
    answer = (await api("POST", f"{path}/claim", {"description": "x", **asked})).json()
    took = (time.monotonic() - began) * 1000 + 1  # shortened by then, counted from the grant
    line = (await other("GET", "/api/v1/claims?model=tasks&id=t9")).json()
    (claim,) = line["data"]
    lease = 500 if asked.get("ttl") == "500ms" else 5000
    assert (claim["status"], claim["ttlMs"], answer["claim"]["ttlMs"]) == ("active", lease, lease)
    assert claim["expiresAt"] == answer["expiresAt"] == answer["claim"]["expiresAt"]
    assert lease <= claim["expiresAt"] - claim["declaredAt"] <= lease + took
    create = {"id": "t9", "data": {"title": "late"}}
    if lease == 5000:
        refused = await other("POST", "/api/v1/models/tasks", create)
        assert refused.json()["code"] == "entity_claimed"
        beat = {"ttl": "60s"}
        kept = (await api("POST", f"/api/v1/claims/{answer['id']}/heartbeat", beat)).json()
        assert kept["expiresAt"] > answer["expiresAt"] + 30_000
        made = await api("POST", "/api/v1/models/tasks", create | {"claim": answer["id"]})
        assert made.status_code < 300, made.text
