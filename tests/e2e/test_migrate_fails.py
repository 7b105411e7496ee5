"""What a migration leaves when it fails: nothing, or what the next run finishes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from ablo_pg.cluster import Server
from ablo_pg.compile.migration import MigrateOptions
from ablo_pg.errors import AbloServerError, AbloTimeoutError
from ablo_pg.kernel import Pace, admin_connection, migrate, plan
from ablo_pg.schema import Field, FieldType
from ablo_pg.testing import DatabaseHandle, make_database, template_database

from .migrate_site import FIRST, NOTE, STATUS, TASKS, fill, swapped, tasks
from .migrate_stream import untold
from .migrate_watch import Writers

Conn = psycopg.Connection[Any]
OWNER = Field("ownerId", "ownerId", "owner_id", FieldType.STRING)
INDEXED = replace(NOTE, indexed=True)
HASTY = Pace(lock_timeout_ms=50, patience=0.5)
COLUMNS = """select array_agg(attname::text order by attname) from pg_attribute
             where attrelid = 'tasks'::regclass and attnum > 0 and not attisdropped"""
INDEXES = "select array_agg(indexname::text order by indexname) from pg_indexes"


@pytest.fixture(scope="module")
def few(cluster: Server) -> Iterator[str]:
    with template_database(cluster, FIRST) as name:
        with psycopg.connect(cluster.url(name), autocommit=True) as conn:
            fill(conn, 600)
        yield name


@pytest.fixture
def site(cluster: Server, few: str) -> Iterator[DatabaseHandle]:
    with make_database(server=cluster, template=few) as handle:
        yield handle


@pytest.fixture
def admin(site: DatabaseHandle) -> Iterator[Conn]:
    with admin_connection(site.admin_url) as conn:
        yield conn


def shape(conn: Conn) -> tuple[Any, ...]:
    return tuple(conn.execute(query).fetchone() for query in (COLUMNS, INDEXES))


def active(conn: Conn) -> str:
    row = conn.execute("select hash from ablo.schema_version where active").fetchone()
    assert row is not None
    return str(row[0])


def test_a_lock_that_is_not_to_be_had_names_its_holder(site: DatabaseHandle, admin: Conn) -> None:
    before = shape(admin)
    with psycopg.connect(site.admin_url) as holder:
        holder.execute("select from tasks limit 1")
        pid = holder.info.backend_pid
        with pytest.raises(AbloTimeoutError) as caught:
            migrate(admin, tasks(*TASKS.fields, replace(OWNER, optional=True)), pace=HASTY)
    assert caught.value.code == "lock_timeout"
    assert caught.value.details["holders"] == [pid]
    assert (shape(admin), active(admin)) == (before, FIRST.hash)


def test_what_was_prepared_is_taken_back(admin: Conn) -> None:
    """The switch fails: the column and the index that were made for it go again."""
    admin.execute("""create function stop() returns event_trigger language plpgsql as $$
        begin raise exception 'stop'; end $$""")
    admin.execute("create event trigger stop on ddl_command_end when tag in ('CREATE FUNCTION') "
                  "execute function stop()")  # fmt: skip
    before = shape(admin)
    after = tasks(*swapped(NOTE, INDEXED), replace(OWNER, optional=True, indexed=True))
    with pytest.raises(AbloServerError) as caught:
        migrate(admin, after)
    error = caught.value
    assert (error.code, error.details["phase"]) == ("migration_failed", "switch")
    assert error.details["sqlstate"] == "P0001"
    assert "create or replace function" in error.details["statement"]
    assert (shape(admin), active(admin)) == (before, FIRST.hash)
    admin.execute("drop event trigger stop")
    migrate(admin, after)


def test_a_switch_that_would_hold_its_table_for_long_is_refused(
    site: DatabaseHandle, admin: Conn
) -> None:
    """A trigger of the user's own makes every change of a table slow; writers hardly wait."""
    admin.execute("""create function dawdle() returns event_trigger language plpgsql as $$
        begin perform pg_sleep(2); end $$""")
    admin.execute("create event trigger dawdle on ddl_command_end when tag in ('ALTER TABLE') "
                  "execute function dawdle()")  # fmt: skip
    before = shape(admin)
    after = tasks(*swapped(NOTE, Field("memo", "memo", "memo", FieldType.STRING, optional=True)))
    rename = MigrateOptions(renames=(("tasks.note", "tasks.memo"),))
    pace = Pace(lock_timeout_ms=200)
    with Writers(site).running() as seen, pytest.raises(AbloTimeoutError) as caught:
        migrate(admin, after, rename, pace=pace)
    error = caught.value
    assert (error.code, error.details["phase"]) == ("lock_timeout", "switch")
    assert "alter table" in error.details["statement"]
    assert "--lock-timeout" in (error.remedy or "")
    assert 0.5 < seen.longest_wait < 1.0
    assert not seen.failures
    assert (shape(admin), active(admin)) == (before, FIRST.hash)
    migrate(admin, after, rename, pace=replace(pace, lock_timeout_ms=20_000))  # by consent
    assert active(admin) == after.hash


