"""`ablo-pg relay --console` as a process, callers with keys, and a browser beside them."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

import httpx
import psycopg
import pytest

from ablo_pg import Model, Schema, define_schema
from ablo_pg.cluster import Server
from ablo_pg.credentials import new_key
from ablo_pg.db.keys import create_key
from ablo_pg.testing import DatabaseHandle, make_database, template_database

from .chromium import Page, chromium, find_chromium, open_page


class Task(Model):
    title: str
    status: Literal["todo", "doing", "done"] = "todo"
    priority: float | None = None
    meta: dict[str, Any] | None = None


class Note(Model):
    text: str


SCHEMA: Schema = define_schema(tasks=Task, notes=Note)
NUMBERS = itertools.count(1)


@dataclass
class Caller:
    """Somebody with a key, in the test's own process."""

    client: httpx.Client
    key: str

    def __call__(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        answer = self.client.request(method, f"/api/v1/{path}", json=body)
        assert answer.is_success, answer.text
        return dict(answer.json())

    def create(self, row_id: str, **data: Any) -> None:
        self("POST", "models/tasks", {"id": row_id, "data": data})

    def row(self, row_id: str) -> str:
        return f"models/tasks/{quote(row_id, safe='')}"

    def update(self, row_id: str, **data: Any) -> None:
        self("PATCH", self.row(row_id), {"data": data})

    def delete(self, row_id: str) -> None:
        self("DELETE", self.row(row_id), {})

    def claim(self, row_id: str, words: str, **more: Any) -> str:
        return str(
            self(
                "POST",
                f"models/tasks/{quote(row_id, safe='')}/claim",
                {"description": words, **more},
            )["id"]
        )

    def release(self, claim: str) -> None:
        self("DELETE", f"claims/{claim}")


@dataclass
class Site:
    """A relay process, the database it serves, and an organization of the test's own."""

    db: DatabaseHandle
    url: str
    organization: str = field(default_factory=lambda: f"org-{next(NUMBERS)}")
    clients: list[httpx.Client] = field(default_factory=list)

    def key(
        self, participant: str = "user:viewer", organization: str | None = None, **asked: Any
    ) -> str:
        key = new_key(asked.get("prefix", "sk"))
        with psycopg.connect(self.db.admin_url, autocommit=True) as conn:
            asked = {"prefix": "sk", **asked}
            create_key(conn, organization or self.organization, participant, key, asked)
        return key

    def caller(self, participant: str, organization: str | None = None) -> Caller:
        key = self.key(participant, organization)
        headers = {"authorization": f"Bearer {key}"}
        self.clients.append(
            httpx.Client(base_url=self.url, headers=headers, timeout=60, verify=False)
        )
        return Caller(self.clients[-1], key)

    def sql(self, query: str, *args: Any) -> None:
        with psycopg.connect(self.db.admin_url, autocommit=True) as conn:
            conn.execute(query.encode(), args)


@contextmanager
def relay_process(db: DatabaseHandle, port: int = 0, *arguments: str) -> Iterator[str]:
    """Run `ablo-pg relay` until the block ends; return its URL."""
    environment = os.environ | {
        "DATABASE_URL": db.database_url,
        "ABLO_REPLICATION_URL": db.replication_url,
        "ABLO_ADMIN_URL": db.admin_url,
    }
    command = [sys.executable, "-m", "ablo_pg", "relay", "--port", str(port), *arguments]
    with subprocess.Popen(
        [*command, "--set", "canary_seconds=0.2"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())["url"]
        finally:
            process.kill()


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def console_template(cluster: Server) -> Iterator[str]:
    with template_database(cluster, SCHEMA) as name:
        yield name


@pytest.fixture
def db(cluster: Server, console_template: str) -> Iterator[DatabaseHandle]:
    with make_database(server=cluster, template=console_template) as handle:
        yield handle


@pytest.fixture(scope="package")
def shared(cluster: Server, console_template: str) -> Iterator[tuple[DatabaseHandle, str]]:
    """One relay, and its URL, for all tests that do not disturb those of other organizations."""
    with (
        make_database(server=cluster, template=console_template) as handle,
        relay_process(handle, 0, "--console") as url,
    ):
        yield handle, url


@pytest.fixture
def site(shared: tuple[DatabaseHandle, str]) -> Iterator[Site]:
    with closing_clients(Site(*shared)) as made:
        yield made


@pytest.fixture
def own_site(db: DatabaseHandle) -> Iterator[Site]:
    """A relay and a database that a test may change for everyone."""
    with relay_process(db, 0, "--console") as url, closing_clients(Site(db, url)) as made:
        yield made


@contextmanager
def closing_clients(site: Site) -> Iterator[Site]:
    try:
        yield site
    finally:
        for client in site.clients:
            client.close()


@pytest.fixture(scope="package")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    program = find_chromium()
    if program is None:
        pytest.skip("no Chromium here: install chromium, or name one in ABLO_TEST_CHROMIUM")
    with chromium(program, tmp_path_factory.mktemp("chromium")) as url:
        yield url


@pytest.fixture
async def page(browser: str) -> AsyncIterator[Page]:
    async with open_page(browser) as made:
        yield made
        assert not made.complaints()


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Where screenshots go: ABLO_TEST_PICTURES, to be looked at, or nowhere that stays."""
    folder = Path(os.environ.get("ABLO_TEST_PICTURES", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Allow a browser, a relay and a server of their own the time that a busy machine takes."""
    here = str(Path(__file__).parent) + os.sep
    for item in items:
        if str(item.path).startswith(here) and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(60))
