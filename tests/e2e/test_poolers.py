"""PgBouncer before the server: session mode serves, shared sessions are refused by name."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import anyio
import anyio.lowlevel
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from ablo_pg import AbloServerError, AsyncAblo, Model, define_schema
from ablo_pg.changefeed import AutoReader, Hub
from ablo_pg.cli.main import run
from ablo_pg.cluster import Cluster, Server
from ablo_pg.cluster.paths import temporary_home
from ablo_pg.cluster.user import server_user
from ablo_pg.db.log import PostgresLog
from ablo_pg.db.pool import Database
from ablo_pg.db.urls import make_url
from ablo_pg.testing import DatabaseHandle

pytestmark = pytest.mark.anyio
PROGRAM: Final = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/bin")
PORT: Final = "6432"
CONFIG = """
[databases]
* = host={host} port={port}
[pgbouncer]
unix_socket_dir = {folder}
listen_port = {listen}
auth_type = trust
auth_file = {folder}/users
pool_mode = {mode}
server_round_robin = {robin}
default_pool_size = {size}
ignore_startup_parameters = extra_float_digits{ignored}
"""


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


class Task(Model):
    title: str
    status: str


SCHEMA = define_schema(tasks=Task)


@pytest.fixture
def through(cluster: Server, app_db: DatabaseHandle) -> Iterator[Any]:
    """Start a PgBouncer; return how a URL leads through it."""
    if PROGRAM is None or not isinstance(cluster, Cluster):
        pytest.skip("needs pgbouncer and a cluster of our own")
    running: dict[Path, subprocess.Popen[bytes]] = {}

    def start(mode: str, *, robin: int = 0, size: int = 20, ignored: str = "") -> Any:
        user = server_user()
        folder = temporary_home(user)
        place = conninfo_to_dict(app_db.admin_url)
        urls = (app_db.admin_url, app_db.database_url, app_db.replication_url)
        logins = [conninfo_to_dict(url) for url in urls]
        (folder / "users").write_text(
            "".join(f'"{one["user"]}" "{one.get("password", "")}"\n' for one in logins)
        )
        (folder / "ini").write_text(
            CONFIG.format(
                host=place["host"],
                port=place["port"],
                folder=folder,
                listen=PORT,
                mode=mode,
                robin=robin,
                size=size,
                ignored=ignored,
            )
        )
        for path in (folder / "users", folder / "ini"):
            user.give(path)
        assert PROGRAM is not None
        process = subprocess.Popen(
            [PROGRAM, "-q", str(folder / "ini")],
            user=user.uid, group=user.gid, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        running[folder] = process

        def lead(url: str) -> str:
            return make_url(conninfo_to_dict(url) | {"host": folder, "port": PORT})

        wait_for(lead(app_db.admin_url), process)
        return lead

    yield start
    for folder, process in running.items():
        process.terminate()
        process.wait(10)
        shutil.rmtree(folder)


def wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    """Wait until it takes connections, or has ended."""
    deadline = time.monotonic() + 10
    while True:
        try:
            psycopg.connect(url).close()
        except psycopg.OperationalError:
            assert process.poll() is None
            assert time.monotonic() < deadline
        else:
            return


async def first_call(url: str, **options: Any) -> None:
    async with AsyncAblo(
        schema=SCHEMA, database_url=url, organization="acme", participant="user:me", **options
    ) as ablo:
        await ablo.tasks.list()
        await ablo.tasks.create({"title": "x", "status": "todo"})


SHARED = [
    {"mode": "transaction"},
    {"mode": "transaction", "robin": 1},
    {"mode": "transaction", "size": 1},
    {"mode": "statement"},
]


@pytest.mark.parametrize("pooler", SHARED)
async def test_shared_sessions_are_refused_with_the_proof(
    through: Any, app_db: DatabaseHandle, pooler: dict[str, Any]
) -> None:
    lead = through(**pooler)
    with pytest.raises(AbloServerError) as caught:
        await first_call(lead(app_db.database_url))
    assert caught.value.code == "transaction_pooler"
    assert "pooler" in caught.value.message
    assert "server process" in caught.value.message
    assert "pool_mode = session" in (caught.value.remedy or "")


@pytest.mark.parametrize("size", [20, 4])
async def test_sessions_of_their_own_serve(through: Any, app_db: DatabaseHandle, size: int) -> None:
    lead = through("session", size=size)
    await first_call(lead(app_db.database_url), pool_max_size=2)


def told(capsys: Any, *urls: str) -> tuple[int, list[dict[str, Any]]]:
    capsys.readouterr()
    code = run(["doctor", *urls, "--json"])
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["findings"]
    return code, found


@pytest.mark.parametrize(("mode", "code"), [("transaction", 1), ("statement", 1), ("session", 0)])
def test_doctor_tells_them_apart(
    through: Any, app_db: DatabaseHandle, capsys: Any, mode: str, code: int
) -> None:
    url = through(mode)(app_db.database_url)
    exit_code, found = told(capsys, "--database-url", url)
    assert exit_code == code
    blockers = [one for one in found if one["level"] == "blocker"]
    if code:
        assert "shares sessions" in blockers[0]["problem"]
        assert "pool_mode = session" in blockers[0]["fix"]
    else:
        assert next(one["name"] for one in found if one["level"] == "note") == "pooler"


@pytest.mark.parametrize(
    ("ignored", "said"),
    [("", "unsupported startup parameter"), (",replication,options", "SQLSTATE 42601")],
)
async def test_a_stream_through_it_is_told_with_the_servers_words(
    through: Any, app_db: DatabaseHandle, ignored: str, said: str
) -> None:
    lead = through("session", ignored=ignored)
    reader = AutoReader(app_db.database_url, lead(app_db.replication_url))
    hub = Hub(PostgresLog(Database(app_db.database_url)))
    async with anyio.create_task_group() as group:
        group.start_soon(reader.run, hub)
        with anyio.fail_after(30):
            while "pooler" not in (reader.status.reason or ""):
                await anyio.lowlevel.checkpoint()
        group.cancel_scope.cancel()
    assert said in (reader.status.reason or "")
    await hub.log._database.close()  # type: ignore[attr-defined]
