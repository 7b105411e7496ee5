"""pull of files: what a file declares is what Postgres has, once it has run the file."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ablo_pg.cli.target import load_target
from ablo_pg.cluster import Cluster, Server
from ablo_pg.db.tables import TableFacts, read_tables
from ablo_pg.kernel.described import Described, read_drizzle, read_prisma, read_sql
from ablo_pg.kernel.pull import pull_schema
from ablo_pg.testing import apply_schema

from .test_cli_pull import FOREIGN, RICH, UNFIT

Captured = pytest.CaptureFixture[str]
FILES = Path(__file__).parent / "described"
SQL = ["structure.sql", "sqlmigrate.sql", "postgrest.sql"]
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
