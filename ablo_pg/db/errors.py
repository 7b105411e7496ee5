"""Translates Postgres errors into the tree of `ablo_pg.errors`, once, for every interface.

`translate` takes a psycopg exception, `error_of` an error object from a commit batch; both produce
an `ErrorReport`. Only the kernel's own DETAIL (JSON, SQLSTATE class AB) is ever shown: Postgres's
DETAIL quotes row values, and a message must not carry another organization's data. The psycopg
exception stays reachable as `__cause__`. SQLSTATEs: Postgres manual, appendix A.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

import psycopg

from ablo_pg.db.blame import KERNEL_REMEDY as KERNEL_REMEDY
from ablo_pg.db.blame import MIGRATE_REMEDY as MIGRATE_REMEDY
from ablo_pg.db.blame import foreign_function, lost_column, missing_object, trigger_failed
from ablo_pg.db.constraint_errors import check, foreign_key, not_null, type_mismatch, unique
from ablo_pg.db.membership import member_statement, unreached
from ablo_pg.db.report import NO_NAMES as NO_NAMES
from ablo_pg.db.report import ErrorReport as ErrorReport
from ablo_pg.db.report import Names as Names
from ablo_pg.errors import CODES, AbloError, error_for
from ablo_pg.json_text import loads


def translate(exc: psycopg.Error, names: Names = NO_NAMES) -> AbloError:
    """Return the error to raise `from exc`."""
    diag = exc.diag
    sqlstate = exc.sqlstate
    if sqlstate is None and isinstance(exc, psycopg.OperationalError):
        return _unreachable(said_by(exc))
    if sqlstate is None and isinstance(exc, psycopg.DataError):  # refused before it was sent
        return error_for("validation_failed", f"A value cannot be sent: {exc}", remedy="correct it")
    message = diag.message_primary or str(exc)
    return error_of(
        ErrorReport(
            sqlstate=sqlstate,
            message=message,
            detail=diag.message_detail,
            hint=diag.message_hint,
            constraint=diag.constraint_name,
            table=diag.table_name,
            column=diag.column_name
            or lost_column(message, diag.internal_query, diag.internal_position),
            context=diag.context,
        ),
        names,
    )


def said_by(exc: psycopg.Error) -> str:
    """Return the server's message, or libpq's for a failed connection attempt, on one line."""
    text = exc.diag.message_primary or str(exc).strip()
    return text.splitlines()[0] if text else "no reason given"


def translate_admin(exc: psycopg.Error, conn: psycopg.Connection | None = None) -> AbloError:
    """As `translate`, for an administrative connection: who may do it, what cut it short.

    conn: the connection. Postgres's message is shown: an administrator may see the names in it.
    """
    said = said_by(exc)
    if exc.sqlstate == "42501":
        if conn is not None and (found := unreached(conn)) is not None:
            return found.error("admin_role_insufficient")
        login, details = "in use", {"sqlstate": exc.sqlstate}
        if conn is not None:
            login, version = conn.info.user, conn.info.server_version
            details["sql"] = member_statement("ablo_owner", login, version) + ";"
        return error_for(
            "admin_role_insufficient",
            f"the login {login} lacks the right to do this: {said}",
            remedy="use the login that `ablo-pg connect` was run with, or another member of "
            "ablo_owner" + ("; the SQL adds this login as a member" if conn else ""),
            details=details,
        )
    if exc.sqlstate == "57014":
        return error_for(
            "wait_for_timeout",
            f"the server cut a statement short: {said}",
            remedy="if statement_timeout is too short for administration, set PGOPTIONS="
            "'-c statement_timeout=0' for this command; else run it again",
            details={"sqlstate": exc.sqlstate},
        )
    return translate(exc)


def error_of(report: ErrorReport, names: Names = NO_NAMES) -> AbloError:
    """Return the error for this report."""
    state = report.sqlstate or ""
    if state.startswith("AB") or (state == "55P03" and "code" in _json_object(report.detail)):
        return _from_kernel(report, names)
    maker = _BY_STATE.get(state) or _BY_CLASS.get(state[:2]) or _internal
    function = foreign_function(report.context)
    if function and (maker is _internal or state[:2] in _FAULTS):
        return trigger_failed(report, names, function)
    return maker(report, names)


def _from_kernel(report: ErrorReport, names: Names) -> AbloError:
    detail = _json_object(report.detail)
    code = _text(detail.pop("code", None)) or _CODE_OF_STATE.get(
        report.sqlstate or "", "internal_error"
    )
    model = names.model(_text(detail.pop("model", None)))
    return error_for(
        code,
        report.message,
        model=model,
        field=names.field(model, _text(detail.pop("field", None))),
        row_id=_text(detail.pop("id", None)),
        remedy=report.hint,
        details=detail,
    )


def _json_object(text: str | None) -> dict[str, object]:
    if not text:
        return {}
    try:
        found = loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _unreachable(said: str) -> AbloError:
    what, remedy = "The database cannot be reached", "check database_url, and that the server runs"
    if _REFUSED.search(said):
        what = "The login or its password was refused"
        remedy = "check user and password in the URL, and that pg_hba.conf admits them"
    elif "startup parameter" in said:
        remedy = "a pooler does not accept this parameter: remove it from the URL, or "
        remedy += "use a URL that leads directly to the server"
    return error_for("database_unreachable", f"{what}: {said}", remedy=remedy)


def _fixed(code: str, message: str, remedy: str) -> Callable[[ErrorReport, Names], AbloError]:
    """Make a translator that ignores the report's content."""

    def make(report: ErrorReport, names: Names) -> AbloError:
        return error_for(code, message, remedy=remedy, details={"sqlstate": report.sqlstate})

    return make


