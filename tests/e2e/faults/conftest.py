"""Databases to run trials on."""

from __future__ import annotations

import os
from collections.abc import Iterator

import psycopg
import pytest

from ablo_pg import Model, define_schema
from ablo_pg.cluster import Cluster, ClusterSettings, Prefer, Server
from ablo_pg.testing import DatabaseHandle, make_database, template_database

from .network import Network


class Task(Model):
    title: str


SCHEMA = define_schema(tasks=Task)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def faults_template(cluster: Server) -> Iterator[str]:
    """The name of a database with kernel and model, to be cloned."""
    with psycopg.connect(cluster.admin_url) as conn:
        if conn.execute("show wal_level").fetchone() != ("logical",):
            pytest.skip("the oracle reads the WAL")
    with template_database(cluster, SCHEMA) as name:
        yield name


@pytest.fixture
def db(cluster: Server, faults_template: str) -> Iterator[DatabaseHandle]:
    """A fresh database."""
    with make_database(server=cluster, template=faults_template) as handle:
        yield handle


@pytest.fixture
def durable() -> Iterator[Cluster]:
    """A cluster to stop. What a relay delivered must outlive a crash: fsync is on."""
    prefer: Prefer = "system" if os.environ.get("ABLO_TEST_POSTGRES") == "system" else "embedded"
    with Cluster(prefer=prefer, settings=ClusterSettings(durable=True)) as started:
        yield started


@pytest.fixture
def network() -> Iterator[Network]:
    """Proxies, ended with the test."""
    made = Network()
    yield made
    made.close()
