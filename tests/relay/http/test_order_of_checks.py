"""Contract, writes: what is wrong with a write is told in one order, which clients decide by.

Scope, then the model, then another's claim, then the fence, then what was read, then constraints.
"""

from __future__ import annotations

from typing import Any

import pytest

from .world import World

pytestmark = pytest.mark.anyio

ROW = "/api/v1/models/tasks/t1"


@pytest.fixture
def world(own_organization: World) -> World:
    return own_organization


@pytest.fixture(autouse=True)
async def stamp(api: Any) -> int:
    """A row that has moved since; the stamp it had."""
    made = await api.create("tasks", "t1", title="a")
    await api("PATCH", ROW, {"data": {"title": "moved"}})
    return int(made["lastSyncId"])


async def code(api: Any, method: str, path: str, body: Any) -> str:
    answer = await api(method, path, body)
    assert answer.status_code >= 400, answer.text
    return str(answer.json()["code"])


BROKEN = {"status": "none of these"}


async def test_scope_comes_before_all_of_it(api: Any, as_: Any, stamp: int) -> None:
    await api("POST", f"{ROW}/claim", {})
    reader = await as_("agent:r", operations=["tasks.read"])
    body = {"data": BROKEN, "readAt": stamp}
    assert await code(reader, "PATCH", ROW, body) == "capability_scope_denied"


@pytest.mark.parametrize("more", [{}, {"fenceToken": 1}])
@pytest.mark.parametrize("data", [{"title": "b"}, BROKEN, {"title": None}, {"nope": 1}])
async def test_another_s_claim_before_fence_stamp_and_constraints(
    api: Any, as_: Any, stamp: int, more: Any, data: Any
) -> None:
    await api("POST", f"{ROW}/claim", {})
    other = await as_("agent:b")
    assert await code(other, "PATCH", ROW, {"data": data, "readAt": stamp, **more}) == (
        "entity_claimed"
    )
    create = {"id": "t1", "data": data if "title" in data else {"title": "x", **data}}
    assert await code(other, "POST", "/api/v1/models/tasks", create) == "entity_claimed"
    assert await code(other, "DELETE", ROW, {"readAt": stamp}) == "entity_claimed"


@pytest.mark.parametrize("data", [{"title": "b"}, BROKEN])
async def test_the_fence_before_stamp_and_constraints(
    api: Any, as_: Any, stamp: int, data: Any
) -> None:
    first = (await api("POST", f"{ROW}/claim", {})).json()
    await api("DELETE", f"{ROW}/claim")
    await api("POST", f"{ROW}/claim", {})
    other = await as_("user:u")
    await other("PATCH", ROW, {"data": {"title": "x"}})
    body = {"data": data, "fenceToken": first["fenceToken"], "readAt": stamp}
    assert await code(api, "PATCH", ROW, body) == "fence_token_stale"


@pytest.mark.parametrize("data", [BROKEN, {"title": None}, {"title": "b"}])
async def test_what_was_read_before_constraints(api: Any, stamp: int, data: Any) -> None:
    body = {"data": data, "readAt": stamp, "onStale": "reject"}
    assert await code(api, "PATCH", ROW, body) == "stale_context"
    reads = [{"model": "tasks", "id": "t1", "readAt": stamp}]
    create = {"id": "t2", "data": {"title": "x"} | data, "reads": reads}
    assert await code(api, "POST", "/api/v1/models/tasks", create) == "stale_context"


async def test_a_row_that_was_deleted_since_it_was_read_is_stale(api: Any, stamp: int) -> None:
    await api("DELETE", ROW, {})
    body = {"data": {"title": "b"}, "readAt": stamp}
    assert await code(api, "PATCH", ROW, body) == "stale_context"
    assert await code(api, "PATCH", ROW, {"data": {"title": "b"}}) == "entity_not_found"
