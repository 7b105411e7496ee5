"""What kernel tests work on: a schema of all types, and callers of the kernel's entry points.

A `Caller` is one connection of the runtime login that acts for one organization and participant.
It raises the errors of `ablo_pg.errors`, through whichever door (`commit` or `commit_batch`).
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import secrets
import uuid
from collections.abc import Iterable
from contextlib import ExitStack
from decimal import Decimal
from types import TracebackType
from typing import Any, Literal, Self

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow, tuple_row

from ablo_pg import Model, belongs_to, define_schema
from ablo_pg.db.errors import error_of, translate
from ablo_pg.db.report import report_of
from ablo_pg.db.routines import COMMIT, COMMIT_BATCH
from ablo_pg.errors import AbloError
from ablo_pg.testing import DatabaseHandle

ROW_GET = "select ablo.row_get(%s, %s, %s, %s, %s)"
ROW_LIST = "select ablo.row_list(%s, %s, %s, %s::jsonb, %s)"
ROW_AT = "select ablo.row_at(%s, %s, %s, %s, %s, %s)"
ROW_HISTORY = "select ablo.row_history(%s, %s, %s, %s, %s, %s, %s)"
SNAPSHOT_READ = "select ablo.snapshot_read(%s, %s, %s::jsonb, %s)"
AS_NEW = """
reset session authorization; reset role; reset all; close all; discard temp;
select pg_advisory_unlock_all()"""
LISTENS = "select from pg_listening_channels()"
KEPT = 6  # connections of each login
Door = Literal["commit", "batch"]
Json = dict[str, Any]


class Project(Model):
    name: str


class Task(Model):
    title: str
    status: Literal["todo", "doing", "done"] = "todo"
    count: int = 0
    price: Decimal | None = None
    score: float | None = None
    urgent: bool | None = None
    due_at: dt.datetime | None = None
    day: dt.date | None = None
    ref: uuid.UUID | None = None
    meta: dict[str, Any] | None = None
    project_id: str | None = None
    project = belongs_to("projects", parent=True, fk=True)


class Note(Model, conflict={"agent": "notify", "user": "overwrite"}):
    text: str


class Country(Model, tenancy="none"):
    name: str


class Ledger(Model, mutable=False):
    amount: int


SCHEMA = define_schema(projects=Project, tasks=Task, notes=Note, countries=Country, ledgers=Ledger)


def op(action: str, model: str, row_id: str | None, data: Json | None = None, **guard: Any) -> Json:
    """Return an operation; guard: readAt, onStale, transactionId."""
    operation = {"action": action, "model": model, "id": row_id, **guard}
    return operation if data is None else operation | {"data": data}


def create(row_id: str, model: str = "tasks", /, **data: Any) -> Json:
    """Return an operation that creates a task (titled like its id unless said), or another row."""
    if model == "tasks":
        data = {"title": row_id} | data
    return op("create", model, row_id, data)


def update(
    row_id: str, /, read_at: int | None = None, on_stale: str | None = None, **data: Any
) -> Json:
    """Return an operation that updates a task, guarded when `read_at` is given."""
    guard = {"readAt": read_at, "onStale": on_stale}
    return op("update", "tasks", row_id, data, **{k: v for k, v in guard.items() if v is not None})


class Caller:
    """One connection of the runtime login, for one organization and participant."""

    def __init__(
        self, conn: psycopg.Connection[TupleRow], organization: str, participant: str
    ) -> None:
        self.conn = conn
        self.organization = organization
        self.participant = participant

    @property
    def pid(self) -> int:
        """The backend's process id."""
        return self.conn.info.backend_pid

    def _value(self, query: Any, *args: object) -> Any:
        try:
            row = self.conn.execute(query, args or None).fetchone()
        except psycopg.Error as exc:
            raise translate(exc) from exc
        assert row is not None
        return row[0]

    def commit(
        self,
        *operations: Any,
        reads: Any = None,
        track: Any = None,
        key: str | None = None,
        door: Door = "commit",
        on_behalf_of: str | None = None,
        capability_id: str | None = None,
        returning: bool | None = None,
    ) -> Json:
        """Run one commit through either door; return the receipt or raise the typed error."""
        more = {"reads": reads, "track": track, "returning": returning}
        request = {"operations": list(operations)}
        request |= {name: value for name, value in more.items() if value is not None}
        behalf = (on_behalf_of, capability_id)
        return self.commit_text(json.dumps(request), key or uuid.uuid4().hex, door, behalf)

    def commit_text(
        self,
        request: str,
        key: str | None,
        door: Door = "commit",
        behalf: tuple[str | None, str | None] = (None, None),
    ) -> Json:
        """Run a commit whose request is JSON text; behalf: on behalf of whom, capability."""
        if door == "commit":
            arguments = (self.organization, self.participant, key, request)
            receipt: Json = self._value(COMMIT, *arguments, *behalf)
            return receipt
        item = {"participant": self.participant, "key": key}
        item |= {"onBehalfOf": behalf[0], "capabilityId": behalf[1]}
        return self._batch(f'[{json.dumps(item)[:-1]}, "request": {request}}}]', raising=True)[0][0]

    def batch(self, items: Iterable[Json]) -> list[tuple[Json, AbloError | None]]:
        """Run a batch of {"request", "key"?, "participant"?}; return (receipt, error) of each."""
        full = [{"participant": self.participant, "key": uuid.uuid4().hex} | item for item in items]
        return self._batch(json.dumps(full), raising=False)

    def _batch(self, items: str, *, raising: bool) -> list[tuple[Json, AbloError | None]]:
        try:
            rows = self.conn.execute(COMMIT_BATCH, (self.organization, items)).fetchall()
        except psycopg.Error as exc:
            raise translate(exc) from exc
        answers = [
            (receipt, None if error is None else error_of(report_of(json.dumps(error).encode())))
            for _, receipt, error in rows
        ]
        failed = [error for _, error in answers if error]
        if failed and raising:
            raise failed[0]
        return answers

    def get(self, model: str, row_id: str) -> Json:
        """Read one row: {"row", "stamp"}."""
        found: Json = self._value(ROW_GET, self.organization, self.participant, model, row_id, None)
        return found

    def stamp(self, row_id: str) -> int:
        """Read a task and return the log position it was read at."""
        return int(self.get("tasks", row_id)["stamp"])

    def list(self, model: str, query: Any) -> Json:
        """Read one page: {"data", "evidence", "stamp", "hasMore", "nextCursor"}."""
        arguments = (self.organization, self.participant, model, json.dumps(query), None)
        found: Json = self._value(ROW_LIST, *arguments)
        return found

    def snapshot(self, targets: Any) -> Json:
        """Read rows and the watermark: {"stamp", "rows"}."""
        arguments = (self.organization, self.participant, json.dumps(targets), None)
        found: Json = self._value(SNAPSHOT_READ, *arguments)
        return found

    def call(self, query: str, *args: object) -> Any:
        """Run any statement that returns one value; raise the typed error."""
        return self._value(query, *args)


