"""A database with a schema of many types, and clients on it."""

from __future__ import annotations

import datetime as dt
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack
from decimal import Decimal
from typing import Any, Literal

import anyio
import psycopg
import pytest

from ablo_pg import Ablo, AsyncAblo, Model, Schema, belongs_to, define_schema, field
from ablo_pg.cluster import Server
from ablo_pg.testing import DatabaseHandle, make_database, template_database

from .relay_thread import GetRelay, make_key, relay_on_demand

MakeClient = Callable[..., AsyncAblo]
MakeSync = Callable[..., Ablo]
Transport = Literal["direct", "relay"]
Options = dict[str, Any]
Place = Callable[..., Options]
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
BLOCKED = """
select from pg_stat_activity
 where datname = current_database() and cardinality(pg_blocking_pids(pid)) > 0"""


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
    """Wait until a condition holds, at most 30 s."""

    async def wait(holds: Callable[[], bool]) -> None:
        with anyio.fail_after(30):
            while True:
                if holds():
                    return
                await anyio.sleep(0.005)

    return wait


@pytest.fixture
def until_line() -> UntilLine:
    """Wait until so many wait for a task, at most 30 s."""

    async def wait(ablo: AsyncAblo, row_id: str, length: int) -> None:
        with anyio.fail_after(30):
            while True:
                if len(await ablo.tasks.claim.queue(row_id)) == length:
                    return
                await anyio.sleep(0.005)

    return wait


async def until_blocked(db: DatabaseHandle, count: int) -> None:
    """Wait until so many sessions of the database wait for another's lock, at most 30 s."""
    async with await psycopg.AsyncConnection.connect(db.admin_url, autocommit=True) as conn:
        with anyio.fail_after(30):
            while True:
                if (await conn.execute(BLOCKED)).rowcount >= count:
                    return
                await anyio.sleep(0.005)


@pytest.fixture(params=["direct", "relay"])
def transport(request: pytest.FixtureRequest) -> Transport:
    """Which way clients go: to the database, or over a relay."""
    found: Transport = request.param
    return found


@pytest.fixture
def get_relay(db: DatabaseHandle) -> Iterator[GetRelay]:
    """A relay, if one is asked for; in a thread, so that a test that blocks its loop is served."""
    with relay_on_demand(db) as get:
        yield get


@pytest.fixture
def organization() -> str:
    """The organization of participants that name no other."""
    return "acme"


@pytest.fixture
def place(
    transport: Transport, db: DatabaseHandle, get_relay: GetRelay, organization: str
) -> Place:
    """`place("agent:a")`: what a client's constructor is passed to be that participant."""
    keys: dict[tuple[str, str], str] = {}

    def options(participant: str = "agent:triage", of: str = organization) -> Options:
        who = {"organization": of, "participant": participant}
        if transport == "direct":
            urls = {"database_url": db.database_url, "replication_url": db.replication_url}
            return {**urls, **who}
        if (of, participant) not in keys:
            keys[of, participant] = make_key(db, of, participant)
        return {"base_url": get_relay().url, "api_key": keys[of, participant], **who}

    return options


@pytest.fixture
async def make_client(place: Place, organization: str) -> AsyncIterator[MakeClient]:
    """Make clients of the test's database, each way; they are closed at its end."""
    async with AsyncExitStack() as stack:
        clients: list[AsyncAblo] = []
        own = organization

        def make(
            participant: str = "agent:triage", organization: str = own, **options: Any
        ) -> AsyncAblo:
            defaults = {"schema": SCHEMA, "timeout": 30, **place(participant, organization)}
            clients.append(AsyncAblo(**{**defaults, **options}))
            stack.push_async_callback(clients[-1].close)
            return clients[-1]

        yield make


@pytest.fixture
async def ablo(make_client: MakeClient) -> AsyncAblo:
    return make_client()


@pytest.fixture
def make_sync(place: Place) -> Iterator[MakeSync]:
    """Make blocking clients of the test's database, each way; they are closed at its end."""
    with ExitStack() as stack:
        yield lambda participant="agent:triage": stack.enter_context(
            Ablo(schema=SCHEMA, timeout=30, **place(participant))
        )


@pytest.fixture
def sync_ablo(make_sync: MakeSync) -> Ablo:
    return make_sync("user:ann")


def wait_until(holds: Callable[[], bool], seconds: float = 10) -> None:
    """Wait on this thread, which blocks its event loop, until a condition holds."""
    ends = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < ends
        time.sleep(0.005)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the other way for tests that are about one: `@pytest.mark.direct("why")`."""
    left_out = [item for item in items if is_other_way(item)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if not is_other_way(item)]


def is_other_way(item: pytest.Item) -> bool:
    """Whether a test runs one way only, and this is the other."""
    params: dict[str, Any] = getattr(getattr(item, "callspec", None), "params", {})
    relay = "relay" in (params.get("reader"), params.get("transport"))
    direct = {"direct", "wal", "listen"} & {params.get("reader"), params.get("transport")}
    return (relay and item.get_closest_marker("direct") is not None) or (
        bool(direct) and item.get_closest_marker("relay") is not None
    )
