"""A crash empties an unlogged table while the log keeps its rows: refused, and drift later."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from ablo_pg.cli.main import run
from ablo_pg.cluster import Server
from ablo_pg.testing import DatabaseHandle, make_database

Captured = pytest.CaptureFixture[str]
SCHEMA = """
from ablo_pg import Model, define_schema

class Note(Model):
    body: str | None = None

class Draft(Model):
    body: str | None = None

schema = define_schema(notes=Note, drafts=Draft)
"""
TABLES = """
create unlogged table notes (id text primary key, organization_id text not null, body text);
create table drafts (id text primary key, organization_id text not null, body text)"""
MEND = 'alter table "public"."notes" set logged;'


@pytest.mark.parametrize("command", ["check", "migrate", "push"])
def test_an_unlogged_table_is_refused(
    cluster: Server, kernel_template: str, tmp_path: Path, capsys: Captured, command: str
) -> None:
    file = tmp_path / "schema.py"
    file.write_text(SCHEMA)
    url = "--database-url" if command == "check" else "--admin-url"
    with make_database(server=cluster, template=kernel_template) as site:
        with psycopg.connect(site.admin_url, autocommit=True) as conn:
            conn.execute(TABLES.encode())
            capsys.readouterr()
            assert run([command, str(file), url, site.admin_url]) == 3
            told = "".join(capsys.readouterr())
            assert "it is unlogged" in told
            assert MEND in told
            assert told.count("unlogged") == 1  # the other table is in nobody's way
            assert conn.execute("select to_regclass('ablo_model.notes_create')").fetchone()
            conn.execute(MEND.encode())
        assert run(["check", str(file), "--database-url", site.admin_url]) == 0


def test_pull_leaves_an_unlogged_table_out(
    cluster: Server, kernel_template: str, tmp_path: Path, capsys: Captured
) -> None:
    with make_database(server=cluster, template=kernel_template) as site:
        with psycopg.connect(site.admin_url, autocommit=True) as conn:
            conn.execute(TABLES.encode())
        pulled = tmp_path / "pulled.py"
        assert run(["pull", "--database-url", site.admin_url, "--out", str(pulled)]) == 0
        assert "left out: public.notes" in "".join(capsys.readouterr())
        assert "it is unlogged" in pulled.read_text()
        assert "drafts=" in pulled.read_text()


def test_a_table_switched_to_unlogged_later_is_drift(
    app_db: DatabaseHandle, capsys: Captured
) -> None:
    table = "tasks"
    with psycopg.connect(app_db.admin_url, autocommit=True) as conn:
        conn.execute(f"alter table {table} set unlogged".encode())
        for command in ("status", "doctor"):
            capsys.readouterr()
            assert run([command, "--admin-url", app_db.admin_url]) == 1
            told = "".join(capsys.readouterr())
            assert f"table public.{table} is unlogged" in told
            assert f"alter table public.{table} set logged;" in told
        conn.execute(f"alter table {table} set logged".encode())
    assert run(["status", "--admin-url", app_db.admin_url]) == 0
