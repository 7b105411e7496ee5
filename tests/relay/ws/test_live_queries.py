"""Live queries on a socket: rows, then steps, several at once; ended alone or with the socket."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from ablo_pg.relay.http import live_rows, model_routes
from ablo_pg.wire.limits import SOCKET_QUERIES

pytestmark = pytest.mark.anyio


@pytest.fixture
def world(own_organization: Any) -> Any:
    return own_organization


async def begin(client: Any, live_id: str, model: str = "tasks", **query: Any) -> Any:
    await client.send("live_begin", liveId=live_id, model=model, query=query)
    return (await client.take("live_snapshot", lambda it: it["liveId"] == live_id))["rows"]


async def steps(client: Any, live_id: str) -> list[tuple[str, str]]:
    found = await client.take("live_events", lambda it: it["liveId"] == live_id)
    return [(one["kind"], one["id"]) for one in found["events"]]


async def ended(client: Any, live_id: str) -> Any:
    return (await client.take("live_ended", lambda it: it["liveId"] == live_id))["error"]


async def until(holds: Callable[[], bool]) -> None:
    with anyio.fail_after(10):
        while not holds():
            await anyio.lowlevel.checkpoint()


def change(row_id: str, model: str = "tasks", **data: Any) -> dict[str, Any]:
    return {"type": "UPDATE", "model": model, "id": row_id, "input": data}


@pytest.mark.smoke
async def test_rows_and_then_what_changes_in_them(world: Any) -> None:
    client = await (await world.client()).start()
    await client.create("t1")
    todo = await begin(client, "todo", where="status = 'todo'", order_by="title", limit=2)
    assert [row["id"] for row in todo] == ["t1"]
    assert await begin(client, "done", status="done") == []
    await client.create("t2", "b")
    assert await steps(client, "todo") == [("enter", "t2")]
    receipt = await client.commit(change("t1", status="done"), tx="tx1")
    assert await steps(client, "todo") == [("leave", "t1")]
    found = await client.take("live_events", lambda it: it["liveId"] == "done")
    (step,) = found["events"]
    assert (step["kind"], step["index"], step["row"]["id"]) == ("enter", 0, "t1")
    assert found["stamp"] == receipt["lastSyncId"]
    await client.send("live_end", liveId="todo")
    await client.commit(change("t1", title="again"), tx="tx2")
    assert await steps(client, "done") == [("update", "t1")]
    assert not [each for each in await client.settle() if each["type"].startswith("live_")]
    assert await begin(client, "todo", limit=1), "the id is free again"


async def test_related_rows_come_along(world: Any) -> None:
    client = await (await world.client()).start()
    for name in ("p1", "p2"):
        data = {"type": "CREATE", "model": "projects", "id": name, "input": {"name": name}}
        assert (await client.commit(data))["success"]
    item = {"type": "CREATE", "model": "lineitems", "id": "l1"}
    await client.commit({**item, "input": {"label": "x", "projectId": "p1"}})
    (row,) = await begin(client, "items", "lineItems", include="project")
    assert row["project"]["name"] == "p1"
    await client.commit(change("p2", "projects", name="of no item"), tx="tx3")
    await client.commit(change("p1", "projects", name="renamed"), tx="tx4")
    found = await client.take("live_events")
    assert [(one["kind"], one["row"]["project"]["name"]) for one in found["events"]] == [
        ("update", "renamed")
    ]
    await client.commit(change("l1", "lineitems", projectId="p2"), tx="tx5")
    found = await client.take("live_events")
    assert [one["row"]["project"]["name"] for one in found["events"]] == ["of no item"]


async def test_what_is_refused(world: Any) -> None:
    client = await (await world.client()).start()
    for live_id, model, query, code in (
        ("a", "none", {}, "server_execute_unknown_model"),
        ("b", "tasks", {"wherr": "x"}, "query_invalid_identifier"),
        ("c", "tasks", {"where": "now() > created_at"}, "invalid_request"),
        ("d", "tasks", {"include": "project"}, "query_unknown_relation"),
        ("e", "tasks", {"where": {"nested": 1}}, "invalid_body"),
    ):
        await client.send("live_begin", liveId=live_id, model=model, query=query)
        assert (await ended(client, live_id))["code"] == code
    await begin(client, "one")
    await client.send("live_begin", liveId="one", model="tasks")
    assert (await ended(client, "one"))["code"] == "invalid_request"
    for n in range(1, SOCKET_QUERIES):
        await begin(client, f"more {n}", limit=1)
    await client.send("live_begin", liveId="too many", model="tasks")
    assert (await ended(client, "too many"))["code"] == "quota_exceeded"
    await client.create("t1")
    assert await steps(client, "one") == [("enter", "t1")], "a refusal ends no other"


async def test_a_key_that_may_not_read_a_model_has_no_live_query_of_it(world: Any) -> None:
    key = world.key("agent:b", operations=["projects.read"])
    client = await world.client(key=key)
    await client.send("live_begin", liveId="tasks", model="tasks")
    assert (await ended(client, "tasks"))["code"] == "capability_scope_denied"
    assert await begin(client, "mine", "projects") == []


async def test_a_socket_that_does_not_read_keeps_few_pages(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(3):
        world.sql(
            "insert into tasks (id, organization_id, title) values (%s, %s, repeat('x', 1000000))",
            f"large{n}",
            world.organization,
        )
    reads, read_page = list[int](), model_routes.read_page

    async def counted(*args: Any, **more: Any) -> Any:
        reads.append(1)
        return await read_page(*args, **more)

    monkeypatch.setattr(live_rows, "read_page", counted)
    deaf = await world.client(max_queue=1)
    for n in range(SOCKET_QUERIES):
        await deaf.send("live_begin", liveId=str(n), model="tasks")
    other = await (await world.client()).start()
    await until(lambda: bool(reads))
    for n in range(20):
        await other.create(f"t{n}")
    assert len(reads) < SOCKET_QUERIES / 2
    for n in range(SOCKET_QUERIES):
        await deaf.take("live_snapshot", lambda it, n=n: it["liveId"] == str(n), seconds=30)


async def test_nothing_is_left_when_the_socket_ends(world: Any) -> None:
    channels = world.relay.service.hub.channels
    client = await (await world.client()).start()
    await begin(client, "one")
    await begin(client, "two", "projects")
    assert world.organization in channels
    await client.socket.close()
    await until(lambda: world.organization not in channels)
