"""Helpers of the compiler's server tests: apply a schema, commit as a participant, read the log."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from ablo_pg.cluster import Server
from ablo_pg.compile import compile_schema
from ablo_pg.kernel import apply
from ablo_pg.schema import SchemaSpec, parse_schema_json
from ablo_pg.testing import template_database

GOLDEN = Path(__file__).parents[2] / "unit" / "compile" / "golden"


class Database:
    """A database with the kernel, and user:ada who commits to it."""

    def __init__(self, conn: psycopg.Connection) -> None:
        self.conn = conn
        self.keys = 0

    def apply(self, spec: SchemaSpec) -> None:
        apply(self.conn, compile_schema(spec))

    def commit(
        self, model: str, action: str, row_id: str, data: Any = None, organization: str = "acme"
    ) -> Any:
        """Commit one operation as user:ada; return its receipt."""
        self.keys += 1
        operation = {"action": action, "model": model, "id": row_id, "data": data}
        row = self.conn.execute(
            "select ablo.commit(%s, 'user:ada', %s, %s)",
            [organization, f"k{self.keys}", Jsonb({"operations": [operation]})],
        ).fetchone()
        assert row is not None
        return row[0]

    def deltas(self, row_id: str | None = None) -> list[Any]:
        """Return (op, groups, row, changed, organization) of the log, oldest first."""
        return self.conn.execute(
            """select op, groups, "row", changed, organization_id from ablo.delta
               where %s::text is null or row_id = %s order by sync_id""",
            [row_id, row_id],
        ).fetchall()


@pytest.fixture
def database(kernel_db: psycopg.Connection) -> Database:
    return Database(kernel_db)


@pytest.fixture(scope="session")
def everything() -> SchemaSpec:
    return parse_schema_json(json.loads((GOLDEN / "everything.json").read_text()))


@pytest.fixture(scope="session")
def everything_template(cluster: Server, everything: SchemaSpec) -> Iterator[str]:
    """The name of a database with the kernel and the schema of everything, to be cloned."""
    with template_database(cluster, everything) as name:
        yield name


@pytest.fixture
def everything_database(cluster: Server, everything_template: str) -> Iterator[Database]:
    """A fresh database with the schema of everything: the `database` of some files."""
    name = cluster.create_database(template=everything_template)
    try:
        with psycopg.connect(cluster.url(name), autocommit=True) as conn:
            yield Database(conn)
    finally:
        cluster.drop_database(name)


@pytest.fixture
def refused(database: Database) -> Callable[..., psycopg.Error]:
    """Commit what must be refused; return the error, and check that it left nothing."""

    def refuse(*arguments: Any, **named: Any) -> psycopg.Error:
        before = len(database.deltas())
        with pytest.raises(psycopg.Error) as caught:
            database.commit(*arguments, **named)
        assert len(database.deltas()) == before
        return caught.value

    return refuse


@pytest.fixture
def database_class() -> type[Database]:
    return Database


@pytest.fixture
def kernel_db_of(
    cluster: Server, kernel_template: str
) -> Callable[[], AbstractContextManager[psycopg.Connection]]:
    """Fresh databases with the kernel, as many as a generated test asks for."""

    @contextmanager
    def make() -> Iterator[psycopg.Connection]:
        name = cluster.create_database(template=kernel_template)
        try:
            with psycopg.connect(cluster.url(name), autocommit=True) as conn:
                yield conn
        finally:
            cluster.drop_database(name)

    return make
