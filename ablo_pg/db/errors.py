"""Turn what Postgres answers into the tree of `ablo_pg.errors`, once, for every door.

`translate` takes a psycopg exception, `error_of` an error object from a commit batch; both lower to
an `ErrorReport`. Only the kernel's own DETAIL (JSON, SQLSTATE class AB) is ever shown: Postgres's
DETAIL quotes row values, and a message must not carry another organization's data. The psycopg
exception stays reachable as `__cause__`. SQLSTATEs: Postgres manual, appendix A.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import psycopg
from psycopg import sql

from ablo_pg.errors import CODES, AbloError, error_for
from ablo_pg.json_text import loads

KERNEL_REMEDY: Final = "install the kernel with `ablo-pg connect --admin-url URL`"
MIGRATE_REMEDY: Final = "apply the schema with `ablo-pg migrate SCHEMA --admin-url URL`"


@dataclass(frozen=True, slots=True)
class ErrorReport:
    """What Postgres says about one failure, whichever way it reached us."""

    sqlstate: str | None
    message: str
    detail: str | None = None
    hint: str | None = None
    constraint: str | None = None
    table: str | None = None
    column: str | None = None


@dataclass(frozen=True, slots=True)
class Names:
    """How the author calls things: SQL and wire names to the schema key and the Python field name.

    models: table, typename -> schema key. fields: (schema key, column or wire name) -> field name.
    """

    models: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[tuple[str, str], str] = field(default_factory=dict)

    def model(self, name: str | None) -> str | None:
        """Return the schema key for a table or typename; an unknown name stays as it is."""
        return None if name is None else self.models.get(name, name)

    def field(self, model: str | None, name: str | None) -> str | None:
        """Return the author's field name for a column or wire name of that model."""
        return None if name is None else self.fields.get((model or "", name), name)


NO_NAMES: Final = Names()


def translate(exc: psycopg.Error, names: Names = NO_NAMES) -> AbloError:
    """Return the error to raise `from exc`."""
    diag = exc.diag
    sqlstate = exc.sqlstate
    if sqlstate is None and isinstance(exc, psycopg.OperationalError):
        return _unreachable(said_by(exc))
    if sqlstate is None and isinstance(exc, psycopg.DataError):  # refused before it was sent
        return error_for("validation_failed", f"A value cannot be sent: {exc}", remedy="correct it")
    return error_of(
        ErrorReport(
            sqlstate=sqlstate,
            message=diag.message_primary or str(exc),
            detail=diag.message_detail,
            hint=diag.message_hint,
            constraint=diag.constraint_name,
            table=diag.table_name,
            column=diag.column_name,
        ),
        names,
    )


def said_by(exc: psycopg.Error) -> str:
    """Return what the server says, or libpq of a connection that is not made, on one line."""
    text = exc.diag.message_primary or str(exc).strip()
    return text.splitlines()[0] if text else "no reason given"


def translate_admin(exc: psycopg.Error, login: str | None = None) -> AbloError:
    """As `translate`, of an administrative connection: who may do it, and what has cut it short.

    login: the connection's. Postgres's message is shown: an administrator may see what it names.
    """
    said = said_by(exc)
    if exc.sqlstate == "42501":
        details = {"sqlstate": exc.sqlstate}
        if login is not None:
            grant = sql.SQL("grant ablo_owner to {};").format(sql.Identifier(login))
            details["sql"] = grant.as_string(None)
        return error_for(
            "admin_role_insufficient",
            f"the login {login or 'in use'} may not do this: {said}",
            remedy="use the login that `ablo-pg connect` was run with, or another member of "
            "ablo_owner" + ("; the SQL makes this one such a member" if login else ""),
            details=details,
        )
    if exc.sqlstate == "57014":
        return error_for(
            "wait_for_timeout",
            f"the server has cut a statement short: {said}",
            remedy="if statement_timeout is too short for administration, set PGOPTIONS="
            "'-c statement_timeout=0' for this command; else run it again",
            details={"sqlstate": exc.sqlstate},
        )
    return translate(exc)


