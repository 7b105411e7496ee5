"""One scene, one relay and one set of keys for all doors."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import psycopg
import pytest

from ablo_pg.cluster import Server
from ablo_pg.testing import DatabaseHandle, make_database

from ..http.world import World, start_relay
from .scene import OWNER, SCHEMA, Scene, play


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
async def keys(scene: Scene) -> dict[str, str]:
    """Keys that may not see the scene, each of its owner's participant, so that it is no excuse."""
    verbs = ("read", "create", "update", "delete")
    found = {
        "other groups": scene.world.key("acme", OWNER, syncGroups=["projects:p1"]),
        "a role": scene.world.key("acme", OWNER, prefix="rk", userMeta={"teamIds": ["p1"]}),
        "no groups": scene.world.key("acme", OWNER, syncGroups=[]),
        "other models": scene.world.key("acme", OWNER, operations=[f"projects.{v}" for v in verbs]),
        "other organization": scene.world.key("other", OWNER),
        "revoked": scene.world.key("acme", OWNER),
        "expired": scene.world.key("acme", OWNER),
    }
    with psycopg.connect(scene.world.db.admin_url) as conn:
        for name, column in (("revoked", "revoked_at"), ("expired", "expires_at")):
            query = f"update ablo.api_key set {column} = now() - interval '1 s' where id = %s"
            conn.execute(query.encode(), [key_id(conn, found[name])])
    return found


def key_id(conn: psycopg.Connection[tuple[object, ...]], key: str) -> str:
    """Return the id of a key."""
    query = "select id from ablo.api_key where key_hash = encode(sha256(%s), 'hex')"
    row = conn.execute(query, [key.encode()]).fetchone()
    assert row is not None
    return str(row[0])
