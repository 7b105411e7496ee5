"""The error of a failed install."""

from __future__ import annotations

from typing import Final

import psycopg

from ablo_pg.db.blame import foreign_function
from ablo_pg.db.errors import translate
from ablo_pg.errors import AbloError, AbloPermissionError, AbloServerError, AbloTimeoutError

INSUFFICIENT_PRIVILEGE: Final = "42501"
LOCK_NOT_AVAILABLE: Final = "55P03"


def install_failure(exc: psycopg.Error) -> AbloError:
    """Turn a Postgres error of an install into the matching error of the tree."""
    message = exc.diag.message_primary or str(exc)
    if exc.sqlstate is None or exc.sqlstate.startswith(("AB", "08", "57")):
        return translate(exc)
    if function := foreign_function(exc.diag.context):
        return AbloServerError(
            f"the install of the kernel failed in {function}, which an event trigger calls: "
            f"{message}",
            code="trigger_failed",
            remedy="the install runs as ablo_owner: give that role what the function needs, or "
            "let a superuser install, who can disable event triggers",
            details={"function": function, "sqlstate": exc.sqlstate},
        )
    if exc.sqlstate == INSUFFICIENT_PRIVILEGE:
        return AbloPermissionError(
            f"this login may not install the kernel: {message}",
            code="admin_role_insufficient",
            remedy="use a superuser, or a login with CREATEROLE that owns the database",
        )
    if exc.sqlstate == LOCK_NOT_AVAILABLE:
        return AbloTimeoutError(
            "another session holds a lock that the install needs",
            code="lock_timeout",
            remedy="see pg_stat_activity for long transactions, then try again",
        )
    return AbloServerError(
        f"the install of the kernel failed: {message}",
        code="migration_failed",
        remedy="nothing was changed; report this with the SQLSTATE",
        details={"sqlstate": exc.sqlstate, "context": exc.diag.context},
    )
