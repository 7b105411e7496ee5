"""Public test kit for programs that use ablo_pg: temporary Postgres, kernel, schema, logins.

    with throwaway_cluster() as server, make_database(schema, server=server) as database:
        async with AsyncAblo(schema=schema, database_url=database.database_url, ...) as ablo:
            ...

With a session-wide cluster and `template=` a test takes about 50 ms: see `template_database`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ablo_pg.cluster import Cluster, ClusterSettings, Prefer, Server
from ablo_pg.compile import compile_schema
from ablo_pg.db.admin import database_drop, role_drop
from ablo_pg.db.urls import make_url, with_login
from ablo_pg.kernel import Installed, admin_connection, apply, install, login_name, make_logins
from ablo_pg.schema import Schema, SchemaSpec

__all__ = [
    "DatabaseHandle",
    "apply_schema",
    "install_kernel",
    "make_database",
    "template_database",
    "throwaway_cluster",
]


@dataclass(frozen=True, slots=True)
class DatabaseHandle:
    """A test database: admin_url has all rights, the other two are least-privilege."""

    name: str
    admin_url: str
    database_url: str
    replication_url: str


def throwaway_cluster(
    *, prefer: Prefer = "embedded", timezone: str = "UTC", wal_level: str = "logical"
) -> Cluster:
    """Return a cluster that keeps nothing and skips fsync. It is not started: use `with`."""
    settings = ClusterSettings(durable=False, timezone=timezone, wal_level=wal_level)
    return Cluster(prefer=prefer, settings=settings)


def install_kernel(admin_url: str) -> Installed:
    """Install the kernel in the database of an administrative URL."""
    with admin_connection(admin_url) as conn:
        return install(conn)


def apply_schema(admin_url: str, schema: Schema | SchemaSpec) -> None:
    """Compile a schema and apply it to a database that has the kernel."""
    spec = schema.spec if isinstance(schema, Schema) else schema
    with admin_connection(admin_url) as conn:
        apply(conn, compile_schema(spec))


@contextmanager
def template_database(server: Server, schema: Schema | SchemaSpec | None = None) -> Iterator[str]:
    """Make a database with the kernel (and a schema) once, for `make_database(template=...)`."""
    name = server.create_database()
    try:
        install_kernel(server.url(name))
        if schema is not None:
            apply_schema(server.url(name), schema)
        yield name
    finally:
        server.drop_database(name)


@contextmanager
def make_database(
    schema: Schema | SchemaSpec | None = None, *, server: Server, template: str | None = None
) -> Iterator[DatabaseHandle]:
    """Make a database with kernel, schema and logins; drop it and them at the end.

    Args: template, a database from `template_database` to copy: then the kernel is not installed
    again, and `schema` is applied on top if given.
    """
    name = server.create_database(template=template)
    admin_url = server.url(name)
    try:
        if template is None:
            install_kernel(admin_url)
        if schema is not None:
            apply_schema(admin_url, schema)
        yield _handle(admin_url, name)
    finally:
        with admin_connection(server.admin_url) as conn:
            database_drop(conn, name)
            role_drop(conn, login_name("runtime", name))
            role_drop(conn, login_name("replication", name))


def _handle(admin_url: str, name: str) -> DatabaseHandle:
    with admin_connection(admin_url) as conn:
        logins = make_logins(conn)
        place = {k: v for k, v in conn.info.get_parameters().items() if k != "client_encoding"}
    replication = logins.replication or logins.runtime
    return DatabaseHandle(
        name,
        admin_url,
        make_url(with_login(place, logins.runtime.name, logins.runtime.password)),
        make_url(with_login(place, replication.name, replication.password)),
    )
