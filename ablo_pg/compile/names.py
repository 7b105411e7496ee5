"""Every name and literal that the compiler writes is quoted here, and nowhere else.

Names from a schema are always quoted, so reserved words, capitals, quotes and Unicode need no
special case. Names longer than Postgres allows are cut by `schema.identifiers`, which keeps them
apart.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from ablo_pg.schema.identifiers import MAX_BYTES as MAX_BYTES
from ablo_pg.schema.identifiers import digest as digest
from ablo_pg.schema.identifiers import shorten as shorten

# A quoted name, or a constant; neither contains NUL.
_QUOTED: Final = re.compile(r"""\"(?:[^\"]|\"\")*\"|'(?:[^']|'')*'""")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]+")


@lru_cache(maxsize=8192)
def ident(name: str) -> str:
    """Quote one identifier. ValueError for a name that Postgres cannot store."""
    if not name or "\0" in name:
        raise ValueError(f"not a Postgres identifier: {name!r}")
    quoted = shorten(name).replace('"', '""')
    return f'"{quoted}"'


def _escape_literal(match: re.Match[str]) -> str:
    return "".join(f"\\u{ord(char):04x}" for char in match[0])


def qualified(schema: str, name: str) -> str:
    """Quote `schema.name`; an unquoted ablo_model is ours and stays readable."""
    return f"{schema if schema == 'ablo_model' else ident(schema)}.{ident(name)}"


def regclass(schema: str, name: str) -> str:
    """Write a relation as a regclass constant, whose parser only supports plain double quotes."""
    parts = (shorten(part).replace('"', '""') for part in (schema, name))
    return literal(".".join(f'"{part}"' for part in parts)) + "::regclass"


@lru_cache(maxsize=8192)
def literal(text: str) -> str:
    """Quote a string constant; correct for any setting of standard_conforming_strings."""
    if "\0" in text:
        raise ValueError("a text constant cannot hold the NUL character")
    body = text.replace("'", "''")
    if "\\" not in body and not _CONTROL.search(body):
        return f"'{body}'"
    return "e'" + _CONTROL.sub(_escape_literal, body.replace("\\", "\\\\")) + "'"


def text_array(values: Iterable[str]) -> str:
    """Write a text[] constant."""
    return "array[" + ", ".join(literal(value) for value in values) + "]::text[]"


def array_text(values: Iterable[str]) -> str:
    """Write an array in Postgres's text form, {"a","b"}, not yet quoted as a constant."""
    quoted = (value.replace("\\", "\\\\").replace('"', '\\"') for value in values)
    return "{" + ",".join(f'"{value}"' for value in quoted) + "}"


def json_literal(value: object) -> str:
    """Quote a JSON value as a string constant, with the cast left to the caller."""
    return literal(json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True))


def dollar(body: str, tag: str = "ablo") -> str:
    """Dollar-quote a body with a tag that the body does not contain."""
    number = 0
    mark = f"${tag}$"
    while mark in body or body.endswith(mark[:-1]):
        number += 1
        mark = f"${tag}{number}$"
    return f"{mark}{body}{mark}"


def comment(text: str) -> str:
    """Write a one-line SQL comment; line breaks and control characters in it become spaces."""
    return "-- " + _CONTROL.sub(" ", text)


def indent(text: str, by: int = 2) -> str:
    """Indent every line that starts outside quotes: a quoted name may contain line breaks."""
    pad = " " * by
    lines = text.split("\n")
    if any(line.count('"') % 2 for line in lines):
        lines = _QUOTED.sub(lambda match: match[0].replace("\n", "\0"), text).split("\n")
    return "\n".join(pad + line if line else line for line in lines).replace("\0", "\n")
