"""Sixteen writers for I1, as unlike each other as writers of one database are.

A writer runs a number of rounds, each a transaction or some, over rows that all of them share. What
Postgres refuses because of the others (serialization, deadlock) is tried no further: the next round
comes. `WRITERS` maps a name to the writer and its isolation level.
"""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, LiteralString

import psycopg
from psycopg import IsolationLevel

from .order_orm import orm
from .order_psql import psql
from .site import ORGS, Connection, Site

RC: Final = IsolationLevel.READ_COMMITTED
RR: Final = IsolationLevel.REPEATABLE_READ
SERIALIZABLE: Final = IsolationLevel.SERIALIZABLE

ROWS: Final = 40  # tasks of an organization that all writers change

REFUSED: Final = (
    psycopg.errors.SerializationFailure,
    psycopg.errors.DeadlockDetected,
    psycopg.errors.LockNotAvailable,
)
TOUCH: Final[LiteralString] = (
    "update tasks set count = count + 1 where organization_id = %s and id = %s"
)
ADD: Final[LiteralString] = "insert into tasks (organization_id, id, title) values (%s, %s, 'New')"


@dataclass(slots=True)
class Work:
    """What one writer gets, and tells: `landed`, how many of its transactions were committed."""

    site: Site
    name: str
    rounds: int
    level: IsolationLevel
    random: random.Random = field(init=False)
    landed: int = 0

    def __post_init__(self) -> None:
        self.random = random.Random(self.name)

    def organization(self) -> str:
        return self.random.choice(ORGS)

    def task(self) -> str:
        return f"t{self.random.randint(1, ROWS)}"

    def new(self) -> str:
        return str(uuid.UUID(int=self.random.getrandbits(128)))

    def place(self) -> tuple[str, str]:
        """An organization and a task that is there."""
        return self.organization(), self.task()

    @contextmanager
    def superuser(self) -> Iterator[Connection]:
        with self.site.connect() as conn:
            conn.isolation_level = self.level
            yield conn

    @contextmanager
    def attempt(self, conn: Connection) -> Iterator[None]:
        """Do a transaction's work; what the others made fail is let go."""
        try:
            with conn.transaction():
                yield
            self.landed += 1
        except REFUSED:
            return


def api(work: Work) -> None:
    """One commit a transaction, through the runtime login."""
    with work.site.runtime() as conn:
        for _ in range(work.rounds):
            organization = work.organization()
            with work.attempt(conn):
                conn.execute(
                    "select ablo.commit(%s, 'agent:api', %s, %s)",
                    [organization, work.new(), json.dumps(_request(work))],
                )


def batch(work: Work) -> None:
    """Group commits; one that would have had to wait is sent alone, as a client does."""
    with work.site.runtime() as conn:
        for _ in range(work.rounds):
            organization = work.organization()
            commits = [
                {"participant": "agent:batch", "key": work.new(), "request": _request(work)}
                for _ in range(6)
            ]
            errors: list[Any] = []
            with work.attempt(conn):
                query = "select error from ablo.commit_batch(%s, %s)"
                rows = conn.execute(query, [organization, json.dumps(commits)]).fetchall()
                errors = [error for (error,) in rows]
            for commit, error in zip(commits, errors, strict=False):
                if error is not None:
                    assert error["sqlstate"] in ("55P03", "40P01"), error
                    _alone(work, conn, organization, commit)


def _alone(work: Work, conn: Connection, organization: str, commit: dict[str, Any]) -> None:
    values = [organization, commit["participant"], commit["key"], json.dumps(commit["request"])]
    with work.attempt(conn):
        conn.execute("select ablo.commit(%s, %s, %s, %s)", values)


def _request(work: Work) -> dict[str, Any]:
    new = work.new()
    return {
        "operations": [
            {"action": "create", "model": "tasks", "id": new, "data": {"title": "New"}},
            {"action": "update", "model": "tasks", "id": work.task(), "data": {"count": 1}},
            {"action": "delete", "model": "tasks", "id": new},
        ][: work.random.randint(1, 3)]
    }


def copier(work: Work) -> None:
    """COPY into all organizations; every third one is rolled back."""
    with work.superuser() as conn:
        for number in range(work.rounds):
            with work.attempt(conn), conn.cursor() as cursor:
                with cursor.copy("copy tasks (organization_id, id, title) from stdin") as copy:
                    for organization in work.random.sample(ORGS, 2):
                        copy.write_row((organization, work.new(), "Copied"))
                if number % 3 == 2:
                    raise psycopg.Rollback


def savepoints(work: Work) -> None:
    """Nested savepoints, half of them rolled back."""
    with work.superuser() as conn:
        for _ in range(work.rounds):
            with work.attempt(conn):
                conn.execute(TOUCH, work.place())
                for _ in range(3):
                    with conn.transaction():
                        conn.execute(ADD, (work.organization(), work.new()))
                        with conn.transaction(force_rollback=work.random.random() < 0.5):
                            conn.execute(TOUCH, work.place())
                        if work.random.random() < 0.5:
                            raise psycopg.Rollback


def two_phase(work: Work) -> None:
    """Prepared transactions, committed or rolled back by a session that had no part in them."""
    with work.superuser() as conn, work.site.connect() as second:
        for number in range(work.rounds):
            name = work.new()
            try:
                conn.execute(f"begin isolation level {work.level.name.replace('_', ' ')}".encode())
                conn.execute(TOUCH, work.place())
                conn.execute(ADD, (work.organization(), work.new()))
                conn.execute(f"prepare transaction '{name}'".encode())
            except REFUSED:
                conn.rollback()
                continue
            end = "rollback" if number % 3 == 2 else "commit"
            second.execute(f"{end} prepared '{name}'".encode())
            work.landed += 1


def everywhere(work: Work) -> None:
    """A superuser's UPDATE over all organizations, with none of them set."""
    with work.superuser() as conn:
        for _ in range(work.rounds):
            with work.attempt(conn):
                conn.execute("update tasks set count = 0 where id = %s", [work.task()])
                conn.execute("delete from tasks where id = %s", [work.new()])


def immediate(work: Work) -> None:
    """Captures that run with each statement, in PL/pgSQL with exceptions caught."""
    block = """
      do $$
      begin
        set constraints all immediate;
        for i in 1 .. 3 loop
          begin
            update tasks set count = i where organization_id = '{0}' and id = '{1}';
            if i = 2 then raise exception using errcode = 'AB999'; end if;
          exception when sqlstate 'AB999' then null;
          end;
        end loop;
      end $$"""
    with work.superuser() as conn:
        for _ in range(work.rounds):
            with work.attempt(conn):
                conn.execute(block.format(*work.place()).encode())


Writer = Callable[[Work], None]

WRITERS: Final[dict[str, tuple[Writer, IsolationLevel]]] = {
    "api 1": (api, RC),
    "api 2": (api, RC),
    "batch 1": (batch, RC),
    "batch 2": (batch, RC),
    "psql, read committed": (psql, RC),
    "psql, repeatable read": (psql, RR),
    "psql, serializable": (psql, SERIALIZABLE),
    "orm, read committed": (orm, RC),
    "orm, repeatable read": (orm, RR),
    "orm, serializable": (orm, SERIALIZABLE),
    "copy": (copier, SERIALIZABLE),
    "savepoints": (savepoints, RR),
    "two-phase, read committed": (two_phase, RC),
    "two-phase, serializable": (two_phase, SERIALIZABLE),
    "everywhere": (everywhere, RR),
    "immediate": (immediate, RC),
}
