"""A relay in the test's own loop, on a database of the test's, spoken to over real HTTP."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

import anyio
import httpx
import psycopg

from ablo_pg import Model, belongs_to, define_schema
from ablo_pg.credentials import new_key
from ablo_pg.db.keys import create_key
from ablo_pg.kernel.push import push_schema
from ablo_pg.relay.daemon import Relay, serving
from ablo_pg.relay.settings import RelaySettings
from ablo_pg.testing import DatabaseHandle


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
    organization: str = "acme"  # of keys that name no other

    def key(
        self, organization: str | None = None, participant: str = "system:a", **asked: Any
    ) -> str:
        """Make a key."""
        key = new_key(asked.get("prefix", "sk"))
        with psycopg.connect(self.db.admin_url, autocommit=True) as conn:
            asked = {"prefix": "sk", **asked}
            create_key(conn, organization or self.organization, participant, key, asked)
        return key

    async def api(
        self, organization: str | None = None, participant: str = "system:a", **asked: Any
    ) -> Api:
        """Return a caller with a key of its own."""
        return await self.with_key(self.key(organization, participant, **asked))

    async def with_key(self, key: str, relay: Relay | None = None) -> Api:
        """Return a caller with this key."""
        client = httpx.AsyncClient(base_url=(relay or self.relay).url, timeout=60, verify=False)
        return Api(await self.stack.enter_async_context(client), key)

    async def start(self, **settings: Any) -> Relay:
        """Start another relay."""
        return await start_relay(self.stack, self.db, **settings)


async def start_relay(stack: AsyncExitStack, db: DatabaseHandle, **settings: Any) -> Relay:
    """Start a relay that ends with the stack."""
    given: dict[str, Any] = {
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


async def wait_until(holds: Callable[[], bool]) -> None:
    """Wait until a condition holds, at most 30 s."""
    with anyio.fail_after(30):
        while True:
            if holds():
                return
            await anyio.sleep(0.005)
