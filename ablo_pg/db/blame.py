"""Whose code failed inside a statement, and on what, from Postgres's error report.

Used by `db.errors`. The innermost PL/pgSQL frame decides: a function of schema ablo or ablo_model
is ours, any other is the user's, called by a trigger, rule or default of the table. A frame reads
`PL/pgSQL function public.audit() line 3 at SQL statement`; servers in other languages have other
words in the same places.
"""

from __future__ import annotations

import re
from typing import Final

from ablo_pg.db.report import ErrorReport, Names
from ablo_pg.errors import AbloError, error_for

# The names in a message of class 42; never what follows a colon, which may be a value.
_OBJECT: Final = re.compile(
    r"\b(?:column|field|function|relation|schema|sequence|table|type|view)\s+"
    r'(?:"[^"]{1,130}"|[\w.]{1,130})'
)
KERNEL_REMEDY: Final = "install the kernel with `ablo-pg connect --admin-url URL`"
MIGRATE_REMEDY: Final = "apply the schema with `ablo-pg migrate SCHEMA --admin-url URL`"
_COLUMN: Final = re.compile(r'(?:column|field) "?([^".]+)"?')
# A column that the row of a function's argument lacks is taken for one of a table of that name.
_NO_TABLE: Final = re.compile(r'FROM-clause entry for table "\w+"$')
_NAMED: Final = re.compile(r'\w+\."((?:[^"]|"")+)"')
_UNDEFINED: Final = ("42P01", "42883", "42703", "42704", "3F000")
_FRAME: Final = re.compile(r"^PL/pgSQL\W\w+ (.+?\(.*?\)) ", re.MULTILINE)
_OURS: Final = re.compile(r'(?:ablo|ablo_model)\."?')
_MODEL: Final = re.compile(r'ablo_model\."?(.+?)__[a-z]+"?\(')


def foreign_function(context: str | None) -> str | None:
    """Return the user's function that failed, with its arguments; None if it was ours."""
    frame = _FRAME.search(context or "")
    return None if frame is None or _OURS.match(frame[1]) else frame[1]


def lost_column(message: str, query: str | None, position: str | None) -> str | None:
    """Return the column that a function of ours names and its row lacks, out of the function."""
    if query is None or position is None or not _NO_TABLE.search(message):
        return None
    found = _NAMED.match(query, int(position) - 1)
    return None if found is None else found[1].replace('""', '"')


def written_model(context: str | None) -> str | None:
    """Return the key of the model whose function was running (one too long for a name is cut)."""
    found = _MODEL.search(context or "")
    return None if found is None else found[1].replace('""', '"')


def named_objects(message: str) -> str:
    """Return the tables, columns and functions that a message names, and nothing else."""
    return ", ".join(dict.fromkeys(_OBJECT.findall(message)))


def trigger_failed(report: ErrorReport, names: Names, function: str) -> AbloError:
    """A trigger, rule or default of the user's."""
    model = names.model(written_model(report.context))
    state = report.sqlstate or ""
    words = "may not use" if state == "42501" else "does not find"
    objects = named_objects(report.message) if state == "42501" or state in _UNDEFINED else ""
    why = f"it {words} {objects}" if objects else f"SQLSTATE {state}"
    remedy = "correct the function; `ablo-pg check SCHEMA` lists the triggers that cannot run"
    if state == "42501":
        remedy = (
            "writes through the API run with the rights of ablo_owner: grant it what the function "
            f"needs, or `alter function {function} security definer set search_path = SCHEMAS`; "
            "`ablo-pg check SCHEMA` lists the statements"
        )
    elif state in _UNDEFINED:
        remedy = (
            f"name it with its schema, or `alter function {function} set search_path = SCHEMAS`; "
            "`ablo-pg check SCHEMA` shows where triggers find names"
        )
    return error_for(
        "trigger_failed",
        f"{function}, which a trigger of {model or 'the table'} calls, failed: {why}",
        model=model,
        remedy=remedy,
        details={"function": function, "sqlstate": state},
    )


def missing_object(report: ErrorReport, names: Names) -> AbloError:
    """Return the error of a missing table or column, or of a missing kernel."""
    if re.search(r"\bablo_model\b", report.message) or not re.search(r"\bablo\b", report.message):
        model = names.model(written_model(report.context))
        named = _COLUMN.search(report.message)
        column = report.column or (named[1] if named else None)
        objects = f'column "{report.column}"' if report.column else named_objects(report.message)
        what = f"The table of {model}" if model else "The database"
        return error_for(
            "model_not_provisioned",
            f"{what} does not match the declared schema{objects and f': see {objects}'}",
            model=model,
            field=names.field(model, column) if column else None,
            remedy=MIGRATE_REMEDY + ", or undo the change; `ablo-pg status` lists what differs",
        )
    return error_for(
        "kernel_not_installed",
        "This database lacks the ablo kernel, or part of it",
        remedy=KERNEL_REMEDY,
    )
