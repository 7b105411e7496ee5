"""What somebody changes behind our back is seen at once, by everything that is asked, by name."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ablo_pg import Ablo, AbloError, Model, define_schema
from ablo_pg.cli.main import run
from ablo_pg.cluster import Cluster, Server
from ablo_pg.kernel import admin_connection, connect, migrate
from ablo_pg.testing import DatabaseHandle, make_database, template_database

Captured = pytest.CaptureFixture[str]


class Note(Model):
    text: str | None = None
    size: int = 0


SCHEMA = define_schema(notes=Note)
# What is done, and what the sentence names.
CHANGES = [
    ("alter table notes rename column text to body", "column text of table public.notes"),
    ("alter table notes drop column text", "(field notes.text) does not exist"),
    ("alter table notes alter column size type int", "is integer, and was bigint"),
    ("alter table notes alter column text type varchar(9)", "is character varying, and was text"),
    (
        "alter table notes drop column size;"
        "alter table notes add column size bigint generated always as (1) stored",
        "is bigint generated, and was bigint",
    ),
    ("alter table notes drop column updated_at", "column updated_at of table public.notes"),
    ("alter table notes disable trigger zz_ablo_capture", "trigger zz_ablo_capture"),
    ("alter table notes enable trigger zz_ablo_guard", "zz_ablo_guard"),
    ("drop table notes cascade", "table public.notes of model notes does not exist"),
    ("alter table notes rename to memos", "table public.memos belongs to no model"),
    (
        "create schema other; alter table notes set schema other",
        "table other.notes belongs to no model",
    ),
    ("drop policy notes_tenant_isolation on notes", "no tenant isolation policy"),
]


@pytest.fixture(scope="module")
def template(cluster: Server) -> Iterator[str]:
    """The name of a database with the schema."""
    with template_database(cluster, SCHEMA) as name:
        yield name


@pytest.fixture
def site(cluster: Server, template: str) -> Iterator[DatabaseHandle]:
    """A copy of it."""
    with make_database(server=cluster, template=template) as handle:
        yield handle


def query(url: str, statement: str) -> list[tuple[Any, ...]]:
    """Run a statement; return its rows."""
    with psycopg.connect(url, autocommit=True) as conn:
        cursor = conn.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


@pytest.mark.parametrize(("change", "told"), CHANGES)
def test_a_change_behind_our_back_is_seen(
    site: DatabaseHandle, capsys: Captured, change: str, told: str
) -> None:
    assert run(["status", "--admin-url", site.admin_url]) == 0
    query(site.admin_url, change)
    assert run(["status", "--admin-url", site.admin_url]) == 1
    assert told in capsys.readouterr().out
    assert run(["doctor", "--admin-url", site.admin_url]) == 1
    assert told in "".join(capsys.readouterr())
    with ablo(site) as client, pytest.raises(AbloError) as caught:
        client.ready()
    assert told in caught.value.message


def ablo(site: DatabaseHandle) -> Ablo:
    """Open a client of organization acme."""
    return Ablo(
        schema=SCHEMA, database_url=site.database_url, organization="acme", participant="user:a"
    )


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ("alter table notes rename column text to body", ["text", "notes"]),
        ("alter table notes drop column size", ["size"]),
        ("alter table notes drop column updated_at", ["updated_at"]),
        ("alter table notes rename to memos", ["public.notes"]),
    ],
)
def test_the_error_of_a_write_names_what_has_drifted(
    site: DatabaseHandle, change: str, names: list[str]
) -> None:
    with ablo(site) as client:
        client.notes.create({"text": "a"}, id="1")
        query(site.admin_url, change)
        for write in (
            lambda: client.notes.update("1", {"text": "b"}),
            lambda: client.notes.create({"text": "c"}, id="2"),
        ):
            with pytest.raises(AbloError) as caught:
                write()  # type: ignore[no-untyped-call]
            assert caught.value.code == "model_not_provisioned"
            assert caught.value.model in ("notes", None)
            assert all(name in caught.value.message for name in names)
            assert "ablo-pg status" in str(caught.value.remedy)


def test_what_is_put_back_is_no_drift(site: DatabaseHandle) -> None:
    query(site.admin_url, "alter table notes rename column text to body")
    query(site.admin_url, "alter table notes rename column body to text")
    query(site.admin_url, "alter table notes add column extra int")
    assert run(["status", "--admin-url", site.admin_url]) == 0


class Memo(Model):
    text: str | None = None


TABLES = """select relname, relowner = 'ablo_owner'::regrole from pg_class
  where relname in ('notes', 'memos') order by 1"""
OWNED = """select count(*) from pg_proc p join pg_namespace n on n.oid = pronamespace
  where nspname in ('ablo', 'ablo_model')
    and proowner <> (case when proname like '%\\_\\_many' then 'ablo_writer'
      else 'ablo_owner' end)::regrole"""


def test_a_restore_without_owners_is_seen_and_repaired(
    cluster: Server, site: DatabaseHandle, tmp_path: Path, capsys: Captured
) -> None:
    if not isinstance(cluster, Cluster):
        pytest.skip("needs the programs of the server")
    with ablo(site) as client:
        client.notes.create({"text": "a"}, id="1")
    query(site.admin_url, "create table memos (id text primary key, text text)")
    with admin_connection(site.admin_url) as admin:
        migrate(admin, define_schema(notes=Note, memos=Memo).spec)
    name, dump = cluster.create_database(), str(tmp_path / "dump")
    restored = cluster.url(name)
    try:
        subprocess.run(
            [cluster.binaries.program("pg_dump"), "-Fc", "-f", dump, site.admin_url], check=True
        )
        command = [cluster.binaries.program("pg_restore"), "--no-owner", "-d", restored, dump]
        subprocess.run(command, check=False, capture_output=True)
        assert query(restored, OWNED)[0][0] > 100
        for verb in ("status", "doctor"):
            assert run([verb, "--admin-url", restored]) == 1
            assert "functions of the kernel belong to" in "".join(capsys.readouterr())
        made = connect(restored)
        assert query(restored, OWNED) == [(0,)]
        assert run(["status", "--admin-url", restored]) == 0
        assert query(restored, TABLES) == [("memos", False), ("notes", True)]
        with ablo(DatabaseHandle(name, restored, made.database_url, "")) as client:
            assert client.notes.update("1", {"text": "b"}).text == "b"
    finally:
        cluster.drop_database(name)


TYPES = """
create type mood as enum ('sad', 'ok');
create table things (
  id serial primary key, organization_id text, gone text default 'g', n numeric(9, 3) default 1.5,
  f float8 default 0.1, big float4 default 1e20, j jsonb default '{"k": [1, null, "é\\n"]}',
  at timestamp default '2020-01-01 10:00', zoned timestamptz default 'infinity',
  mood mood default 'ok', many text[] default '{a,b}', yes bool default true,
  day date default '2020-02-02', ref uuid default '1c74e96b-2101-4b76-9674-b243fd89d1b4',
  code char(5) default 'ab', "quo""te '%" text default '"%s''', nothing text)