def error_of(report: ErrorReport, names: Names = NO_NAMES) -> AbloError:
    """Return the error that this report stands for."""
    state = report.sqlstate or ""
    if state.startswith("AB") or (state == "55P03" and "code" in _json_object(report.detail)):
        return _from_kernel(report, names)
    maker = _BY_STATE.get(state) or _BY_CLASS.get(state[:2]) or _internal
    return maker(report, names)


def _from_kernel(report: ErrorReport, names: Names) -> AbloError:
    detail = _json_object(report.detail)
    code = detail.pop("code", None) or _CODE_OF_STATE.get(report.sqlstate or "", "internal_error")
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


def _json_object(text: str | None) -> dict[str, Any]:
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
        what = "The login or its password is refused"
        remedy = "check user and password in the URL, and that pg_hba.conf lets them in"
    elif "startup parameter" in said:
        remedy = "a pooler answers, which takes no such parameter: leave it out of the URL, or "
        remedy += "lead the URL straight to the server"
    return error_for("database_unreachable", f"{what}: {said}", remedy=remedy)


def _named_column(report: ErrorReport, *suffixes: str) -> str | None:
    """Read the column out of a compiled constraint's name, `<table>_<column><suffix>`.

    Postgres gives no DETAIL with the key's columns where row-level security is on.
    """
    name = report.constraint or ""
    for suffix in suffixes:
        if report.table and name.startswith(f"{report.table}_") and name.endswith(suffix):
            return name.removeprefix(f"{report.table}_").removesuffix(suffix)
    return None


def _unique(report: ErrorReport, names: Names) -> AbloError:
    model = names.model(report.table)
    if report.constraint == f"{report.table}_pkey":
        return error_for(
            "unique_violation",
            f"That id of {model} is taken",
            model=model,
            field="id",
            remedy="choose another id, or update the row that is there",
        )
    return error_for(
        "unique_violation",
        f"Another row of {model} has the same value under {report.constraint!r}",
        model=model,
        field=names.field(model, _named_column(report, "_key", "_idx")),
        remedy="use a value that is not taken",
        details={"constraint": report.constraint},
    )


def _foreign_key(report: ErrorReport, names: Names) -> AbloError:
    model = names.model(report.table)
    name = names.field(model, _named_column(report, "_fkey"))
    return error_for(
        "foreign_key_violation",
        f"{model}.{name or report.constraint}: the row it refers to does not exist, "
        "or the row to be deleted is still referred to",
        model=model,
        field=name,
        remedy="write the referred row first, or delete the referring rows first",
        details={"constraint": report.constraint},
    )


def _not_null(report: ErrorReport, names: Names) -> AbloError:
    model = names.model(report.table)
    name = names.field(model, report.column)
    return error_for(
        "not_null_violation",
        f"{model}.{name} must have a value",
        model=model,
        field=name,
        remedy=f"give {name} a value",
    )


def _check(report: ErrorReport, names: Names) -> AbloError:
    model = names.model(report.table)
    name = names.field(model, _named_column(report, "_enum", "_finite", "_check"))
    return error_for(
        "check_violation",
        f"{model}{'.' + name if name else ''}: a value breaks the rule {report.constraint!r}",
        model=model,
        field=name,
        remedy="use one of the declared values" if name else "use a value that the rule allows",
        details={"constraint": report.constraint},
    )


def _type_mismatch(report: ErrorReport, names: Names) -> AbloError:
    model = names.model(report.table)
    name = names.field(model, report.column)
    where = f"{model}.{name}" if model and name else "A value"
    return error_for(
        "column_type_mismatch",
        f"{where} does not fit the type of its column",
        model=model,
        field=name,
        remedy="pass a value of the declared type, in range, without NUL and without characters "
        "that the encoding of the database lacks",
    )


def _missing_object(report: ErrorReport, names: Names) -> AbloError:
    if re.search(r"\bablo_model\b", report.message) or not re.search(r"\bablo\b", report.message):
        return error_for(
            "model_not_provisioned",
            "The database lacks an object of the declared schema",
            remedy=MIGRATE_REMEDY,
        )
    return error_for(
        "kernel_not_installed",
        "This database lacks the ablo kernel, or a part of it",
        remedy=KERNEL_REMEDY,
    )


