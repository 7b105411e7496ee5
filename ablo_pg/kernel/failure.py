"""What a failed install or migration tells its caller."""

from __future__ import annotations

import json
from typing import Any

import psycopg

from ablo_pg.errors import AbloError, AbloPermissionError, AbloServerError, AbloTimeoutError, error_for

INSUFFICIENT_PRIVILEGE = "42501"
LOCK_NOT_AVAILABLE = "55P03"


def install_failure(exc: psycopg.Error) -> AbloError:
    """Turn a Postgres error of an install into the error of the tree that fits."""
    message = exc.diag.message_primary or str(exc)
    typed = typed_error(exc)
    if typed is not None:
        return typed
    if exc.sqlstate == INSUFFICIENT_PRIVILEGE:
        return AbloPermissionError(
            f"this login may not install the kernel: {message}",
            code="admin_role_insufficient",
            remedy="use a login with CREATEROLE and CREATE on the database, or a superuser",
        )
    if exc.sqlstate == LOCK_NOT_AVAILABLE:
        return AbloTimeoutError(
            "another session holds a lock that the install needs",
            code="lock_timeout",
            remedy="see pg_stat_activity for long transactions, then try again",
        )
    return AbloServerError(
        f"the kernel's install failed: {message}",
        code="migration_failed",
        remedy="nothing was changed; report this with the SQLSTATE",
        details={"sqlstate": exc.sqlstate, "context": exc.diag.context},
    )


def typed_error(exc: psycopg.Error) -> AbloError | None:
    """Return the error that SQL raised with one of our codes, or None for any other."""
    if not (exc.sqlstate or "").startswith("AB"):
        return None
    detail = _detail(exc)
    return error_for(
        str(detail.pop("code", "internal_error")),
        exc.diag.message_primary or str(exc),
        remedy=exc.diag.message_hint or None,
        details=detail,
    )


def _detail(exc: psycopg.Error) -> dict[str, Any]:
    try:
        value = json.loads(exc.diag.message_detail or "{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
