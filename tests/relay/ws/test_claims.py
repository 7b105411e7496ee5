"""Claims over sockets: granted, queued, given back, lost; everybody sees how the row stands."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.anyio

TARGET = {"entityType": "tasks", "entityId": "t1"}


@pytest.fixture
def world(own_organization: Any) -> Any:
    return own_organization


def active(*claim_ids: str) -> Any:
    """Fits a presence that shows exactly these claims."""
    return lambda payload: [one["claimId"] for one in payload["activeClaims"]] == list(claim_ids)


def queue_of(*claim_ids: str) -> Any:
    """Fits a line of exactly these waiters."""
    return lambda payload: [one["id"] for one in payload["queue"]] == list(claim_ids)


@pytest.fixture
async def pair(world: Any) -> tuple[Any, Any]:
    """Two participants, and a row t1."""
    one = await (await world.client("user:a")).start()
    other = await (await world.client("agent:b")).start()
    await one.create("t1")
    await other.deltas(1)
    return one, other


@pytest.fixture
async def line(world: Any, pair: tuple[Any, Any]) -> tuple[Any, Any]:
    """The first holds t1 as c1, and the other waits for it as c2."""
    await world.line_up(*pair)
    return pair


async def test_a_claim_is_acquired_with_token_stamp_and_target(world: Any, pair: Any) -> None:
    one, _ = pair
    await one.begin_claim("c1", "t1", estimatedMs=30000)
    told = await one.take("claim_acquired")
    assert told["claimId"] == "c1"
    assert told["target"] == TARGET
    assert isinstance(told["fenceToken"], int)
    assert told["readAt"] == world.log()[-1]


async def test_the_others_see_who_holds_what(pair: Any) -> None:
    one, other = pair
    await one.begin_claim("c1", "t1", description="A edits")
    shown = await other.take("presence_update", active("c1"))
    assert shown["userId"] == "a"
    assert shown["participantKind"] == "user"
    [claim] = shown["activeClaims"]
    assert claim["entityType"] == "tasks"
    assert claim["entityId"] == "t1"
    assert claim["description"] == claim["action"] == claim["reason"] == "A edits"
    assert claim["status"] == "active"
    assert claim["heldBy"] == "a"
    assert isinstance(claim["declaredAt"], int)
    assert isinstance(claim["expiresAt"], int)
    await one.send("claim_abandon", claimId="c1", **TARGET)
    await other.take("presence_update", active())


async def test_an_older_client_says_action(pair: Any) -> None:
    one, other = pair
    await one.send("claim_begin", claimId="c1", **TARGET, action="A edits", path="x", range=[1, 2])
    assert (await one.take("claim_acquired"))["claimId"] == "c1"
    shown = await other.take("presence_update", active("c1"))
    assert shown["activeClaims"][0]["action"] == "A edits"


async def test_a_lease_lasts_three_pings_and_each_renews_it(world: Any, pair: Any) -> None:
    one, _ = pair
    await one.begin_claim("c1", "t1")
    await one.take("claim_acquired")
    lasts = "extract(epoch from ttl)::int, expires_at"
    seconds, before = world.claim("c1", lasts)
    assert seconds == 90
    await one.settle()
    await one.sync()  # its lane comes after the ping's
    seconds, after = world.claim("c1", lasts)
    assert seconds == 90
    assert after > before


async def test_who_comes_second_waits_and_is_granted(world: Any, pair: Any) -> None:
    one, other = pair
    await one.begin_claim("c1", "t1", description="A edits")
    first = await one.take("claim_acquired")
    await other.begin_claim("c2", "t1", description="B edits")
    queued = await other.take("claim_queued")
    assert queued["claimId"] == "c2"
    assert queued["position"] == 0
    assert queued["reason"] == "conflict"
    assert queued["target"] == TARGET
    assert queued["heldBy"] == "a"
    assert queued["heldByKind"] == "user"
    assert queued["heldByClaimId"] == "c1"
    assert queued["heldByClaim"]["action"] == "A edits"
    assert queued["heldByExpiresAt"] == queued["heldByClaim"]["expiresAt"]
    line = await one.take("claim_queue", queue_of("c2"))
    assert line["target"] == {"type": "tasks", "id": "t1"}
    [waiter] = line["queue"]
    assert waiter["object"] == "claim"
    assert waiter["status"] == "queued"
    assert waiter["target"] == line["target"]
    assert waiter["position"] == 0
    assert waiter["heldBy"] == "b"
    assert waiter["participantKind"] == "agent"
    assert waiter["reason"] == waiter["description"] == "B edits"
    await one.send("claim_abandon", claimId="c1", **TARGET)
    granted = await other.take("claim_granted")
    assert granted["claimId"] == "c2"
    assert granted["fenceToken"] > first["fenceToken"]
    assert granted["readAt"] == world.log()[-1]
    await one.take("claim_queue", queue_of())
    await one.take("presence_update", active("c2"))


async def test_asking_and_waiting_are_counted(world: Any, pair: Any) -> None:
    value = world.relay.service.metrics.registry.get_sample_value

    def counts() -> list[float]:
        asked = [value("ablo_claims_total", {"outcome": each}) for each in ("active", "queued")]
        return [each or 0 for each in (*asked, value("ablo_claim_wait_seconds_count"))]

    active, queued, waited = counts()
    one, other = pair
    await world.line_up(one, other)
    assert counts() == [active + 1, queued + 1, waited]
    await one.send("claim_abandon", claimId="c1", **TARGET)
    await other.take("claim_granted")
    assert counts()[2] == waited + 1


async def test_who_does_not_want_to_wait_is_rejected(pair: Any) -> None:
    one, other = pair
    await one.begin_claim("c1", "t1")
    await one.take("claim_acquired")
    await other.begin_claim("c2", "t1", queue=False)
    rejected = await other.take("claim_rejected")
    assert rejected["claimId"] == "c2"
    assert rejected["reason"] == "conflict"
    assert rejected["heldByClaim"]["claimId"] == "c1"
    await other.send("claim_abandon", claimId="c2", **TARGET)  # clients do, and it does no harm
    assert (await other.create("t2"))["success"]


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"entityType": "nope", "entityId": "t1"}, "invalid_target"),
        ({"entityType": "tasks", "entityId": ""}, "invalid_target"),
        ({"entityType": "tasks", "entityId": 7}, "invalid_target"),
        ({"entityType": "tasks", "entityId": "t1", "fields": ["a,b"]}, "invalid_target"),
        ({"entityType": "tasks", "entityId": "t1", "description": "\ud83d"}, "invalid_target"),
        ({"entityType": "tasks", "entityId": "t1", "meta": {"n": 10**30}}, "invalid_target"),
        (
            {"entityType": "tasks", "entityId": "t1", "meta": {"a": "x" * (1 << 20)}},
            "invalid_target",
        ),
    ],
)
async def test_a_target_that_is_none_is_rejected(pair: Any, given: Any, reason: str) -> None:
    one, _ = pair
    await one.send("claim_begin", **{"claimId": "c1", "description": "x", **given})
    rejected = await one.take("claim_rejected")
    assert rejected["claimId"] == "c1"
    assert rejected["reason"] == reason


async def test_a_key_that_only_reads_may_not_claim(world: Any) -> None:
    client = await (await world.client(key=world.key(operations=["tasks.read"]))).start()
    await client.begin_claim("c1", "t1")
    assert (await client.take("claim_rejected"))["reason"] == "capability_denied"


async def test_the_same_claim_again_after_a_reconnect_keeps_its_token(world: Any) -> None:
    key = world.key("user:a")
    one = await (await world.client(key=key)).start()
    await one.create("t1")
    await one.begin_claim("c1", "t1")
    first = await one.take("claim_acquired")
    await one.socket.close()
    again = await (await world.client(key=key)).start()
    await again.begin_claim("c1", "t1")
    second = await again.take("claim_acquired")
    assert second["claimId"] == "c1"
    assert second["fenceToken"] == first["fenceToken"]


async def test_two_sockets_of_one_participant_share_the_claim(world: Any) -> None:
    key = world.key("user:a")
    one = await (await world.client(key=key)).start()
    other = await (await world.client(key=key)).start()
    await one.create("t1")
    await one.begin_claim("c1", "t1")
    first = await one.take("claim_acquired")
    await other.begin_claim("c2", "t1")
    second = await other.take("claim_acquired")
    assert second["claimId"] == "c2"
    assert second["fenceToken"] == first["fenceToken"]
    update = {"type": "UPDATE", "model": "tasks", "id": "t1", "input": {"title": "x"}}
    assert (await other.commit({**update, "claimId": "c2"}))["success"]


async def test_a_holder_writes_and_the_others_are_refused(pair: Any) -> None:
    one, other = pair
    await one.begin_claim("c1", "t1")
    told = await one.take("claim_acquired")
    update = {"type": "UPDATE", "model": "tasks", "id": "t1", "input": {"title": "x"}}
    guarded = {"readAt": told["readAt"], "onStale": "reject"}
    named = {"claimId": "c1", "fenceToken": told["fenceToken"]}
    for at, more in enumerate([guarded | named, guarded, guarded | named]):  # the older names none
        assert (await one.commit({**update, **more}, tx=f"w{at}"))["success"]
    refused = await other.commit(update, tx="other")
    assert refused["error"]["code"] == "entity_claimed"
    assert refused["error"]["details"]["claims"][0]["claimId"] == "c1"


async def test_a_lease_that_ends_is_told_and_the_next_one_granted(world: Any, pair: Any) -> None:
    """The holder's connection is gone; what is left of it is the lease."""
    one, other = pair
    await one.begin_claim("c1", "t1", estimatedMs=1000)
    await one.take("claim_acquired")
    await other.begin_claim("c2", "t1")
    await other.take("claim_queued")
    await one.socket.close()
    assert (await other.take("claim_granted"))["claimId"] == "c2"
    await other.take("claim_queue", queue_of())


