"""Rows for a local copy: the exact typenames, one snapshot with its watermark, page by page."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

pytestmark = pytest.mark.anyio


@pytest.fixture
def world(own_organization: Any) -> Any:
    return own_organization


def path(world: Any) -> str:
    """What a client of the whole organization asks for."""
    return f"/api/sync/bootstrap?syncGroups=default&syncGroups=org%3A{world.organization}"


async def test_a_full_bootstrap(world: Any) -> None:
    world.write(1, 2)
    http = await world.http()
    answer = (await http.get(f"{path(world)}&models=tasks")).json()
    assert answer["type"] == "full"
    assert answer["lastSyncId"] == world.log()[-1]
    assert [row["id"] for row in answer["models"]["tasks"]] == ["t1", "t2"]
    assert answer["models"]["tasks"][0]["organizationId"] == world.organization
    assert isinstance(answer["timestamp"], int)
    assert len(answer["schemaHash"]) == 8
    assert "nextCursor" not in answer


async def test_models_are_keyed_by_their_exact_typename(world: Any) -> None:
    http = await world.http()
    for asked in ("lineitems", "LINEITEMS,tasks", "lineItems&models=tasks"):
        answer = (await http.get(f"{path(world)}&models={asked}")).json()
        assert "lineItems" in answer["models"]
    every = (await http.get("/api/sync/bootstrap")).json()
    assert every["models"] == {"lineItems": [], "projects": [], "tasks": []}


async def test_pages_go_on_where_the_one_before_ended(world: Any) -> None:
    world.write(1, 25)
    http = await world.http()
    found: list[str] = []
    cursor = ""
    for _ in range(3):
        answer = (await http.get(f"{path(world)}&models=tasks&limit=10{cursor}")).json()
        found += [row["id"] for row in answer["models"]["tasks"]]
        cursor = f"&cursor={answer.get('nextCursor', '')}"
    assert len(found) == len(set(found)) == 25
    assert "nextCursor" not in answer


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
async def test_a_model_says_how_many_rows_and_which_come_first(world: Any, limit: int) -> None:
    """Contract, schema: `bootstrapLimit` and `bootstrapOrderBy` hold over all pages together."""
    world.write(1, 1)
    for number in (3, 1, 5, 2, 4):
        world.sql(
            "insert into notes (id, organization_id, text, created_at)"
            " values ('n' || %s::int, %s, 'x', '2026-01-01'::date + %s::int)",
            *(number, world.organization, number),
        )
    http = await world.http()
    found: list[str] = []
    cursor = ""
    while True:
        answer = (await http.get(f"{path(world)}&models=notes,tasks&limit={limit}{cursor}")).json()
        found += [row["id"] for rows in answer["models"].values() for row in rows]
        if "nextCursor" not in answer:
            break
        cursor = f"&cursor={answer['nextCursor']}"
    assert found == ["n5", "n4", "n3", "t1"]


async def test_more_than_one_page_of_the_kernel_is_one_answer(world: Any) -> None:
    world.write(1, 2500)
    http = await world.http()
    answer = (await http.get(f"{path(world)}&models=tasks,projects")).json()
    assert len(answer["models"]["tasks"]) == 2500
    assert answer["models"]["projects"] == []


async def test_rows_and_watermark_are_of_one_snapshot(world: Any) -> None:
    """Rows are counted by the log up to the watermark: one too many or too few shows."""
    http = await world.http()
    client = await (await world.client()).start()

    async def write() -> None:
        for step in range(40):
            await client.create(f"r{step:02}")

    async with anyio.create_task_group() as group:
        group.start_soon(write)
        for _ in range(25):
            answer = (await http.get(f"{path(world)}&models=tasks,projects")).json()
            rows = len(answer["models"]["tasks"])
            assert rows == sum(n <= answer["lastSyncId"] for n in world.log())


async def test_a_resume_gets_what_it_missed(alone: Any) -> None:
    world = alone
    world.write(1, 4)
    log = world.log()
    http = await world.http()
    answer = (await http.get(f"{path(world)}&models=tasks&lastSyncId={log[1]}")).json()
    assert answer["type"] == "partial"
    assert answer["lastSyncId"] == log[-1]
    assert [delta["id"] for delta in answer["deltas"]] == log[2:]
    world.sql("update ablo.log_state set dropped_through = %s", log[2])
    assert (await http.get(f"{path(world)}&models=tasks&lastSyncId={log[1]}")).json()[
        "type"
    ] == "full"
    ahead = (await http.get(f"{path(world)}&models=tasks&lastSyncId={log[-1] + 10**6}")).json()
    assert ahead["type"] == "full"


async def test_nothing_in_a_bootstrap_is_null(world: Any) -> None:
    http = await world.http()
    for query in ("&models=tasks", "&models=tasks&limit=1"):
        world.write(len(world.log()) + 1, len(world.log()) + 3)
        assert None not in (await http.get(path(world) + query)).json().values()


async def test_groups_narrow_rows_as_they_narrow_deltas(world: Any) -> None:
    client = await (await world.client()).start()
    for row, project in (("l1", "p1"), ("l2", "p2")):
        operation = {"type": "CREATE", "model": "lineitems", "id": row}
        await client.commit({**operation, "input": {"label": "x", "projectId": project}})
    wide = await world.http()
    asked = "/api/sync/bootstrap?syncGroups=projects:p1&models=lineItems"
    assert [row["id"] for row in (await wide.get(asked)).json()["models"]["lineItems"]] == ["l1"]
    narrow = await world.http(world.key("user:n", syncGroups=["projects:p2"]))
    answer = (await narrow.get(f"{path(world)}&syncGroups=projects:p2&models=lineItems")).json()
    assert [row["id"] for row in answer["models"]["lineItems"]] == ["l2"]
    denied = await narrow.get(f"{path(world)}&models=lineItems")
    assert denied.status_code == 403


async def test_models_that_a_key_may_not_read_are_empty(world: Any) -> None:
    world.write(1, 1)
    http = await world.http(world.key(operations=["projects.read"]))
    answer = (await http.get(f"{path(world)}&models=tasks,projects")).json()
    assert answer["models"] == {"tasks": [], "projects": []}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("&models=nope", "server_execute_unknown_model"),
        ("&models=tasks&limit=x", "invalid_request"),
        ("&models=tasks&cursor=%21", "cursor_invalid"),
    ],
)
async def test_a_bootstrap_that_cannot_be(world: Any, query: str, code: str) -> None:
    http = await world.http()
    answer = await http.get(path(world) + query)
    assert answer.status_code == 400
    assert answer.json()["code"] == code


async def test_of_another_organization_there_is_nothing(world: Any) -> None:
    world.write(1, 3)
    http = await world.http(world.key("user:a", "globex"))
    answer = (
        await http.get(f"/api/sync/bootstrap?models=tasks&syncGroups=org:{world.organization}")
    ).json()
    assert answer["models"] == {"tasks": []}
    assert answer["lastSyncId"] == 0
