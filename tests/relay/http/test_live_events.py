"""`GET /models/{model}/live`: the rows, then what changes in them, resumable."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import psycopg
import pytest

from ablo_pg.schema import dump_schema_json

from .world import SCHEMA

pytestmark = pytest.mark.anyio

(TABLE,) = [f'"{one.table}"' for one in SCHEMA.spec.models if one.key == "lineItems"]
LIVE = "/api/v1/models/tasks/live"


class Followed:
    """An event stream, and the list that a page makes of it."""

    def __init__(self, lines: AsyncIterator[str]) -> None:
        self._lines = lines
        self.rows: list[dict[str, Any]] = []
        self.cursor = ""
        self.kinds: list[str] = []

    async def step(self) -> str:
        """Take one event; return its kind, "" for one without."""
        kind, data = "", ""
        async for line in self._lines:
            name, _, value = line.partition(":")
            if name == "id":
                self.cursor = value.strip()
            elif name == "event":
                kind = value.strip()
            elif name == "data":
                data = value
            elif not line:
                break
        self._apply(kind, json.loads(data or "null"))
        self.kinds.append(kind)
        return kind

    def _apply(self, kind: str, data: Any) -> None:
        if kind == "snapshot":
            self.rows = data["rows"]
        elif kind == "update":
            assert self.rows[data["index"]]["id"] == data["id"]
            self.rows[data["index"]] = data["row"]
        elif kind == "leave":
            assert self.rows.pop(data["index"])["id"] == data["id"]
        elif kind in ("enter", "move"):
            self.rows = [row for row in self.rows if row["id"] != data["id"]]
            self.rows.insert(data["index"], data["row"])

    async def until(self, cursor: int) -> None:
        """Take events up to a sync id."""
        with anyio.fail_after(20):
            while int(self.cursor or 0) < cursor:
                await self.step()


@asynccontextmanager
async def followed(api: Any, query: str = "", cursor: str = "") -> AsyncIterator[Followed]:
    head = {"authorization": f"Bearer {api.key}", **({"last-event-id": cursor} if cursor else {})}
    async with api.client.stream("GET", LIVE + query, headers=head) as answer:
        assert answer.status_code == 200, await answer.aread()
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield Followed(answer.aiter_lines())


async def test_a_snapshot_and_then_what_changes(api: Any) -> None:
    await api.create("tasks", "a", title="a")
    async with followed(api, "?where=status = 'todo'&order_by=title&limit=2") as live:
        assert await live.step() == "snapshot"
        assert [row["id"] for row in live.rows] == ["a"]
        await api.create("tasks", "c", title="c")
        assert await live.step() == "enter"
        await api.create("tasks", "b", title="b")
        assert [await live.step(), await live.step()] == ["leave", "enter"]
        assert [row["id"] for row in live.rows] == ["a", "b"]
        await api("PATCH", "/api/v1/models/tasks/a", {"data": {"status": "done"}})
        assert [await live.step(), await live.step()] == ["leave", "enter"]
        assert [row["id"] for row in live.rows] == ["b", "c"]
        answer = await api("GET", "/api/v1/models/tasks?status=todo&order_by=title")
        assert live.rows == answer.json()["data"]


async def test_it_resumes_without_a_snapshot_if_nothing_has_changed(api: Any) -> None:
    await api.create("tasks", "a", title="a")
    async with followed(api) as live:
        await live.step()
        cursor = live.cursor
    await api.create("projects", "p", name="of another model")
    async with followed(api, cursor=cursor) as again:
        assert await again.step() == ""
        await api.create("tasks", "b", title="b")
        assert await again.step() == "enter"
    async with followed(api, cursor=cursor) as late:
        assert await late.step() == "snapshot"
        assert [row["id"] for row in late.rows] == ["a", "b"]
    async with followed(api, cursor="999999999999") as ahead:
        assert await ahead.step() == "snapshot"


@pytest.mark.parametrize(
    ("query", "code", "field"),
    [
        ("?nothing=1", "query_invalid_identifier", "nothing"),
        ("?where=true&where=false", "invalid_request", "where"),
        ("?status=todo&status=done", "invalid_request", "status"),
        ("?starting_after=x", "invalid_request", "starting_after"),
        ("?archived=true", "invalid_request", "archived"),
        ("?limit=0", "invalid_request", "limit"),
        ("?where=createdAt < now()", "invalid_request", "where"),
        ('?where=[["nothing","=",1]]', "query_invalid_identifier", "nothing"),
    ],
)
async def test_what_is_refused_says_where(api: Any, query: str, code: str, field: str) -> None:
    answer = await api("GET", LIVE + query)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert field in (answer.json().get("param"), answer.json().get("field"))


async def test_a_row_that_leaves_the_keys_sight_leaves(world: Any, api: Any) -> None:
    for name in ("p1", "p2"):
        await api.create("projects", name, name=name)
    narrow = await world.api(syncGroups=["projects:p1"])
    await api.create("lineItems", "mine", label="a", projectId="p1")
    await api.create("lineItems", "other", label="b", projectId="p2")
    head = {"authorization": f"Bearer {narrow.key}"}
    path = "/api/v1/models/lineItems/live"
    async with narrow.client.stream("GET", path, headers=head) as answer:
        live = Followed(answer.aiter_lines())
        await live.step()
        assert [row["id"] for row in live.rows] == ["mine"]
        item = "/api/v1/models/lineItems/"
        await api("PATCH", f"{item}mine", {"data": {"projectId": "p2", "label": "secret"}})
        assert await live.step() == "leave"
        await api("PATCH", f"{item}other", {"data": {"projectId": "p1"}})
        assert await live.step() == "enter"
        assert [row["id"] for row in live.rows] == ["other"]


async def test_it_equals_the_list_after_random_writes(world: Any, api: Any) -> None:
    """Filters in each form, values that only the database compares, several rows in a commit."""
    rng = random.Random(7)
    queries = [
        "?isOpen=true&amount=2&order_by=amount",
        "?order_by=amount&order=desc&limit=3",
        "?where=amount > 1 or meta is null&order_by=dueDate&limit=4",
        '?where={"compare":">","left":{"field":"amount"},"right":{"value":1}}&limit=2',
        "?where=lower(label) like 'a%25'&order_by=label",
    ]
    base = "/api/v1/models/lineItems"
    head = {"authorization": f"Bearer {api.key}"}
    with psycopg.connect(world.db.admin_url, autocommit=True) as conn:
        conn.execute(f'alter table {TABLE} drop constraint "lineItems_amount_finite"'.encode())
        for query in queries:
            async with api.client.stream("GET", f"{base}/live{query}", headers=head) as answer:
                live = Followed(answer.aiter_lines())
                assert await live.step() == "snapshot"
                for _ in range(12):
                    operations: list[dict[str, Any]] = []
                    for n in rng.sample(range(8), 3):
                        data = {
                            "label": rng.choice(["a", "A1", "b", "ä"]),
                            "amount": rng.choice([0, 1, 1.5, 2, 3]),
                            "isOpen": rng.random() < 0.5,
                            "meta": rng.choice([None, {"n": 1}]),
                            "dueDate": rng.choice([None, "x", "y"]),
                        }
                        there = conn.execute(
                            f"select from {TABLE} where id = %s".encode(), [f"i{n}"]
                        )
                        action = "update" if there.rowcount else "create"
                        if action == "update" and rng.random() < 0.3:
                            action, data = "delete", {}
                        one = {"action": action, "model": "lineItems", "id": f"i{n}"}
                        operations.append(one | ({"data": data} if data else {}))
                    done = await api("POST", "/api/v1/commits", {"operations": operations})
                    assert done.status_code < 300, done.text
                    conn.execute(f"update {TABLE} set amount = 'NaN' where id = 'i3'".encode())
                    # A row of every filter's own, so that each step has an event.
                    await api("DELETE", f"{base}/zz")
                    await api.create("lineItems", "zz", label="a", amount=2, isOpen=True)
                    page = (await api("GET", base + query)).json()
                    with anyio.fail_after(20):
                        while live.rows != page["data"]:
                            await live.step()


async def test_it_ends_with_its_key(world: Any, api: Any) -> None:
    minted = (await api("POST", "/api/v1/capabilities", {"wideScope": True})).json()
    async with followed(await world.with_key(minted["token"])) as live:
        assert await live.step() == "snapshot"
        answer = await api("DELETE", f"/api/v1/capabilities/{minted['capabilityId']}")
        assert answer.is_success
        with anyio.fail_after(10):
            assert await live.step() == "error"


@pytest.mark.parametrize("query", ["?where=status = 'todo'", "?order_by=status", "?status=todo"])
async def test_a_push_that_drops_a_field_of_the_query_ends_it(api: Any, query: str) -> None:
    """Not with rows that leave: whether they still belong to it, no one can tell."""
    await api.create("tasks", "t1", title="x", status="todo")
    schema: Any = dump_schema_json(SCHEMA.spec)
    del schema["models"]["tasks"]["fields"]["status"]
    body = {"schema": schema, "force": True, "renames": [], "backfills": []}
    async with followed(api, query) as live:
        assert await live.step() == "snapshot"
        answer = await api("POST", "/api/schema", body)
        assert answer.is_success, answer.text
        await api("PATCH", "/api/v1/models/tasks/t1", {"data": {"title": "y"}})
        with anyio.fail_after(10):
            assert await live.step() == "error"


async def ticket(api: Any, seconds: int, **body: Any) -> str:
    """Mint a key of a user that may read tasks."""
    said = {"user": {"id": "ann"}, "operations": ["tasks.read"], "ttlSeconds": seconds, **body}
    answer = await api("POST", "/api/v1/ephemeral_keys", said)
    return str(answer.json()["token"])


async def first_line(api: Any, path: str) -> tuple[int, str]:
    """Ask for an event stream without a header; return the status and the body's first line."""
    async with api.client.stream("GET", path) as answer:
        return answer.status_code, await anext(answer.aiter_lines())


