"""A database in use, for migrations: many rows, writers of three kinds, and what watches them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final

import psycopg
from psycopg.types.json import Jsonb

from ablo_pg.db.errors import translate
from ablo_pg.schema import MISSING, Field, FieldType, ModelSpec, Relation, SchemaSpec, schema_hash
from ablo_pg.testing import DatabaseHandle

ORGANIZATIONS: Final = 3
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
PARENTS = """
insert into projects (organization_id, id, name)
select 'o' || o, 'p' || p, 'name' from generate_series(0, 2) o, generate_series(0, 4) p"""
# Blocked on a lock of a table, and since when; the migration's own waits are not counted.
WAITS = """
select coalesce(max(extract(epoch from clock_timestamp() - l.waitstart)), 0)
from pg_locks l join pg_stat_activity a on a.pid = l.pid
where not l.granted and l.locktype in ('relation', 'transactionid', 'tuple')
  and a.application_name = 'writer' and a.datname = current_database()"""


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
    """Put rows into both tables; deltas of the many go in pages, as writers make them."""
    conn.execute(PARENTS)
    conn.execute(ROWS, [rows])
    conn.execute("analyze tasks")


@dataclass
class Watch:
    """What writers and watcher saw."""

    writes: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    longest_wait: float = 0.0


@dataclass
class Writers:
    """Threads that write until they are stopped."""

    handle: DatabaseHandle
    seen: Watch = field(default_factory=Watch)
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    @contextmanager
    def running(self) -> Iterator[Watch]:
        """Let three writers and the watcher run; every one has begun when this returns."""
        started = threading.Barrier(5)
        for work in (self._api, self._plain, self._admin, self._watch):
            thread = threading.Thread(target=self._guarded, args=(work, started), daemon=True)
            thread.start()
            self._threads.append(thread)
        started.wait(20)
        try:
            yield self.seen
            self._until_more(60)
        finally:
            self._stop.set()
            for thread in self._threads:
                thread.join(20)

    def _until_more(self, count: int) -> None:
        """Wait until so many further writes were tried, at most 20 s: they meet what is new."""
        until = time.monotonic() + 20
        goal = self._tried() + count
        while self._tried() < goal and time.monotonic() < until:
            time.sleep(0.01)

    def _tried(self) -> int:
        return self.seen.writes + sum(self.seen.refused.values()) + len(self.seen.failures)

    def _guarded(
        self, work: Callable[[threading.Barrier], None], started: threading.Barrier
    ) -> None:
        try:
            work(started)
        except Exception as exc:  # shown by the test: a writer must not end
            self.seen.failures.append(f"{work.__name__}: {exc!r}")

    def _api(self, started: threading.Barrier) -> None:
        """Commits of someone who knows the first schema."""
        with self._connect(self.handle.database_url) as conn:
            started.wait(20)
            for number in self._turns():
                data = {"title": f"t{number}", "status": "doing", "note": "n", "count": number}
                operation = {"action": "update", "model": "tasks", "id": f"r{3 * (number % 200)}"}
                if number % 10 == 0:
                    operation = {"action": "create", "model": "tasks", "id": f"new{number}"}
                request = Jsonb({"operations": [{**operation, "data": data}]})
                arguments = ["o0", "user:ann", f"k{number}", request]
                self._write(conn, "select ablo.commit(%s, %s, %s, %s)", arguments)

    def _plain(self, started: threading.Barrier) -> None:
        """Plain SQL under row-level security, on columns that no change here touches."""
        with self._connect(self.handle.database_url) as conn:
            conn.execute("set app.current_org_id = 'o1'")
            started.wait(20)
            for number in self._turns():
                query = "update tasks set count = count + 1 where id = %s"
                self._write(conn, query, [f"r{3 * (number % 300) + 1}"])

    def _admin(self, started: threading.Barrier) -> None:
        """An administrator's statement over rows of several organizations."""
        with self._connect(self.handle.admin_url) as conn:
            started.wait(20)
            for number in self._turns():
                query = "update tasks set count = count + 1 where id = any (%s)"
                self._write(conn, query, [[f"r{900 + number % 50}", f"r{1000 + number % 50}"]])

    def _watch(self, started: threading.Barrier) -> None:
        with psycopg.connect(self.handle.admin_url, autocommit=True) as conn:
            started.wait(20)
            while not self._stop.wait(0.01):
                row = conn.execute(WAITS).fetchone()
                assert row is not None
                self.seen.longest_wait = max(self.seen.longest_wait, float(row[0]))

    def _connect(self, url: str) -> psycopg.Connection[Any]:
        return psycopg.connect(url, autocommit=True, application_name="writer")

    def _turns(self) -> Iterator[int]:
        number = 0
        while not self._stop.wait(0.003):
            number += 1
            yield number

    def _write(self, conn: psycopg.Connection[Any], query: str, arguments: list[Any]) -> None:
        try:
            conn.execute(query, arguments)
        except psycopg.Error as exc:
            error = translate(exc)
            self.seen.refused[error.code] = self.seen.refused.get(error.code, 0) + 1
            if error.code == "internal_error":
                self.seen.failures.append(f"{exc.sqlstate}: {exc}")
        else:
            self.seen.writes += 1


def fold(conn: psycopg.Connection[Any], typename: str, model: ModelSpec) -> dict[Any, Any]:
    """Add up the log. A field that a row's last delta is too old to have reads as its default."""
    rows: dict[Any, Any] = {}
    query = """select organization_id, row_id, op, "row" from ablo.delta where model = %s
               order by organization_id, sync_id"""
    for organization, row_id, op, row in conn.execute(query, [typename]):
        if op == "D":
            rows.pop((organization, row_id), None)
        else:
            rows[organization, row_id] = row
    wires = {each.wire: each.default for each in model.fields}
    base = ("id", "createdAt", "updatedAt", "organizationId", "createdBy")
    return {
        key: {name: row[name] for name in base}
        | {
            wire: row.get(wire, None if default is MISSING else default)
            for wire, default in wires.items()
        }
        for key, row in rows.items()
    }


def stored(conn: psycopg.Connection[Any], model: ModelSpec) -> dict[Any, Any]:
    """Read the table as the model's JSON."""
    wires = [each.wire for each in model.fields]
    base = ["id", "createdAt", "updatedAt", "organizationId", "createdBy"]
    conn.execute("set timezone = 'UTC'")
    query = f'select ablo_model."{model.key}__row"(t) from {model.table} t'
    found = {}
    for (row,) in conn.execute(query):
        row = row if isinstance(row, dict) else json.loads(row)
        found[row["organizationId"], row["id"]] = {name: row[name] for name in base + wires}
    return found
