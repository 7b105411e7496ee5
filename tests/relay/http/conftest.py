"""Fixtures of tests that speak to a relay over HTTP; `world` has what they are made of."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import pytest

from ablo_pg import Schema
from ablo_pg.cluster import Server
from ablo_pg.testing import DatabaseHandle, make_database, template_database

from .world import SCHEMA, Api, World, start_relay, wait_until

NUMBERS = itertools.count(1)


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


@pytest.fixture(scope="module")
async def shared(cluster: Server, http_template: str) -> AsyncIterator[World]:
    """One relay and one database for the tests of a file."""
    with make_database(server=cluster, template=http_template) as handle:
        async with AsyncExitStack() as stack:
            yield World(handle, stack, await start_relay(stack, handle))


@pytest.fixture
async def own_organization(shared: World) -> AsyncIterator[World]:
    """An organization of the test's own there: the `world` of files that disturb no other."""
    async with AsyncExitStack() as stack:
        yield replace(shared, stack=stack, organization=f"org-{next(NUMBERS)}")


@pytest.fixture
async def kernel_world(cluster: Server, kernel_template: str) -> AsyncIterator[World]:
    """A relay on a database with the kernel, to which nothing has been pushed."""
    with make_database(server=cluster, template=kernel_template) as handle:
        async with AsyncExitStack() as stack:
            relay = await start_relay(stack, handle)
            yield World(handle, stack, relay)


@pytest.fixture
async def api(world: World) -> Api:
    """A system participant with a full secret key."""
    return await world.api()


MakeApi = Callable[..., Awaitable[Api]]


@pytest.fixture
def as_(world: World) -> MakeApi:
    """`await as_("agent:b")`: another participant of the same organization."""

    async def make(participant: str, organization: str | None = None, **asked: Any) -> Api:
        return await world.api(organization, participant, **asked)

    return make


@pytest.fixture
async def ready(world: World) -> None:
    """Wait until a canary came through."""
    await wait_until(lambda: world.relay.service.health.ready)


@pytest.fixture
def until() -> Callable[[Callable[[], bool]], Awaitable[None]]:
    return wait_until
