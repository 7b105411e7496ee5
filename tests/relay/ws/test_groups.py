"""What a socket follows: asking only ever narrows what its credential allows."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

pytestmark = pytest.mark.anyio


@pytest.fixture
def world(own_organization: Any) -> Any:
    return own_organization


def anchors(world: Any) -> list[str]:
    """The groups of the whole organization."""
    return ["default", f"org:{world.organization}"]


def line_item(row_id: str, project: str | None) -> dict[str, Any]:
    given = {"label": "x"} | ({"projectId": project} if project else {})
    return {"type": "CREATE", "model": "lineitems", "id": row_id, "input": given}


async def test_a_subscription_replaces_the_one_before(world: Any) -> None:
    client = await (await world.client()).start()
    await client.send("update_subscription", syncGroups=["tasks:t1"])
    assert (await client.take("subscription_ack"))["syncGroups"] == ["tasks:t1"]
    for row in ("t2", "t1"):
        await client.create(row)
    assert [delta["modelId"] for delta in await client.deltas(1)] == ["t1"]
    await client.send("update_subscription", syncGroups=[*anchors(world), "tasks:t1"])
    assert (await client.take("subscription_ack"))["syncGroups"] == [*anchors(world), "tasks:t1"]
    await client.create("t3")
    assert [delta["modelId"] for delta in await client.deltas(1)] == ["t3"]


async def test_the_url_says_what_is_followed_at_first(world: Any) -> None:
    client = await world.client(groups=("projects:p1",))
    await client.sync()
    await client.commit(line_item("l1", "p2"))
    await client.commit(line_item("l2", "p1"))
    assert [delta["modelId"] for delta in await client.deltas(1)] == ["l2"]


async def test_a_wide_credential_may_follow_anything_it_spells(world: Any) -> None:
    client = await world.client()
    await client.send("update_subscription", syncGroups=[*anchors(world), "tasks:none", "x:y"])
    ack = await client.take("subscription_ack")
    assert ack["syncGroups"] == [*anchors(world), "tasks:none", "x:y"]


async def test_a_narrow_credential_never_gets_more_than_its_own(world: Any) -> None:
    narrow = await world.client(key=world.key("user:n", syncGroups=["projects:p1"]))
    await narrow.send(
        "update_subscription", syncGroups=[*anchors(world), "projects:p1", "projects:p2"]
    )
    assert (await narrow.take("subscription_ack"))["syncGroups"] == ["projects:p1"]
    await narrow.send("update_subscription", syncGroups=["projects:p2"])
    refused = await narrow.take("subscription_ack")
    assert refused["success"] is False
    assert refused["error"]["code"] == "capability_scope_denied"
    assert refused["syncGroups"] == ["projects:p1"]
    await narrow.sync()
    wide = await (await world.client()).start()
    await wide.commit(line_item("l1", "p2"))
    await wide.commit(line_item("l2", "p1"))
    assert [delta["modelId"] for delta in await narrow.deltas(1)] == ["l2"]


async def test_a_narrow_client_sees_claims_of_its_rows_only(world: Any) -> None:
    wide = await (await world.client("user:a")).start()
    for row, project in (("l1", "p1"), ("l2", "p2")):
        await wide.commit(line_item(row, project))
    narrow = await world.client(key=world.key("user:n", syncGroups=["projects:p1"]))
    await narrow.send("update_subscription", syncGroups=["projects:p1"])
    await narrow.take("subscription_ack")
    await narrow.sync()
    await wide.settle()
    for claim, row in (("c2", "l2"), ("c1", "l1")):
        await wide.send("claim_begin", claimId=claim, entityType="lineitems", entityId=row)
        await wide.take("claim_acquired")
    shown = await narrow.take("presence_update")
    assert [claim["claimId"] for claim in shown["activeClaims"]] == ["c1"]
    frames = await narrow.settle()
    assert "l2" not in str(frames)


async def test_a_key_for_some_models_gets_those_only(world: Any) -> None:
    client = await (await world.client(key=world.key(operations=["tasks.read"]))).start()
    wide = await (await world.client("user:w")).start()
    await wide.commit(line_item("l1", None))
    await wide.create("t1")
    assert [delta["modelName"] for delta in await client.deltas(1)] == ["tasks"]


async def test_a_scope_is_joined_and_left(world: Any) -> None:
    client = await world.client(groups=("tasks:none",))
    await client.sync()
    name = "participant:1"
    await client.send("claim", claimId=name, syncGroups=["tasks:t1"])
    assert await client.take("claim_ack") == {
        "claimId": name,
        "success": True,
        "syncGroups": ["tasks:t1"],
        "ttlSeconds": 60,
    }
    await client.create("t1")
    assert len(await client.deltas(1)) == 1
    await client.send("release", claimId=name)
    update = {"type": "UPDATE", "model": "tasks", "id": "t1", "input": {"title": "b"}}
    await client.settle()
    await client.commit(update)
    assert [frame for frame in await client.settle() if frame["type"] == "delta"] == []


async def test_a_further_capability_opens_further_groups(world: Any) -> None:
    narrow = await world.client(key=world.key("user:n", syncGroups=["projects:p1"]))
    await narrow.sync()
    more = world.key("user:n", syncGroups=["projects:p2"])
    await narrow.send("claim", claimId="s", syncGroups=["projects:p2"])
    assert (await narrow.take("claim_ack"))["success"] is False
    await narrow.send("claim", claimId="s", syncGroups=["projects:p2"], capabilityToken=more)
    assert (await narrow.take("claim_ack"))["syncGroups"] == ["projects:p2"]
    foreign = world.key("user:n", "globex")
    await narrow.send("claim", claimId="f", syncGroups=["org:globex"], capabilityToken=foreign)
    refused = await narrow.take("claim_ack")
    assert refused["error"]["code"] == "capability_invalid"


async def test_organizations_never_meet(world: Any) -> None:
    key = world.key("user:a", "globex")
    foreign = await world.client(
        key=key, groups=("default", "org:globex", f"org:{world.organization}", "tasks:t1")
    )
    await foreign.start("default", "org:globex", f"org:{world.organization}", "tasks:t1")
    own = await (await world.client("user:a")).start()
    await own.create("t1")
    await own.begin_claim("c1", "t1")
    await own.take("claim_acquired")
    await own.settle()
    frames = await foreign.settle()
    assert {frame["type"] for frame in frames} <= {"presence_update"}  # its own
    assert all(frame["payload"]["activeClaims"] == [] for frame in frames)
    await foreign.create("t1")  # the id is free over there
    assert (await foreign.deltas(1))[0]["data"]["organizationId"] == "globex"


async def joined(world: Any, narrow: str, other: str, *groups: str) -> Any:
    """Open a socket with one key that joins groups with the token of another."""
    client = await world.client(key=narrow)
    await client.sync()
    await client.send("claim", claimId="s", syncGroups=list(groups), capabilityToken=other)
    assert (await client.take("claim_ack"))["success"] is True
    return client


@pytest.mark.parametrize("every", [True, False], ids=["all", "p2"])
async def test_rights_of_two_keys_do_not_add_up(world: Any, every: bool) -> None:
    groups = anchors(world) if every else ["projects:p2"]
    items = world.key("user:n", operations=["lineitems.read"], syncGroups=["projects:p1"])
    tasks = world.key("user:n", operations=["tasks.read"])
    client = await joined(world, items, tasks, *groups)
    wide = await (await world.client()).start()
    await wide.commit(line_item("hidden", "p2"))
    await wide.commit({"type": "CREATE", "model": "tasks", "id": "t", "input": {"title": "x"}})
    await wide.commit(line_item("shown", "p1"))
    expected = ["t", "shown"] if every else ["shown"]
    assert [one["modelId"] for one in await client.deltas(len(expected))] == expected
    assert [frame for frame in await client.settle() if frame["type"] == "delta"] == []


@pytest.mark.parametrize("column", ["revoked_at", "expires_at"])
async def test_joined_groups_end_with_their_key(world: Any, wait_for: Any, column: str) -> None:
    narrow, more = (world.key("user:n", syncGroups=[f"projects:p{n}"]) for n in (1, 2))
    client = await joined(world, narrow, more, "projects:p2")
    wide = await (await world.client()).start()
    await wide.commit(line_item("before", "p2"))
    assert (await client.deltas(1))[0]["modelId"] == "before"
    async with await psycopg.AsyncConnection.connect(world.db.admin_url, autocommit=True) as conn:
        query = f"update ablo.api_key set {column} = now() - interval '1 s'"
        query += " where organization_id = %s and sync_groups = %s"
        await conn.execute(query.encode(), [world.organization, ["projects:p2"]])
    sessions = world.relay.service.live.sessions
    await wait_for(lambda: not any(session.scopes for session in sessions), 30)
    await wide.commit(line_item("after", "p2"))
    await wide.commit(line_item("own", "p1"))
    assert [one["modelId"] for one in await client.deltas(1)] == ["own"]


async def test_a_row_that_moves_out_is_a_removal_on_the_socket(world: Any) -> None:
    narrow = await world.client(key=world.key("user:n", syncGroups=["projects:p1"]))
    await narrow.sync()
    wide = await (await world.client()).start()
    await wide.commit(line_item("l", "p1"))
    out = {"label": "SECRET", "projectId": "p2"}
    await wide.commit({"type": "UPDATE", "model": "lineitems", "id": "l", "input": out})
    await wide.commit(line_item("m", "p1"))
    made, gone, _ = await narrow.deltas(3)
    assert (made["actionType"], gone["actionType"], gone["data"]) == ("I", "D", None)
    assert gone["syncGroups"] == [*anchors(world), "projects:p1"]
    assert "SECRET" not in str(gone)
    assert "changed" not in gone
    _, moved, _ = await wide.deltas(3)
    assert (moved["actionType"], moved["leftGroups"]) == ("U", ["projects:p1"])
    assert "projects:p1" not in moved["syncGroups"]
