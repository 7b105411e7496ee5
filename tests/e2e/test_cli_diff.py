"""compile --diff: against the active version, tables, and another schema; reads only."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from ablo_pg.cli.main import run
from ablo_pg.cluster import Server
from ablo_pg.testing import DatabaseHandle

Captured = pytest.CaptureFixture[str]
TASKS = """
from typing import Literal
from ablo_pg import Model, define_schema

class Task(Model):
    title: str
    status: Literal["todo", "doing", "done"]

schema = define_schema(tasks=Task)
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "schema.py"
    path.write_text(TASKS)
    return path


@pytest.fixture
def empty(cluster: Server) -> Iterator[str]:
    name = cluster.create_database()
    yield cluster.url(name)
    cluster.drop_database(name)


def test_against_the_active_version(file: Path, app_db: DatabaseHandle, capsys: Captured) -> None:
    arguments = ["compile", str(file), "--diff", "pushed", "--database-url"]
    assert run([*arguments, app_db.admin_url, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["changes"] == []
    file.write_text(TASKS.replace("title: str", "name: str\n    due: int | None = None"))
    assert run([*arguments, app_db.admin_url, "--json"]) == 3
    told = json.loads(capsys.readouterr().out)
    assert {item["kind"]: item.get("flag") for item in told["changes"]} == {
        "field_added": None,
        "field_dropped": "--force (or --rename tasks.title:tasks.NEW)",
    }
    # The login that programs run with is enough to look.
    assert run([*arguments, app_db.database_url]) == 3
    assert "allow it with --force" in capsys.readouterr().out


def test_against_tables_without_a_kernel(file: Path, empty: str, capsys: Captured) -> None:
    arguments = ["compile", str(file), "--diff", "tables", "--database-url", empty]
    assert run(arguments) == 0
    assert "+ table_missing tasks" in capsys.readouterr().out
    with psycopg.connect(empty, autocommit=True) as conn:
        conn.execute("create table tasks (id text primary key, title int)")
    assert run([*arguments, "--json"]) == 3
    told = json.loads(capsys.readouterr().out)
    assert any(item.get("sql", "").startswith("alter table") for item in told["changes"])


def test_against_another_schema_nothing_is_connected_to(
    file: Path, tmp_path: Path, capsys: Captured
) -> None:
    other = tmp_path / "other.py"
    other.write_text(TASKS.replace(', "done"', ""))
    assert run(["compile", str(other), "--diff", str(file)]) == 3
    assert "enum_value_removed tasks.status" in capsys.readouterr().out
    assert run(["compile", str(file), "--diff", str(other)]) == 0


def test_without_a_database_it_says_what_to_pass(
    file: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ABLO_ADMIN_URL", "DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    assert run(["compile", str(file), "--diff", "pushed"]) == 1
    assert "--database-url" in capsys.readouterr().err
    assert run(["compile", str(file), "--diff", "nowhere.py"]) == 1


def test_a_database_without_a_kernel(file: Path, empty: str, capsys: Captured) -> None:
    assert run(["compile", str(file), "--diff", "pushed", "--database-url", empty]) == 1
    assert "kernel_not_installed" in capsys.readouterr().err


def test_compiled_sql_as_json(file: Path, capsys: Captured) -> None:
    assert run(["compile", str(file), "--json"]) == 0
    assert "create table" in json.loads(capsys.readouterr().out)["sql"]