def _fixed(code: str, message: str, remedy: str) -> Callable[[ErrorReport, Names], AbloError]:
    """Make a translator that says the same whatever the report holds."""

    def make(report: ErrorReport, names: Names) -> AbloError:
        return error_for(code, message, remedy=remedy, details={"sqlstate": report.sqlstate})

    return make


def _connection(report: ErrorReport, names: Names) -> AbloError:
    return _unreachable(report.message)


def _read_only(report: ErrorReport, names: Names) -> AbloError:
    return error_for(
        "database_unreachable",
        f"The database takes no writes here: {report.message}",
        remedy="connect to the primary server; on the primary, see default_transaction_read_only",
        details={"sqlstate": report.sqlstate},
    )


def _unprepared(report: ErrorReport, names: Names) -> AbloError:
    return error_for(
        "transaction_pooler",
        f"The server does not have this session's prepared statements: {report.message}",
        remedy="so it is behind a pooler that shares sessions (use it in session mode, or a URL "
        "straight to the server), and after DISCARD ALL",
        details={"sqlstate": report.sqlstate},
    )


def _user_raised(report: ErrorReport, names: Names) -> AbloError:
    return error_for(
        "constraint_violation",
        f"A function or trigger of the database refused: {report.message}",
        model=names.model(report.table),
        remedy=report.hint or "see the rule that raised it",
    )


def _internal(report: ErrorReport, names: Names) -> AbloError:
    return error_for(
        "internal_error",
        f"The database failed with SQLSTATE {report.sqlstate}",
        remedy="see __cause__ and the server's log",
        details={"sqlstate": report.sqlstate},
    )


# How Postgres words 28P01 and 28000, and libpq a password that is missing: of a connection that is
# not made no SQLSTATE reaches us. A server that speaks no English is told of as out of reach.
_REFUSED: Final = re.compile(
    r"authentication failed|no password supplied|role .* does not exist|no pg_hba\.conf entry"
    r"|is not permitted to log in"
)
_RETRY: Final = "retry; nothing was written"
_write_conflict = _fixed(
    "write_conflict", "Concurrent transactions stood in each other's way", _RETRY
)
_login = _fixed("database_unreachable", "The database refused the login", "check user and password")
_too_large = _fixed(
    "request_too_large", "A value is larger than the database can store or index", "make it smaller"
)

_BY_STATE: Final[dict[str, Callable[[ErrorReport, Names], AbloError]]] = {
    "23505": _unique,
    "23503": _foreign_key,
    "23502": _not_null,
    "23514": _check,
    "22P02": _type_mismatch,
    "22003": _type_mismatch,
    "22007": _type_mismatch,
    "22008": _type_mismatch,
    "22P05": _type_mismatch,
    "22021": _type_mismatch,
    "22001": _type_mismatch,
    "22030": _type_mismatch,
    "22032": _type_mismatch,
    "42804": _missing_object,  # never of a value: columns that are not as a function knows them
    "22025": _fixed("query_invalid_like_pattern", "The pattern ends in an escape", "double it"),
    "40001": _write_conflict,
    "40P01": _write_conflict,
    "55P03": _fixed("lock_timeout", "Somebody else holds the row or the key", _RETRY),
    "57014": _fixed("wait_for_timeout", "The statement was cancelled or ran too long", _RETRY),
    "25P04": _fixed("wait_for_timeout", "The transaction ran too long", _RETRY),
    "53300": _fixed("connection_limit_exceeded", "The server takes no more connections", "wait"),
    "54000": _too_large,
    "54001": _too_large,
    "42P01": _missing_object,
    "42883": _missing_object,
    "42703": _missing_object,
    "3F000": _missing_object,
    "42501": _fixed(
        "permission_denied",
        "The login may not do this",
        "let it be a member of ablo_runtime (`ablo-pg connect` makes such a login)",
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
