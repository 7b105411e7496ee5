"""Ways to change rows, each with the deltas it has to make, on a site with ten tasks a project.

`ALL` maps a name to the scenario and its deltas by op. Most are SQL that one session runs; a
statement that begins with `!` has to fail.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, LiteralString

import psycopg

from .mutants import NOBODYS
from .site import ORGS, Connection, Site

Scenario = Callable[[Site], None]


def script(*statements: LiteralString) -> Scenario:
    """A scenario of SQL statements in one superuser's session."""

    def run(site: Site) -> None:
        with site.connect() as conn:
            for statement in statements:
                execute(conn, statement)

    return run


def execute(conn: Connection, statement: LiteralString) -> None:
    if not statement.startswith("!"):
        conn.execute(statement)
        return
    try:
        conn.execute(statement[1:])
    except psycopg.Error:
        return
    raise AssertionError(f"did not fail: {statement}")


def copy_in(site: Site) -> None:
    """COPY into two organizations, and a COPY that fails in its last line."""
    with site.connect() as conn, conn.cursor() as cursor:
        with cursor.copy("copy tasks (organization_id, id, title) from stdin") as copy:
            for number in range(500):
                copy.write_row((ORGS[number % 2], f"copied{number}", 'a\tb\n"c"\\'))
        try:
            with cursor.copy("copy tasks (organization_id, id, title) from stdin") as copy:
                copy.write_row(("acme", "new", "undone"))
                copy.write_row(("acme", "t1", "taken"))
        except psycopg.errors.UniqueViolation:
            return
    raise AssertionError("a taken id was copied in")


def as_runtime(site: Site) -> None:
    """The runtime login, bound by row-level security, with and without its organization set."""
    with site.runtime() as conn:
        conn.execute("update tasks set count = 1")  # sees no row
        with conn.transaction():
            conn.execute("select set_config('app.current_org_id', 'acme', true)")
            conn.execute("update tasks set count = count + 1")
            conn.execute("delete from tasks where id = 't10'")


def through_commit(site: Site) -> None:
    """The kernel's own door: one commit of all five actions."""
    request = """{"operations": [
      {"action": "create", "model": "tasks", "id": "new", "data": {"title": "New"}},
      {"action": "update", "model": "tasks", "id": "new", "data": {"count": 7}},
      {"action": "archive", "model": "tasks", "id": "t1"},
      {"action": "unarchive", "model": "tasks", "id": "t1"},
      {"action": "delete", "model": "tasks", "id": "t2"}]}"""
    with site.runtime() as conn:
        conn.execute("select ablo.commit('acme', 'user:u', 'k', %s)", [request])
        conn.execute("select ablo.commit('acme', 'user:u', 'k', %s)", [request])  # a replay


BIG: Final = "(select string_agg(md5(n::text), '') from generate_series(1, 4000) n)"  # 128 kB

