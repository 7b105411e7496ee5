"""The spellings of a field's name: Python `due_date`, wire `dueDate`, column `due_date`.

Pure string work, used by `lowering` (Python -> wire -> column) and `wire_json` (wire -> column).
Only ASCII letters change case, as in the JavaScript clients that push schemas. A mapping may turn
two names into one (`due_date` and `dueDate` are both `dueDate` on the wire); `checks` reports it.
"""

from __future__ import annotations

import re
from typing import Final

from ablo_pg.schema.neutral import ARCHIVED_FIELD, BASE_FIELDS

_AFTER_UNDERSCORE: Final = re.compile(r"(?<!^)_([a-z])")
_CAPITAL: Final = re.compile(r"(?<!^)[A-Z]")
_CAPITALS: Final = re.compile(r"[A-Z]+")

# Python and wire spellings of the base fields, each to its wire name.
RESERVED: Final[dict[str, str]] = {
    spelling: wire for name, wire, _, _ in BASE_FIELDS for spelling in (name, wire)
}
# The same, and the archive mark, which a model may declare itself.
SYSTEM_WIRE: Final[dict[str, str]] = {
    **RESERVED,
    ARCHIVED_FIELD[0]: ARCHIVED_FIELD[1],
    ARCHIVED_FIELD[1]: ARCHIVED_FIELD[1],
}


def wire_name(name: str) -> str:
    """Spell a Python name for JSON: `due_date` -> `dueDate`, `line_2` stays `line_2`."""
    return _AFTER_UNDERSCORE.sub(lambda match: match[1].upper(), name)


def column_name(name: str) -> str:
    """Spell a Python or wire name for Postgres: `dueDate` -> `due_date`, `due_date` stays."""
    return _CAPITALS.sub(lambda match: match[0].lower(), _CAPITAL.sub(r"_\g<0>", name))


def lookup_key(name: str) -> str:
    """Return the form in which model names are compared: not case-sensitive."""
    return name.lower()
