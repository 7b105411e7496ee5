"""What the runtime login can and cannot do with compiled tables and functions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from ablo_pg.cluster import Server
from ablo_pg.testing import make_database

INSERT = "insert into teams (id, organization_id, name) values (%s, %s, 'x')"
ORGANIZATION = "select set_config('app.current_org_id', %s, true)"


@pytest.fixture
def runtime(cluster: Server, everything_template: str) -> Iterator[psycopg.Connection]:
    """A session of the least-privilege login, two organizations' rows in the tables."""
    with make_database(server=cluster, template=everything_template) as handle:
        with psycopg.connect(handle.admin_url, autocommit=True) as admin:
            for organization in ("acme", "evil"):
                admin.execute(INSERT, [f"team of {organization}", organization])
        with psycopg.connect(handle.database_url, autocommit=True) as conn:
            yield conn


def test_rows_are_the_organizations(runtime: Any) -> None:
    read = "select id from teams order by id"
    assert runtime.execute(read).fetchall() == []
    for organization in ("acme", "evil"):
        with runtime.transaction():
            runtime.execute(ORGANIZATION, [organization])
            assert runtime.execute(read).fetchall() == [(f"team of {organization}",)]
    assert runtime.execute(read).fetchall() == []  # the setting is '' now, not NULL


def test_writing_for_another_organization_is_refused(runtime: Any) -> None:
    runtime.execute("select set_config('app.current_org_id', 'acme', false)")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        runtime.execute(INSERT, ["t", "evil"])
    runtime.execute("reset app.current_org_id")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        runtime.execute(INSERT, ["t", "evil"])


def test_plain_sql_of_the_runtime_login_is_captured(runtime: Any) -> None:
    with runtime.transaction():
        runtime.execute(ORGANIZATION, ["acme"])
        runtime.execute(INSERT, ["t", "acme"])
        runtime.execute("update teams set name = 'y'")
        runtime.execute("delete from teams where id = 't'")
    with runtime.transaction():
        runtime.execute(ORGANIZATION, ["acme"])
        log = runtime.execute("select row_id, op from ablo.delta order by sync_id").fetchall()
    changes = [("team of acme", "I"), ("t", "I"), ("t", "U"), ("team of acme", "U"), ("t", "D")]
    assert sorted(log) == sorted(changes)


def test_moving_a_row_is_refused_by_name(runtime: Any) -> None:
    runtime.execute("select set_config('app.current_org_id', 'acme', false)")
    with pytest.raises(psycopg.Error) as caught:
        runtime.execute("update teams set id = 'other'")
    assert caught.value.sqlstate == "AB030"


@pytest.mark.parametrize(
    "call",
    [
        "ablo_model.write('Team', 'delete', 'x', '{}')",
        "ablo_model.\"teams__write\"('delete', 'x', '{}')",
        "ablo_model.lock('Team', 'x')",
        "ablo_model.\"tasks__above\"('evil', 'x', '{}')",
        "ablo_model.resolve('Team')",
    ],
)
def test_internal_functions_are_not_callable(runtime: Any, call: Any) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        runtime.execute(f"select {call}")


@pytest.mark.parametrize("command", ["truncate teams", "drop table teams", "create table x ()"])
def test_structure_is_not_the_runtime_logins(runtime: Any, command: Any) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        runtime.execute(command)


def test_a_temporary_type_does_not_run_as_the_owner(runtime: Any) -> None:
    """A domain called "text" in pg_temp would be found first under an empty search_path."""
    runtime.execute(
        """create function pg_temp.trap(v pg_catalog.text) returns boolean language plpgsql as
           $$ begin raise exception 'ran as %', current_user; end $$"""
    )
    check = "check (pg_temp.trap(null::pg_catalog.text))"
    for name in ("text", "json", "jsonb", "timestamptz"):
        runtime.execute(f"create domain pg_temp.{name} as pg_catalog.{name} {check}")
    with runtime.transaction():
        runtime.execute(ORGANIZATION, ["acme"])
        runtime.execute(
            "insert into public.tasks"
            " (id, organization_id, title, status, priority, done, meta, watchers)"
            " values ('t', 'acme', 'x', 'todo', 'low', false, '{}', '[\"bob\"]')"
        )
        runtime.execute("update public.tasks set title = 'y', assignee = 'ada'")
        runtime.execute("delete from public.tasks")