ALL: Final[dict[str, tuple[Scenario, dict[str, int]]]] = {
    "update without where": (script("update tasks set count = count + 1"), {"U": 30}),
    "update that changes nothing": (script("update tasks set title = title"), {"U": 30}),
    "insert select": (
        script(
            """insert into tasks (organization_id, id, title)
               select organization_id, id || 'copy', title from tasks"""
        ),
        {"I": 30},
    ),
    "on conflict do update": (
        script(
            """insert into tasks (organization_id, id, title)
               select 'acme', 't' || n, 'New' from generate_series(6, 15) n
               on conflict (organization_id, id) do update set title = excluded.title"""
        ),
        {"I": 5, "U": 5},
    ),
    "on conflict do nothing": (
        script(
            """insert into tasks (organization_id, id, title)
               select 'acme', 't' || n, 'New' from generate_series(6, 15) n
               on conflict do nothing"""
        ),
        {"I": 5},
    ),
    "merge": (
        script(
            """merge into tasks t
               using (select 'acme' as o, 't' || n as id, n from generate_series(1, 14) n) s
                  on t.organization_id = s.o and t.id = s.id
               when matched and s.n <= 3 then delete
               when matched and s.n <= 6 then do nothing
               when matched then update set count = s.n
               when not matched then
                 insert (organization_id, id, title) values (s.o, s.id, 'New')"""
        ),
        {"D": 3, "U": 4, "I": 4},
    ),
    "update in a cte": (
        script(
            """with gone as (delete from tasks where count = 0 and id < 't3' returning *)
               insert into notes (organization_id, id, body)
               select organization_id, id, title from gone"""
        ),
        {"D": 9, "I": 9},
    ),
    "copy": (copy_in, {"I": 500}),
    "cascade": (
        script(
            """insert into notes (organization_id, id, body, task_id)
               select organization_id, 'n' || id, 'Body', id from tasks""",
            "delete from projects where organization_id in ('acme', 'globex')",
        ),
        {"I": 30, "D": 42},
    ),
    "cascade deferred to the commit": (
        script(
            """insert into notes (organization_id, id, body, task_id)
               select organization_id, 'n' || id, 'Body', id from tasks""",
            "begin",
            "set constraints all deferred",
            "delete from projects",
            "commit",
        ),
        {"I": 30, "D": 63},
    ),
    "deferred foreign key, child first": (
        script(
            "begin",
            "set constraints all deferred",
            """insert into tasks (organization_id, id, title, project_id)
               values ('acme', 'early', 'Early', 'late')""",
            "insert into projects (organization_id, id, name) values ('acme', 'late', 'Late')",
            "commit",
        ),
        {"I": 2},
    ),
    "deferred foreign key that fails the commit": (
        script(
            "begin",
            "set constraints all deferred",
            """insert into tasks (organization_id, id, title, project_id)
               values ('acme', 'early', 'Early', 'never')""",
            "!commit",
        ),
        {},
    ),
    "a trigger that writes another synced table": (
        script(
            """create function notify_task() returns trigger language plpgsql as $$
               begin
                 insert into notes (organization_id, id, body, task_id)
                 values (new.organization_id, 'about-' || new.id, new.title, new.id);
                 return new;
               end $$""",
            """create trigger notify_task after update on tasks for each row
               execute function notify_task()""",
            "update tasks set count = 1 where organization_id = 'acme'",
        ),
        {"U": 10, "I": 10},
    ),
    "a deferred trigger that writes another synced table": (
        script(
            """create function notify_task() returns trigger language plpgsql as $$
               begin
                 insert into notes (organization_id, id, body, task_id)
                 values (new.organization_id, 'about-' || new.id, new.title, new.id);
                 return null;
               end $$""",
            """create constraint trigger zzz_notify_task after update on tasks
               deferrable initially deferred for each row execute function notify_task()""",
            "update tasks set count = 1 where organization_id = 'acme'",
        ),
        {"U": 10, "I": 10},
    ),
    "a trigger that changes the row, and one that drops the change": (
        script(
            """create function meddle() returns trigger language plpgsql as $$
               begin
                 if new.id = 't1' then return null; end if;
                 new.title := upper(new.title);
                 return new;
               end $$""",
            "create trigger meddle before update on tasks for each row execute function meddle()",
            "update tasks set count = 1 where organization_id = 'acme'",
        ),
        {"U": 9},
    ),
    "session_replication_role = replica": (
        script(
            "set session_replication_role = replica",
            "insert into tasks (organization_id, id, title) values ('acme', 'new', 'New')",
            "update tasks set count = count + 1",
            "delete from tasks where id = 't1'",
        ),
        {"I": 1, "U": 31, "D": 3},
    ),
    "set constraints all immediate": (
        script(
            "begin",
            "update tasks set count = 1",
            "set constraints all immediate",
            "update tasks set count = 2",
            "commit",
        ),
        {"U": 60},
    ),
    "set constraints all immediate, then rolled back": (
        script(
            "begin",
            "update tasks set count = 1",
            "savepoint s",
            "set constraints all immediate",
            "update tasks set count = 2",
            "rollback to s",
            "commit",
            "begin",
            "update tasks set count = 3",
            "set constraints all immediate",
            "rollback",
        ),
        {"U": 30},
    ),
    "savepoints": (
        script(
            "begin",
            "update tasks set count = 1 where id = 't1'",
            "savepoint a",
            "update tasks set count = 2 where id in ('t1', 't2')",
            "savepoint b",
            "delete from tasks where id = 't3'",
            "rollback to b",
            "update tasks set count = 3 where id = 't4'",
            "release a",
            "savepoint c",
            "insert into tasks (organization_id, id, title) values ('acme', 'new', 'New')",
            "rollback to c",
            "commit",
        ),
        {"U": 12},
    ),
    "rolled back": (
        script("begin", "update tasks set count = 1", "delete from projects", "rollback"),
        {},
    ),
    "failed": (
        script(
            "!update tasks set count = 1 / (length(id) - 3)",
            "begin",
            "update tasks set count = 1",
            "!select 1 / 0",
            "commit",
        ),
        {},
    ),
    "prepared": (
        script(
            "begin",
            "update tasks set count = 1",
            "prepare transaction 'i2-kept'",
            "commit prepared 'i2-kept'",
            "begin",
            "update tasks set count = 2",
            "prepare transaction 'i2-dropped'",
            "rollback prepared 'i2-dropped'",
        ),
        {"U": 30},
    ),
    "pl/pgsql loop with exceptions": (
        script(
            """do $$
               begin
                 for i in 1 .. 20 loop
                   begin
                     update tasks set count = i where organization_id = 'acme' and id = 't1';
                     insert into tasks (organization_id, id, title) values ('acme', 't' || i, 'x');
                   exception when unique_violation then null;
                   end;
                 end loop;
               end $$"""
        ),
        {"U": 10, "I": 10},
    ),
    "a procedure that commits as it goes": (
        script(
            """do $$
               begin
                 for i in 1 .. 10 loop
                   update tasks set count = i where organization_id = 'acme' and id = 't1';
                   if i % 2 = 0 then commit; else rollback; end if;
                 end loop;
               end $$"""
        ),
        {"U": 5},
    ),
    "a row's whole life in one transaction": (
        script(
            "begin",
            "insert into tasks (organization_id, id, title) values ('acme', 'new', 'New')",
            "update tasks set title = 'Newer' where id = 'new'",
            "delete from tasks where id = 'new'",
            "insert into tasks (organization_id, id, title) values ('acme', 'new', 'Again')",
            "update tasks set archived_at = now() where id = 'new'",
            "update tasks set archived_at = null where id = 'new'",
            "commit",
        ),
        {"I": 2, "U": 1, "D": 1, "A": 1, "V": 1},
    ),
    "big values unchanged by an update": (
        script(
            "alter table notes alter column body set storage external",
            "insert into notes (organization_id, id, body, score) "
            "select 'acme', 'big', " + BIG + ", 0.1",
            "update notes set score = 1e-7",
            "begin",
            "update notes set task_id = 't1'",
            "update notes set body = body || 'x'",
            "update notes set score = null",
            "delete from notes",
            "commit",
        ),
        {"I": 1, "U": 4, "D": 1},
    ),
    NOBODYS: (
        script(
            "alter table notes drop constraint notes_pkey",
            "alter table notes alter column organization_id drop not null",
            "insert into notes (id, body) select 'n' || n, 'Body' from generate_series(1, 5) n",
            "update notes set score = 1",
            "delete from notes where id = 'n1'",
            "!update notes set organization_id = 'acme', id = 'n9' where id = 'n2'",
            """update notes set organization_id = 'acme', task_id = 't1', archived_at = now()
               where id in ('n2', 'n3')""",
            "begin",
            "insert into notes (id, body) values ('n6', 'Body')",
            "update notes set organization_id = 'globex' where id = 'n6'",
            "update notes set score = 2 where id = 'n6'",
            "commit",
            "!update notes set organization_id = null where id = 'n2'",
            "!update notes set organization_id = 'globex' where id = 'n2'",
            "delete from notes where id = 'n3'",
        ),
        {"I": 3, "U": 1, "D": 1},
    ),
    "through a view and a cursor": (
        script(
            "create view urgent as select * from tasks where id < 't3'",
            "update urgent set count = 1 where organization_id = 'acme'",
            "begin",
            "declare c cursor for select * from tasks where organization_id = 'globex' for update",
            "fetch 1 from c",
            "update tasks set count = 5 where current of c",
            "fetch 1 from c",
            "delete from tasks where current of c",
            "commit",
        ),
        {"U": 4, "D": 1},
    ),
    "as the runtime login": (as_runtime, {"U": 10, "D": 1}),
    "through ablo.commit": (through_commit, {"I": 1, "U": 1, "A": 1, "V": 1, "D": 1}),
}
