"""Keys that may write rows but not read them, and keys without a sync group: what they learn."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ablo_pg.changefeed.permissions import Permissions
from ablo_pg.changefeed.view import View
from ablo_pg.relay.ws.groups import SocketGroups

pytestmark = pytest.mark.anyio
ROW = "/api/v1/models/tasks/t1"
PURPOSE = "canary-of-the-claim"


@pytest.fixture
async def writer(world: Any) -> Any:
    return await world.api("acme", "agent:writer", operations=["tasks.update"])


async def test_a_claim_in_the_way_is_not_described(api: Any, world: Any, writer: Any) -> None:
    await api.create("tasks", "t1", title="x")
    assert (await api("POST", f"{ROW}/claim", {"description": PURPOSE})).status_code == 201
    operation = {"action": "update", "model": "tasks", "id": "t1", "data": {"title": "y"}}
    for answer in (
        await writer("PATCH", ROW, {"data": {"title": "y"}}),
        await writer("POST", "/api/v1/commits", {"operations": [operation]}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "entity_claimed")
        assert answer.json().keys().isdisjoint({"heldBy", "claims"})
        assert PURPOSE not in answer.text
    reader = await world.api("acme", "agent:r", operations=["tasks.update", "tasks.read"])
    assert PURPOSE in (await reader("PATCH", ROW, {"data": {"title": "y"}})).text


@pytest.mark.parametrize("words", [{}, {"onStale": "reject"}, {"onStale": "merge"}])
async def test_a_guard_needs_the_right_to_read(
    api: Any, writer: Any, words: dict[str, str]
) -> None:
    """The row has changed since: without the right to see that, the guard would let it pass."""
    await api.create("tasks", "t1", title="x")
    await api("PATCH", ROW, {"data": {"title": "changed"}})
    answer = await writer("PATCH", ROW, {"data": {"title": "y"}, "readAt": 1, **words})
    assert (answer.status_code, answer.json()["code"]) == (403, "capability_scope_denied")
    assert (await api("GET", ROW)).json()["data"]["title"] == "changed"


async def test_a_write_without_a_guard_needs_none(api: Any, writer: Any) -> None:
    await api.create("tasks", "t1", title="x")
    given = {"data": {"title": "y"}, "readAt": 1, "onStale": "overwrite"}
    assert (await writer("PATCH", ROW, {"data": {"title": "z"}})).status_code == 200
    assert (await writer("PATCH", ROW, given)).status_code == 200


@pytest.mark.parametrize("asked", [None, []])
async def test_a_key_of_no_groups_follows_nothing(asked: list[str] | None) -> None:
    credential: Any = SimpleNamespace(
        organization="acme",
        sync_groups=frozenset[str](),
        readable=None,
        participant="user:u",
        view=View(frozenset(), None, "user:u"),
    )
    groups = SocketGroups(credential, 10, asked, Permissions())
    assert not groups.followed
    assert not groups.whole
    assert not groups.unlimited
    assert not groups.sees("tasks", ["org:acme", "tasks:t1"], None)
