"""Contract, logs: what became of claims, in the second arm of the feed and of its cursor."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import anyio
import psycopg
import pytest

pytestmark = pytest.mark.anyio

LOGS = "/api/v1/logs"
KEYS = {
    *("object", "seq", "at", "claimId", "status", "actor", "participantKind", "onBehalfOfId"),
    *("onBehalfOfKind", "capabilityId", "description", "expiresAt", "target"),
}
CLAIM = "/api/v1/models/tasks/t1/claim"


async def page(api: Any, after: str, query: str = "") -> tuple[list[Any], str, bool]:
    answer = (await api("GET", f"{LOGS}?after={after}{query}")).json()
    assert re.fullmatch(r"\d+(\.\d+)?", answer["next_cursor"])
    return answer["data"], answer["next_cursor"], answer["has_more"]


async def follow(api: Any, after: str, count: int = 0, query: str = "") -> list[Any]:
    """Read on until there is nothing more, and so many have come: what is under way comes later."""
    found: list[Any] = []
    with anyio.fail_after(30):
        while True:
            events, after, more = await page(api, after, query)
            found += events
            if not more and not events and len(found) >= count:
                return found


def statuses(events: list[Any]) -> list[str]:
    return [one["status"] for one in events if one["object"] == "claim_event"]


async def test_a_claim_is_queued_granted_and_given_back(api: Any, as_: Any) -> None:
    other = await as_("agent:b")
    await api.create("tasks", "t1", title="a")
    cursor = (await api("GET", LOGS)).json()["next_cursor"]
    assert cursor.endswith(".0")
    mine = (await api("POST", CLAIM, {"description": "A edits"})).json()
    theirs = (await other("POST", CLAIM, {"target": {"fields": ["title"]}})).json()
    await api("DELETE", CLAIM)
    await api("PATCH", "/api/v1/models/tasks/t1", {"data": {"status": "done"}})
    await other("DELETE", CLAIM)
    everything = await follow(api, cursor, 6)
    events = [one for one in everything if one["object"] == "claim_event"]
    assert len(everything) == len(events) + 1  # and the update
    assert [(one["claimId"], one["status"]) for one in events] == [
        (mine["id"], "active"),
        (theirs["id"], "queued"),
        (mine["id"], "committed"),
        (theirs["id"], "active"),
        (theirs["id"], "committed"),
    ]
    first, queued, _, second, _ = events
    assert first.keys() == KEYS | {"fenceToken"}
    assert queued.keys() == KEYS  # a waiter has no token
    assert (first["actor"], first["participantKind"]) == ("a", "system")
    assert (first["description"], first["capabilityId"]) == ("A edits", None)
    assert first["target"] == {"model": "tasks", "id": "t1"}
    assert second["target"] == {"model": "tasks", "id": "t1", "fields": ["title"]}
    assert second["fenceToken"] > first["fenceToken"]
    assert isinstance(first["expiresAt"], int)
    assert "delta" not in first  # those who watch rows pass it over
    times = [dt.datetime.fromisoformat(one["at"]) for one in events]
    assert times == sorted(times)


async def test_pages_bring_each_event_once(api: Any) -> None:
    await api.create("tasks", "t1", title="a")
    for _ in range(4):
        await api("POST", CLAIM, {})
        await api("DELETE", CLAIM)
    found: list[Any] = []
    cursor = "0.0"
    with anyio.fail_after(30):
        while len(found) < 9:
            events, cursor, more = await page(api, cursor, "&limit=2")
            assert len(events) <= 2
            found += events
    assert not more
    assert statuses(found) == ["active", "committed"] * 4
    assert len({one["seq"] for one in found if "seq" in one}) == 8
    assert await page(api, cursor) == ([], cursor, False)


async def test_who_knows_of_no_claims_gets_none(api: Any) -> None:
    """Clients that read the cursor as a number send it back without its second arm."""
    await api.create("tasks", "t1", title="a")
    await api("POST", CLAIM, {})
    events, cursor, _ = await page(api, "0")
    assert [one["object"] for one in events] == ["log_event"]
    assert cursor.endswith(".0")
    assert await page(api, cursor.removesuffix(".0")) == ([], cursor, False)


async def test_filters_narrow_claims_too(api: Any) -> None:
    await api.create("tasks", "t1", title="a")
    await api("POST", CLAIM, {})
    assert statuses(await follow(api, "0.0", 2, "&model=tasks")) == ["active"]
    for query in ("&model=projects", "&op=update", "&since=2999-01-01"):
        assert statuses(await follow(api, "0.0", 0, query)) == []


async def test_a_claim_whose_transaction_ends_late_is_not_passed_over(api: Any, world: Any) -> None:
    """Of two claims at once the later may land first; whoever reads then must see both, once."""
    await api.create("tasks", "t1", title="a")
    await api.create("tasks", "t2", title="b")
    acquire = "select ablo.claim_acquire('acme', 'agent:slow', 'tasks', 't2', '{}')"
    with psycopg.connect(world.db.database_url) as slow:
        slow.execute(acquire)  # noted, and not committed
        await api("POST", CLAIM, {})
        events, cursor, _ = await page(api, "0.0")
        slow.commit()
    events += await follow(api, cursor, 3 - len(events))
    seen = [one["target"]["id"] for one in events if one["object"] == "claim_event"]
    assert sorted(seen) == ["t1", "t2"]


async def test_a_narrow_key_sees_claims_of_its_rows_only(api: Any, as_: Any) -> None:
    await api.create("projects", "p1", name="x")
    await api.create("lineItems", "in", label="a", projectId="p1")
    await api.create("lineItems", "out", label="b")
    for row in ("in", "out"):
        await api("POST", f"/api/v1/models/lineItems/{row}/claim", {})
    stranger = await as_("system:a", "other")
    assert await follow(stranger, "0.0") == []
    groups = await as_("agent:g", syncGroups=["projects:p1"])
    models = await as_("agent:m", operations=["tasks.read"])
    for caller, expected in ((groups, ["in"]), (models, []), (api, ["in", "out"])):
        events = await follow(caller, "0.0", 2 * len(expected))
        assert [e["target"]["id"] for e in events if e["object"] == "claim_event"] == expected
        listed = (await caller("GET", "/api/v1/claims")).json()["data"]
        assert sorted(one["target"]["id"] for one in listed) == expected
    line = await groups("GET", "/api/v1/claims?model=lineItems&id=out")
    assert line.json()["data"] == []


async def test_they_are_kept_for_an_hour(api: Any, world: Any) -> None:
    await api.create("tasks", "t1", title="a")
    await api("POST", CLAIM, {})
    with psycopg.connect(world.db.admin_url, autocommit=True) as conn:
        conn.execute("update ablo.claim_event set at = at - interval '61 minutes'")
        conn.execute("select ablo.housekeep()")
        assert conn.execute("select count(*) from ablo.claim_event").fetchone() == (0,)
