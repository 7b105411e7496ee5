"""A database with a schema of many types, and clients on it."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from decimal import Decimal
from typing import Any, Literal

import anyio
import pytest

from ablo_pg import AsyncAblo, Model, Schema, belongs_to, define_schema, field
from ablo_pg.cluster import Server
from ablo_pg.testing import DatabaseHandle, make_database, template_database

MakeClient = Callable[..., AsyncAblo]
Until = Callable[[Callable[[], bool]], Awaitable[None]]
UntilLine = Callable[[AsyncAblo, str, int], Awaitable[None]]


class Project(Model):
    name: str


class Task(Model):
    title: str
    status: Literal["todo", "doing", "done"] = "todo"
    count: int = 0
    price: Decimal | None = None
    score: float | None = None
    urgent: bool = False
    due_date: dt.datetime | None = field(default=None, indexed=True)
    day: dt.date | None = None
    ref: uuid.UUID | None = None
    tags: list[str] = field(default_factory=list)
    meta: dict[str, Any] | None = None
    project_id: str | None = None
    project = belongs_to("projects", parent=True, fk=True)


SCHEMA = define_schema(tasks=Task, projects=Project)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def schema() -> Schema:
    return SCHEMA


@pytest.fixture(scope="session")
def client_template(cluster: Server) -> Iterator[str]:
    with template_database(cluster, SCHEMA) as name:
        yield name


@pytest.fixture
def db(cluster: Server, client_template: str) -> Iterator[DatabaseHandle]:
    with make_database(server=cluster, template=client_template) as handle:
        yield handle


@pytest.fixture
def until() -> Until:
    """Wait until a condition holds, at most 10 s."""

    async def wait(holds: Callable[[], bool]) -> None:
        with anyio.fail_after(10):
            while True:
                if holds():
                    return
                await anyio.sleep(0.005)

    return wait


@pytest.fixture
def until_line() -> UntilLine:
    """Wait until so many wait for a task, at most 10 s."""

    async def wait(ablo: AsyncAblo, row_id: str, length: int) -> None:
        with anyio.fail_after(10):
            while True:
                if len(await ablo.tasks.claim.queue(row_id)) == length:
                    return
                await anyio.sleep(0.005)

    return wait


@pytest.fixture
async def make_client(db: DatabaseHandle) -> AsyncIterator[MakeClient]:
    """Make clients of the test's database; they are closed at its end."""
    async with AsyncExitStack() as stack:
        clients: list[AsyncAblo] = []

        def make(**options: Any) -> AsyncAblo:
            defaults = {"organization": "acme", "participant": "agent:triage", "timeout": 10}
            defaults |= {"database_url": db.database_url, "schema": SCHEMA}
            defaults |= {"replication_url": db.replication_url}
            clients.append(AsyncAblo(**{**defaults, **options}))
            stack.push_async_callback(clients[-1].close)
            return clients[-1]

        yield make


@pytest.fixture
async def ablo(make_client: MakeClient) -> AsyncAblo:
    return make_client()
