"""Identity roles decide what keys of users and agents see; a push changes it at once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import pytest

from ablo_pg.cluster import Server
from ablo_pg.kernel.push import push_schema
from ablo_pg.schema.pushing import PushOptions
from ablo_pg.schema.wire_json import schema_hash
from ablo_pg.testing import DatabaseHandle, make_database

from .http.world import World, start_relay, wait_until
from .sight_world import SCHEMA, Folded, listed, socket_of

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def db(cluster: Server) -> Iterator[DatabaseHandle]:
    plain = replace(SCHEMA.spec, identity_roles=())
    with make_database(replace(plain, hash=schema_hash(plain)), server=cluster) as handle:
        yield handle


@pytest.fixture
async def world(db: DatabaseHandle) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        yield World(db, stack, await start_relay(stack, db))


async def test_a_push_of_roles_narrows_the_keys_and_streams_that_are_there(world: World) -> None:
    owner = await world.api("acme", "system:owner")
    await owner.create("projects", "p1", name="one")
    await owner.create("memberships", "m1", userId="ann", projectId="p1")
    await owner.create("projects", "p2", name="two")
    key = world.key("acme", "user:bob", prefix="ek")
    bob, folded = await world.with_key(key), Folded()
    assert set(await listed(bob)) == {("projects", "p1"), ("projects", "p2"), ("memberships", "m1")}
    async with socket_of(world, key, folded):
        push_schema(world.db.admin_url, SCHEMA.spec, PushOptions(force=True))
        assert await listed(bob) == {}
        await wait_until(lambda: bool(folded.ended))
    assert folded.ended.startswith("1013")
    last = "/api/v1/kernel/log_read"
    answer = await bob("POST", last, {"after": 1, "limit": 10})
    assert (answer.status_code, answer.json()["code"]) == (410, "snapshot_required")
    ann = await world.api("acme", "user:ann", prefix="ek")
    assert set(await listed(ann)) == {("projects", "p1"), ("memberships", "m1")}
    assert len(await listed(owner)) == 3


@pytest.mark.parametrize(
    ("participant", "asked", "groups"),
    [
        ("user:ann", {}, ["projects:p1", "user:ann"]),
        ("user:ann", {"syncGroups": ["org:acme"]}, ["projects:p1", "user:ann"]),
        ("user:ann", {"syncGroups": ["projects:p1", "projects:p2"]}, ["projects:p1"]),
        ("user:bob", {"userMeta": {"teamIds": ["x", "y"]}}, ["team:x", "team:y", "user:bob"]),
        ("agent:a", {"userMeta": {"userId": "ann"}}, ["projects:p1", "user:ann"]),
        ("agent:a", {}, []),
        ("agent:a", {"syncGroups": ["projects:p2"]}, ["projects:p2"]),
    ],
)
async def test_what_the_roles_give(
    world: World, participant: str, asked: dict[str, Any], groups: list[str]
) -> None:
    push_schema(world.db.admin_url, SCHEMA.spec, PushOptions(force=True))
    owner = await world.api("acme", "system:owner")
    await owner.create("projects", "p1", name="one")
    await owner.create("memberships", "m1", userId="ann", projectId="p1")
    api = await world.api("acme", participant, **{"prefix": "rk", **asked})
    told = (await api("GET", "/api/auth/identity")).json()["syncGroups"]
    assert [one for one in told if one != "default"] == groups
    assert (await owner("GET", "/api/auth/identity")).json()["syncGroups"] == [
        "default",
        "org:acme",
    ]


async def test_an_agent_of_a_users_key_has_the_users_ceiling(world: World) -> None:
    """What the user's key says of the agent's identity counts for nothing."""
    push_schema(world.db.admin_url, SCHEMA.spec, PushOptions(force=True))
    ann = await world.api("acme", "user:ann", prefix="rk")
    asked = {
        "participantKind": "agent", "wideScope": True, "ttlSeconds": 600,
        "userMeta": {"teamIds": ["x"], "userId": "bob"},
    }  # fmt: skip
    answer = await ann("POST", "/api/v1/capabilities", asked)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    agent = await world.with_key(made["token"])
    told = (await agent("GET", "/api/auth/identity")).json()["syncGroups"]
    assert told == ["default", "user:ann"]
