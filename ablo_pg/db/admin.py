"""Statements of an administrator: databases and logins. Everything else runs as the runtime role.

Names are quoted by psycopg; a password never appears in a statement's text but as a SCRAM verifier,
so that no server log can show it (Postgres manual, CREATE ROLE, PASSWORD).
"""

from __future__ import annotations

import psycopg
from psycopg import sql


def database_create(conn: psycopg.Connection, name: str, template: str | None = None) -> None:
    """Create a database, as a copy of `template` when one is given. The connection is autocommit."""
    query = sql.SQL("create database {} {}").format(
        sql.Identifier(name),
        sql.SQL("template {}").format(sql.Identifier(template)) if template else sql.SQL(""),
    )
    conn.execute(query)


def database_drop(conn: psycopg.Connection, name: str) -> None:
    """Drop a database if it is there, ending the sessions in it."""
    conn.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))


def password_set(conn: psycopg.Connection, role: str, password: str) -> None:
    """Set the password of an existing role; only its SCRAM verifier is sent."""
    verifier = conn.pgconn.encrypt_password(
        password.encode(), role.encode(), b"scram-sha-256"
    ).decode()
    conn.execute(
        sql.SQL("alter role {} password {}").format(sql.Identifier(role), sql.Literal(verifier))
    )
