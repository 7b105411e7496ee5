"""Relays in the test's own loop, and clients on real sockets that speak as the reactive SDKs do."""

from __future__ import annotations

import contextlib
import itertools
import json
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self
from urllib.parse import urlencode

import anyio
import anyio.lowlevel
import httpx
import psycopg
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from ablo_pg import Model, Schema, belongs_to, define_schema, model
from ablo_pg.cluster import Server
from ablo_pg.credentials import new_key
from ablo_pg.db.keys import create_key
from ablo_pg.relay.daemon import Relay, serving
from ablo_pg.relay.settings import RelaySettings
from ablo_pg.schema import ModelOptions
from ablo_pg.testing import DatabaseHandle, make_database, template_database

Frame = dict[str, Any]
NUMBERS = itertools.count(1)


class Project(Model):
    name: str


class LineItem(Model):
    label: str
    due_date: str | None = None
    project_id: str | None = None
    project = belongs_to("projects", parent=True)


class Task(Model):
    title: str
    status: Literal["todo", "doing", "done"] = "todo"


# Of these a copy begins with the three newest.
NOTES = ModelOptions(
    load="lazy", options={"bootstrapLimit": 3, "bootstrapOrderBy": "createdAt desc"}
)

SCHEMA = define_schema(
    tasks=Task, projects=Project, lineItems=LineItem, notes=model(NOTES, text=str)
)


@dataclass
class Client:
    """One live socket, as a client sees it. Frames that nobody has taken yet are kept, in order."""

    socket: ClientConnection
    organization: str
    frames: deque[Frame] = field(default_factory=deque)

    async def send(self, kind: str, **payload: Any) -> None:
        """Send a frame."""
        await self.socket.send(json.dumps({"type": kind, "payload": payload}))

    async def read(self) -> Frame:
        """Return the next frame as it comes; keep nothing."""
        text = await self.socket.recv()
        assert isinstance(text, str), "frames are text"
        found: Frame = json.loads(text)
        return found

    async def take(
        self, kind: str, where: Callable[[Frame], bool] = lambda payload: True, seconds: float = 10
    ) -> Frame:
        """Take the first frame of this type whose payload fits; leave the others for later."""
        for frame in list(self.frames):
            if frame["type"] == kind and where(frame.get("payload", {})):
                self.frames.remove(frame)
                return dict(frame.get("payload", {}))
        with anyio.fail_after(seconds):
            while True:
                frame = await self.read()
                if frame["type"] == kind and where(frame.get("payload", {})):
                    return dict(frame.get("payload", {}))
                self.frames.append(frame)

    async def deltas(self, count: int, seconds: float = 10) -> list[Frame]:
        """Take so many live deltas."""
        found: list[Frame] = []
        while len(found) < count:
            payload = await self.take("delta", seconds=seconds)
            found.extend(payload.get("deltas", [payload]))
        return found

    async def settle(self) -> list[Frame]:
        """Return every frame that the server had sent when it answers a ping, in order."""
        await self.send("ping")
        found = list(self.frames)
        self.frames.clear()
        with anyio.fail_after(30):
            while True:
                frame = await self.read()
                if frame["type"] == "pong":
                    return found
                found.append(frame)

    async def sync(self, cursor: str | None = None, last: int = 0) -> Frame:
        """Say where we stand; return the answer."""
        await self.send(
            "sync_request", cursor=cursor, lastSyncId=last, capabilities=[], protocolVersion=1
        )
        return await self.take("sync_response")

    async def start(self, *groups: str) -> Self:
        """Send what a client sends first, and wait until all of it is answered."""
        anchors = ("default", f"org:{self.organization}")
        await self.send("update_subscription", syncGroups=list(groups or anchors))
        assert (await self.take("subscription_ack"))["success"]
        await self.send("presence_update", status="online", timezone="UTC")
        await self.sync()
        return self

    async def commit(self, *operations: Frame, tx: str = "", **more: Any) -> Frame:
        """Commit; return the answer."""
        name = tx or f"commit_{id(operations)}_{operations[0].get('id')}_{operations[0]['type']}"
        await self.send("commit", operations=list(operations), clientTxId=name, **more)
        return await self.take("mutation_result", lambda payload: payload["clientTxId"] == name)

    async def create(self, row_id: str, title: str = "a") -> Frame:
        """Create a task over the socket; return its receipt."""
        operation = {"type": "CREATE", "model": "tasks", "id": row_id, "input": {"title": title}}
        receipt = await self.commit(operation)
        assert receipt["success"], str(receipt)
        return receipt

    async def begin_claim(self, claim_id: str, row_id: str, **more: Any) -> None:
        """Ask for a claim on a task."""
        given = {"description": "editing", "queue": True, "entityType": "tasks"} | more
        await self.send("claim_begin", claimId=claim_id, entityId=row_id, **given)

    async def closed(self, seconds: float = 10) -> tuple[int, str]:
        """Wait for the server to close; return code and reason."""
        with anyio.fail_after(seconds):
            with contextlib.suppress(ConnectionClosed):
                while True:
                    await self.socket.recv()
        return self.socket.close_code or 0, self.socket.close_reason or ""


