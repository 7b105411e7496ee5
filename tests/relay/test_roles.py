"""Identity roles decide what keys of users and agents see; a push changes it at once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from ablo_pg.cluster import Server
from ablo_pg.kernel.push import push_schema
from ablo_pg.schema import IdentityRole
from ablo_pg.schema.pushing import PushOptions
from ablo_pg.schema.wire_json import schema_hash
from ablo_pg.testing import DatabaseHandle, make_database, template_database

from .http.world import World, start_relay, wait_until
from .sight_world import SCHEMA, Folded, listed, socket_of

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def without_roles(cluster: Server) -> Iterator[str]:
    plain = replace(SCHEMA.spec, identity_roles=())
    with template_database(cluster, replace(plain, hash=schema_hash(plain))) as name:
        yield name


@pytest.fixture
def db(cluster: Server, without_roles: str) -> Iterator[DatabaseHandle]:
    with make_database(server=cluster, template=without_roles) as handle:
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


def reach_plan(db: DatabaseHandle) -> str:
    with psycopg.connect(db.admin_url) as conn:
        query = "explain (verbose, costs off) select ablo.key_reach(k) from ablo.api_key k"
        return "\n".join(line for (line,) in conn.execute(query))


def push(db: DatabaseHandle, roles: tuple[IdentityRole, ...]) -> None:
    spec = replace(SCHEMA.spec, identity_roles=roles)
    push_schema(db.admin_url, replace(spec, hash=schema_hash(spec)), PushOptions(force=True))


def test_without_roles_what_a_key_sees_is_a_column(db: DatabaseHandle) -> None:
    """Commits pay for roles only if the schema has any, also after it had some."""
    assert "Output: sync_groups" in reach_plan(db)
    push(db, SCHEMA.spec.identity_roles)
    assert "sight_groups" in reach_plan(db)
    push(db, ())
    assert "Output: sync_groups" in reach_plan(db)


async def test_a_session_that_is_open_follows_a_push_of_roles(world: World) -> None:
    """The plans that it keeps hold what the roles were."""
    owner = await world.api("acme", "system:owner")
    await owner.create("projects", "p1", name="one")
    world.key("acme", "user:bob", prefix="ek")
    with (
        psycopg.connect(world.db.admin_url, autocommit=True) as admin,
        psycopg.connect(world.db.database_url, autocommit=True) as conn,
    ):
        (key,) = admin.execute("select id from ablo.api_key where participant = 'user:bob'")
        read = "select ablo.row_get('acme', 'user:bob', 'projects', 'p1', %s) ->> 'row' is not null"

        def seen() -> bool:
            return bool(conn.execute(read, key).fetchone() == (True,))

        assert all(seen() for _ in range(8))
        push(world.db, SCHEMA.spec.identity_roles)
        assert not seen()
        push(world.db, ())
        assert seen()


def test_a_reader_of_an_earlier_release_is_refused(db: DatabaseHandle) -> None:
    """It would follow no grant; without roles it reads as before."""
    with psycopg.connect(db.database_url, autocommit=True) as conn:
        read = "select count(*) from ablo.delta_read('acme', 0, 10, null, null, true"
        conn.execute(f"{read})".encode())
        push(db, SCHEMA.spec.identity_roles)
        with pytest.raises(psycopg.Error, match="does not apply that"):
            conn.execute(f"{read})".encode())
        conn.execute(f"{read}, p_judges => true)".encode())
