"""A ground a test: a cloned database with the models and the audit of claims."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from ablo_pg.cluster import Server
from ablo_pg.testing import make_database, template_database

from .fleet import Fleet
from .ground import Ground, install_audit, opened
from .models import SCHEMA


@pytest.fixture(scope="session")
def ground_template(cluster: Server) -> Iterator[str]:
    """The name of a database with kernel, models and audit, to be cloned."""
    with template_database(cluster, SCHEMA) as name:
        with psycopg.connect(cluster.url(name), autocommit=True) as admin:
            install_audit(admin)
        yield name


@pytest.fixture
def ground(cluster: Server, ground_template: str) -> Iterator[Ground]:
    with (
        make_database(server=cluster, template=ground_template) as handle,
        opened(handle) as ground,
    ):
        yield ground


@pytest.fixture
def make_fleet(tmp_path: Path) -> Iterator[Callable[..., Fleet]]:
    """Make fleets; whatever is left of them at the end is killed."""
    with ExitStack() as made:
        yield lambda plan: made.enter_context(Fleet(tmp_path, plan))