"""


@pytest.mark.parametrize("change", ["rename column gone to moved", "drop column gone"])
def test_the_writers_of_an_application_go_on(
    site: DatabaseHandle, tmp_path: Path, change: str
) -> None:
    """What is left of their changes is told as before."""
    query(site.admin_url, TYPES)
    file = tmp_path / "things.py"
    pulled = ["--table", "things", "--out", str(file)]
    assert run(["pull", "--database-url", site.admin_url, *pulled]) == 0
    assert run(["migrate", str(file), "--admin-url", site.admin_url]) == 0
    for statement in (
        "insert into things (organization_id) values ('acme')",
        f"alter table things {change}",
        "insert into things (organization_id) values ('acme')",
        "update things set n = 2, mood = 'sad' where id = 2",
        "delete from things where id = 1",
    ):
        query(site.admin_url, statement)
    log = "select op, row::jsonb, changed from ablo.delta where model = 'things' order by sync_id"
    (first, second, third, last) = query(site.admin_url, log)
    assert [first[0], second[0], third[0], last[0]] == ["I", "I", "U", "D"]
    own = ("id", "createdAt", "updatedAt", "gone")
    whole, left = ({k: v for k, v in one[1].items() if k not in own} for one in (first, second))
    assert (left, "gone" in first[1], "gone" in second[1]) == (whole, True, False)
    assert third[1] == {
        **second[1],
        "n": "2.000",
        "mood": "sad",
        "updatedAt": third[1]["updatedAt"],
    }
    assert third[2] == ["updatedAt", "n", "mood"]


def test_a_read_names_the_column(site: DatabaseHandle) -> None:
    query(site.admin_url, "alter table notes rename column text to body")
    with ablo(site) as client, pytest.raises(AbloError, match='column "text"') as caught:
        client.model(Note).list()
    assert caught.value.field == "text"