async def test_a_short_lease_is_kept_while_its_client_is_there(
    world: Any, pair: Any, wait_for: Any
) -> None:
    one, other = pair
    await one.begin_claim("c1", "t1", estimatedMs=1000)
    await one.take("claim_acquired")
    (began,) = world.claim("c1", "expires_at")
    await other.begin_claim("c2", "t1", estimatedMs=1000)
    await other.take("claim_queued")
    renewed = "select min(expires_at) > %s::timestamptz + interval '1500 ms' from ablo.claim"
    renewed += " where organization_id = %s"
    await wait_for(lambda: world.sql(renewed, began, world.organization)[0][0])
    assert [frame["type"] for frame in await one.settle() if "lost" in frame["type"]] == []


async def test_a_holder_is_told_that_it_lost_its_claim(world: Any, pair: Any) -> None:
    one, other = pair
    await one.begin_claim("c1", "t1")
    await one.take("claim_acquired")
    world.expire("c1")
    lost = await one.take("claim_lost")
    assert lost == {"claimId": "c1", "reason": "expired", "target": TARGET}
    assert await one.take("claim_expired") == {"claimId": "c1"}
    await other.take("presence_update", active())


async def test_a_claim_that_is_broken_is_preempted(world: Any, line: Any) -> None:
    one, other = line
    world.sql("select ablo.claim_break(%s, 'user:root', 'c1')", world.organization)
    assert (await one.take("claim_lost"))["reason"] == "preempted"
    assert (await other.take("claim_granted"))["claimId"] == "c2"


