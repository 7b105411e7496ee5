"""A database with a schema of all types, for tests that call the kernel's routines."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ablo_pg.cluster import Server
from ablo_pg.testing import make_database, template_database

from .board import SCHEMA, Board


@pytest.fixture(scope="session")
def board_template(cluster: Server) -> Iterator[str]:
    """The name of a database with the kernel and the board's schema, to be cloned."""
    with template_database(cluster, SCHEMA) as name:
        yield name


@pytest.fixture
def board(cluster: Server, board_template: str) -> Iterator[Board]:
    """A fresh database with the board's schema; its connections are closed at the end."""
    with make_database(server=cluster, template=board_template) as handle, Board(handle) as made:
        yield made


@pytest.fixture(scope="module")
def shared_board(cluster: Server, board_template: str) -> Iterator[Board]:
    """One database for a module whose tests keep out of each other's way."""
    with make_database(server=cluster, template=board_template) as handle, Board(handle) as made:
        yield made
