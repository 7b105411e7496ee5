"""A site a test: a cloned database with the models and the audit of every row change."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from ablo_pg.cluster import Server
from ablo_pg.testing import make_database, template_database

from .capture_oracle import install_audit
from .site import SCHEMA, Site, site_session


@pytest.fixture(scope="session")
def site_template(cluster: Server) -> Iterator[str]:
    """The name of a database with kernel, models and audit, to be cloned."""
    with template_database(cluster, SCHEMA) as name:
        with psycopg.connect(cluster.url(name), autocommit=True) as admin:
            install_audit(admin)
        yield name


@pytest.fixture
def site(cluster: Server, site_template: str) -> Iterator[Site]:
    with (
        make_database(server=cluster, template=site_template) as handle,
        site_session(handle) as opened,
    ):
        yield opened
