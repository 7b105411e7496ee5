"""ablo-pg logs: the past, then what happens, also over a restart of the server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from ablo_pg.cli.main import run
from ablo_pg.cluster import Cluster, ClusterSettings
from ablo_pg.schema import SchemaSpec
from ablo_pg.testing import DatabaseHandle, make_database

Captured = pytest.CaptureFixture[str]
INSERT = """insert into tasks (organization_id, id, title, status)
            select %s, 'r' || n, 'x', 'todo' from generate_series(%s::int, %s::int) n"""


@pytest.fixture
def admin(app_db: DatabaseHandle) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(app_db.admin_url, autocommit=True) as conn:
        conn.execute(INSERT, ["acme", 1, 30])
        conn.execute(INSERT, ["globex", 1, 3])
        conn.execute("update tasks set title = 'y' where organization_id = 'acme' and id = 'r7'")
        conn.execute("delete from tasks where organization_id = 'acme' and id = 'r8'")
        yield conn


def past(handle: DatabaseHandle, capsys: Captured, *options: str) -> tuple[int, list[str], str]:
    capsys.readouterr()
    arguments = ["--database-url", handle.database_url, "--organization", "acme", "--no-follow"]
    code = run(["logs", *arguments, *options])
    output = capsys.readouterr()
    return code, output.out.splitlines(), output.err


@pytest.mark.usefixtures("admin")
def test_the_last_ones_oldest_first(app_db: DatabaseHandle, capsys: Captured) -> None:
    code, lines, err = past(app_db, capsys, "-n", "3")
    assert (code, err, len(lines)) == (0, "", 3)
    assert "create     tasks r30" in lines[0]
    assert "update     tasks r7  system:postgres  (title)" in lines[1]
    assert "delete     tasks r8" in lines[2]
    assert "\x1b" not in "".join(lines)
    assert len(past(app_db, capsys)[1]) == 20


@pytest.mark.usefixtures("admin")
@pytest.mark.parametrize(
    ("options", "count"),
    [
        (["--op", "update"], 1),
        (["--op", "update", "--op", "delete"], 2),
        (["--since", "1h"], 32),
        (["--since", "1ms"], 0),
        (["--model", "Tasks", "-n", "100"], 32),
        (["-n", "0"], 0),
    ],
)
def test_filters(app_db: DatabaseHandle, capsys: Captured, options: list[str], count: int) -> None:
    assert len(past(app_db, capsys, *options)[1]) == count


@pytest.mark.usefixtures("admin")
def test_json_is_an_object_a_line_and_of_one_organization(
    app_db: DatabaseHandle, capsys: Captured
) -> None:
    items = [json.loads(line) for line in past(app_db, capsys, "--json", "-n", "100")[1]]
    assert len(items) == 32
    assert [item["syncId"] for item in items] == sorted(item["syncId"] for item in items)
    assert items[-2] | {"time": "", "syncId": 0} == {
        "time": "",
        "op": "update",
        "model": "tasks",
        "id": "r7",
        "actor": "system:postgres",
        "onBehalfOf": None,
        "claimId": None,
        "changed": ["updatedAt", "title"],
        "syncId": 0,
    }


@pytest.mark.usefixtures("admin")
@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--model", "nothing"], "server_execute_unknown_model"),
        (["--since", "soon"], "duration_invalid"),
        (["--database-url", "postgresql://nobody@/x?host=/no/such"], "database_unreachable"),
    ],
)
def test_what_cannot_be_meant(
    app_db: DatabaseHandle, capsys: Captured, options: list[str], code: str
) -> None:
    exit_code, lines, err = past(app_db, capsys, "--json", *options)
    assert (exit_code, lines) == (1, [])
    assert json.loads(err)["error"]["code"] == code


@pytest.mark.usefixtures("admin")
def test_an_administrator_is_refused(app_db: DatabaseHandle, capsys: Captured) -> None:
    err = past(app_db, capsys, "--database-url", app_db.admin_url)[2]
    assert "database_role_cannot_enforce_rls" in err


@pytest.mark.timeout(180)  # 3 s on two idle cores: a server of its own, stopped and started
def test_it_follows_over_a_restart_of_the_server(tasks_schema: SchemaSpec) -> None:
    with (
        Cluster(settings=ClusterSettings(durable=False)) as cluster,
        make_database(tasks_schema, server=cluster) as handle,
        following(handle) as program,
    ):
        try:
            with psycopg.connect(handle.admin_url, autocommit=True) as conn:
                conn.execute(INSERT, ["acme", 1, 2])
            assert read_ids(program, 2) == ["r1", "r2"]
            cluster.kill()
            cluster.restart()
            with psycopg.connect(handle.admin_url, autocommit=True) as conn:
                conn.execute(INSERT, ["acme", 3, 5])
            assert read_ids(program, 3) == ["r3", "r4", "r5"]
        finally:
            program.terminate()
            assert program.wait(20) == 143


def following(handle: DatabaseHandle) -> subprocess.Popen[str]:
    environment = os.environ | {
        "DATABASE_URL": handle.database_url,
        "ABLO_REPLICATION_URL": handle.replication_url,
        "ABLO_ORGANIZATION": "acme",
    }
    command = [sys.executable, "-m", "ablo_pg", "logs", "--json"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True)


def read_ids(program: subprocess.Popen[str], count: int) -> list[str]:
    assert program.stdout is not None
    return [json.loads(program.stdout.readline())["id"] for _ in range(count)]
