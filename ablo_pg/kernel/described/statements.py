"""A file of SQL in statements with their lines: no data, comments, or commands of psql. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ablo_pg.kernel.described.draft import refuse

# What a semicolon can be in: E'...', '...', "...", $tag$...$tag$, and both kinds of comments. A
# quote or a comment that does not end is matched by its beginning alone.
_PART: Final = re.compile(
    r"""(?P<text>\b[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"
      |(?<![\w$])(?P<tag>\$(?:[A-Za-z_]\w*)?\$).*?(?P=tag))
      |(?P<comment>--[^\n]*|/\*.*?\*/)|(?P<end>;)|(?P<open>['"]|/\*|(?<![\w$])\$[A-Za-z_]*\$)""",
    re.DOTALL | re.VERBOSE,
)
_NAMES: Final = {"'": "a text", '"': "a quoted name", "/*": "a comment"}


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement without its semicolon. line: where it begins. words: its first, in upper case."""

    text: str
    line: int
    words: tuple[str, ...]


def statements(name: str, text: str) -> Iterator[Statement]:
    """Yield the statements of a file.

    Raises: schema_definition_invalid for a text, name or comment that does not end.
    """
    text = _without_psql(text)
    at, line, parts = 0, 1, list[str]()
    for found in _PART.finditer(text):
        if found["open"]:
            before = text[: found.start()]
            line, column = before.count("\n") + 1, found.start() - before.rfind("\n")
            what = _NAMES.get(found["open"], "a text in dollar quotes")
            refuse(name, f"{what} begins here and does not end", line=line, column=column)
        if found["comment"]:
            parts += (text[at : found.start()], " " + "\n" * found[0].count("\n"))
            at = found.end()
        elif found["end"]:
            parts.append(text[at : found.start()])
            at = found.end()
            whole = "".join(parts)
            yield from _statement(whole, line)
            line += whole.count("\n")
            parts = []
    yield from _statement("".join([*parts, text[at:]]), line)


def _statement(whole: str, line: int) -> Iterator[Statement]:
    body = whole.strip()
    if body:
        line += whole[: len(whole) - len(whole.lstrip())].count("\n")
        yield Statement(body, line, tuple(body[:400].upper().replace("(", " ( ").split()[:12]))


def _without_psql(text: str) -> str:
    """Empty the lines of psql's commands, and those that COPY reads, and keep their number."""
    kept: list[str] = []
    data = False
    for line in text.split("\n"):
        start = line.lstrip()
        if data:
            data = start.rstrip() != "\\."
            kept.append("")
        elif start[:5].upper() == "COPY " and start.rstrip().lower().endswith("from stdin;"):
            data = True
            kept.append("")
        else:
            kept.append("" if start[:1] == "\\" else line)
    return "\n".join(kept)
