"""The database that the invariant tests work on: three models in a chain of owners, and an audit.

projects own tasks, tasks own notes; both edges are foreign keys that cascade.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg

from ablo_pg import Model, belongs_to, define_schema
from ablo_pg.testing import DatabaseHandle

TABLES = ("projects", "tasks", "notes")
ORGS = ("acme", "globex", "initech")

Connection = psycopg.Connection[tuple[Any, ...]]


class Project(Model):
    name: str


class Task(Model):
    title: str
    count: int = 0
    project_id: str | None = None
    project = belongs_to("projects", parent=True, fk=True)


class Note(Model):
    body: str
    score: float | None = None
    task_id: str | None = None
    task = belongs_to("tasks", parent=True, fk=True)


SCHEMA = define_schema(projects=Project, tasks=Task, notes=Note)


@dataclass(frozen=True, slots=True)
class Site:
    """A fresh database with the models. `admin` is a superuser's session in it, autocommit."""

    handle: DatabaseHandle
    admin: Connection

    def connect(self) -> Connection:
        """Open another superuser's session."""
        return psycopg.connect(self.handle.admin_url, autocommit=True)

    def runtime(self) -> Connection:
        """Open a session of the runtime login, which row-level security binds."""
        return psycopg.connect(self.handle.database_url, autocommit=True)

    def seed(self, *, per_org: int, orgs: tuple[str, ...] = ORGS) -> None:
        """Give each organization one project `p` and tasks `t1`, `t2`, ... in it."""
        self.admin.execute(
            """insert into projects (organization_id, id, name)
               select o, 'p', 'Project of ' || o from unnest(%s::text[]) o""",
            [list(orgs)],
        )
        self.admin.execute(
            """insert into tasks (organization_id, id, title, project_id)
               select o, 't' || n, 'Task ' || n, 'p'
                 from unnest(%s::text[]) o, generate_series(1, %s) n""",
            [list(orgs), per_org],
        )


@contextmanager
def site_session(handle: DatabaseHandle) -> Iterator[Site]:
    """Open a site on a database. A prepared transaction left behind would keep it from dropping."""
    with psycopg.connect(handle.admin_url, autocommit=True) as admin:
        try:
            yield Site(handle, admin)
        finally:
            left = admin.execute(
                "select gid from pg_prepared_xacts where database = current_database()"
            )
            for (gid,) in left.fetchall():
                admin.execute(psycopg.sql.SQL("rollback prepared {}").format(gid))