def _connection(report: ErrorReport, names: Names) -> AbloError:
    return _unreachable(report.message)


def _read_only(report: ErrorReport, names: Names) -> AbloError:
    return error_for(
        "database_unreachable",
        f"The database accepts no writes here: {report.message}",
        remedy="connect to the primary server; on the primary, see default_transaction_read_only",
        details={"sqlstate": report.sqlstate},
    )


def _unprepared(report: ErrorReport, names: Names) -> AbloError:
    return error_for(
        "transaction_pooler",
        f"The server does not have this session's prepared statements: {report.message}",
        remedy="this happens behind a pooler that shares sessions (use session mode, or a URL "
        "that leads directly to the server), and after DISCARD ALL",
        details={"sqlstate": report.sqlstate},
    )


def _user_raised(report: ErrorReport, names: Names) -> AbloError:
    function = foreign_function(report.context)
    return error_for(
        "constraint_violation",
        f"A function or trigger of the database refused the write: {report.message}",
        model=names.model(report.table),
        remedy=report.hint or "see the constraint or trigger that raised it",
        details={"function": function} if function else None,
    )


def _internal(report: ErrorReport, names: Names) -> AbloError:
    return error_for(
        "internal_error",
        f"The database failed with SQLSTATE {report.sqlstate}",
        remedy="see __cause__ and the server's log",
        details={"sqlstate": report.sqlstate},
    )


# Postgres's words for 28P01 and 28000, and libpq's for a missing password: a failed connection
# attempt has no SQLSTATE. A server in another language is reported as unreachable.
_REFUSED: Final = re.compile(
    r"authentication failed|no password supplied|role .* does not exist|no pg_hba\.conf entry"
    r"|is not permitted to log in"
)
_FAULTS: Final = ("42", "3F", "22")  # classes of errors in a function itself
_RETRY: Final = "retry; nothing was written"
_write_conflict = _fixed("write_conflict", "Concurrent transactions conflicted", _RETRY)
_login = _fixed("database_unreachable", "The database refused the login", "check user and password")
_too_large = _fixed(
    "request_too_large", "A value is larger than the database can store or index", "make it smaller"
)

_BY_STATE: Final[dict[str, Callable[[ErrorReport, Names], AbloError]]] = {
    "23505": unique,
    "23503": foreign_key,
    "23502": not_null,
    "23514": check,
    "22P02": type_mismatch,
    "22003": type_mismatch,
    "22007": type_mismatch,
    "22008": type_mismatch,
    "22P05": type_mismatch,
    "22021": type_mismatch,
    "22001": type_mismatch,
    "22030": type_mismatch,
    "22032": type_mismatch,
    "42804": missing_object,  # never of a value: columns do not match what a function expects
    "22025": _fixed("query_invalid_like_pattern", "The pattern ends in an escape", "double it"),
    "40001": _write_conflict,
    "40P01": _write_conflict,
    "55P03": _fixed("lock_timeout", "Another session holds the row or the key", _RETRY),
    "57014": _fixed("wait_for_timeout", "The statement was cancelled or ran too long", _RETRY),
    "25P04": _fixed("wait_for_timeout", "The transaction ran too long", _RETRY),
    "53300": _fixed("connection_limit_exceeded", "The server accepts no more connections", "wait"),
    "54000": _too_large,
    "54001": _too_large,
    "42P01": missing_object,
    "42883": missing_object,
    "42703": missing_object,
    "3F000": missing_object,
    "42501": _fixed(
        "permission_denied",
        "The login lacks the right to do this",
        "make it a member of ablo_runtime (`ablo-pg connect` creates such a login)",
    ),
    "25006": _read_only,
    "26000": _unprepared,
    "42P05": _unprepared,
    "25P02": _fixed(
        "invalid_options", "The joined transaction has already failed", "roll it back first"
    ),
    "28P01": _login,
    "28000": _login,
    "3D000": _connection,
    "57P01": _connection,
    "57P02": _connection,
    "57P03": _connection,
    "57P05": _connection,
    "P0001": _user_raised,
}
_BY_CLASS: Final[dict[str, Callable[[ErrorReport, Names], AbloError]]] = {
    "08": _connection,
    "23": _user_raised,
    "44": _user_raised,
}
_CODE_OF_STATE: Final = {c.sqlstate: c.code for c in CODES.values()}
