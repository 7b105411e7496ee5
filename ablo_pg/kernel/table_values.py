"""Defaults and CHECKs as the catalogue prints them, parsed: constants, and lists of values.

Flow: `db.tables` (facts) -> here -> `pull`. Pure. Only certain forms are parsed: other expressions
are None, and `pull` then adds a comment.
"""

from __future__ import annotations

import re
from typing import Final

import orjson

from ablo_pg.schema.neutral import MISSING, Field, FieldType
from ablo_pg.schema.values import BadValueError, to_json_value

# 'it''s', or E'a\\b' if it contains a backslash; then casts: ::text, ::character varying(20)[].
_LITERAL: Final = re.compile(r"(E?)'((?:[^']|'')*)'")
_CAST: Final = re.compile(
    r"::(?:\"[^\"]+\"|[a-z_][a-z0-9_.]*(?: [a-z]+)*)(?:\(\d+(?:,\d+)?\))?(?:\[\])*"
)
_MARK, _COLUMN = "\x01", "\x02"  # placeholders for a constant, and for the column
_LISTED: Final = re.compile(rf"CHECK {_COLUMN} = ANY ARRAY\[{_MARK}(?:, {_MARK})*\]")
_ARRAY: Final = re.compile(rf"CHECK {_COLUMN} = ANY {_MARK}")
_ONE: Final = re.compile(rf"CHECK {_COLUMN} = {_MARK}(?: OR {_COLUMN} = {_MARK})*")
_OR_NULL: Final = re.compile(rf" OR {_COLUMN} IS NULL|(?<=^CHECK ){_COLUMN} IS NULL OR ")
_NUMBER: Final = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_ELEMENT: Final = re.compile(r'"((?:[^"\\]|\\.)*)"|([^",{}]+)')


def listed_values(definition: str, column: str) -> tuple[str, ...] | None:
    """Return the values of a CHECK that lists a column's values; None for any other CHECK.

    Args: definition, as pg_get_constraintdef prints it.
    """
    literals: list[str] = []

    def keep(match: re.Match[str]) -> str:
        text = match[2].replace("''", "'")
        literals.append(text.replace("\\\\", "\\") if match[1] else text)
        return _MARK

    if _MARK in definition or _COLUMN in definition:
        return None
    skeleton = _CAST.sub("", _LITERAL.sub(keep, definition))
    quoted = re.escape('"' + column.replace('"', '""') + '"')
    skeleton = re.sub(rf"{quoted}|(?<![\w\"]){re.escape(column)}(?![\w\"])", _COLUMN, skeleton)
    skeleton = re.sub(r"[()]", "", skeleton).strip()
    skeleton = _OR_NULL.sub("", skeleton)  # what a CHECK lets through anyway
    if _ARRAY.fullmatch(skeleton) and len(literals) == 1:
        return array_elements(literals[0])
    if _LISTED.fullmatch(skeleton) or _ONE.fullmatch(skeleton):
        return tuple(dict.fromkeys(literals))
    return None


def array_elements(text: str) -> tuple[str, ...] | None:
    """Return the elements of a one-dimensional array of text in Postgres's spelling, {a,"b c"}."""
    if not (text.startswith("{") and text.endswith("}")) or text.startswith("{{"):
        return None
    body = text[1:-1]
    found, at = [], 0
    while at < len(body):
        match = _ELEMENT.match(body, at)
        if match is None or match[2] == "NULL":
            return None
        found.append(re.sub(r"\\(.)", r"\1", match[1]) if match[1] is not None else match[2])
        at = match.end() + 1
        if at <= len(body) and body[at - 1] != ",":
            return None
    return tuple(dict.fromkeys(found))


def constant(expression: str | None, field: Field) -> object:
    """Return the JSON value of a constant default; MISSING for no default, or another."""
    if expression is None:
        return MISSING
    text = _CAST.sub("", expression).strip("() ")
    found: str | bool | None = None
    literal = _LITERAL.fullmatch(_without_cast(expression))
    if literal is not None:
        found = literal[2].replace("''", "'")
        found = found.replace("\\\\", "\\") if literal[1] else found
    elif text in ("true", "false"):
        found = text == "true"
    elif _NUMBER.fullmatch(text):
        found = text
    if found is None:
        return MISSING
    try:
        return to_json_value(field, _typed(found, field))
    except (BadValueError, ValueError):
        return MISSING


def default_as(expression: str, sql_type: str) -> str:
    """Return a default, as the catalogue prints it, for a column that gets another type."""
    literal = _without_cast(expression)
    if sql_type == "text" and _LITERAL.fullmatch(literal):
        return literal
    return f"({expression})::text::{sql_type}"


def _without_cast(expression: str) -> str:
    match = _LITERAL.match(expression)
    if match is not None and _CAST.fullmatch(expression[match.end() :]):
        return match[0]
    return expression


def _typed(found: str | bool, field: Field) -> object:
    if isinstance(found, bool):
        return found
    if field.type is FieldType.JSON:
        return orjson.loads(found)
    if field.type is FieldType.INTEGER:
        return int(found)
    if field.type is FieldType.NUMBER:
        return float(found)
    if field.type is FieldType.BOOLEAN:
        return {"t": True, "true": True, "f": False, "false": False}[found]
    if field.type is FieldType.DATETIME and len(found) > 10 and found[10] == " ":
        # Postgres's format of a timestamp: 2026-01-02 03:04:05+00
        return re.sub(r"([+-]\d\d)$", r"\1:00", found.replace(" ", "T", 1))
    return found