async def test_a_waiter_that_stays_away_is_told_that_its_place_is_gone(
    world: Any, line: Any
) -> None:
    _, other = line
    world.expire("c2")
    assert await other.take("claim_expired") == {"claimId": "c2"}


async def test_a_heartbeat_is_acknowledged(line: Any) -> None:
    one, other = line
    await one.send("claim_heartbeat", claimId="c1", **TARGET, ttlMs=30000, details={"done": 3})
    held = await one.take("claim_heartbeat_ack")
    assert held["claimId"] == "c1"
    assert held["status"] == "held"
    assert isinstance(held["expiresAt"], int)
    assert held["queueDepth"] == 1
    await other.send("claim_heartbeat", claimId="c2", **TARGET)
    waits = await other.take("claim_heartbeat_ack")
    assert waits["status"] == "queued"
    assert waits["position"] == 0
    await one.send("claim_heartbeat", claimId="nope", **TARGET)
    assert (await one.take("claim_heartbeat_ack"))["status"] == "lost"


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"details": {"x": "x" * 50_000}}, "request_too_large"),
        ({"details": {"x": "x" * (1 << 20)}}, "request_too_large"),
        ({"details": {"x": 10**30}}, "invalid_body"),
        ({"details": {"x": "\0"}}, "column_type_mismatch"),
        ({"details": "cut \ud83d"}, "invalid_json"),
        ({"ttlMs": "30s"}, "invalid_body"),
    ],
)
async def test_a_heartbeat_that_is_refused_says_how_the_claim_stands(
    line: Any, given: Any, code: str
) -> None:
    one, other = line
    await one.send("claim_heartbeat", claimId="c1", **TARGET, **given)
    held = await one.take("claim_heartbeat_ack")
    assert (held["claimId"], held["status"], held["code"]) == ("c1", "held", code)
    assert isinstance(held["expiresAt"], int)
    assert held["ttlMs"] == 90_000
    await other.send("claim_heartbeat", claimId="c2", **TARGET, **given)
    waits = await other.take("claim_heartbeat_ack")
    assert (waits["status"], waits["position"], waits["code"]) == ("queued", 0, code)
    for name in ("nope", "\0"):
        await one.send("claim_heartbeat", claimId=name, **TARGET, **given)
        lost = await one.take("claim_heartbeat_ack")
        assert (lost["claimId"], lost["status"]) == (name, "lost")