def test_a_switch_that_nobody_waits_for_takes_its_time(admin: Conn) -> None:
    """Its statements together take longer than writers may wait, none of them alone."""
    admin.execute("""create function dawdle() returns event_trigger language plpgsql as $$
        begin perform pg_sleep(0.1); end $$""")
    admin.execute("create event trigger dawdle on ddl_command_end when tag in "
                  "('ALTER TABLE', 'CREATE FUNCTION') execute function dawdle()")  # fmt: skip
    after = tasks(*swapped(NOTE, Field("memo", "memo", "memo", FieldType.STRING, optional=True)))
    rename = MigrateOptions(renames=(("tasks.note", "tasks.memo"),))
    began = time.monotonic()
    migrate(admin, after, rename, pace=Pace(lock_timeout_ms=200))
    assert time.monotonic() - began > 2 * 0.7
    assert active(admin) == after.hash


def test_an_index_that_cannot_be_built_is_not_left_behind(admin: Conn) -> None:
    """A key larger than an index entry may be."""
    admin.execute("select set_config('app.current_org_id', 'o1', false)")
    long = "select string_agg(md5(n::text), '') from generate_series(1, 1000) n"
    admin.execute(f"update tasks set note = ({long}) where id = 'r1'")
    before = shape(admin)
    with pytest.raises(AbloServerError) as caught:
        migrate(admin, tasks(*swapped(NOTE, INDEXED)))
    assert caught.value.code == "migration_failed"
    assert caught.value.details["sqlstate"] == "54000"
    assert (shape(admin), active(admin)) == (before, FIRST.hash)


def test_a_backfill_that_was_interrupted_goes_on(site: DatabaseHandle, admin: Conn) -> None:
    """A row is held for longer than the patience; the next run writes what is left."""
    after = tasks(*TASKS.fields, OWNER)
    options = MigrateOptions(backfills={("tasks", "ownerId"): "ann"})
    with psycopg.connect(site.database_url) as holder:
        holder.execute("select set_config('app.current_org_id', 'o1', false)")
        holder.commit()
        calls = 0

        def hold(step: int, done: int, total: int) -> None:
            nonlocal calls
            if calls == 2:  # after the switch, before the first page
                holder.execute("update tasks set count = -1 where id = 'r1'")
            calls += 1

        with pytest.raises(AbloTimeoutError) as caught:
            migrate(admin, after, options, pace=HASTY, report=hold)
        assert caught.value.details["phase"] == "backfill"
        assert active(admin) == after.hash
        left = admin.execute("select count(*) from tasks where owner_id is null").fetchone()
        assert left == (1,)
    assert migrate(admin, after, options).written == 1
    assert migrate(admin, after).unchanged
    assert untold(admin, after.model("tasks")) == []


def test_a_page_that_takes_too_long_is_given_up_and_made_smaller(
    site: DatabaseHandle, admin: Conn
) -> None:
    """Rows that are slow to write: their writers wait for no page longer than for a lock."""
    admin.execute("delete from tasks where id not in (select id from tasks order by id limit 150)")
    admin.execute("""create function slow() returns trigger language plpgsql as $$
        begin perform pg_sleep(0.01); return new; end $$""")
    admin.execute("create trigger slow before update on tasks for each row execute function slow()")
    options = MigrateOptions(backfills={("tasks", "ownerId"): "ann"})
    sizes: list[int] = []
    before = 0

    def note(step: int, done: int, total: int) -> None:
        nonlocal before
        sizes.append(done - before)
        before = done

    pace = Pace(batch_seconds=0.05)
    migrate(admin, tasks(*TASKS.fields, OWNER), options, pace=pace, report=note)
    assert 0 < max(sizes) <= 20
    assert untold(admin, tasks(*TASKS.fields, OWNER).model("tasks")) == []


def test_two_at_once_are_told(site: DatabaseHandle, admin: Conn) -> None:
    with psycopg.connect(site.admin_url) as other:
        other.execute("select pg_advisory_xact_lock(hashtext('provision:public'))")
        with pytest.raises(AbloTimeoutError, match="another migration"):
            migrate(admin, FIRST)


def test_an_administrator_bound_by_row_level_security_sees_every_row(
    cluster: Server, site: DatabaseHandle, admin: Conn
) -> None:
    """A member of the owner without BYPASSRLS: the rows' word counts, and the policy goes again."""
    admin.execute("create role chief login")
    try:
        admin.execute("grant ablo_owner to chief")
        admin.execute("grant create on schema public to ablo_owner")
        with admin_connection(cluster.url(site.name, user="chief")) as chief:
            fewer = replace(STATUS, enum_values=("todo", "doing", "done"))
            with pytest.raises(Exception, match="150 rows"):
                plan(chief, tasks(*swapped(STATUS, fewer)))
            options = MigrateOptions(backfills={("tasks", "status"): "todo"})
            assert migrate(chief, tasks(*swapped(STATUS, fewer)), options).written == 150
        policies = admin.execute("select polname from pg_policy where polname like 'ablo%'")
        assert policies.fetchall() == []
    finally:
        admin.execute("drop owned by chief")
        admin.execute("drop role chief")


def test_a_plan_changes_nothing_and_is_a_script(site: DatabaseHandle, admin: Conn) -> None:
    before = shape(admin)
    options = MigrateOptions(backfills={("tasks", "ownerId"): "ann"})
    made = plan(admin, tasks(*TASKS.fields, replace(OWNER, indexed=True)), options)
    assert [step.phase for step in made.steps] == [
        "expand", "expand", "switch", "backfill", "contract", "contract", "contract", "contract",
    ]  # fmt: skip
    assert "create index concurrently" in made.sql
    assert shape(admin) == before
