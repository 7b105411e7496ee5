"""A database of each schema of `sight_world`, a relay that reads it in either way, and psql."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from ablo_pg import Schema
from ablo_pg.cluster import Server
from ablo_pg.testing import DatabaseHandle, make_database

from ..http.world import World, start_relay
from ..sight_world import PERMITTED, SCHEMA, Sql


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module", params=["groups", "permissions"])
def schema(request: pytest.FixtureRequest) -> Schema:
    return PERMITTED if request.param == "permissions" else SCHEMA


@pytest.fixture(scope="module")
def db(cluster: Server, schema: Schema) -> Iterator[DatabaseHandle]:
    with make_database(schema, server=cluster) as handle:
        yield handle


@pytest.fixture(params=["wal", "listen"])
async def world(db: DatabaseHandle, request: pytest.FixtureRequest) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        given: dict[str, Any] = {"requests_per_second": 1e6, "request_burst": 10**6}
        if request.param == "listen":
            given["replication_url"] = None
        relay = await start_relay(stack, db, **given)
        yield World(db, stack, relay)


@pytest.fixture
def sql(db: DatabaseHandle) -> Iterator[Sql]:
    made = Sql(db)
    made("delete from memberships; delete from tasks; delete from boards; delete from projects")
    yield made
    made.close()
