"""Fixtures that need a server: one throw-away cluster a session, one cloned database a test.

ABLO_TEST_DATABASE_URL (an administrative URL) uses a running server instead of the embedded one;
ABLO_TEST_POSTGRES=system takes the binaries of the system's Postgres, a number those of that
version, wherever they are. ABLO_TEST_WAL_LEVEL=replica takes logical decoding away: the
invariants hold without it, and .ci/run repeats those that readers take part in.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Literal, TypeAlias

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, settings, strategies

from ablo_pg.cli.target import load_target
from ablo_pg.cluster import Server, binaries
from ablo_pg.schema import Schema, SchemaSpec
from ablo_pg.testing import DatabaseHandle, make_database, template_database, throwaway_cluster

# Hundreds of processes import the program: each compiles it anew where none may keep the result.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# Nowhere near UTC, and not on a whole hour: code that mixes up time zones shows it.
TIMEZONE = "Asia/Kathmandu"
EXAMPLES = Path(__file__).parent.parent / "examples"

# Explaining a failure traces every line of every example, of a relay in this process too: five
# times the CPU. What is checked stays as it is.
# A busy machine makes examples slowly; that says nothing about the code.
settings.register_profile(
    "ablo_pg",
    phases=[each for each in Phase if each is not Phase.explain],
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("ablo_pg")

# The full tier: every test of these folders that is not marked smoke, of clients over a relay, and
# what is marked full itself.
FULL = ("tests/changefeed/", "tests/relay/", "tests/e2e/")
CLIENT = "tests/client/"
ROOT = Path(__file__).parent.parent

Prefer: TypeAlias = Literal["embedded", "system"]
if (wanted := os.environ.get("ABLO_TEST_POSTGRES", "")).isdigit():
    binaries.SUPPORTED = range(int(wanted), int(wanted) + 1)  # type: ignore[misc]

MakeAppDb = Callable[[Schema | SchemaSpec], DatabaseHandle]


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Without a path and -m the default tier runs; a path that is named runs whole."""
    if config.args_source is config.ArgsSource.TESTPATHS and config.option.markexpr == "not long":
        config.option.markexpr = "not long and not full"


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> Literal[True] | None:
    """Import no file of which the tier runs no test: half of the files, and their libraries.

    Where marks decide they are looked for as text. The full tier is .ci/run's; see `in_full_tier`.
    """
    place = f"{collection_path.relative_to(ROOT).as_posix()}{'/' * collection_path.is_dir()}"
    within = place.startswith(FULL)
    match config.option.markexpr:
        case "not long and not full" if within:
            return None if has_mark(collection_path, "smoke") else True
        case "full and not long" if not within and place not in ("tests/", CLIENT):
            in_client = place.startswith(CLIENT)
            return None if in_client or has_mark(collection_path, "full") else True
    return None


def has_mark(path: Path, mark: str) -> bool:
    """Whether a test file, or one under a folder, has that mark."""
    files = path.rglob("*.py") if path.is_dir() else [path]
    return any(f"mark.{mark}" in file.read_text("utf-8") for file in files)


def in_full_tier(item: pytest.Item) -> bool:
    """Whether the test is of the full tier without being marked so."""
    spec = getattr(item, "callspec", None)
    over_relay = (spec is not None and "relay" in spec.params.values()) or (
        item.get_closest_marker("relay") is not None
    )
    within = item.nodeid.startswith(FULL) or (over_relay and item.nodeid.startswith(CLIENT))
    return within and not item.get_closest_marker("smoke")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the full tier, before -m selects."""
    for item in items:
        if in_full_tier(item):
            item.add_marker("full")


# Thousands of items are made at once, and all stay: a quarter of the time was looking for garbage.
gc.disable()


def pytest_collection_finish() -> None:
    """Keep what was collected from the garbage collector, which would look at it again and again.

    In a new checkout hypothesis tabulates Unicode first: seconds that belong to no test.
    """
    strategies.text().validate()
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session")
def cluster() -> Iterator[Server]:
    """A running server: logical decoding, prepared transactions, a unix socket, no fsync."""
    running = os.environ.get("ABLO_TEST_DATABASE_URL")
    if running:
        yield Server(running)
        return
    prefer: Prefer = "system" if os.environ.get("ABLO_TEST_POSTGRES") == "system" else "embedded"
    wal_level = os.environ.get("ABLO_TEST_WAL_LEVEL", "logical")
    with throwaway_cluster(prefer=prefer, timezone=TIMEZONE, wal_level=wal_level) as started:
        yield started


@pytest.fixture(scope="session")
def kernel_template(cluster: Server) -> Iterator[str]:
    """The name of a database with the kernel in it, to be cloned."""
    with template_database(cluster) as name:
        yield name


@pytest.fixture(scope="session")
def tasks_schema() -> SchemaSpec:
    """The schema of examples/tasks.py."""
    return load_target(str(EXAMPLES / "tasks.py"))


@pytest.fixture(scope="session")
def tasks_template(cluster: Server, tasks_schema: SchemaSpec) -> Iterator[str]:
    """The name of a database with the kernel and the tasks schema, to be cloned."""
    with template_database(cluster, tasks_schema) as name:
        yield name


@pytest.fixture
def kernel_db(cluster: Server, kernel_template: str) -> Iterator[psycopg.Connection]:
    """An administrator's connection (autocommit) to a fresh database with the kernel."""
    name = cluster.create_database(template=kernel_template)
    try:
        with psycopg.connect(cluster.url(name), autocommit=True) as conn:
            yield conn
    finally:
        cluster.drop_database(name)


@pytest.fixture
def app_db(cluster: Server, tasks_template: str) -> Iterator[DatabaseHandle]:
    """A fresh database with kernel, the tasks schema, and its logins."""
    with make_database(server=cluster, template=tasks_template) as handle:
        yield handle


@pytest.fixture
def make_app_db(cluster: Server, kernel_template: str) -> Iterator[MakeAppDb]:
    """Make fresh databases with the kernel and a schema of the test's own."""
    with ExitStack() as made:
        yield lambda schema: made.enter_context(
            make_database(schema, server=cluster, template=kernel_template)
        )


@pytest.fixture
def kept_types(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests that run mypy share what it has found out about the libraries, 10 s of work."""
    monkeypatch.setenv("MYPY_CACHE_DIR", str(Path(__file__).parent.parent / ".mypy_cache"))
