"""Doors x an actor that a model's permissions limit: its key has every right, and it sees less.

The scene is that of the other keys; there is one more participant, who may not read what is in
project p2. What it is answered about that is what it is answered about rows that do not exist.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from ablo_pg import allow, define_schema, has_many
from ablo_pg.cluster import Server
from ablo_pg.testing import DatabaseHandle, make_database

from ..http.world import World, start_relay
from . import scene as groups
from .http_matrix import HTTP
from .routine_matrix import ROUTINES
from .scene import SECRET, Scene, play
from .test_doors import (
    both,
    filled,
    frames_told,
    judge_routes,
    judge_routines,
    read_to_end,
    shown,
    snapshot,
)

pytestmark = pytest.mark.anyio
COMMIT = ("POST", "/api/v1/commits")
STRANGER = "user:stranger"


class Project(groups.Project, scope=True):
    tasks = has_many("tasks")
    permissions = allow(read="id not in ('p2', 'prj-aaaaaa') or actor.id <> 'stranger'")


class Task(groups.Task):
    permissions = allow(
        read="project_id not in ('p2', 'prj-aaaaaa') or actor.kind <> 'user'"
        " or actor.id <> 'stranger'"
    )


SCHEMA = define_schema(projects=Project, tasks=Task)
# What a key with all rights may do with other keys is no matter of rows; its own commits name what
# it asked for.
OWN = ("capabilities", "/api/v1/schema", "receipt_get", "/api/v1/commits", "commit_list")


@pytest.fixture(scope="module")
def db(cluster: Server) -> Iterator[DatabaseHandle]:
    with make_database(SCHEMA, server=cluster) as handle:
        yield handle


@pytest.fixture(scope="module")
async def scene(db: DatabaseHandle) -> AsyncIterator[Scene]:
    async with AsyncExitStack() as stack:
        relay = await start_relay(stack, db, requests_per_second=1e6, request_burst=10**6)
        yield await play(World(db, stack, relay))


@pytest.fixture(scope="module")
def key(scene: Scene) -> str:
    return str(scene.world.key("acme", STRANGER, prefix="rk"))


def state(scene: Scene) -> list[Any]:
    """Return everything that must stay as it is: not that the stranger sent commits."""
    return [one for one in scene.state() if one[0] != "receipt" or STRANGER not in one[1]]


async def test_only_its_own_commits_are_listed(scene: Scene, key: str) -> None:
    api = await scene.world.with_key(key)
    assert (await api("GET", "/api/v1/commits")).json()["data"] == []
    one = await api("GET", f"/api/v1/commits/{scene.theirs['stx']}")
    assert one.json() is None
    owner = await scene.world.api("acme", groups.OWNER)
    assert (await owner("GET", "/api/v1/commits")).json()["data"] != []


async def test_a_route_shows_nothing_that_may_not_be_read(scene: Scene, key: str) -> None:
    api, before = await scene.world.with_key(key), state(scene)
    matrix = {
        door: asks
        for door, asks in HTTP.items()
        if door == COMMIT or not any(o in door[1] for o in OWN)
    }
    wrong = await judge_routes(scene, api, "stranger", matrix)
    assert not wrong, "\n".join(wrong)
    assert state(scene) == before


async def test_a_stream_shows_nothing_that_may_not_be_read(scene: Scene, key: str) -> None:
    api = await scene.world.with_key(key)
    head = {"authorization": f"Bearer {api.key}"}
    for query in ("cursor=0", "cursor=0&syncGroups=projects:p2,projects:p1,default"):
        async with api.client.stream("GET", f"/api/v1/stream?{query}", headers=head) as stream:
            seen = await read_to_end(stream)
        assert SECRET not in seen
        assert "was mine" in seen, "what it could see, it was shown"


async def test_a_live_query_shows_nothing_that_may_not_be_read(scene: Scene, key: str) -> None:
    api = await scene.world.with_key(key)
    for query in ("", "?id={row}", "?where=id = '{row}'", "?projectId=p2&order_by=title"):
        came = [await snapshot(api, filled(query, each)) for each in both(scene)]
        found, missing = (shown(scene, query, *one) for one in zip(came, both(scene), strict=True))
        assert found == missing


@pytest.mark.parametrize("query", ["cursor=0", "cursor=0&deltas=every"])
async def test_a_frame_shows_nothing_that_may_not_be_read(
    scene: Scene, key: str, query: str
) -> None:
    before = state(scene)
    found, missing = [await frames_told(scene, key, query, each) for each in both(scene)]
    assert SECRET not in found[1]
    assert "\n".join(found[0]) == "\n".join(missing[0])
    assert state(scene) == before


async def test_a_routine_shows_nothing_that_may_not_be_read(scene: Scene, key: str) -> None:
    matrix: Any = {name: asked for name, asked in ROUTINES.items() if name not in OWN}
    assert judge_routines(scene, key, "stranger", matrix, STRANGER) == []


async def test_the_matrix_catches_a_hub_that_ignores_permissions(
    scene: Scene, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scene.world.relay.service.hub.permissions, "guarded", {})
    api = await scene.world.with_key(key)
    door = ("GET", "/api/v1/logs")
    with pytest.raises(AssertionError, match="shows what is in p2"):
        await judge_routes(scene, api, "stranger", {door: HTTP[door]})
