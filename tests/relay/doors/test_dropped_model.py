"""A model that limited reading is dropped: what is left of it is shown to no participant."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import psycopg
import pytest

from ablo_pg import Model, allow, define_schema
from ablo_pg.cluster import Server
from ablo_pg.testing import apply_schema, make_database

from ..http.world import World, start_relay

pytestmark = pytest.mark.anyio
SECRET = "hidden content"
CLAIM = json.dumps({"description": SECRET})
PRESENT = json.dumps({"activity": {"entityType": "tasks", "entityId": "t", "action": SECRET}})


class Other(Model):
    name: str = ""


class Task(Model):
    title: str
    owner_id: str
    permissions = allow(read="owner_id = actor.user_id")


@pytest.fixture
async def world(cluster: Server) -> AsyncIterator[World]:
    with make_database(define_schema(tasks=Task, others=Other), server=cluster) as db:
        async with AsyncExitStack() as stack:
            yield World(db, stack, await start_relay(stack, db))


def ask(world: World, query: str, *args: object) -> str:
    with psycopg.connect(world.db.admin_url, autocommit=True) as conn:
        row: Any = conn.execute(query.encode(), args).fetchone()
    return json.dumps(row[0])


async def told(world: World, participant: str) -> dict[str, str]:
    """Return what the interfaces of the log, of claims and of presence answer."""
    api = await world.api(participant=participant)
    found = {}
    for path in (
        "/api/v1/logs?after=0",
        "/api/v1/claims",
        "/api/v1/commits",
        "/api/sync/bootstrap",
    ):
        answer = await api("GET", path)
        assert answer.status_code == 200, (path, answer.text)
        found[path] = answer.text
    key = json.loads(
        ask(world, "select min(id) from ablo.api_key where participant = %s", participant)
    )
    for name, query in {
        "events": "select ablo.claim_events('acme', %s, 0, 0, 99, %s)",
        "present": "select ablo.presence_list('acme', %s, null, %s)",
        "log": "select json_agg(d) from ablo.delta_read('acme', 0, 99, null, %s) d",
    }.items():
        args = (participant, key)[-query.count("%s") :]
        found[name] = ask(world, query, *args)
    return found


async def test_what_is_left_of_a_dropped_model_is_not_shown(world: World) -> None:
    ann = await world.api(participant="user:ann")
    await ann.create("tasks", "t", title=SECRET, ownerId="ann")
    ask(world, "select ablo.claim_acquire('acme', 'user:ann', 'tasks', 't', %s)", CLAIM)
    ask(world, "select ablo.presence_beat('acme', 'user:ann', 's', %s)", PRESENT)
    shown = await told(world, "user:ann")
    assert {path for path, text in shown.items() if SECRET not in text} == {"/api/v1/commits"}
    apply_schema(world.db.admin_url, define_schema(others=Other))
    await world.relay.service.schemas.refresh()
    own = ["/api/v1/claims"]  # what ann said of her claim herself
    for who, wanted in (("user:ann", own), ("user:bob", [])):
        shown = await told(world, who)
        assert [path for path, text in shown.items() if SECRET in text] == wanted
    assert "hidden" in ask(world, "select ablo.live_read('acme', 'system:relay', true)")
