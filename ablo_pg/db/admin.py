"""Statements of an administrator: databases and logins. Everything else runs as the runtime role.

Names are quoted by psycopg. A password appears in a statement's text only as a SCRAM verifier, so
that no server log can show it (Postgres manual, CREATE ROLE, PASSWORD).
"""

from __future__ import annotations

from collections.abc import Iterable

import psycopg
from psycopg import sql


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
    """Return the SQL that creates a login (or changes its password) as a member of `group`."""
    verifier = conn.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256")
    command = "alter role {} login password {}" if exists else "create role {} login password {}"
    statements = [
        sql.SQL(command).format(sql.Identifier(name), sql.Literal(verifier.decode())),
        sql.SQL("grant {} to {}").format(sql.Identifier(group), sql.Identifier(name)),
        sql.SQL("grant connect on database {} to {}").format(
            sql.Identifier(conn.info.dbname), sql.Identifier(name)
        ),
    ]
    return [statement.as_string(conn) for statement in statements]


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
    grants = [
        sql.SQL("grant ablo_owner to {}").format(sql.Identifier(admin)),
        sql.SQL("grant create on database {} to ablo_owner").format(
            sql.Identifier(conn.info.dbname)
        ),
        sql.SQL("grant usage, create on schema public to ablo_owner"),
    ]
    return [grant.as_string(conn) for grant in grants]


def run_statements(conn: psycopg.Connection, statements: Iterable[str]) -> None:
    """Run statements built above, in one transaction."""
    with conn.transaction():
        for statement in statements:
            conn.execute(statement)
