"""Clients of an older schema: additive changes do not touch them, others are told by field."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import anyio
import anyio.lowlevel
import psycopg
import pytest

from ablo_pg import AsyncAblo, define_schema, model
from ablo_pg.compile.migration import MigrateOptions, Step
from ablo_pg.errors import AbloError
from ablo_pg.kernel import admin_connection, migrate, plan
from ablo_pg.schema import Field, FieldType, SchemaSpec, schema_hash
from ablo_pg.testing import DatabaseHandle

from .conftest import SCHEMA, MakeClient

pytestmark = pytest.mark.anyio
TASKS = SCHEMA.spec.model("tasks")


def with_tasks(*fields: Field) -> SchemaSpec:
    models = tuple(replace(m, fields=fields) if m is TASKS else m for m in SCHEMA.spec.models)
    spec = replace(SCHEMA.spec, models=models)
    return replace(spec, hash=schema_hash(spec))


def apply(db: DatabaseHandle, spec: SchemaSpec, **options: Any) -> None:
    with admin_connection(db.admin_url) as conn:
        migrate(conn, spec, MigrateOptions(**options))


def changed(name: str, **parts: Any) -> SchemaSpec:
    return with_tasks(*(replace(f, **parts) if f.name == name else f for f in TASKS.fields))


def without(name: str) -> SchemaSpec:
    return with_tasks(*(each for each in TASKS.fields if each.name != name))


async def test_an_additive_change_disturbs_neither_calls_nor_streams(
    ablo: AsyncAblo, db: DatabaseHandle
) -> None:
    async with ablo.tasks.subscribe() as changes:
        task = await ablo.tasks.create({"title": "before"})
        assert (await changes.__anext__()).id == task.id
        more = Field("extra", "extra", "extra", FieldType.INTEGER, default=3)
        apply(db, with_tasks(*TASKS.fields, more))
        await ablo.tasks.update(task.id, {"title": "after"})
        change = await changes.__anext__()
        assert (change.op, change.row.title) == ("update", "after")
        assert (await ablo.tasks.retrieve(task.id)).title == "after"
        assert [row.id for row in await ablo.tasks.list({"title": "after"})] == [task.id]


@pytest.mark.parametrize(
    ("after", "data", "code", "told"),
    [
        (without("due_date"), {"due_date": None}, "unknown_field", "no longer declared"),
        (
            changed("status", enum_values=("todo", "doing")),
            {"status": "done"},
            "check_violation",
            "no longer allows 'done'",
        ),
        (
            changed("count", type=FieldType.UUID, default=None, optional=True),
            {"count": 3},
            "column_type_mismatch",
            "now has type uuid, not integer",
        ),
    ],
    ids=["removed", "enum value removed", "retyped"],
)
async def test_a_write_is_told_what_became_of_the_field(
    ablo: AsyncAblo, db: DatabaseHandle, after: SchemaSpec, data: Any, code: str, told: str
) -> None:
    apply(db, after)
    with pytest.raises(AbloError, match=told) as caught:
        await ablo.tasks.create({"title": "x", **data})
    error = caught.value
    assert (error.code, error.model, error.field) == (code, "tasks", next(iter(data)))
    assert error.details["schema"]["active"] == after.hash
    assert error.details["schema"]["client"] == SCHEMA.hash
    assert "deploy this program" in (error.remedy or "")


async def test_a_filter_is_told_too(ablo: AsyncAblo, db: DatabaseHandle) -> None:
    apply(db, without("due_date"))
    with pytest.raises(AbloError, match=r"tasks\.dueDate is no longer declared"):
        await ablo.tasks.list({"due_date": None})


def broken(error: AbloError, code: str, name: str, after: SchemaSpec) -> None:
    assert (error.code, error.model, error.field) == (code, "tasks", name)
    assert error.details["schema"]["active"] == after.hash


@pytest.mark.parametrize(
    ("after", "code", "name"),
    [
        (without("due_date"), "unknown_field", "due_date"),
        (
            changed("count", type=FieldType.JSON, default=None, optional=True),
            "column_type_mismatch",
            "count",
        ),
    ],
    ids=["removed", "retyped"],
)
async def test_a_reader_is_told_which_field_has_gone(
    ablo: AsyncAblo, db: DatabaseHandle, after: SchemaSpec, code: str, name: str
) -> None:
    task = await ablo.tasks.create({"title": "before"})
    async with ablo.tasks.subscribe() as changes:
        with psycopg.connect(db.admin_url, autocommit=True) as conn:
            if name == "count":  # as a person would do it, who knows that the table is small
                conn.execute("alter table tasks alter column count drop default")
                conn.execute("alter table tasks alter column count type jsonb using '[1]'::jsonb")
        apply(db, after)
        with psycopg.connect(db.admin_url, autocommit=True) as conn:
            conn.execute("update tasks set title = 'after'")
        with pytest.raises(AbloError) as caught:
            await changes.__anext__()
        broken(caught.value, code, name, after)
    with pytest.raises(AbloError) as caught:
        await ablo.tasks.retrieve(task.id)
    broken(caught.value, code, name, after)
    with pytest.raises(AbloError) as caught:
        await ablo.tasks.list()
    broken(caught.value, code, name, after)
    with pytest.raises(AbloError) as caught:
        await ablo.snapshot(tasks=[task.id])
    broken(caught.value, code, name, after)


async def test_a_program_that_is_newer_than_the_schema_reads_its_defaults(
    make_client: MakeClient, db: DatabaseHandle
) -> None:
    newer = make_client(schema=define_schema(tasks=model(title=str, colour=(str | None, None))))
    older = make_client()
    task = await older.tasks.create({"title": "x"})
    assert (await newer.tasks.retrieve(task.id)).colour is None


async def test_a_commit_that_meets_a_migration_is_sent_again(
    ablo: AsyncAblo, db: DatabaseHandle
) -> None:
    """Its function is of before, the columns are of after: the second answer counts."""
    task = await ablo.tasks.create({"title": "x"})
    memo = Field("deadline", "deadline", "deadline", FieldType.DATE, optional=True)
    fields = (memo if f.name == "due_date" else f for f in TASKS.fields)
    options = MigrateOptions(renames=(("tasks.due_date", "tasks.deadline"),))
    with admin_connection(db.admin_url) as conn, admin_connection(db.admin_url) as eye:
        steps = plan(conn, with_tasks(*fields), options).steps
        (switch,) = (step for step in steps if isinstance(step, Step) and step.phase == "switch")
        async with anyio.create_task_group() as group:
            with conn.transaction():
                for statement in switch.statements:
                    conn.execute(statement)
                group.start_soon(ablo.tasks.update, task.id, {"title": "y"})
                while eye.execute(BLOCKED, [conn.info.backend_pid]).fetchone() is None:
                    await anyio.lowlevel.checkpoint()
        row = eye.execute("select title, deadline from tasks").fetchone()
    assert row == ("y", None)


BLOCKED = "select from pg_stat_activity a where %s = any (pg_blocking_pids(a.pid))"


async def test_a_model_that_is_gone(make_client: MakeClient, db: DatabaseHandle) -> None:
    ablo = make_client()
    projects = replace(SCHEMA.spec, models=(SCHEMA.spec.model("projects"),))
    apply(db, replace(projects, hash=schema_hash(projects)))
    with pytest.raises(AbloError, match="the model tasks is no longer declared"):
        await ablo.tasks.retrieve("t")


async def test_an_error_that_has_nothing_to_do_with_it_stays_as_it_is(
    ablo: AsyncAblo, db: DatabaseHandle
) -> None:
    apply(db, without("due_date"))
    with pytest.raises(AbloError) as caught:
        await ablo.commits.create(
            operations=[{"action": "update", "model": "tasks", "id": "none", "data": {"count": 1}}]
        )
    assert caught.value.code == "entity_not_found"
    assert "schema" not in caught.value.details


async def test_ready_says_in_the_log_what_is_missing(
    make_client: MakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    newer = define_schema(tasks=model(title=str, colour=str))
    await make_client(schema=newer).ready()
    assert "tasks.colour is no longer declared" in caplog.text
