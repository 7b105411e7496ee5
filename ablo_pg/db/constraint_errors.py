"""Errors of constraints and values, for `db.errors`: the field and model concerned."""

from __future__ import annotations

from ablo_pg.db.report import ErrorReport, Names
from ablo_pg.errors import AbloError, error_for
from ablo_pg.schema.identifiers import shorten
from ablo_pg.schema.rules import FOLLOW, Requirement


def _field(report: ErrorReport, names: Names, *suffixes: str) -> str | None:
    """Read the field from a compiled constraint's name, `<table>_<column><suffix>`.

    Postgres gives no DETAIL with the key's columns if row-level security is on. A name that was too
    long ends in a hash: compare it with each column's.
    """
    model, found, table = names.model(report.table), report.constraint or "", report.table
    for suffix in suffixes:
        if table and found.startswith(f"{table}_") and found.endswith(suffix):
            return names.field(model, found.removeprefix(f"{table}_").removesuffix(suffix))
        for (key, column), name in names.fields.items():
            if key == model and shorten(f"{table}_{column}{suffix}") == found:
                return name
    return None


def unique(report: ErrorReport, names: Names) -> AbloError:
    """Return the error of a UNIQUE or primary key."""
    model = names.model(report.table)
    if report.constraint == shorten(f"{report.table}_pkey"):
        return error_for(
            "unique_violation",
            f"That id of {model} is taken",
            model=model,
            field="id",
            remedy="choose another id, or update the existing row",
        )
    found = names.requirements.get((model or "", report.constraint or ""))
    if found is not None:
        return _required(report, names, found, "unique_violation")
    return error_for(
        "unique_violation",
        f"Another row of {model} has the same value under {report.constraint!r}",
        model=model,
        field=_field(report, names, "_key", "_idx"),
        remedy="use a value that is not taken",
        details={"constraint": report.constraint},
    )


def _required(report: ErrorReport, names: Names, found: Requirement, code: str) -> AbloError:
    """Return the error of a rule, check or index that the schema declares."""
    model = names.model(report.table)
    field = names.field(model, found.field)
    taken = code == "unique_violation"
    return error_for(
        code,
        f"{model}{'.' + field if field else ''}: {found.says}",
        model=model,
        field=field,
        remedy="use a value that is not taken" if taken else FOLLOW,
        details={"constraint": report.constraint, "rule": found.says},
    )


def foreign_key(report: ErrorReport, names: Names) -> AbloError:
    """Return the error of a FOREIGN KEY, of either end."""
    model = names.model(report.table)
    name = _field(report, names, "_fkey")
    return error_for(
        "foreign_key_violation",
        f"{model}.{name or report.constraint}: the row it refers to does not exist, "
        "or the row to be deleted is still referred to",
        model=model,
        field=name,
        remedy="write the referred row first, or delete the referring rows first",
        details={"constraint": report.constraint},
    )


def not_null(report: ErrorReport, names: Names) -> AbloError:
    """Return the error of a missing value."""
    model = names.model(report.table)
    name = names.field(model, report.column)
    return error_for(
        "not_null_violation",
        f"{model}.{name} must have a value",
        model=model,
        field=name,
        remedy=f"give {name} a value",
    )


def check(report: ErrorReport, names: Names) -> AbloError:
    """Return the error of a CHECK."""
    model = names.model(report.table)
    found = names.requirements.get((model or "", report.constraint or ""))
    if found is not None:
        return _required(report, names, found, "check_violation")
    name = _field(report, names, "_enum", "_finite", "_check")
    place = f"{model}{'.' + name if name else ''}: a" if model else "A"  # a domain has no table
    return error_for(
        "check_violation",
        f"{place} value violates the constraint {report.constraint!r}",
        model=model,
        field=name or _field(report, names, "_rules"),
        remedy="use one of the declared values"
        if name
        else "use a value that the constraint allows",
        details={"constraint": report.constraint},
    )


def type_mismatch(report: ErrorReport, names: Names) -> AbloError:
    """Return the error of a value that its column cannot hold."""
    model = names.model(report.table)
    name = names.field(model, report.column)
    where = f"{model}.{name}" if model and name else "A value"
    return error_for(
        "column_type_mismatch",
        f"{where} does not fit the type of its column",
        model=model,
        field=name,
        remedy="pass a value of the declared type, in range, without NUL and without characters "
        "that the database's encoding lacks",
    )
