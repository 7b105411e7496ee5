"""ablo-pg migrate as a person and a program use it, without a terminal."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ablo_pg.cli.main import run
from ablo_pg.cluster import Cluster, Server
from ablo_pg.testing import DatabaseHandle

Captured = pytest.CaptureFixture[str]
Migrate = Callable[..., tuple[int, str, str]]
SCHEMA = """
from typing import Literal
from ablo_pg import Model, define_schema

class Task(Model):
    {fields}

schema = define_schema(tasks=Task)
"""
WIDER = 'name: str\n    status: Literal["todo", "doing"]\n    owner: str'


@pytest.fixture
def migrate(app_db: DatabaseHandle, tmp_path: Path, capsys: Captured) -> Migrate:
    """Migrate a database with three tasks to the fields given; return code, stdout, stderr."""
    with psycopg.connect(app_db.admin_url, autocommit=True) as conn:
        conn.execute(
            "insert into tasks (organization_id, id, title, status) select 'acme', 'r' || n, 'x', "
            "(array['todo', 'doing', 'done'])[n] from generate_series(1, 3) n"
        )

    def call(fields: str, *options: str) -> tuple[int, str, str]:
        target = tmp_path / "schema.py"
        target.write_text(SCHEMA.format(fields=fields))
        capsys.readouterr()
        code = run(["migrate", str(target), "--admin-url", app_db.admin_url, *options])
        output = capsys.readouterr()
        return code, output.out, output.err

    return call


def rows(app_db: DatabaseHandle) -> list[Any]:
    with psycopg.connect(app_db.admin_url) as conn:
        return conn.execute("select to_jsonb(t) from tasks t order by id").fetchall()


def test_every_reason_and_its_flag_at_once(migrate: Migrate, app_db: DatabaseHandle) -> None:
    before = rows(app_db)
    code, out, err = migrate(WIDER)
    assert (code, out) == (3, "")
    assert "--backfill tasks.owner=VALUE" in err
    assert "--backfill tasks.status=VALUE" in err
    code, _, err = migrate(WIDER, "--json")
    problems = json.loads(err)["error"]["details"]["problems"]
    assert {(each["model"], each["field"]) for each in problems} == {
        ("tasks", "name"),
        ("tasks", "owner"),
        ("tasks", "status"),
    }
    assert rows(app_db) == before


def test_with_the_flags_it_is_done(migrate: Migrate, app_db: DatabaseHandle) -> None:
    flags = ["--rename", "tasks.title:name", "--backfill", "tasks.owner=ann"]
    flags += ["--backfill", "tasks.status=todo"]
    code, out, _ = migrate(WIDER, *flags, "--dry-run")
    assert code == 0
    assert "switch" in out
    assert "title" in rows(app_db)[0][0]
    code, out, err = migrate(WIDER, *flags, "--json")
    assert code == 0
    told = json.loads(out)
    assert told["applied"] is True
    assert told["written"] >= 3
    assert "applied schema" in err
    shown = [(row["name"], row["status"], row["owner"]) for (row,) in rows(app_db)]
    assert shown == [("x", "todo", "ann"), ("x", "doing", "ann"), ("x", "todo", "ann")]
    code, _, err = migrate(WIDER)
    assert code == 0
    assert err.startswith("unchanged:")


def test_the_plan_as_a_file(migrate: Migrate, app_db: DatabaseHandle, tmp_path: Path) -> None:
    wanted = 'title: str\n    status: Literal["todo", "doing", "done"]\n    note: str | None = None'
    path = tmp_path / "plan.sql"
    assert migrate(wanted, "--output", str(path))[0] == 0
    assert 'add column if not exists "note" text' in path.read_text()
    assert "note" not in rows(app_db)[0][0]
    code, _, err = migrate(wanted, "-o", str(tmp_path / "no" / "plan.sql"))
    assert code == 1
    assert "invalid_options" in err


def test_the_file_does_in_psql_what_the_command_does(
    migrate: Migrate, app_db: DatabaseHandle, cluster: Server, tmp_path: Path
) -> None:
    if not isinstance(cluster, Cluster):
        pytest.skip("needs the programs of the server")
    flags = ["--rename", "tasks.title:name", "--backfill", "tasks.owner=ann"]
    flags += ["--backfill", "tasks.status=todo"]
    path = tmp_path / "plan.sql"
    assert migrate(WIDER, *flags, "--output", str(path))[0] == 0
    psql = [cluster.binaries.program("psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1"]
    subprocess.run([*psql, "-f", str(path), app_db.admin_url], check=True, capture_output=True)
    shown = [(row["name"], row["status"], row["owner"]) for (row,) in rows(app_db)]
    assert shown == [("x", "todo", "ann"), ("x", "doing", "ann"), ("x", "todo", "ann")]
    assert migrate(WIDER)[2].startswith("unchanged:")


def test_a_dropped_field_stands_in_no_creates_way(migrate: Migrate, app_db: DatabaseHandle) -> None:
    assert migrate("title: str")[0] == 0
    create = {"action": "create", "model": "tasks", "id": "n", "data": {"title": "t"}}
    request = json.dumps({"operations": [create]})
    with psycopg.connect(app_db.database_url, autocommit=True) as conn:
        conn.execute("select ablo.commit('acme', 'user:a', 'k', %s::jsonb)", [request])
    assert rows(app_db)[0][0]["status"] is None
    assert migrate("title: str", "--drop")[0] == 0
    assert "status" not in rows(app_db)[0][0]


@pytest.mark.parametrize(
    ("flag", "value", "code"),
    [
        ("--backfill", "tasks.title", "invalid_request"),
        ("--backfill", "tasks.nothing=1", "incompatible_change"),
        ("--rename", "tasks.title", "invalid_request"),
        ("--rename", "tasks.nothing:name", "invalid_request"),
    ],
)
def test_flags_that_fit_nothing(migrate: Migrate, flag: str, value: str, code: str) -> None:
    fields = 'title: str\n    status: Literal["todo", "doing", "done"]\n    more: int = 0'
    exit_code, out, err = migrate(fields, flag, value, "--json")
    assert exit_code in (1, 3)
    assert out == ""
    assert json.loads(err)["error"]["code"] == code
