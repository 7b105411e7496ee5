"""Running a compiled schema again changes nothing; running a grown one adds what is new."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import replace
from typing import Any, Literal

import psycopg
import pytest

from ablo_pg.cluster import find_binaries
from ablo_pg.compile import compile_schema
from ablo_pg.errors import AbloServerError
from ablo_pg.schema import Field, FieldType, ModelSpec, SchemaSpec

TITLE = Field("title", "title", "title", FieldType.STRING)
STATUS = Field("status", "status", "status", FieldType.ENUM, enum_values=("todo", "done"))
TASKS = ModelSpec("tasks", "tasks", "tasks", (TITLE, STATUS))


def program(name: str) -> str:
    prefer: Literal["embedded", "system"] = (
        "system" if os.environ.get("ABLO_TEST_POSTGRES") == "system" else "embedded"
    )
    return str(find_binaries(prefer=prefer).bin / name)


def target(conn: psycopg.Connection) -> list[str]:
    info = conn.info
    return ["-h", info.host, "-p", str(info.port), "-U", info.user, "-d", info.dbname]


def structure(conn: psycopg.Connection) -> str:
    dump = subprocess.run(
        [program("pg_dump"), "-s", *target(conn)], check=True, capture_output=True, text=True
    ).stdout
    return "\n".join(line for line in dump.split("\n") if "restrict" not in line)


def run_script(conn: psycopg.Connection, sql: str) -> None:
    """Run a script as a user would: psql, stopping at the first error."""
    command = [program("psql"), "-X", "-q", "-o", os.devnull, "-v", "ON_ERROR_STOP=1"]
    done = subprocess.run(
        [*command, *target(conn)], input=sql, check=False, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


def spec(*fields: Field) -> SchemaSpec:
    return SchemaSpec((replace(TASKS, fields=fields),))


def test_psql_twice_leaves_the_same_structure(database: Any, everything: Any) -> None:
    sql = compile_schema(everything).sql
    run_script(database.conn, sql)
    before = structure(database.conn)
    assert 'CREATE TABLE crm."Event Log"' in before
    run_script(database.conn, sql)
    assert structure(database.conn) == before


def test_ablo_owner_itself_can_run_it_again(database: Any, everything: Any) -> None:
    """The first run makes a schema; after that the owner needs nobody."""
    database.apply(everything)
    before = structure(database.conn)
    with database.conn.transaction():
        database.conn.execute("set local role ablo_owner")
        for statement in compile_schema(everything).statements:
            database.conn.execute(statement)
    assert structure(database.conn) == before


def test_a_second_run_takes_no_strong_lock(database: Any, everything: Any) -> None:
    database.apply(everything)
    with database.conn.transaction():
        for statement in compile_schema(everything).statements:
            database.conn.execute(statement)
        locks = database.conn.execute(
            """select distinct l.mode from pg_locks l join pg_class c on c.oid = l.relation
               join pg_namespace n on n.oid = c.relnamespace
               where l.pid = pg_backend_pid() and n.nspname in ('public', 'crm')"""
        ).fetchall()
    assert {mode for (mode,) in locks} <= {"AccessShareLock"}


def test_growing_a_table_that_has_rows(database: Any) -> None:
    database.apply(spec(TITLE, STATUS))
    database.commit("tasks", "create", "a", {"title": "x", "status": "todo"})
    size = Field("size", "size", "size", FieldType.INTEGER, default=3, indexed=True)
    owner = Field("ownerId", "ownerId", "owner_id", FieldType.STRING)
    note = Field("note", "note", "note", FieldType.STRING, optional=True)
    wider = replace(STATUS, enum_values=("todo", "done", "late"))
    database.apply(spec(TITLE, wider, size, owner, note))
    rows = database.conn.execute("select status, size, owner_id, note from tasks").fetchall()
    assert rows == [("todo", 3, None, None)]
    database.commit("tasks", "update", "a", {"status": "late", "ownerId": "u"})
    assert database.deltas("a")[-1][2]["size"] == 3
    nullable = dict(
        database.conn.execute(
            """select attname, not attnotnull from pg_attribute
               where attrelid = 'tasks'::regclass and attnum > 0"""
        ).fetchall()
    )
    assert nullable["owner_id"]
    assert not nullable["size"]
    database.apply(spec(TITLE, wider, size, owner, note))
    again = "select attnotnull from pg_attribute where attname = 'owner_id'"
    assert database.conn.execute(again).fetchone() == (True,)
    index = "select count(*) from pg_indexes where indexname = 'tasks_size_idx'"
    assert database.conn.execute(index).fetchone() == (1,)


def test_a_field_may_become_optional(database: Any) -> None:
    database.apply(spec(TITLE, STATUS))
    database.apply(spec(replace(TITLE, optional=True), STATUS))
    database.commit("tasks", "create", "a", {"title": None, "status": "todo"})


def test_a_retyped_field_is_refused_by_name(database: Any) -> None:
    odd = replace(TASKS, key="50% {x}", typename="50% {x}")
    database.apply(SchemaSpec((odd,)))
    fields = (replace(TITLE, type=FieldType.INTEGER), STATUS)
    with pytest.raises(AbloServerError) as caught:
        database.apply(SchemaSpec((replace(odd, fields=fields),)))
    assert caught.value.details["sqlstate"] == "AB040"
    assert caught.value.details["message"] == (
        "50% {x}.title: the column public.tasks.title is of type text, not int8"
    )


def test_an_enum_is_not_narrowed_over_rows_that_use_it(database: Any) -> None:
    database.apply(spec(TITLE, STATUS))
    database.commit("tasks", "create", "a", {"title": "x", "status": "todo"})
    narrower = spec(TITLE, replace(STATUS, enum_values=("done",)))
    with pytest.raises(AbloServerError, match="SQLSTATE 23514"):
        database.apply(narrower)
    database.commit("tasks", "create", "b", {"title": "x", "status": "todo"})


@pytest.mark.parametrize(
    "damage",
    [
        "alter table tasks disable trigger zz_ablo_capture",
        "alter table tasks enable trigger zz_ablo_guard",
        "drop trigger zz_ablo_truncate on tasks",
        "drop policy tasks_tenant_isolation on tasks",
        "alter table tasks no force row level security",
        "alter table tasks drop constraint tasks_status_enum",
        "alter table tasks owner to current_user",
    ],
)
def test_a_run_repairs_drift(database: Any, damage: Any) -> None:
    database.apply(spec(TITLE, STATUS))
    before = structure(database.conn)
    database.conn.execute(damage)
    assert structure(database.conn) != before
    database.apply(spec(TITLE, STATUS))
    assert structure(database.conn) == before


def test_the_registry_follows(database: Any) -> None:
    database.apply(spec(TITLE, STATUS))
    database.apply(spec(TITLE))
    database.apply(spec(TITLE))
    versions = database.conn.execute(
        "select schema, active from ablo.schema_version order by version"
    ).fetchall()
    assert [active for _, active in versions] == [False, True]
    assert json.loads(json.dumps(versions[1][0]))["models"]["tasks"]["fields"].keys() == {"title"}
