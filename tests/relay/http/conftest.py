"""A relay in the test's own loop, on a database of the test's, spoken to over real HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

import anyio
import httpx
import psycopg
import pytest

from ablo_pg import Model, Schema, belongs_to, define_schema
from ablo_pg.cluster import Server
from ablo_pg.credentials import new_key
from ablo_pg.db.keys import create_key
from ablo_pg.kernel.push import push_schema
from ablo_pg.relay.daemon import Relay, serving
from ablo_pg.relay.settings import RelaySettings
from ablo_pg.testing import DatabaseHandle, make_database, template_database


class Project(Model):
    name: str


class LineItem(Model):
    label: str
    amount: float = 0
    is_open: bool = True
    status: Literal["todo", "doing", "done"] = "todo"
    due_date: str | None = None
    meta: dict[str, Any] | None = None
    project_id: str | None = None
    project = belongs_to("projects", parent=True)


class Task(Model):
    title: str
    status: Literal["todo", "doing", "done"] = "todo"


SCHEMA = define_schema(tasks=Task, projects=Project, lineItems=LineItem)


@dataclass
class Api:
    """A caller: a key, and a client on the relay."""

    client: httpx.AsyncClient
    key: str
    defaults: dict[str, str] = field(default_factory=dict)

    async def __call__(
        self, method: str, path: str, body: Any = None, **headers: str
    ) -> httpx.Response:
        """Send a request as clients of the newer generation do: with an empty body of no JSON."""
        sent = {"authorization": f"Bearer {self.key}", "content-type": "application/json"}
        sent |= self.defaults | {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.request(
            method, path, json=body if body is not None else None, headers=sent
        )

    async def create(self, model: str, row_id: str, **data: Any) -> dict[str, Any]:
        """Create a row; return the receipt."""
        answer = await self("POST", f"/api/v1/models/{model}", {"id": row_id, "data": data})
        assert answer.status_code == 201, answer.text
        return dict(answer.json())


@dataclass
class World:
    """A database, relays on it, and whoever calls them."""

    db: DatabaseHandle
    stack: AsyncExitStack
    relay: Relay

    def key(self, organization: str = "acme", participant: str = "system:a", **asked: Any) -> str:
        """Make a key."""
        key = new_key(asked.get("prefix", "sk"))
        with psycopg.connect(self.db.admin_url, autocommit=True) as conn:
            create_key(conn, organization, participant, key, {"prefix": "sk", **asked})
        return key

    async def api(
        self, organization: str = "acme", participant: str = "system:a", **asked: Any
    ) -> Api:
        """Return a caller with a key of its own."""
        return await self.with_key(self.key(organization, participant, **asked))

    async def with_key(self, key: str, relay: Relay | None = None) -> Api:
        """Return a caller with this key."""
        client = httpx.AsyncClient(base_url=(relay or self.relay).url, timeout=15)
        return Api(await self.stack.enter_async_context(client), key)

    async def start(self, **settings: Any) -> Relay:
        """Start another relay."""
        return await start_relay(self.stack, self.db, **settings)


async def start_relay(stack: AsyncExitStack, db: DatabaseHandle, **settings: Any) -> Relay:
    """Start a relay that ends with the stack."""
    given = {
        "port": 0,
        "database_url": db.database_url,
        "replication_url": db.replication_url,
        "admin_url": db.admin_url,
        "canary_seconds": 0.1,
        "stop_seconds": 1.0,
    }
    made = RelaySettings(**(given | settings))
    apply_schema = None if made.admin_url is None else partial(push_schema, made.admin_url)
    return await stack.enter_async_context(serving(made, apply_schema))


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def schema() -> Schema:
    return SCHEMA


@pytest.fixture(scope="session")
def http_template(cluster: Server) -> Iterator[str]:
    with template_database(cluster, SCHEMA) as name:
        yield name


@pytest.fixture
def db(cluster: Server, http_template: str) -> Iterator[DatabaseHandle]:
    with make_database(server=cluster, template=http_template) as handle:
        yield handle


@pytest.fixture
async def world(db: DatabaseHandle) -> AsyncIterator[World]:
    """A relay on a fresh database with the schema above."""
    async with AsyncExitStack() as stack:
        relay = await start_relay(stack, db)
        yield World(db, stack, relay)


@pytest.fixture
async def kernel_world(cluster: Server, kernel_template: str) -> AsyncIterator[World]:
    """A relay on a database with the kernel, to which nothing has been pushed."""
    with make_database(server=cluster, template=kernel_template) as handle:
        async with AsyncExitStack() as stack:
            relay = await start_relay(stack, handle)
            yield World(handle, stack, relay)


@pytest.fixture
async def api(world: World) -> Api:
    """A system participant of acme with a full secret key."""
    return await world.api()


MakeApi = Callable[..., Awaitable[Api]]


@pytest.fixture
def as_(world: World) -> MakeApi:
    """`await as_("agent:b")`: another participant of acme."""

    async def make(participant: str, organization: str = "acme", **asked: Any) -> Api:
        return await world.api(organization, participant, **asked)

    return make


@pytest.fixture
async def ready(world: World) -> None:
    """Wait until a canary came through."""
    await wait_until(lambda: world.relay.service.health.ready)


@pytest.fixture
def until() -> Callable[[Callable[[], bool]], Awaitable[None]]:
    return wait_until


async def wait_until(holds: Callable[[], bool]) -> None:
    """Wait until a condition holds, at most 10 s."""
    with anyio.fail_after(10):
        while True:
            if holds():
                return
            await anyio.sleep(0.005)
