"""Who is here: said by one socket, shown to all, on every relay of the database."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

pytestmark = pytest.mark.anyio


@pytest.fixture
def world(own_organization: Any) -> Any:
    return own_organization


def of(user: str, kind: str | None = None) -> Any:
    return lambda payload: payload["userId"] == user and kind in (None, payload["kind"])


async def test_presence_is_shown_with_what_somebody_does(world: Any) -> None:
    one = await (await world.client("user:a")).start()
    other = await (await world.client("agent:b")).start()
    entered = await one.take("presence_update", of("b", "enter"))
    assert entered["isAgent"] is True
    activity = {"entityType": "tasks", "entityId": "t1", "action": "editing"}
    await other.send("presence_update", status="busy", customStatus="deep", activity=activity)
    shown = await one.take("presence_update", of("b", "update"))
    assert shown["status"] == "busy"
    assert shown["customStatus"] == "deep"
    assert shown["activity"] == activity
    await other.socket.close()
    left = await one.take("presence_update", of("b", "leave"))
    assert left["activeClaims"] == []


async def test_nothing_is_null_that_clients_take_as_absent(world: Any) -> None:
    client = await (await world.client()).start()
    shown = await client.take("presence_update")
    assert None not in shown.values()


async def test_a_newcomer_is_shown_who_is_here_and_what_is_held(world: Any) -> None:
    one = await (await world.client("user:a")).start()
    waiter = await (await world.client("user:c")).start()
    await one.create("t1")
    await one.begin_claim("c1", "t1")
    await one.take("claim_acquired")
    await waiter.begin_claim("c2", "t1")
    await waiter.take("claim_queued")
    other = await (await world.client("agent:b")).start()
    shown = await other.take("presence_update", of("a"))
    assert [claim["claimId"] for claim in shown["activeClaims"]] == ["c1"]
    line = await other.take("claim_queue")
    assert [each["id"] for each in line["queue"]] == ["c2"]


async def test_relays_side_by_side_show_each_other_s_clients(world: Any) -> None:
    second = await world.start()
    one = await (await world.client("user:a")).start()
    other = await (await world.client("agent:b", relay=second)).start()
    await one.take("presence_update", of("b", "enter"))
    await other.take("presence_update", of("a"))
    await one.create("t1")
    await other.deltas(1)
    await one.begin_claim("c1", "t1")
    await one.take("claim_acquired")
    await other.take("presence_update", lambda shown: shown["activeClaims"] != [])
    await other.begin_claim("c2", "t1")
    await other.take("claim_queued")
    line = await one.take("claim_queue", lambda shown: shown["queue"] != [])
    assert line["queue"][0]["id"] == "c2"
    await one.send("claim_abandon", claimId="c1")
    assert (await other.take("claim_granted"))["claimId"] == "c2"
    await one.take("presence_update", lambda shown: shown["activeClaims"] != [])


async def test_relays_hear_of_each_other_at_once(world: Any) -> None:
    """By the hint, not by the clock: that one is half a minute."""
    second = await world.start()
    one = await (await world.client("user:a")).start()
    other = await (await world.client("agent:b", relay=second)).start()
    for step in range(5):
        await one.send("presence_update", status=f"s{step}")
        shown = await other.take(
            "presence_update", lambda shown, step=step: shown["status"] == f"s{step}", seconds=10
        )
        assert shown["userId"] == "a"


async def test_no_relay_no_hints(alone: Any, wait_for: Any) -> None:
    """Claims and presence notify only while somebody listens."""
    world = alone
    channel = "select ablo.claim_acquire('acme', 'user:z', 'tasks', 'x')"
    world.sql(
        "insert into tasks (id, organization_id, title, status) values ('x', 'acme', 'a', 'todo')"
    )
    key = "select 1 from pg_locks where locktype = 'advisory' and objsubid = 1 and granted and \
           database = (select oid from pg_database where datname = current_database()) and \
           classid::bigint << 32 | objid::bigint = ablo.live_key() and mode = 'ExclusiveLock'"
    await wait_for(lambda: world.sql(key))
    await world.stack.aclose()
    assert not world.sql(key)
    with psycopg.connect(world.db.admin_url, autocommit=True) as listener:
        listener.execute("listen ablo_live")
        world.sql(channel)
        world.sql("notify ablo_live, 'end'")
        heard = [each.payload for each in listener.notifies(timeout=30, stop_after=1)]
        assert heard == ["end"]


async def test_what_a_client_says_of_itself_is_bounded(world: Any) -> None:
    client = await (await world.client()).start()
    await client.send("presence_update", status="x" * 1000)
    await client.send("presence_update", status="online", activity={"a": "x" * 100_000})
    assert (await client.create("t1"))["success"]
    rows = world.sql(
        "select status from ablo.presence where organization_id = %s", world.organization
    )
    assert rows == [("online",)]


@pytest.mark.parametrize(
    "meta", ["[1]", '"x"', '{"syncGroups": [[{}], 5]}', '{"syncGroups": 7}', '{"a": 1e131071}']
)
async def test_meta_of_any_shape_is_shown_as_far_as_it_goes(world: Any, meta: str) -> None:
    """Written past the checks, or before there were any: the board goes on for everybody."""
    whole = await (await world.client("user:a")).start()
    narrow = await (await world.client("user:n", groups=("tasks:t1",))).start("tasks:t1")
    other = await (await world.client("agent:b")).start()
    await whole.take("presence_update", of("b", "enter"))
    world.sql(
        "update ablo.presence set meta = %s::jsonb where organization_id = %s"
        " and participant = 'agent:b'",
        meta,
        world.organization,
    )
    last = await (await world.client("agent:c")).start()
    assert (await whole.take("presence_update", of("c", "enter")))["status"] == "online"
    assert (await whole.take("presence_update", of("b")))["userId"] == "b"
    for client in (narrow, other, last):
        await client.settle()
    metrics = (await (await world.http()).get("/metrics")).text
    assert 'ablo_task_failures_total{task="board"}' not in metrics
