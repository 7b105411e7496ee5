"""check: per model, read-only, exact reasons, and SQL that mends it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ablo_pg.cli.main import run
from ablo_pg.cluster import Server

Captured = pytest.CaptureFixture[str]
SCHEMA = """
from typing import Literal
from ablo_pg import Model, define_schema

class Task(Model):
    title: str
    status: Literal["todo", "done"]
    points: int | None = None
    note: str | None = None

schema = define_schema(tasks=Task)
"""
TABLE = """
create table tasks (
  id text primary key, organization_id text, title text, status text, points text, created_by int,
  secret text not null, note text generated always as (title) stored);
insert into tasks (id, title, status, points, secret)
  values ('a', null, 'todo', '1', 's'), ('b', 'B', 'later', '2', 's')
"""


@pytest.fixture
def url(cluster: Server) -> Iterator[str]:
    """The URL of an empty database: check needs no kernel."""
    name = cluster.create_database()
    yield cluster.url(name)
    cluster.drop_database(name)


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "schema.py"
    path.write_text(SCHEMA)
    return str(path)


def checked(file: str, url: str, capsys: Captured) -> tuple[int, dict[str, Any]]:
    capsys.readouterr()
    code = run(["check", file, "--database-url", url, "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_a_table_that_is_not_there_is_new(file: str, url: str, capsys: Captured) -> None:
    code, told = checked(file, url, capsys)
    assert (code, told["fits"], told["models"][0]["state"]) == (0, True, "new")


def test_every_reason_is_told_and_its_sql_mends_it(file: str, url: str, capsys: Captured) -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(TABLE)
        code, told = checked(file, url, capsys)
        assert (code, told["fits"]) == (3, False)
        found = {(one["field"], one["level"]): one for one in told["models"][0]["findings"]}
        problems = {field for field, level in found if level == "problem"}
        assert problems == {"title", "status", "points", "createdBy", "note"}
        assert "1 rows have no value" in found["title", "problem"]["message"]
        assert "not one of: todo, done" in found["status", "problem"]["message"]
        assert "2 rows have no organization" in found["organizationId", "warning"]["message"]
        assert "secret" in found[None, "warning"]["message"]
        assert found["createdAt", "addition"]
        for one in found.values():
            if one["sql"] and one["field"] != "note":
                conn.execute(one["sql"].replace("VALUE", "'done'").replace("ORGANIZATION", "acme"))
        conn.execute("alter table tasks alter column note drop expression")
    code, told = checked(file, url, capsys)
    assert (code, told["fits"]) == (0, True)
    levels = {one["level"] for one in told["models"][0]["findings"]}
    assert levels == {"addition"}


@pytest.mark.parametrize(
    ("ddl", "reason"),
    [
        ("create view tasks as select 'a' as id", "it is a view"),
        ("create table tasks (task_id int primary key)", 'id_column="task_id"'),
        ("create table tasks (a int, b int, primary key (a, b))", "its key is (a, b)"),
        ("create table tasks (a int)", "it has no primary key"),
        ("create table tasks (id json)", "its id is json"),
        ("create table tasks (id text)", "does not identify a row"),
        ("create table tasks (id text, v int, primary key (id, v))", "does not identify a row"),
    ],
)
def test_what_can_be_no_model(file: str, url: str, capsys: Captured, ddl: str, reason: str) -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(ddl)
    code, told = checked(file, url, capsys)
    assert code == 3
    assert any(reason in one["message"] for one in told["models"][0]["findings"])


NUMBERS = """
import datetime as dt
import decimal
from ablo_pg import Model, define_schema

class Sample(Model):
    n: decimal.Decimal | None = None
    f: float | None = None
    at: dt.datetime | None = None
    day: dt.date | None = None

