"""One database and one relay for a file, and an organization of its own for each of its tests.

A file whose tests concern their organization only imports these fixtures instead of conftest's.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from ablo_pg.cluster import Server
from ablo_pg.testing import DatabaseHandle, make_database

from .relay_thread import GetRelay, relay_on_demand

NUMBERS = itertools.count(1)
Shared = tuple[DatabaseHandle, GetRelay]


@pytest.fixture(scope="module")
def shared(cluster: Server, client_template: str) -> Iterator[Shared]:
    with (
        make_database(server=cluster, template=client_template) as handle,
        relay_on_demand(handle) as get_relay,
    ):
        yield handle, get_relay


@pytest.fixture
def db(shared: Shared) -> DatabaseHandle:
    return shared[0]


@pytest.fixture
def get_relay(shared: Shared) -> GetRelay:
    return shared[1]


@pytest.fixture
def organization() -> str:
    return f"org-{next(NUMBERS)}"
