"""A Prisma or Drizzle file in tokens, and a cursor over them that knows where it is. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, NoReturn

from ablo_pg.kernel.described.draft import bounded, refuse

LARGEST: Final = 2 << 20  # characters of a file
DEEPEST: Final = 60  # brackets within brackets
_TOKEN: Final = re.compile(
    r"""(?P<space>[ \t\r\ufeff]+|//[^\n]*|/\*.*?\*/)|(?P<line>\n)
      |(?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`)
      |(?P<number>-?\d+(?:\.\d+)?)|(?P<name>[A-Za-z_$][\w$]*)|(?P<mark>=>|@@|\.\.\.|[^\w\s"'`])""",
    re.DOTALL | re.VERBOSE,
)
# A regular expression stands where a value does: at the start, after a mark, or after `return`.
_REGEX: Final = re.compile(r"/(?![*/])(?:[^/\\\n\[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+/[a-z]*")
_BEFORE_VALUE: Final = re.compile(r"(?:^|[(,=:\[!&|?{};>]|\breturn)\s*$")
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "0": "\0"}


@dataclass(frozen=True, slots=True)
class Token:
    """kind: text (unquoted), template, regex, number, name, mark, line or end."""

    kind: str
    text: str
    line: int
    column: int


class Cursor:
    """Reads tokens one by one. Raises schema_definition_invalid, with line and column."""

    def __init__(self, name: str, text: str, *, lines: bool) -> None:
        """lines: whether the ends of lines are tokens."""
        bounded(name, text, LARGEST)
        self.name = name
        self._tokens = list(_tokens(name, text, lines))
        self._at = 0
        self._depth = 0

    @property
    def next(self) -> Token:
        """The next token, which stays."""
        return self._tokens[self._at]

    def after(self, count: int = 1) -> Token:
        """Return the token after the next one, or a later one."""
        return self._tokens[min(self._at + count, len(self._tokens) - 1)]

    def take(self) -> Token:
        """Return the next token and go on."""
        token = self.next
        self._at += token.kind != "end"
        return token

    def sees(self, *texts: str) -> bool:
        """Whether the next token is one of these marks or names."""
        return self.next.kind in ("mark", "name") and self.next.text in texts

    def eat(self, text: str) -> bool:
        """Take the next token if it is this mark or name."""
        return self.sees(text) and bool(self.take())

    def expect(self, text: str) -> Token:
        """Take this mark, or refuse the file."""
        if not self.sees(text):
            self.refuse(f"expected {text}, found {self.found()}")
        return self.take()

    def word(self, kind: str, what: str) -> str:
        """Take a token of this kind, and return its text."""
        if self.next.kind != kind:
            self.refuse(f"expected {what}, found {self.found()}")
        return self.take().text

    def found(self) -> str:
        """Return the next token for a message."""
        token = self.next
        return {"end": "the end of the file", "line": "the end of the line"}.get(
            token.kind, repr(token.text[:40])
        )

    def refuse(self, reason: str) -> NoReturn:
        """Refuse the file at the next token."""
        refuse(self.name, reason, line=self.next.line, column=self.next.column)

    def skip_group(self) -> None:
        """Take a bracket and everything up to the one that closes it."""
        depth = 0
        while self.next.kind != "end":
            token = self.take()
            if token.kind == "mark":
                depth += (token.text in "([{") - (token.text in ")]}")
            if depth == 0:
                return
        self.refuse("a bracket is not closed")

    def deeper(self) -> None:
        """Count a bracket that opens."""
        self._depth += 1
        if self._depth > DEEPEST:
            self.refuse(f"brackets are nested more than {DEEPEST} deep")

    def higher(self) -> None:
        """Count a bracket that closes."""
        self._depth -= 1


def _tokens(name: str, text: str, lines: bool) -> list[Token]:
    found: list[Token] = []
    at, line, start = 0, 1, 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        regex = _REGEX.match(text, at) if text[at] == "/" else None
        if regex and not lines and _BEFORE_VALUE.search(text[max(0, at - 80) : at]):
            match = regex
        if match is None:
            refuse(name, f"unexpected {text[at]!r}", line=line, column=at - start + 1)
        kind, part = match.lastgroup or "regex", match[0]
        if kind == "text":
            kind = "template" if part[0] == "`" else "text"
            found.append(Token(kind, _unquoted(part), line, at - start + 1))
        elif kind != "space" and (kind != "line" or lines):
            found.append(Token(kind, part, line, at - start + 1))
        if "\n" in part:
            line, start = line + part.count("\n"), at + part.rfind("\n") + 1
        at = match.end()
    found.append(Token("end", "", line, at - start + 1))
    return found


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", lambda it: _ESCAPES.get(it[1], it[1]), text[1:-1], flags=re.DOTALL)
