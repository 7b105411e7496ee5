"""A schema with roles and grants, a relay on it, and what a user's key may see, folded.

In `PERMITTED` the models also limit reading: tasks to their owner, and memberships that are hidden
to systems; those grant all the same.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import psycopg
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from ablo_pg import Model, allow, belongs_to, define_schema
from ablo_pg.schema import IdentityRole
from ablo_pg.testing import DatabaseHandle

from .http.world import Api, World

ROLES = (
    IdentityRole("user", "", (("source", {"field": "userId"}),)),
    IdentityRole("team", "", (("source", {"field": "teamIds", "multi": True}),)),
)


class User(Model):
    name: str


class Project(Model, scope=True):
    name: str


class Membership(Model, grants={"subject": "user", "scope": "project"}):
    role: str = "reader"
    user_id: str
    project_id: str | None = None
    user = belongs_to("users")
    project = belongs_to("projects", parent=True)


class Board(Model):
    title: str
    project_id: str | None = None
    project = belongs_to("projects", parent=True)


class Task(Model):
    title: str
    owner: str | None = None
    board_id: str | None = None
    board = belongs_to("boards", parent=True)


class OwnTask(Task, table="tasks", typename="tasks"):
    permissions = allow(read="owner = actor.id or owner is null or actor.kind = 'system'")


class OwnMembership(
    Membership,
    table="memberships",
    typename="memberships",
    grants={"subject": "user", "scope": "project"},
):
    permissions = allow(read="role <> 'hidden' or actor.kind = 'system'")


MODELS = ("users", "projects", "memberships", "boards", "tasks")
SHARED: dict[str, Any] = {"users": User, "projects": Project, "boards": Board}
SCHEMA = define_schema(**SHARED, memberships=Membership, tasks=Task, identity_roles=ROLES)
PERMITTED = define_schema(**SHARED, memberships=OwnMembership, tasks=OwnTask, identity_roles=ROLES)
Rows = dict[tuple[str, str], Any]


@dataclass
class Folded:
    """What a stream has shown, as a copy that applies each delta as it comes.

    user: whose it is, if permissions limit what it may show; wrong: what it has shown of others.
    """

    user: str = ""
    rows: Rows = field(default_factory=dict)
    ids: list[int] = field(default_factory=list)
    seen: list[dict[str, Any]] = field(default_factory=list)
    ended: str = ""
    wrong: list[Any] = field(default_factory=list)

    def take(self, delta: dict[str, Any]) -> None:
        """Apply a delta as it is on the wire."""
        self.seen.append(delta)
        self.ids.append(delta["id"])
        row = delta["data"]
        row = json.loads(row) if isinstance(row, str) else row
        target = (delta["modelName"], delta["modelId"])
        if row is not None and self.user and not may_read(row, self.user):
            self.wrong.append(delta)
        if row is None or row.get("archivedAt") is not None:
            self.rows.pop(target, None)
        else:
            self.rows[target] = row

    @property
    def targets(self) -> set[tuple[str, str]]:
        """All that it has told of, if only by a removal."""
        return {(one["modelName"], one["modelId"]) for one in self.seen}


def may_read(row: dict[str, Any], user: str) -> bool:
    """Whether a user may read a row in `PERMITTED`."""
    return row.get("owner") in (None, user) and row.get("role") != "hidden"


async def listed(api: Api) -> Rows:
    """Return all that a key may list."""
    found: Rows = {}
    for key in MODELS:
        page = (await api("GET", f"/api/v1/models/{key}?limit=1000")).json()
        found |= {(key, row["id"]): row for row in page["data"]}
    return found


@asynccontextmanager
async def socket_of(world: World, key: str, folded: Folded, query: str = "") -> AsyncIterator[Any]:
    """Follow a socket; its deltas are folded while the block runs."""
    url = world.relay.url.replace("http", "ws", 1) + f"/api/sync/ws?deltas=every{query}"
    protocols = [f"ablo.bearer.{key}", "ablo.sync.v1"]
    async with connect(url, subprotocols=protocols, max_size=None) as socket:  # type: ignore[arg-type]
        cursor = query.partition("cursor=")[2] or None
        at = {"cursor": cursor, "lastSyncId": int(cursor or 0), "protocolVersion": 1}
        await socket.send(json.dumps({"type": "sync_request", "payload": at}))

        begun = anyio.Event()

        async def follow() -> None:
            while not folded.ended:
                try:
                    text = await socket.recv()
                except ConnectionClosed as exc:
                    folded.ended = str(exc.rcvd and exc.rcvd.code)
                    return
                frame = json.loads(text)
                if frame["type"] == "sync_response":
                    begun.set()
                payload = frame.get("payload", {})
                if frame["type"] in ("delta", "sync_response"):
                    for delta in payload.get("deltas", [payload] if "id" in payload else []):
                        folded.take(delta)

        async with anyio.create_task_group() as group:
            group.start_soon(follow)
            with anyio.fail_after(20):
                await begun.wait()
            yield socket
            group.cancel_scope.cancel()


@asynccontextmanager
async def events_of(world: World, key: str, folded: Folded, query: str = "") -> AsyncIterator[None]:
    """Follow Server-Sent Events likewise."""
    api = await world.with_key(key)
    headers = {"authorization": f"Bearer {key}"}
    async with api.client.stream("GET", f"/api/v1/stream{query}", headers=headers) as answer:
        assert answer.status_code == 200, await answer.aread()
        lines = answer.aiter_lines()
        while not (await anext(lines)).startswith("id:"):
            pass

        async def follow() -> None:
            async for line in lines:
                if line.startswith("event: error"):
                    folded.ended = await anext(lines)
                    return
                if line.startswith("data:"):
                    folded.take(json.loads(line.removeprefix("data:")))

        async with anyio.create_task_group() as group:
            group.start_soon(follow)
            yield
            group.cancel_scope.cancel()


async def until_equal_to(folded: Folded, api: Api, seconds: float = 10) -> None:
    """Wait until what a stream has shown is what its key may list."""
    wanted: Rows = {}
    with anyio.move_on_after(seconds):
        while True:
            wanted = await listed(api)
            if plain(folded.rows) == plain(wanted):
                return
            await anyio.sleep(0.05)
    shown, there = plain(folded.rows), plain(wanted)
    differs = {t for t in {*shown, *there} if shown.get(t) != there.get(t)}
    told = [one for one in folded.seen if (one["modelName"], one["modelId"]) in differs]
    assert not differs, (folded.ended, differs, told, {t: there.get(t) for t in differs})


def plain(rows: Rows) -> Rows:
    """Return rows without what is written differently in a list and in a delta."""
    return {
        target: {name: value for name, value in row.items() if value is not None}
        for target, row in rows.items()
    }


class Sql:
    """psql: writes of an administrator."""

    def __init__(self, db: DatabaseHandle) -> None:
        self._conn = psycopg.connect(db.admin_url, autocommit=True)

    def __call__(self, query: str, *arguments: object) -> None:
        """Run a statement of organization acme."""
        self._conn.execute(query.encode(), arguments or None)

    def once_readable(self, user: str) -> set[tuple[str, str]]:
        """Return which rows the user could read at some time, by the log."""
        query = 'select model, row_id, "row" from ablo.delta where "row" is not null'
        rows = self._conn.execute(query).fetchall()
        return {(model, row_id) for model, row_id, row in rows if may_read(row, user)}

    def close(self) -> None:
        """Close it."""
        self._conn.close()