@dataclass
class World:
    """A database, relays on it, and keys for it."""

    db: DatabaseHandle
    stack: AsyncExitStack
    relay: Relay
    organization: str = "acme"  # of whatever names no other

    def key(
        self, participant: str = "system:a", organization: str | None = None, **asked: Any
    ) -> str:
        """Make a key."""
        key = new_key("sk")
        with psycopg.connect(self.db.admin_url, autocommit=True) as conn:
            asked = {"prefix": "sk", **asked}
            create_key(conn, organization or self.organization, participant, key, asked)
        return key

    async def client(
        self,
        participant: str = "system:a",
        *,
        key: str | None = None,
        relay: Relay | None = None,
        cursor: str | int = "",
        groups: tuple[str, ...] = (),
        partition: str = "",
        every: bool = True,
        **options: Any,
    ) -> Client:
        """Open a socket, as a participant or with a key.

        every: as a client that takes each delta as it is, not as the TypeScript SDK.
        """
        token = key or self.key(participant)
        asked = [("cursor", cursor), *(("syncGroups", each) for each in groups)]
        asked += [("deltas", "every")] if every else []
        query = urlencode([*asked, *([("deliveryPartition", partition)] if partition else [])])
        url = (relay or self.relay).url.replace("http", "ws") + f"/api/sync/ws?{query}"
        given: dict[str, Any] = {
            "subprotocols": [f"ablo.bearer.{token}", "ablo.sync.v1"],
            "compression": None,
        }
        given |= {"max_size": None, "ping_interval": None, "close_timeout": 0.5, **options}
        socket = await self.stack.enter_async_context(connect(url, **given))
        return Client(socket, self.organization)

    async def start(self, **settings: Any) -> Relay:
        """Start another relay."""
        return await start_relay(self.stack, self.db, **settings)

    async def http(self, key: str | None = None, relay: Relay | None = None) -> httpx.AsyncClient:
        """Return an HTTP client with a key."""
        headers = {"authorization": f"Bearer {key or self.key()}"}
        made = httpx.AsyncClient(
            base_url=(relay or self.relay).url, headers=headers, timeout=60, verify=False
        )
        return await self.stack.enter_async_context(made)

    def sql(self, query: str, *args: Any) -> list[tuple[Any, ...]]:
        """Run a statement as an administrator."""
        with psycopg.connect(self.db.admin_url, autocommit=True) as conn:
            cursor = conn.execute(query.encode(), args)
            return cursor.fetchall() if cursor.description else []

    def claim(self, claim_id: str, columns: str) -> tuple[Any, ...]:
        """Return these columns of a claim."""
        query = f"select {columns} from ablo.claim where organization_id = %s and id = %s"
        return self.sql(query, self.organization, claim_id)[0]

    def expire(self, claim_id: str) -> None:
        """End a claim's lease now."""
        query = "update ablo.claim set expires_at = clock_timestamp()"
        query += " where organization_id = %s and id = %s"
        self.sql(query, self.organization, claim_id)
        self.relay.service.live.hint(self.organization)

    async def line_up(self, holder: Client, waiter: Client) -> None:
        """Let one hold t1 as c1, and another wait for it as c2."""
        await holder.begin_claim("c1", "t1")
        await holder.take("claim_acquired")
        await waiter.begin_claim("c2", "t1")
        await waiter.take("claim_queued")

    def write(
        self, first: int, last: int, organization: str | None = None, title: str = "w"
    ) -> None:
        """Insert tasks t<first>..t<last> as a plain SQL writer, in one transaction."""
        self.sql(
            "insert into tasks (id, organization_id, title, status)"
            " select 't' || n, %s, %s, 'todo' from generate_series(%s::int, %s::int) n",
            *(organization or self.organization, title, first, last),
        )

    def log(self, organization: str | None = None) -> list[int]:
        """Return every sync id of an organization."""
        query = "select sync_id from ablo.delta where organization_id = %s order by 1"
        return [row[0] for row in self.sql(query, organization or self.organization)]


