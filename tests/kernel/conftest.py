"""A database with a schema of all types, for tests that call the kernel's routines."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Final

import pytest

from ablo_pg.cluster import Server
from ablo_pg.testing import DatabaseHandle, make_database, template_database

from .audit_log import SealedLog, sealed_log
from .board import SCHEMA, Board, Connections

_NUMBERS: Final = itertools.count(1)


@pytest.fixture(scope="session")
def board_template(cluster: Server) -> Iterator[str]:
    """The name of a database with the kernel and the board's schema, to be cloned."""
    with template_database(cluster, SCHEMA) as name:
        yield name


@pytest.fixture(scope="session")
def board_database(cluster: Server, board_template: str) -> Iterator[DatabaseHandle]:
    """One database for all tests that keep to an organization of their own."""
    with make_database(server=cluster, template=board_template) as handle:
        yield handle


@pytest.fixture(scope="session")
def board_connections(board_database: DatabaseHandle) -> Iterator[Connections]:
    """Connections to the shared database."""
    connections = Connections()
    yield connections
    connections.close()


@pytest.fixture
def board(board_database: DatabaseHandle, board_connections: Connections) -> Iterator[Board]:
    """A new organization in the shared database, on connections that other tests have used."""
    with Board(board_database, f"org{next(_NUMBERS)}", board_connections) as made:
        yield made


@pytest.fixture
def own_board(cluster: Server, board_template: str) -> Iterator[Board]:
    """A database of the test's own, to break things in: organization acme."""
    with make_database(server=cluster, template=board_template) as handle, Board(handle) as made:
        yield made


@pytest.fixture(scope="module")
def log(cluster: Server, board_template: str) -> Iterator[SealedLog]:
    """A sealed log for all tests that roll back what they do to it."""
    with make_database(server=cluster, template=board_template) as h, sealed_log(h) as made:
        yield made


@pytest.fixture
def own_log(cluster: Server, board_template: str) -> Iterator[SealedLog]:
    """A sealed log of the test's own."""
    with make_database(server=cluster, template=board_template) as h, sealed_log(h) as made:
        yield made
