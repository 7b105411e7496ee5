"""Doors x an actor that may not read a field: its key has every right, and no door shows the field.

Every route, frame, stream and routine is asked for rows whose note this actor may not read.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from typing import Any

import psycopg
import pytest

from ablo_pg import define_schema, field
from ablo_pg.changefeed.permissions import Permissions
from ablo_pg.cluster import Server
from ablo_pg.testing import DatabaseHandle, make_database

from ..http.world import World, start_relay
from ..security.live import socket
from . import scene as groups
from .conftest import key_id
from .frame_matrix import FRAMES, LAST
from .http_matrix import HTTP, PLAIN
from .routine_matrix import ROUTINES
from .scene import Scene, play
from .test_doors import both, filled, read_to_end, snapshot, until_end

pytestmark = pytest.mark.anyio
CANARY = "canary-in-a-field"
STRANGER = "user:stranger"


class Task(groups.Task):
    note: str | None = field(default=None, read="actor.id <> 'stranger'", formerly="memo")


SCHEMA = define_schema(projects=groups.Project, tasks=Task)


@pytest.fixture(scope="module")
def db(cluster: Server) -> Iterator[DatabaseHandle]:
    with make_database(SCHEMA, server=cluster) as handle:
        yield handle


@pytest.fixture(scope="module")
async def scene(db: DatabaseHandle) -> AsyncIterator[Scene]:
    async with AsyncExitStack() as stack:
        relay = await start_relay(stack, db, requests_per_second=1e6, request_burst=10**6)
        made = await play(World(db, stack, relay))
        with psycopg.connect(db.admin_url, autocommit=True) as admin:
            for text in (f"{CANARY} once", CANARY):
                admin.execute("update tasks set memo = %s || id", [text])
            admin.execute("update projects set name = 'END' where id = 'p1'")
        yield made


@pytest.fixture(scope="module")
def key(scene: Scene) -> str:
    return str(scene.world.key("acme", STRANGER, prefix="rk"))


async def answers(scene: Scene, api: Any) -> dict[str, str]:
    """Ask at every door, for rows that are there; reads first, since others change them."""
    names = both(scene)[0]
    asked = [(door[0], ask) for door, asks in (HTTP | PLAIN).items() for ask in asks]
    asked.sort(key=lambda one: one[0] != "GET")
    found = {}
    for method, ask in asked:
        answer = await api(method, filled(ask.path, names), filled(ask.body, names))
        assert answer.status_code < 500 or answer.status_code in (501, 503), answer.text
        found[f"{method} {ask.path} {ask.body}"] = answer.text
    return found


def leaks(found: dict[str, str]) -> list[str]:
    return [door for door, text in found.items() if CANARY in text]


async def test_a_stream_does_not_show_it(scene: Scene, key: str) -> None:
    for who, wanted in ((key, False), (scene.world.key("acme", groups.OWNER, prefix="rk"), True)):
        api = await scene.world.with_key(who)
        head = {"authorization": f"Bearer {api.key}"}
        async with api.client.stream("GET", "/api/v1/stream?cursor=0", headers=head) as stream:
            seen = await read_to_end(stream)
        live = await snapshot(api, "")
        assert (CANARY in seen, CANARY in live) == (wanted, wanted)


@pytest.mark.parametrize("query", ["cursor=0", "cursor=0&deltas=every"])
async def test_no_frame_shows_it(scene: Scene, key: str, query: str) -> None:
    names = both(scene)[0]
    async with socket(scene.world.relay, key, query) as live:
        for kind, payloads in FRAMES.items():
            for payload in payloads:
                await live.send(kind, **filled(payload, names))
        for answer, (kind, payload) in LAST.items():
            await until_end(live, kind, payload, answer)
        for one in FRAMES["live_begin"]:
            while not any(f'"liveId":"{one["liveId"]}"' in text for text in live.seen):
                await live.take("live_snapshot")
        seen = "".join(live.seen)
    assert CANARY not in seen
    assert '"mine"' in seen, "what it could see, it was shown"


async def test_no_routine_shows_it(scene: Scene, key: str) -> None:
    names = both(scene)[0]
    leaking = []
    with (
        psycopg.connect(scene.world.db.admin_url) as admin,
        psycopg.connect(scene.world.db.database_url, autocommit=True) as conn,
    ):
        capability = key_id(admin, key)
        for name, asked in ROUTINES.items():
            given = {
                "p_organization": "acme",
                **filled(asked, names),
                "p_capability_id": capability,
            }
            if name not in ("delta_read", "delta_tail", "sight_at"):
                given["p_participant"] = STRANGER
            listed = ", ".join(f"{each} => %({each})s" for each in given)
            try:
                with conn.transaction(force_rollback=True):
                    rows = conn.execute(f"select ablo.{name}({listed})::text".encode(), given)
                    text = "\n".join(str(row[0]) for row in rows)
            except psycopg.Error as exc:
                text = str(exc)
            if CANARY in text:
                leaking.append(name)
    assert leaking == []


async def test_what_is_refused_does_not_tell_it(scene: Scene, key: str) -> None:
    api = await scene.world.with_key(key)
    for query in ("note=x", "memo=x", "where=note = 'x'", "where=note is null", "order_by=note"):
        for path in ("/api/v1/models/tasks", "/api/v1/models/tasks/live"):
            answer = await api("GET", f"{path}?{query}")
            told = json.loads(answer.text)
            assert (answer.status_code, told["code"]) == (403, "permission_denied"), answer.text
    for query in ("models=tasks&where=note = 'x'", "models=tasks&where=memo is null"):
        answer = await api("GET", f"/api/v1/stream?{query}")
        assert answer.status_code == 403, answer.text


async def test_no_route_shows_it(scene: Scene, key: str) -> None:
    owner = await scene.world.api("acme", groups.OWNER)
    assert CANARY in (await owner("GET", "/api/v1/models/tasks")).text
    api = await scene.world.with_key(key)
    assert leaks(await answers(scene, api)) == []


async def test_the_matrix_catches_a_hub_that_shows_it(
    scene: Scene, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Permissions, "shown", lambda self, delta, participants: delta)
    api = await scene.world.with_key(key)
    assert any("/api/v1/logs" in door for door in leaks(await answers(scene, api)))
