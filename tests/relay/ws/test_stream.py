"""Deltas as Server-Sent Events: ids to resume from, narrowed like sockets, ended like them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx
import psycopg
import pytest

from ablo_pg.db.keys import revoke_key

pytestmark = [pytest.mark.anyio, pytest.mark.smoke]


@pytest.fixture
def world(own_organization: Any) -> Any:
    return own_organization


PATH = "/api/v1/stream"


class Events:
    """The events of one stream."""

    def __init__(self, response: httpx.Response) -> None:
        self._lines = response.aiter_lines()

    async def next(self) -> dict[str, str]:
        """Return the next event's fields."""
        found: dict[str, str] = {}
        with anyio.fail_after(30):
            async for line in self._lines:
                if not line and found:
                    return found
                name, _, value = line.partition(": ")
                if name:
                    found[name] = value
        raise EOFError

    async def deltas(self, count: int) -> list[dict[str, Any]]:
        """Return so many deltas; each event's id is the delta's."""
        found: list[dict[str, Any]] = []
        while len(found) < count:
            event = await self.next()
            if event.get("event") == "delta":
                found.append(json.loads(event["data"]))
                assert event["id"] == str(found[-1]["id"])
        return found


@asynccontextmanager
async def following(http: httpx.AsyncClient, path: str, **headers: str) -> AsyncIterator[Events]:
    async with http.stream("GET", path, headers=headers) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        yield Events(response)


async def test_it_begins_now_and_says_where_that_is(world: Any) -> None:
    world.write(1, 2)
    http = await world.http()
    async with following(http, PATH) as events:
        assert (await events.next())["id"] == str(world.log()[-1])
        world.write(3, 4)
        assert [delta["modelId"] for delta in await events.deltas(2)] == ["t3", "t4"]


@pytest.mark.parametrize("by", ["query", "header"])
async def test_it_resumes(world: Any, by: str) -> None:
    world.write(1, 4)
    log = world.log()
    http = await world.http()
    path = f"{PATH}?cursor={log[1]}" if by == "query" else f"{PATH}?cursor={log[0]}"
    headers = {} if by == "query" else {"last-event-id": str(log[1])}
    async with following(http, path, **headers) as events:
        assert [delta["id"] for delta in await events.deltas(2)] == log[2:]


async def test_it_is_narrowed_by_models_and_groups(world: Any) -> None:
    world.write(1, 3)
    http = await world.http()
    async with following(http, f"{PATH}?cursor=0&syncGroups=tasks:t2&models=tasks") as events:
        assert [delta["modelId"] for delta in await events.deltas(1)] == ["t2"]
    reader = await world.http(world.key(operations=["projects.read"]))
    query = "insert into projects (id, organization_id, name) values ('p', %s, 'p')"
    world.sql(query, world.organization)
    async with following(reader, f"{PATH}?cursor=0") as events:
        assert [delta["modelName"] for delta in await events.deltas(1)] == ["projects"]


@pytest.mark.parametrize(
    ("cursor", "code"), [("x", "cursor_invalid"), ("99999999", "cursor_ahead")]
)
async def test_a_cursor_that_is_none_is_refused(world: Any, cursor: str, code: str) -> None:
    http = await world.http()
    answer = await http.get(f"{PATH}?cursor={cursor}")
    assert answer.status_code == 400
    assert answer.json()["code"] == code


async def test_a_revoked_key_ends_it(world: Any) -> None:
    http = await world.http(world.key("user:s"))
    async with following(http, PATH) as events:
        await events.next()
        query = "select id from ablo.api_key where organization_id = %s and participant = 'user:s'"
        [(key_id,)] = world.sql(query, world.organization)
        with psycopg.connect(world.db.admin_url, autocommit=True) as conn:
            revoke_key(conn, world.organization, key_id)
        event = await events.next()
        assert event["event"] == "error"
        assert json.loads(event["data"])["code"] == "apikey_revoked"
        with pytest.raises(EOFError):
            await events.next()


async def test_it_needs_a_key(world: Any) -> None:
    async with httpx.AsyncClient(base_url=world.relay.url) as http:
        assert (await http.get(PATH)).status_code == 401


async def test_a_stopping_relay_ends_it(alone: Any) -> None:
    world = alone
    http = await world.http()
    async with following(http, PATH) as events:
        await events.next()
        world.relay.service.stop()
        with pytest.raises(EOFError):
            await events.next()


async def test_one_that_is_asked_for_its_head_only_ends(world: Any) -> None:
    headers = {"authorization": f"Bearer {world.key('user:h')}"}
    one = httpx.Limits(max_connections=1)
    async with httpx.AsyncClient(base_url=world.relay.url, headers=headers, limits=one) as http:
        assert (await http.head(PATH)).headers["content-type"].startswith("text/event-stream")
        assert (await http.get("/live", timeout=5)).status_code == 200  # behind it
    assert world.organization not in world.relay.service.hub.channels