async def start_relay(stack: AsyncExitStack, db: DatabaseHandle, **settings: Any) -> Relay:
    """Start a relay that ends with the stack."""
    given: dict[str, Any] = {
        "port": 0,
        "database_url": db.database_url,
        "replication_url": db.replication_url,
        "stop_seconds": 1.0,
    }
    return await stack.enter_async_context(serving(RelaySettings(**(given | settings))))


async def wait_for(condition: Callable[[], object], seconds: float = 10) -> None:
    """Look again and again until it holds."""
    with anyio.fail_after(seconds):
        while True:
            if condition():
                return
            await anyio.sleep(0.01)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def schema() -> Schema:
    return SCHEMA


@pytest.fixture(scope="session")
def live_template(cluster: Server) -> Iterator[str]:
    with template_database(cluster, SCHEMA) as name:
        yield name


@pytest.fixture
def db(cluster: Server, live_template: str) -> Iterator[DatabaseHandle]:
    with make_database(server=cluster, template=live_template) as handle:
        yield handle


@pytest.fixture
async def world(db: DatabaseHandle) -> AsyncIterator[World]:
    """A relay on a fresh database."""
    async with AsyncExitStack() as stack:
        relay = await start_relay(stack, db)
        yield World(db, stack, relay)


@pytest.fixture(scope="module")
async def shared(cluster: Server, live_template: str) -> AsyncIterator[World]:
    """One relay and one database for the tests of a file."""
    with make_database(server=cluster, template=live_template) as handle:
        async with AsyncExitStack() as stack:
            yield World(handle, stack, await start_relay(stack, handle))


@pytest.fixture
async def own_organization(shared: World) -> AsyncIterator[World]:
    """An organization of the test's own there: the `world` of files that disturb no other."""
    async with AsyncExitStack() as stack:
        yield replace(shared, stack=stack, organization=f"org-{next(NUMBERS)}")


@pytest.fixture
def make_world(db: DatabaseHandle) -> Callable[..., Awaitable[World]]:
    """Make a world whose one relay starts, with settings, when the test is ready, and ends with a
    stack of the test's."""

    async def make(stack: AsyncExitStack, **settings: Any) -> World:
        return World(db, stack, await start_relay(stack, db, **settings))

    return make


@pytest.fixture(name="wait_for")
def wait_for_fixture() -> Callable[..., Awaitable[None]]:
    """The function above, for tests (a conftest cannot be imported)."""
    return wait_for
