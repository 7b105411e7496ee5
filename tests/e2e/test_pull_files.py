"""pull of files: what a file declares is what Postgres has, once it has run the file."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ablo_pg.cli.main import run
from ablo_pg.cli.target import load_target
from ablo_pg.cluster import Cluster, Server
from ablo_pg.db.tables import TableFacts, read_tables
from ablo_pg.kernel.described import Described, read_drizzle, read_prisma, read_sql
from ablo_pg.kernel.pull import pull_schema
from ablo_pg.testing import apply_schema

from .test_cli_pull import FOREIGN, RICH, UNFIT

Captured = pytest.CaptureFixture[str]
FILES = Path(__file__).parent / "described"
SQL = ["structure.sql", "migrations.sql", "sqlmigrate.sql", "postgrest.sql"]
READERS = {".sql": read_sql, ".prisma": read_prisma, ".ts": read_drizzle}


@pytest.fixture
def url(cluster: Server, kernel_template: str) -> Iterator[str]:
    """The administrative URL of a database with the kernel."""
    name = cluster.create_database(template=kernel_template)
    yield cluster.url(name)
    cluster.drop_database(name)


def load(url: str, text: str) -> tuple[TableFacts, ...]:
    """Run a file in a database; return the tables of its schema public."""
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(text.encode())
    return stored(url)


def stored(url: str) -> tuple[TableFacts, ...]:
    with psycopg.connect(url, autocommit=True) as conn:
        return read_tables(conn, ["public"])


def described(path: Path) -> Described:
    return READERS[path.suffix](path.read_text(), path.name)


def public(found: Described) -> list[TableFacts]:
    return [table for table in found.tables if table.schema == "public"]


def declared(tables: Any) -> tuple[Any, list[str]]:
    """What pull makes of tables: the models, and what it leaves out, with the reasons."""
    pulled = pull_schema(tables)
    return pulled.spec, {name: len(why) for name, why in pulled.left_out.items()}  # type: ignore


@pytest.mark.parametrize("name", SQL)
def test_a_file_of_sql_declares_what_the_database_has(url: str, name: str) -> None:
    path = FILES / name
    found = declared(public(described(path)))
    assert found == declared(load(url, path.read_text()))
    assert len(found[0].models) >= 2


@pytest.mark.parametrize("name", ["schema.prisma", "schema.ts"])
def test_a_schema_of_a_tool_declares_what_its_migration_makes(url: str, name: str) -> None:
    found = declared(public(described(FILES / name)))
    assert found == declared(load(url, (FILES / f"{name}.sql").read_text()))
    assert len(found[0].models) >= 2


@pytest.mark.parametrize(
    "made", [*SQL, "foreign", "unfit", "schema.prisma.sql", "schema.ts.sql", "ours"]
)
def test_a_dump_declares_what_its_database_has(
    cluster: Server, url: str, tmp_path: Path, made: str
) -> None:
    if not isinstance(cluster, Cluster):
        pytest.skip("needs the programs of the server")
    texts = {"foreign": FOREIGN, "unfit": UNFIT}
    if made == "ours":
        (tmp_path / "declared.py").write_text(RICH)
        apply_schema(url, load_target(str(tmp_path / "declared.py")))
        tables = stored(url)
    else:
        tables = load(url, texts.get(made) or (FILES / made).read_text())
    command = [cluster.binaries.program("pg_dump"), url]  # with data, which COPY reads
    dump = subprocess.run(command, check=True, capture_output=True).stdout.decode()
    assert declared(public(read_sql(dump, "dump.sql"))) == declared(tables)


def test_the_command_reads_a_file_without_a_database(
    tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    for arguments in (
        ["--from", str(FILES / "structure.sql")],
        ["prisma", str(FILES / "schema.prisma")],
        ["drizzle", str(FILES / "schema.ts")],
    ):
        out = tmp_path / "schema.py"
        assert run(["pull", *arguments, "--out", str(out), "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert told["source"] == out.read_text()
        assert {"what", "reason", "line"} == set(told["skipped"][0])
        head, *_ = told["source"].split("\n\n")
        assert "without a database" in head
        assert "`ablo-pg check`" in head
        assert all(
            f"line {one['line']}: {one['what']}" in told["source"] for one in told["skipped"]
        )
        assert [model.key for model in load_target(str(out)).models] == told["models"]
        out.unlink()
        assert run(["pull", *arguments]) == 0
        shown = capsys.readouterr()
        assert "class " in shown.out
        assert "not read, line" in shown.err
        assert "run `ablo-pg check`" in shown.err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["prisma"], 2, "pull prisma FILE"),
        (["mongo", "x"], 2, "prisma"),
        (["prisma", "x", "--from", "y"], 2, "pull prisma FILE"),
        (["--from", "x", "--database-url", "postgresql://x/y"], 2, "leave --database-url out"),
        (["--from", "missing.sql"], 1, "missing.sql cannot be read"),
        (["--from", "."], 1, "cannot be read"),
        (["--from", str(FILES / "structure.sql"), "--table", "nope"], 1, "there is no table nope"),
        (["--from", str(FILES / "structure.sql"), "--schema", "no"], 1, "there is no schema no"),
    ],
)
def test_a_command_line_that_reads_nothing(
    arguments: list[str], code: int, said: str, capsys: Captured
) -> None:
    assert run(["pull", *arguments, "--json"]) == code
    error = json.loads(capsys.readouterr().err)["error"]
    assert error["code"] == "invalid_options"
    assert said in error["message"] + str(error["remedy"])


def test_what_sqlglot_does_not_know_is_listed_and_not_logged(
    tmp_path: Path, capsys: Captured, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "odd.sql"
    file.write_text("create table a (id text primary key);\nalter table a frobnicate b;\n")
    assert run(["pull", "--from", str(file), "--json"]) == 0
    (one,) = json.loads(capsys.readouterr().out)["skipped"]
    assert (one["line"], one["reason"]) == (2, "it is not understood")
    assert caplog.records == []


def test_a_file_that_is_not_text(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "dump").write_bytes(b"PGDMP\x01\xff\xfe")
    assert run(["pull", "--from", str(tmp_path / "dump"), "--json"]) == 1
    assert "not UTF-8 at byte 6" in json.loads(capsys.readouterr().err)["error"]["message"]


def test_the_comparison_of_declarations_sees_a_difference() -> None:
    text = (FILES / "sqlmigrate.sql").read_text()
    for change in (
        ("varchar(200) NOT NULL UNIQUE", "integer"),
        ("'team'", "'crew'"),
        ("uuid", "text"),
    ):
        other = read_sql(text.replace(*change), "file")
        assert declared(other.tables) != declared(described(FILES / "sqlmigrate.sql").tables)


def test_the_tables_of_other_schemas_are_listed(tmp_path: Path, capsys: Captured) -> None:
    file = tmp_path / "made.sql"
    file.write_text("create table a (id text primary key); create table auth.b (id int);")
    assert run(["pull", "--from", str(file), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["why"] == {"auth.b": ["read its schema with --schema auth"]}
    assert run(["pull", "--from", str(file)]) == 0
    assert "# auth.b is left out:" in capsys.readouterr().out
    assert run(["pull", "--from", str(file), "--schema", "public", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["leftOut"] == []
