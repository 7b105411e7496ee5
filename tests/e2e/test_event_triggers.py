"""Event triggers: the user's own do not break ours; ours captures before a table is altered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from ablo_pg import Model, define_schema
from ablo_pg.cluster import Server
from ablo_pg.kernel import connect
from ablo_pg.testing import DatabaseHandle, apply_schema, make_database


class Note(Model):
    text: str | None = None


class Page(Model, table="pages", table_schema="book"):
    text: str | None = None


SCHEMA = define_schema(notes=Note, pages=Page)
AUDITED = """
create table ddl_log (tag text, who text);
create function log_ddl() returns event_trigger language plpgsql as
  $$ begin insert into ddl_log values (tg_tag, current_user); end $$;
create event trigger log_ddl on ddl_command_end execute function log_ddl();
"""


@pytest.fixture
def site(cluster: Server, kernel_template: str) -> Iterator[DatabaseHandle]:
    """A database with the kernel."""
    with make_database(server=cluster, template=kernel_template) as handle:
        yield handle


def run(site: DatabaseHandle, *statements: str) -> list[tuple[Any, ...]]:
    """Run statements, each in a transaction of its own; return what the last one answers."""
    with psycopg.connect(site.admin_url, autocommit=True) as conn:
        for statement in statements:
            cursor = conn.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def test_an_event_trigger_with_unqualified_names_sees_a_migration(site: DatabaseHandle) -> None:
    run(site, AUDITED)
    apply_schema(site.admin_url, SCHEMA)
    ((tables,),) = run(site, "select count(*) from ddl_log where tag = 'CREATE TABLE'")
    assert tables == 2


@pytest.mark.parametrize("rights", ["", "grant insert on ddl_log to public"])
def test_an_event_trigger_does_not_break_connect(cluster: Server, rights: str) -> None:
    """The install runs as ablo_owner, whom a trigger's table may not know."""
    name = cluster.create_database()
    try:
        site = DatabaseHandle(name, cluster.url(name), "", "")
        run(site, AUDITED, *([rights] if rights else []))
        notes = connect(site.admin_url).notes
        passed_over = any("log_ddl()" in note for note in notes)
        assert passed_over == (not rights)
        ((seen,),) = run(site, "select count(*) from ddl_log where who = 'ablo_owner'")
        assert (seen > 0) == bool(rights)
        apply_schema(site.admin_url, SCHEMA)
    finally:
        cluster.drop_database(name)


ROWS = """insert into notes (id, organization_id, text) values ('1', 'acme', 'a'), ('2', 'b', 'b');
insert into book.pages (id, organization_id, text) values ('1', 'acme', 'a')"""
ADD = "alter table notes add column tier text"
REQUIRE = "alter table notes alter column tier set not null"
FILL = "update notes set tier = 'x'"
TOUCH = "update notes set text = 'x'"
TRANSACTIONS = [
    [ADD, FILL, REQUIRE],
    [ADD, "savepoint s", FILL, REQUIRE, "release s"],
    ["update notes set text = 'y'", "alter table notes add check (text <> 'z')"],
    ["delete from notes where id = '1'", "alter table notes alter column text type varchar"],
    ["insert into notes (id, organization_id) values ('3', 'c')", "create index on notes (text)"],
    [
        *("update notes set text = 'y'", "update book.pages set text = 'y'"),
        *("alter table book.pages add column n int", "alter table notes add column n int"),
    ],
    ["set constraints all immediate", TOUCH, ADD, TOUCH],
]


@pytest.mark.parametrize("statements", TRANSACTIONS)
def test_a_table_is_changed_and_altered_in_one_transaction(
    site: DatabaseHandle, statements: list[str]
) -> None:
    apply_schema(site.admin_url, SCHEMA)
    run(site, ROWS)
    ((before,),) = run(site, "select count(*) from ablo.delta")
    with psycopg.connect(site.admin_url) as conn:
        changed = [conn.execute(statement.encode()) for statement in statements]
        rows = sum(c.rowcount for c in changed if (c.statusmessage or "")[:6] in _CHANGES)
    ((after,),) = run(site, "select count(*) from ablo.delta")
    assert after - before == rows


_CHANGES = ("INSERT", "UPDATE", "DELETE")


def test_what_follows_in_the_transaction_is_captured_at_its_end(site: DatabaseHandle) -> None:
    """Constraints are deferred again: other writers wait for the order lock, not for each row."""
    apply_schema(site.admin_url, SCHEMA)
    run(site, ROWS)
    with psycopg.connect(site.admin_url) as conn:
        conn.execute("alter table notes add column tier text")
        conn.execute("update notes set tier = 'x' where id = '1'")
        held = (
            "select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()"
        )
        assert conn.execute(held.encode()).fetchone() == (0,)
        conn.execute("alter table notes alter column text drop not null")
        assert conn.execute(held.encode()).fetchone() != (0,)


def test_ddl_in_a_trigger_leaves_a_commit_as_it_is(site: DatabaseHandle) -> None:
    """Captured too early, its own change would make what it has read stale."""
    apply_schema(site.admin_url, SCHEMA)
    run(
        site,
        ROWS,
        """create function scratch() returns trigger language plpgsql as $$ begin
             create temp table if not exists scratch (n int) on commit drop;
             alter table scratch add column m int; return null; end $$;
           create trigger scratch after update on notes for each row execute function scratch()""",
        f'grant temporary on database "{site.name}" to public',
    )
    ((stamp,),) = run(site, "select max(sync_id) from ablo.delta")
    operation = '{"action": "update", "model": "notes", "id": "1", "data": {"text": "new"}'
    request = f'{{"operations": [{operation}, "readAt": {stamp}}}]}}'
    commit = f"select ablo.commit('acme', 'user:a', 'k', '{request}'::jsonb) ->> 'status'"
    assert run(site, commit) == [("confirmed",)]


def test_without_a_superuser_the_transaction_says_it_itself(site: DatabaseHandle) -> None:
    apply_schema(site.admin_url, SCHEMA)
    run(site, ROWS, "drop event trigger ablo_capture_before_ddl")
    with psycopg.connect(site.admin_url) as conn:
        conn.execute(ADD)
        conn.execute(FILL)
        with pytest.raises(psycopg.errors.ObjectInUse), conn.transaction():
            conn.execute(REQUIRE)
        conn.execute("set constraints all immediate")
        conn.execute(REQUIRE)
