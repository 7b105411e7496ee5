"""Event triggers: the user's own do not break ours; ours captures before a table is altered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from ablo_pg import AbloError, Model, define_schema, field, model
from ablo_pg.cluster import Server
from ablo_pg.kernel import admin_connection, connect, migrate
from ablo_pg.kernel.drift import kernel_state
from ablo_pg.kernel.schema_push import push
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


HIDDEN = [AUDITED, "create role test_ddl_role", "grant create on schema public to test_ddl_role"]


@pytest.fixture
def hidden(site: DatabaseHandle) -> Iterator[DatabaseHandle]:
    """The event trigger's table is in a schema that a migration's search_path leaves out."""
    run(site, "drop role if exists test_ddl_role", *HIDDEN)
    run(site, "create event trigger tables on ddl_command_end execute function log_ddl()")
    run(site, "alter event trigger tables enable always")
    yield site
    run(site, "drop owned by test_ddl_role", "drop role test_ddl_role")


def seen(site: DatabaseHandle) -> int:
    """Count what the event triggers have logged."""
    return int(run(site, "select count(*) from ddl_log")[0][0])


def test_an_event_trigger_does_not_break_a_migration(hidden: DatabaseHandle) -> None:
    modes = "select evtname, evtenabled from pg_event_trigger order by 1"
    run(hidden, "create table notes (id text primary key, organization_id text, text text)")
    before = run(hidden, modes)
    with admin_connection(hidden.admin_url) as admin:
        notes = migrate(admin, SCHEMA.spec).plan.notes
        assert [note for note in notes if note.startswith("log_ddl() has not seen all")]
        assert kernel_state(admin).sound
        more = define_schema(notes=model(text=(str | None, field(default=None, indexed=True))))
        migrate(admin, more.spec)
    assert run(hidden, modes) == before
    logged = seen(hidden)
    run(hidden, "create table later (id int)")
    assert seen(hidden) == logged + 2


def test_an_event_trigger_does_not_break_a_push(hidden: DatabaseHandle) -> None:
    with admin_connection(hidden.admin_url) as admin:
        warnings = push(admin, SCHEMA.spec).warnings
    assert [one.kind for one in warnings] == ["event_trigger_passed_over"]


def test_an_event_trigger_that_refuses_is_obeyed(site: DatabaseHandle) -> None:
    run(
        site,
        """create function freeze() returns event_trigger language plpgsql as
             $$ begin raise exception 'no tables until Monday'; end $$""",
        "create event trigger frozen on ddl_command_start when tag in ('CREATE TABLE') "
        "execute function freeze()",
    )
    with admin_connection(site.admin_url) as admin:
        with pytest.raises(AbloError, match="no tables until Monday"):
            migrate(admin, SCHEMA.spec)
        with pytest.raises(AbloError, match="no tables until Monday"):
            push(admin, SCHEMA.spec)
    run(site, "drop event trigger frozen")


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


def test_a_table_moved_to_a_schema_not_ours_stops_no_ddl(site: DatabaseHandle) -> None:
    apply_schema(site.admin_url, SCHEMA)
    run(site, ROWS, "create schema away", "alter table notes set schema away")
    with psycopg.connect(site.admin_url) as conn:
        conn.execute("update book.pages set text = 'y'")
        conn.execute("alter table book.pages add column n int")
        conn.execute("create table other (id int)")
        conn.execute("alter table other add column n int")
        conn.execute("alter table away.notes set schema public")
    assert run(site, "select count(*) from ablo.delta where model = 'pages' and op = 'U'") == [(1,)]
