"""Fixtures that need a server: one throw-away cluster a session, one cloned database a test.

ABLO_TEST_DATABASE_URL (an administrative URL) uses a running server instead of the embedded one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import psycopg
import pytest

from ablo_pg.cluster import Server
from ablo_pg.testing import install_kernel, throwaway_cluster

# Nowhere near UTC, and not on a whole hour: code that mixes up time zones shows it.
TIMEZONE = "Asia/Kathmandu"


@pytest.fixture(scope="session")
def cluster() -> Iterator[Server]:
    """A running server: wal_level=logical, prepared transactions, a unix socket, no fsync."""
    running = os.environ.get("ABLO_TEST_DATABASE_URL")
    if running:
        yield Server(running)
        return
    with throwaway_cluster(timezone=TIMEZONE) as started:
        yield started


@pytest.fixture(scope="session")
def kernel_template(cluster: Server) -> Iterator[str]:
    """The name of a database with the kernel in it, to be cloned."""
    name = cluster.create_database()
    install_kernel(cluster.url(name))
    yield name
    cluster.drop_database(name)


@pytest.fixture
def kernel_db(cluster: Server, kernel_template: str) -> Iterator[psycopg.Connection]:
    """An administrator's connection (autocommit) to a fresh database with the kernel."""
    name = cluster.create_database(template=kernel_template)
    try:
        with psycopg.connect(cluster.url(name), autocommit=True) as conn:
            yield conn
    finally:
        cluster.drop_database(name)