class Connections:
    """Autocommit connections to one database, kept for the next test.

    A new session compiles and plans each routine again: a tenth of a second of CPU.
    """

    def __init__(self) -> None:
        self._kept: dict[str, list[psycopg.Connection[TupleRow]]] = {}

    def open(self, url: str) -> psycopg.Connection[TupleRow]:
        """Return a connection that is as new, but for what its session has compiled."""
        kept = self._kept.get(url)
        return kept.pop() if kept else psycopg.connect(url, autocommit=True)

    def keep(self, url: str, conn: psycopg.Connection[TupleRow]) -> None:
        """Take a connection back; close it if the test has left anything on it."""
        kept = self._kept.setdefault(url, [])
        with contextlib.suppress(psycopg.Error):
            idle = conn.info.transaction_status == TransactionStatus.IDLE
            plain = conn.autocommit and conn.isolation_level is None
            if idle and plain and conn.row_factory is tuple_row and len(kept) < KEPT:
                conn.execute(AS_NEW)
                if not conn.execute(LISTENS).rowcount:
                    kept.append(conn)
                    return
        conn.close()

    def close(self) -> None:
        """Close all."""
        for kept in self._kept.values():
            for conn in kept:
                conn.close()


class Board:
    """A database, an organization of the test's own in it, and the connections that it opens.

    `value`, `rows` and `run` are the superuser's; in their SQL, {org} stands for the organization.
    connections: where to take them from; new ones if not given.
    """

    def __init__(
        self,
        handle: DatabaseHandle,
        organization: str = "acme",
        connections: Connections | None = None,
    ) -> None:
        self.handle = handle
        self.organization = organization
        self._connections = connections
        self._open = ExitStack()
        self.admin = self.connect_admin()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.close()

    def connect_admin(self) -> psycopg.Connection[TupleRow]:
        """Open a superuser's connection in autocommit mode."""
        return self._connect(self.handle.admin_url)

    def connect(self) -> psycopg.Connection[TupleRow]:
        """Open a connection of the runtime login in autocommit mode."""
        return self._connect(self.handle.database_url)

    def _connect(self, url: str) -> psycopg.Connection[TupleRow]:
        if self._connections is None:
            conn = psycopg.connect(url, autocommit=True)
            self._open.callback(conn.close)  # not its own exit, which would want it to be alive
        else:
            conn = self._connections.open(url)
            self._open.callback(self._connections.keep, url, conn)
        return conn

    def caller(self, organization: str | None = None, participant: str = "agent:triage") -> Caller:
        """Open a connection of the runtime login that acts as somebody."""
        return Caller(self.connect(), organization or self.organization, participant)

    def callers(self, count: int) -> list[Caller]:
        """Open several of the same participant."""
        return [self.caller() for _ in range(count)]

    def capability(self, participant: str = "agent:triage") -> str:
        """Make a key that may do everything as a participant; return its id."""
        request = json.dumps({"prefix": "sk", "display": "sk_", "hash": secrets.token_hex(32)})
        arguments = (self.organization, participant, request)
        row = self.admin.execute("select ablo.key_create(%s, %s, %s)", arguments).fetchone()
        assert row is not None
        return str(row[0]["id"])

    def text(self, query: str) -> str:
        """Return SQL text with the organization's name in place of {org}."""
        return query.replace("{org}", self.organization)

    def run(self, query: str) -> None:
        """Run a statement."""
        self.admin.execute(self.text(query).encode())

    def rows(self, query: str) -> list[TupleRow]:
        """Return a query's rows."""
        return self.admin.execute(self.text(query).encode()).fetchall()

    def value(self, query: str) -> Any:
        """Return the first column of the first row."""
        return self.rows(query)[0][0]

    def count(self, table: str) -> int:
        """Count the organization's rows in a table."""
        return int(self.value(f"select count(*) from {table} where organization_id = '{{org}}'"))

    def traces(self) -> tuple[int, int, int]:
        """Count tasks, deltas and receipts: what a refused commit must leave unchanged."""
        return self.count("tasks"), self.count("ablo.delta"), self.count("ablo.receipt")
