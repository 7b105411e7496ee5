"""Types and constants of expressions, as Postgres converts them when it reads one.

A constant that has several spellings (1e3, '1000'::numeric) gets one; what depends on a session or
has no reader here keeps its text, under a type that starts with `?`.
"""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final

from ablo_pg.kernel.trees.tree import INTEGERS, NUMBERS, Node, const

UNKNOWN: Final = "unknown"  # of a quoted literal, until something gives it a type
_BOOLEANS: Final = {"t": "true", "true": "true", "f": "false", "false": "false"}
_OF_SQLGLOT: Final = {
    **dict.fromkeys(("INT", "SERIAL", "INTEGER"), "int4"),
    **dict.fromkeys(("BIGINT", "BIGSERIAL"), "int8"),
    **dict.fromkeys(("SMALLINT", "SMALLSERIAL"), "int2"),
    **dict.fromkeys(("CHAR", "BPCHAR"), "bpchar"),
    "DECIMAL": "numeric",
    "DOUBLE": "float8",
    "FLOAT": "float4",
    "BOOLEAN": "bool",
    "VARBINARY": "bytea",
    "TIMETZ": "timetz",
    "VARCHAR": "varchar",
    "TIMESTAMPNTZ": "timestamp",
}


def type_name(name: str) -> str:
    """Return a `pg_type` name as trees have it: text for varchar, which is the same to operators.

    Of an array: the element's name and [].
    """
    if name.startswith("_"):
        return f"{type_name(name[1:])}[]"
    return "text" if name == "varchar" else name


def base_name(name: str) -> str:
    """Return the `pg_type` name of a type that sqlglot calls so."""
    return _OF_SQLGLOT.get(name, name.lower())


def widest(types: set[str], *, listed: bool = False) -> str:
    """Return the type in which Postgres compares values of these; '' if it converts none.

    listed: of a list or CASE, which does not leave `real`; operators of two numbers do.
    """
    known = types - {UNKNOWN, ""}
    if len(known) < 2:
        return next(iter(known), "")
    if known <= set(NUMBERS):
        if known <= set(INTEGERS):
            return "int8" if "int8" in known else "int4"
        if known <= {*INTEGERS, "numeric"}:
            return "numeric"
        return "float4" if listed and "float8" not in known else "float8"
    return "text" if known == {"text", "bpchar"} else ""


def converted(node: Node, type_: str) -> Node | None:
    """Return a constant as one of another type; None if that takes a cast when it is run."""
    of, text = str(node.parts[0]), str(node.parts[1])
    if of == "null":
        return node
    if of == UNKNOWN or (of == "text" and type_ == "text"):
        return _parsed(type_, text)
    if of == type_ or (of == "int" and type_ in INTEGERS):
        return const(type_, text)
    if of in ("int", "numeric") and type_ in ("numeric", "float4", "float8"):
        return _parsed(type_, text)
    return None


def _parsed(type_: str, text: str) -> Node:
    reader = _READERS.get(type_)
    if reader is None:
        return const(f"?{type_}" if type_ in _SPELT else type_, text)
    try:
        return const(type_, reader(text))
    except (ValueError, ArithmeticError, KeyError):
        return const(f"?{type_}", text)


def _time(text: str) -> str:
    return dt.datetime.fromisoformat(text).isoformat()


def _zoned(text: str) -> str:
    found = dt.datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(text)  # the session's zone decides
    return found.astimezone(dt.UTC).isoformat()


def _json(text: str) -> str:
    """Spell JSON in one way; a number keeps its digits, which a float would round."""
    found = json.loads(text, parse_float=lambda digits: f"\0{_numeric(digits)}")
    first, *rest = json.dumps(found, sort_keys=True).split('"\\u0000')
    return first + "".join(part.replace('"', "", 1) for part in rest)


def _numeric(text: str) -> str:
    return format(Decimal(text.strip()), "f")


_READERS: Final[Mapping[str, Callable[[str], str]]] = {
    **dict.fromkeys(INTEGERS, lambda text: str(int(text))),
    "numeric": _numeric,
    "float4": lambda text: repr(float(text)),
    "float8": lambda text: repr(float(text)),
    "bool": lambda text: _BOOLEANS[text.strip().lower()],
    "date": lambda text: dt.date.fromisoformat(text).isoformat(),
    "timestamp": _time,
    "timestamptz": _zoned,
    "uuid": lambda text: str(uuid.UUID(text)),
    "jsonb": _json,
}
# Postgres prints these in a spelling of its own, which has no reader here.
_SPELT: Final = ("interval", "time", "timetz", "regclass", "bytea", "inet", "cidr", "tsquery")


def array_elements(text: str) -> tuple[str, ...] | None:
    """Return the elements of a one-dimensional array in Postgres's spelling, {a,"b c"}."""
    if not (text.startswith("{") and text.endswith("}")) or text.startswith("{{"):
        return None
    found: list[str] = []
    rest = text[1:-1]
    while rest:
        if rest[0] == '"':
            element, rest = _quoted(rest)
        else:
            element, comma, rest = rest.partition(",")
            element = element.strip()
            if not element or element.upper() == "NULL" or set(element) & set('"\\{}'):
                return None
            rest = comma + rest
        if element is None or (rest and (rest[0] != "," or len(rest) == 1)):
            return None
        found.append(element)
        rest = rest[1:]
    return tuple(found)


def _quoted(text: str) -> tuple[str | None, str]:
    """Read an element in double quotes; return it and what follows."""
    element, at = "", 1
    while at < len(text) and text[at] != '"':
        at += text[at] == "\\"
        element += text[at : at + 1]
        at += 1
    return (element, text[at + 1 :]) if at < len(text) else (None, "")