async def test_a_lease_beyond_a_day_is_a_day(pair: Any) -> None:
    one, _ = pair
    await one.begin_claim("c1", "t1", estimatedMs=1e15)
    await one.take("claim_acquired")
    for asked in (1e12, 1e300):
        await one.send("claim_heartbeat", claimId="c1", **TARGET, ttlMs=asked)
        held = await one.take("claim_heartbeat_ack")
        assert (held["status"], held["ttlMs"]) == ("held", 86_400_000)
        assert "code" not in held


async def test_a_reordered_line_is_shown_to_all(world: Any, pair: Any) -> None:
    one, other = pair
    third = await (await world.client("user:c")).start()
    await one.begin_claim("c1", "t1")
    await one.take("claim_acquired")
    await other.begin_claim("c2", "t1")
    await other.take("claim_queued")
    await third.begin_claim("c3", "t1")
    assert (await third.take("claim_queued"))["position"] == 1
    await one.take("claim_queue", queue_of("c2", "c3"))
    order = [{"heldBy": "c", "claimId": "c3"}, {"claimId": "c2"}]
    await one.send("claim_reorder", **TARGET, order=order)
    for each in (one, other, third):
        await each.take("claim_queue", queue_of("c3", "c2"))
    await one.send("claim_reorder", **TARGET, order=order)  # nothing moves, and yet it is shown
    await one.take("claim_queue", queue_of("c3", "c2"))


async def test_parts_of_a_row_do_not_meet(pair: Any) -> None:
    one, other = pair
    await one.begin_claim("c1", "t1", fields=["title"])
    assert (await one.take("claim_acquired"))["target"] == {**TARGET, "fields": ["title"]}
    await other.begin_claim("c2", "t1", field="status")
    assert (await other.take("claim_acquired"))["claimId"] == "c2"


async def test_who_waits_for_a_part_is_told_which(pair: Any) -> None:
    one, other = pair
    await one.begin_claim("c1", "t1", field="title")
    await one.take("claim_acquired")
    await other.begin_claim("c2", "t1", field="title")
    assert (await other.take("claim_queued"))["target"] == {**TARGET, "fields": ["title"]}
    await other.begin_claim("c3", "t1", field="title", queue=False)
    assert (await other.take("claim_rejected"))["target"] == {**TARGET, "fields": ["title"]}


async def test_a_row_that_is_deleted_ends_its_claim(pair: Any) -> None:
    one, other = pair
    await one.begin_claim("c1", "t1")
    await one.take("claim_acquired")
    await other.take("presence_update", active("c1"))
    await one.commit({"type": "DELETE", "model": "tasks", "id": "t1"})
    await other.take("presence_update", active())
    assert (await one.take("claim_lost"))["claimId"] == "c1"


async def test_the_lease_table_is_that_of_http(world: Any, pair: Any) -> None:
    one, _ = pair
    http = await world.http(world.key("agent:h"))
    asked = {"description": "H edits", "queue": False}
    answer = await http.post("/api/v1/models/tasks/t1/claim", json=asked)
    assert answer.status_code == 201
    shown = await one.take("presence_update", active(answer.json()["id"]))
    assert shown["userId"] == "h"
    assert shown["isAgent"] is True
    await one.begin_claim("c1", "t1")
    await one.take("claim_queued")
    assert (await http.delete("/api/v1/models/tasks/t1/claim")).json()["released"] is True
    await one.take("claim_granted")
