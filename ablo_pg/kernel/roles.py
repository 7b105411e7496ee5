"""The logins of one database: one for running, one for replication and, if requested, one that
manages keys; each in its group role.

The groups (`ablo_runtime`, `ablo_replication`) belong to the kernel; the logins are created per
database, with generated passwords that are returned once and not stored.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import Final, Literal

import psycopg

from ablo_pg.db.admin import (
    control_group_statement,
    control_separate,
    login_statements,
    owner_statements,
    replication_group_statement,
    replication_statement,
    run_statements,
)
from ablo_pg.db.catalog import admin_rights, role_exists, role_facts
from ablo_pg.db.health import plain_login
from ablo_pg.db.membership import SINCE_GRANTS_SAY, inherit_statement
from ablo_pg.errors import AbloPermissionError
from ablo_pg.kernel.failure import install_failure
from ablo_pg.kernel.files import kernel_files

NAME_MAX: Final = 63  # bytes of a Postgres identifier
ROLES_FILE: Final = "00_base/00_roles.sql"


@dataclass(frozen=True, slots=True)
class Login:
    """A newly created login. `rotated`: it existed, and its previous password no longer works."""

    name: str
    password: str
    rotated: bool


@dataclass(frozen=True, slots=True)
class Logins:
    """Both logins. `replication` is None if the server does not let us create such a login; an
    administrator must then run `replication_sql`."""

    runtime: Login
    replication: Login | None
    replication_sql: str | None = None


def login_name(kind: Literal["runtime", "replication", "control"], database: str) -> str:
    """Return the login's name for a database; a name too long for Postgres ends in a digest."""
    name = f"ablo_{kind}_{database}"
    if len(name.encode()) <= NAME_MAX:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:10]
    return name.encode()[: NAME_MAX - 11].decode(errors="ignore") + "_" + digest


def require_role_rights(conn: psycopg.Connection) -> None:
    """Refuse, before anything is changed, a login that cannot get the roles of an install.

    Raises AbloPermissionError (admin_role_insufficient); details["sql"] is the SQL for a login that
    may run it, and details["passwords"] the passwords that it sets. Not for a login that programs
    run as: it would no longer be subject to row-level security.
    """
    rights = admin_rights(conn)
    alone = conn.info.server_version >= SINCE_GRANTS_SAY
    if not (alone or rights.inherits or rights.superuser):
        statement = inherit_statement(rights.name) + ";"
        raise AbloPermissionError(
            f"login {rights.name} is NOINHERIT, so the rights of ablo_owner would not reach it; "
            "nothing was changed",
            code="admin_role_insufficient",
            remedy=f"let an administrator run: {statement}",
            details={"sql": statement},
        )
    if rights.may_install:
        return
    if rights.runs:
        raise AbloPermissionError(
            f"{rights.name} is the login that programs run as or stream with; nothing was changed",
            code="admin_role_insufficient",
            field="admin_url",
            remedy="pass --admin-url with an administrative login: a superuser, or one with "
            "CREATEROLE that owns the database",
        )
    raise insufficient_rights(conn, with_groups=True)


def make_logins(conn: psycopg.Connection) -> Logins:
    """Create the logins of the connected database, or change the passwords of existing ones.

    Args: conn, an administrative connection (autocommit) to a database with the kernel. Raises:
    admin_role_insufficient as above; database_role_cannot_enforce_rls if a login of that name
    exists and is superuser or may bypass row-level security.
    """
    database = conn.info.dbname
    runtime = _new_login(conn, login_name("runtime", database))
    replication = _new_login(conn, login_name("replication", database))
    try:
        run_statements(
            conn,
            _statements(conn, runtime, "ablo_runtime")
            + _statements(conn, replication, "ablo_replication"),
        )
    except psycopg.errors.InsufficientPrivilege as exc:
        raise insufficient_rights(conn, with_groups=False) from exc
    except psycopg.Error as exc:
        raise install_failure(exc) from exc
    missing = _allow_replication(conn, replication.name)
    if missing is not None:
        return Logins(runtime, None, missing)
    return Logins(runtime, replication)


def make_control_login(conn: psycopg.Connection) -> Login:
    """Create the login that manages keys, which the runtime login then can no longer do.

    Raises as `make_logins`.
    """
    control = _new_login(conn, login_name("control", conn.info.dbname))
    group = [] if role_exists(conn, "ablo_control") else [control_group_statement()]
    try:
        run_statements(conn, group + _statements(conn, control, "ablo_control"))
        control_separate(conn)
    except psycopg.errors.InsufficientPrivilege as exc:
        raise insufficient_rights(conn, with_groups=False) from exc
    except psycopg.Error as exc:
        raise install_failure(exc) from exc
    return control


def _new_login(conn: psycopg.Connection, name: str) -> Login:
    facts = role_facts(conn, name)
    if facts is not None and (facts.superuser or facts.bypasses_rls):
        raise AbloPermissionError(
            f"role {name} exists and is superuser or has BYPASSRLS",
            code="database_role_cannot_enforce_rls",
            remedy="rename that role: this name is for the login that programs run as"
            if facts.superuser
            else f"run {plain_login(name)} or rename that role",
        )
    return Login(name, secrets.token_urlsafe(24), rotated=facts is not None)


def _statements(conn: psycopg.Connection, login: Login, group: str) -> list[str]:
    return login_statements(conn, login.name, group, login.password, exists=login.rotated)


def _allow_replication(conn: psycopg.Connection, name: str) -> str | None:
    """Grant the REPLICATION attribute; return the SQL to run if this login may not grant it."""
    facts = role_facts(conn, name)
    if facts is not None and facts.replication:
        return None
    ways = [replication_statement(conn, name)]
    if role_exists(conn, "rds_replication"):
        ways.append(replication_group_statement(conn, name))
    for statement in ways:
        try:
            run_statements(conn, [statement])
        except psycopg.errors.InsufficientPrivilege:
            continue
        return None
    return ways[-1] + ";"


def insufficient_rights(conn: psycopg.Connection, *, with_groups: bool) -> AbloPermissionError:
    """Build the error with the SQL for a login that may create roles.

    with_groups: include the group roles and what the kernel's owner needs, for a first install.
    details: "sql", and "runtime" and "replication", the logins that the SQL creates.
    """
    admin = admin_rights(conn).name
    runtime = _new_login(conn, login_name("runtime", conn.info.dbname))
    replication = _new_login(conn, login_name("replication", conn.info.dbname))
    statements = [
        *(owner_statements(conn, admin) if with_groups else []),
        *_statements(conn, runtime, "ablo_runtime"),
        *_statements(conn, replication, "ablo_replication"),
        replication_statement(conn, replication.name),
    ]
    groups = next(file.sql for file in kernel_files() if file.path == ROLES_FILE)
    sql = "".join(f"{statement};\n" for statement in statements)
    details = {
        "sql": (groups + "\n" if with_groups else "") + sql,
        "runtime": runtime,
        "replication": replication,
    }
    if with_groups:
        message = f"login {admin} may not create roles; nothing was changed"
        remedy = "let a superuser run the SQL below in this database, then run this command again"
    elif runtime.rotated:
        message = f"the kernel is installed; login {admin} may not renew the passwords"
        remedy = "keep your current URLs, or let a superuser run the SQL below for new ones"
    else:
        message = f"the kernel is installed; login {admin} may not create logins"
        remedy = "let a superuser run the SQL below in this database"
    return AbloPermissionError(
        message, code="admin_role_insufficient", remedy=remedy, details=details
    )
