"""Whether a table's own triggers work in a write through the API, and the SQL for what they lack.

Flow: `db.triggers` (catalogue) -> here -> `fit` (for `check`) and `migrate` (its notes). Bodies are
read for the relations and functions that they name, including SQL in strings; other names are
ignored. Dynamic SQL is not seen: the error at run time names the function (`db.errors`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import psycopg

from ablo_pg.db.triggers import (
    FunctionFacts,
    TriggerFacts,
    called,
    lacking,
    names_found_by,
    own_path,
    own_triggers,
    table_path,
    unseen,
)

_NAME: Final = r'(?:"(?:[^"]|"")+"|[^\W\d][\w$]*)'
_QUALIFIED: Final = rf"{_NAME}(?:\.{_NAME})?"
_USE: Final = re.compile(
    rf"\b(insert\s+into|merge\s+into|update|delete\s+from|from|join|using)\s+(?:only\s+)?({_QUALIFIED})",
    re.IGNORECASE,
)
_NEXT: Final = re.compile(r"\bnextval\s*\(\s*'([^']+)'", re.IGNORECASE)
_CALL: Final = re.compile(rf"({_QUALIFIED})\s*\(")
COMMENT: Final = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_WHO: Final = re.compile(r"\b(current_user|session_user|current_role)\b", re.IGNORECASE)
_RIGHTS: Final = {
    "insert": ("insert",),
    "merge": ("insert", "update", "delete", "select"),
    "update": ("update", "select"),
    "delete": ("delete", "select"),
}
_DEPTH: Final = 4  # functions that call functions


@dataclass(frozen=True, slots=True)
class Unfit:
    """A trigger that would fail, or see something else, in a write through the API."""

    message: str
    sql: str | None = None


def unfit_triggers(conn: psycopg.Connection, table: str) -> Iterator[Unfit]:
    """Check the triggers of a table (a quoted name). Reads only, in the caller's transaction."""
    triggers = own_triggers(conn, table)
    if triggers:
        paths = table_path(conn, table), table_path(conn, table, of_session=True)
        for trigger in triggers:
            yield from _judge(conn, trigger, *paths)


def _judge(
    conn: psycopg.Connection, trigger: TriggerFacts, path: str | None, session: str | None
) -> Iterator[Unfit]:
    function = trigger.function
    whose = f"its trigger {trigger.name} calls {function.name}, which"
    if function.definer:
        return
    if function.language not in ("sql", "plpgsql", "c", "internal"):
        text = f"{whose} is in {function.language} and cannot be read: it runs as ablo_owner"
        yield Unfit(text)
        return
    own = function.path or path
    grants, lost = _lacks(conn, function, own, _DEPTH)
    with names_found_by(conn, session):
        hidden = lost - unseen(conn, lost)
    if grants:
        text = f"{whose} runs as ablo_owner in a write through the API, and lacks rights"
        yield Unfit(text, "\n".join(grants))
    if hidden:
        text = f"{whose} names {', '.join(sorted(hidden))}: found by a session's search_path, "
        text += f"but not by that of a write through the API ({own}), which leaves out schemas in "
        text += "which other roles may create objects; revoke that, or set the function's own"
        yield Unfit(text, own_path(function.name))
    if found := _WHO.search(COMMENT.sub(" ", function.body)):
        text = f"{whose} reads {found[1].lower()}: in a write through the API current_user is "
        text += "ablo_owner and session_user the runtime login; app.current_participant_id names "
        text += "who acts"
        yield Unfit(text)


def _lacks(
    conn: psycopg.Connection, function: FunctionFacts, path: str | None, depth: int
) -> tuple[list[str], frozenset[str]]:
    """Return the GRANTs that it needs, and the names that are not relations under its path."""
    body = COMMENT.sub(" ", function.body)
    used = list(_used(body))
    names = {name for name, _ in used}
    with names_found_by(conn, path):
        missing = lacking(conn, used)
        lost = unseen(conn, names)
        calls = called(conn, set(_CALL.findall(body))) if depth else ()
        inner = [_lacks(conn, one, one.path or path, depth - 1) for one in calls if not one.definer]
    grants = [one.sql for one in missing]
    for more, unfound in inner:
        grants += [grant for grant in more if grant not in grants]
        lost |= unfound
    return grants, lost


def _used(body: str) -> Iterator[tuple[str, str]]:
    for verb, name in _USE.findall(body):
        for right in _RIGHTS.get(verb.split()[0].lower(), ("select",)):
            yield name, right
    for name in _NEXT.findall(body):
        yield name, "usage"