schema = define_schema(samples=Sample)
"""


def test_values_that_json_cannot_spell_are_counted_as_migrate_does(
    url: str, tmp_path: Path, capsys: Captured
) -> None:
    path = tmp_path / "numbers.py"
    path.write_text(NUMBERS)
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(
            "create table samples (id text primary key, n numeric, f real, at timestamp, day date)"
        )
        conn.execute(
            "insert into samples values ('a', 'NaN', '-Infinity', 'infinity', 'infinity'),"
            " ('b', 'NaN', 1, now(), null), ('c', 1, null, null, now())"
        )
        code, told = checked(str(path), url, capsys)
        found = {f["field"]: f for f in told["models"][0]["findings"] if f["level"] == "problem"}
        assert (code, set(found)) == (3, {"n", "f", "at", "day"})
        assert found["n"]["message"].startswith("2 rows hold NaN or an infinity")
        for one in found.values():
            conn.execute(one["sql"].replace("VALUE", "null"))
    assert checked(str(path), url, capsys)[0] == 0


@pytest.mark.parametrize(
    ("ddl", "reason"),
    [
        ("create table notes (id text); create unique index on notes (id)", "may be null"),
        ("create table notes (id text)", "may be null"),
        (
            'create table notes (id text primary key); create schema "S";'
            'create table "S"."Kid" () inherits (notes); create table kid () inherits (notes)',
            '"S"."Kid", public.kid inherit from it',
        ),
        ("create table notes (id text primary key, created_at date)", "created_at is date"),
        (
            "create table notes (id text primary key, a text,"
            " created_by text generated always as (a) stored)",
            "created_by is generated",
        ),
    ],
)
def test_the_sql_makes_a_table_fit(
    url: str, tmp_path: Path, capsys: Captured, ddl: str, reason: str
) -> None:
    path = tmp_path / "notes.py"
    path.write_text(
        "from ablo_pg import Model, define_schema\n\nclass Note(Model):\n"
        "    text: str | None = None\n\nschema = define_schema(notes=Note)\n"
    )
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(ddl)
        code, told = checked(str(path), url, capsys)
        problems = [f for f in told["models"][0]["findings"] if f["level"] == "problem"]
        assert (code, reason in str(problems)) == (3, True)
        for one in problems:
            conn.execute(one["sql"])
    assert checked(str(path), url, capsys)[0] == 0


def test_the_sql_keeps_a_default(file: str, url: str, capsys: Captured) -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(
            "create table tasks (id text primary key, title text, points text default '7')"
        )
        code, told = checked(file, url, capsys)
        assert code == 3
        for one in told["models"][0]["findings"]:
            conn.execute(one["sql"] or "")
        conn.execute("insert into tasks (id) values ('a')")
        assert conn.execute("select points from tasks").fetchone() == (7,)


def test_it_changes_nothing_and_works_without_a_terminal(
    file: str, url: str, capsys: Captured
) -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(TABLE)
        conn.execute(
            "alter database " + conn.info.dbname + " set default_transaction_read_only = on"
        )
    assert run(["check", file, "--database-url", url]) == 3
    told = capsys.readouterr().out
    assert "tasks: misfits (public.tasks)" in told
    assert "alter table" in told


def test_without_a_database_it_is_wrong_usage(
    file: str, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ABLO_ADMIN_URL", "DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    assert run(["check", file]) == 2


def test_row_level_security_that_hides_rows_makes_no_false_fit(
    file: str, url: str, cluster: Server, capsys: Captured
) -> None:
    """A login that cannot see every row says nothing of rows, rather than that all fit."""
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(TABLE)
        conn.execute("create role check_reader login")
        try:
            conn.execute("grant select on tasks to check_reader")
            conn.execute("alter table tasks enable row level security")
            conn.execute("alter table tasks drop column created_by, drop column note")
            reader = cluster.url(conn.info.dbname, user="check_reader")
            _, told = checked(file, reader, capsys)
            fields = {one["field"] for one in told["models"][0]["findings"]}
            assert "title" not in fields
            assert any("cannot read its rows" in str(one) for one in told["models"][0]["findings"])
        finally:
            conn.execute("drop owned by check_reader")
            conn.execute("drop role check_reader")
