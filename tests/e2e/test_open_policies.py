"""Permissive policies of others: harmless on an adopted table; on one of ours they are drift.

On an adopted table our policies are restrictive, and hold our logins whatever others allow.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ablo_pg.cli.main import run
from ablo_pg.cluster import Server
from ablo_pg.testing import DatabaseHandle, make_database

Captured = pytest.CaptureFixture[str]
Told = Callable[..., tuple[int, str]]
SCHEMA = """
from ablo_pg import Model, define_schema

class Note(Model):
    body: str | None = None

schema = define_schema(notes=Note)
"""
TABLE = """
create table notes (id text primary key, organization_id text not null, body text);
alter table notes enable row level security;
"""
ROWS = """
insert into notes (id, organization_id, body)
  values ('1', 'acme', 'of acme'), ('2', 'beta', 'of beta')
"""
LATER = 'drop policy "every ""one""" on public.notes;'
OPEN = [
    "using (true)",
    "for select to public using (true)",
    "for update to ablo_runtime using (true) with check (true)",
    "to ablo_owner using (true)",
    "to test_open_group using (true)",
]
CLOSED = ["as restrictive using (true)", "to test_open_other using (true)"]


@pytest.fixture
def site(cluster: Server, kernel_template: str) -> Iterator[DatabaseHandle]:
    """A database whose table notes has rows and policies, and roles to bind these to."""
    with make_database(server=cluster, template=kernel_template) as handle:
        login = psycopg.conninfo.conninfo_to_dict(handle.database_url)["user"]
        roles = ("test_open_group", "test_open_other")
        with psycopg.connect(handle.admin_url, autocommit=True) as conn:
            for role in roles:
                conn.execute(f"drop role if exists {role}".encode())
                conn.execute(f"create role {role}".encode())
            conn.execute(f'grant test_open_group to "{login}"'.encode())
            conn.execute(TABLE + ROWS)
        yield handle
        with psycopg.connect(handle.admin_url, autocommit=True) as conn:
            for role in roles:
                conn.execute(f"drop owned by {role}".encode())
                conn.execute(f"drop role {role}".encode())


@pytest.fixture
def told(site: DatabaseHandle, tmp_path: Path, capsys: Captured) -> Told:
    """Run a command on the schema and the database; return its exit code and what it says."""
    file = tmp_path / "schema.py"
    file.write_text(SCHEMA)

    def call(command: str, *options: str) -> tuple[int, str]:
        capsys.readouterr()
        place = [str(file)] if command not in ("status", "doctor") else []
        url = "--database-url" if command == "check" else "--admin-url"
        code = run([command, *place, url, site.admin_url, *options])
        output = capsys.readouterr()
        return code, output.out + output.err

    return call


def sql(site: DatabaseHandle, statement: str) -> list[Any]:
    """Run SQL as the administrator."""
    with psycopg.connect(site.admin_url, autocommit=True) as conn:
        cursor = conn.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def make(site: DatabaseHandle, policy: str) -> None:
    """Give the table a policy."""
    sql(site, f'create policy "every ""one""" on notes {policy}')


def made_by_us(site: DatabaseHandle, told: Told) -> None:
    """Put a table that a push made in place of the application's, with the same rows."""
    sql(site, "drop table notes")
    assert told("push")[0] == 0
    sql(site, ROWS)


def seen_by_beta(site: DatabaseHandle) -> list[Any]:
    """Return what the runtime login reads by plain SQL, and whether it writes the other's row."""
    with psycopg.connect(site.database_url) as conn:
        conn.execute("select set_config('app.current_org_id', 'beta', true)")
        changed = conn.execute("update notes set body = 'taken' where id = '1'").rowcount
        rows = conn.execute("select id from notes order by id").fetchall()
        conn.rollback()
    return [[name for (name,) in rows], changed]


@pytest.mark.parametrize("policy", [*OPEN, *CLOSED])
def test_an_application_keeps_its_policies(site: DatabaseHandle, told: Told, policy: str) -> None:
    make(site, policy)
    for command in ("check", "migrate", "push", "status", "doctor"):
        code, text = told(command)
        assert (code, "every" in text) == (0, False), text
    assert seen_by_beta(site) == [["2"], 0]


@pytest.mark.parametrize("policy", OPEN)
def test_one_that_comes_later_is_drift(site: DatabaseHandle, told: Told, policy: str) -> None:
    made_by_us(site, told)
    make(site, policy)
    code, text = told("status")
    assert (code, LATER in text.splitlines()) == (1, True)
    code, text = told("doctor", "--json")
    (blocker,) = [one for one in json.loads(text)["blockers"] if one["fix"] == LATER]
    assert (code, "\n" in blocker["problem"]) == (1, False)
    assert told("doctor", "--fix")[0] == 1, "a policy of others is not ours to drop"
    assert told("migrate")[0] != 0
    sql(site, blocker["fix"])
    assert [told(command)[0] for command in ("status", "doctor", "migrate")] == [0, 0, 0]


@pytest.mark.parametrize("policy", CLOSED)
def test_one_that_opens_nothing_is_none(site: DatabaseHandle, told: Told, policy: str) -> None:
    made_by_us(site, told)
    make(site, policy)
    assert [told(command)[0] for command in ("status", "doctor", "migrate")] == [0, 0, 0]
    assert seen_by_beta(site) == [["2"], 0]


def test_binding_it_elsewhere_is_enough(site: DatabaseHandle, told: Told) -> None:
    made_by_us(site, told)
    make(site, "using (true)")
    assert told("migrate")[0] != 0
    sql(site, 'alter policy "every ""one""" on notes to test_open_other')
    assert [told(command)[0] for command in ("check", "migrate", "doctor")] == [0, 0, 0]
    assert seen_by_beta(site) == [["2"], 0]


@pytest.mark.parametrize("end", ["tenant_isolation", "ablo_rows", "all_rows"])
def test_one_with_the_name_of_ours_is_renamed_first(
    site: DatabaseHandle, told: Told, end: str
) -> None:
    sql(site, f"create policy notes_{end} on notes to test_open_other using (true)")
    rename = f'alter policy "notes_{end}" on "public"."notes" rename to "own_notes_{end}";'
    for command, *dry in (["check"], ["migrate"], ["migrate", "--dry-run"], ["push"]):
        code, text = told(command, *dry)
        assert (code, rename in text) == (3, True), text
    assert sql(site, "select * from ablo.schema_version") == []
    sql(site, rename)
    assert [told(command)[0] for command in ("check", "migrate", "doctor")] == [0, 0, 0]
    assert seen_by_beta(site) == [["2"], 0]
    kept = f"select polname from pg_policy where polname = 'own_notes_{end}' and polpermissive"
    assert len(sql(site, kept)) == 1