@pytest.mark.parametrize("path", [f"{LIVE}?limit=3&", "/api/v1/stream?"])
async def test_an_event_source_without_headers_has_a_ticket(api: Any, path: str) -> None:
    status, line = await first_line(api, f"{path}ticket={await ticket(api, 600)}")
    assert (status, line) == (200, "retry: 1000")


async def test_no_other_key_may_be_in_an_address(api: Any) -> None:
    lasting = await ticket(api, 700)
    for key, code in ((api.key, "forbidden"), (lasting, "forbidden"), ("", "api_key_required")):
        status, line = await first_line(api, f"{LIVE}?ticket={key}")
        assert status in (401, 403)
        assert json.loads(line)["code"] == code
        assert not key or key not in line
    short = await ticket(api, 60)
    listed = await api.client.get(f"/api/v1/models/tasks?ticket={short}")
    assert listed.status_code == 401  # an answer that ends needs no EventSource


async def test_a_ticket_beside_a_header_is_no_credential(api: Any) -> None:
    head = {"authorization": f"Bearer {api.key}"}
    answer = await api.client.get(f"{LIVE}?ticket=x", headers=head)
    assert answer.json()["code"] == "query_invalid_identifier"


async def events_of(api: Any, query: str) -> AsyncGenerator[tuple[str, str]]:
    """Follow the deltas of an organization; yield the kind and the id of each event."""
    head = {"authorization": f"Bearer {api.key}"}
    async with api.client.stream("GET", f"/api/v1/stream?{query}", headers=head) as answer:
        assert answer.status_code == 200, await answer.aread()
        kind = ""
        async for line in answer.aiter_lines():
            if line.startswith("event: "):
                kind = line[7:]
            elif line.startswith("data: "):
                yield kind, json.loads(line[6:])["modelId"]


async def test_a_stream_takes_a_filter(api: Any) -> None:
    await api.create("tasks", "a", title="a", status="done")
    await api.create("projects", "p", name="p")
    for status in ("todo", "done"):
        await api("PATCH", "/api/v1/models/tasks/a", {"data": {"status": status}})
    found = events_of(api, "cursor=0&models=tasks&where=status = 'todo'")
    with anyio.fail_after(15):
        assert [await anext(found) for _ in range(2)] == [("enter", "a"), ("leave", "a")]
    await found.aclose()


@pytest.mark.parametrize(
    "query",
    [
        "where=status = 'todo'",
        "models=tasks,projects&where=id = 'a'",
        "models=tasks&where=[1]",
        "models=tasks&where=lower(title) = 'a'",
        "models=tasks&where=nothing = 1",
    ],
)
async def test_what_a_stream_cannot_filter_is_refused(api: Any, query: str) -> None:
    answer = await api("GET", f"/api/v1/stream?{query}")
    assert answer.status_code == 400
    assert answer.json()["code"] in ("invalid_request", "query_invalid_identifier")
