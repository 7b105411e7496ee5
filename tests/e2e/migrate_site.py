"""A database to be migrated: its first schema, variations of it, and rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import psycopg

from ablo_pg.schema import Field, FieldType, ModelSpec, Relation, SchemaSpec, schema_hash

TITLE = Field("title", "title", "title", FieldType.STRING)
STATUS = Field(
    "status", "status", "status", FieldType.ENUM, enum_values=("todo", "doing", "done", "lost")
)
COUNT = Field("count", "count", "count", FieldType.INTEGER, default=0)
NOTE = Field("note", "note", "note", FieldType.STRING, optional=True)
PROJECT = Field("projectId", "projectId", "project_id", FieldType.STRING, optional=True)
REF = Field("ref", "ref", "ref", FieldType.UUID, optional=True)
TASKS = ModelSpec("tasks", "Task", "tasks", (TITLE, STATUS, COUNT, NOTE, PROJECT, REF))
NAME = Field("name", "name", "name", FieldType.STRING)
PROJECTS = ModelSpec("projects", "Project", "projects", (NAME,))

ROWS = """
insert into tasks (organization_id, id, title, status, count, note, project_id, ref)
select 'o' || n %% 3, 'r' || n, 'title ' || n, (array['todo', 'doing', 'done', 'lost'])[1 + n %% 4],
  n, case when n %% 2 = 0 then 'note' end, 'p' || n %% 5,
  ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid
from generate_series(1, %s) n"""
DELTAS = """
insert into ablo.delta (sync_id, organization_id, model, row_id, op, groups, "row", actor, xid,
  created_at)
select nextval('ablo.sync_id'), t.organization_id, 'Task', t.id, 'I', ablo_model.tasks__groups(t),
  ablo_model.tasks__row(t), 'system:fill', pg_current_xact_id(), clock_timestamp() from tasks t"""
PARENTS = """
insert into projects (organization_id, id, name)
select 'o' || o, 'p' || p, 'name' from generate_series(0, 2) o, generate_series(0, 4) p"""


def schema(*models: ModelSpec) -> SchemaSpec:
    """Make a schema of models, with its hash."""
    spec = SchemaSpec(tuple(sorted(models, key=lambda model: model.key)))
    return replace(spec, hash=schema_hash(spec))


def tasks(*fields: Field, relations: tuple[Relation, ...] = (), **options: Any) -> SchemaSpec:
    """Make the schema with other fields (default: as it was), relations and options of tasks."""
    model = replace(TASKS, fields=fields or TASKS.fields, relations=relations, **options)
    return schema(PROJECTS, model)


FIRST = tasks()


def swapped(old: Field, *new: Field) -> tuple[Field, ...]:
    """Return the fields of tasks with one replaced."""
    return tuple(part for each in TASKS.fields for part in (new if each is old else (each,)))


def fill(conn: psycopg.Connection[Any], rows: int) -> None:
    """Put rows into both tables. The deltas of the many are as capture makes them, in one go."""
    conn.execute("set timezone = 'UTC'")
    conn.execute(PARENTS)
    conn.execute("alter table tasks disable trigger zz_ablo_capture")
    conn.execute(ROWS, [rows])
    conn.execute("alter table tasks enable always trigger zz_ablo_capture")
    conn.execute(DELTAS)
    conn.execute("analyze tasks")
