"""Statements of an administrator: databases and logins. Everything else runs as the runtime role.

Names are quoted by psycopg. A password appears in a statement's text only as a SCRAM verifier, so
that no server log can show it (Postgres manual, CREATE ROLE, PASSWORD).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import LiteralString

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from ablo_pg.db.errors import translate
from ablo_pg.db.membership import member_statement
from ablo_pg.db.session import connect
from ablo_pg.db.urls import url_parameters


def admin_connection(admin_url: str) -> psycopg.Connection:
    """Open an administrative connection (autocommit).

    Raises: invalid_options for a URL that libpq cannot read, database_unreachable.
    """
    parameters = url_parameters(admin_url)
    # 10 s: a person waits at a terminal; a host that drops packets would block for minutes.
    timeout = parameters.get("connect_timeout") or 10
    conninfo = make_conninfo(admin_url, connect_timeout=timeout, application_name="ablo-pg admin")
    try:
        return connect(conninfo)
    except psycopg.OperationalError as exc:
        raise translate(exc) from exc


def database_create(conn: psycopg.Connection, name: str, template: str | None = None) -> None:
    """Create a database, as a copy of `template` if one is given; `conn` is autocommit.

    Copies file by file. Copying through the WAL, which is the default and spares a busy server two
    checkpoints, takes half as long again, and so does the first session in it.
    """
    query = sql.SQL("create database {} {}").format(
        sql.Identifier(name),
        sql.SQL("template {} strategy file_copy").format(sql.Identifier(template))
        if template
        else sql.SQL(""),
    )
    conn.execute(query)


def database_drop(conn: psycopg.Connection, name: str) -> None:
    """Drop a database if it exists, ending its sessions and replication streams.

    `with (force)` ends sessions, but refuses to drop a database whose slot is in use.
    """
    conn.execute(
        "select pg_terminate_backend(active_pid, 5000) from pg_replication_slots"
        " where database = %s and active_pid is not null",
        (name,),
    )
    conn.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))


def role_drop(conn: psycopg.Connection, name: str) -> None:
    """Drop a login if it exists; its rights in this database are revoked first."""
    known = conn.execute("select from pg_catalog.pg_roles where rolname = %s", [name]).fetchone()
    if known is not None:
        conn.execute(sql.SQL("drop owned by {}").format(sql.Identifier(name)))
        conn.execute(sql.SQL("drop role {}").format(sql.Identifier(name)))


def login_statements(
    conn: psycopg.Connection, name: str, group: str, password: str, *, exists: bool
) -> list[str]:
    """Return the SQL that creates a login (or changes its password) as a member of `group`.

    It then inherits the group's rights, even if it existed and did not.
    """
    verifier = conn.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256")
    command: LiteralString = "alter role" if exists else "create role"
    made = sql.SQL(command + " {} login inherit password {}").format(
        sql.Identifier(name), sql.Literal(verifier.decode())
    )
    allowed = sql.SQL("grant connect on database {} to {}").format(
        sql.Identifier(conn.info.dbname), sql.Identifier(name)
    )
    member = member_statement(group, name, conn.info.server_version)
    return [made.as_string(conn), member, allowed.as_string(conn)]


def control_group_statement() -> str:
    """Return the SQL that creates the group of the control logins."""
    return "create role ablo_control nologin nosuperuser nocreatedb nocreaterole nobypassrls"


def control_separate(conn: psycopg.Connection) -> None:
    """Move the right to create keys from the runtime role to the control role."""
    conn.execute("select ablo.control_separate()")


def replication_statement(conn: psycopg.Connection, name: str) -> str:
    """Return the SQL that lets a login stream the log."""
    return sql.SQL("alter role {} replication").format(sql.Identifier(name)).as_string(conn)


def replication_group_statement(conn: psycopg.Connection, name: str) -> str:
    """Return the equivalent SQL for managed servers that have a group for it (Amazon RDS)."""
    return sql.SQL("grant rds_replication to {}").format(sql.Identifier(name)).as_string(conn)


def owner_statements(conn: psycopg.Connection, admin: str) -> list[str]:
    """Return the SQL that lets a login install and migrate without creating roles itself."""
    member = member_statement("ablo_owner", admin, conn.info.server_version)
    grants = [
        sql.SQL("grant create on database {} to ablo_owner").format(
            sql.Identifier(conn.info.dbname)
        ),
        sql.SQL("grant usage, create on schema public to ablo_owner"),
    ]
    return [member, *(grant.as_string(conn) for grant in grants)]


def run_statements(conn: psycopg.Connection, statements: Iterable[str]) -> None:
    """Run statements built above, in one transaction."""
    with conn.transaction():
        for statement in statements:
            conn.execute(statement)
