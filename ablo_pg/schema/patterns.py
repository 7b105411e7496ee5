r"""Regular expressions that Postgres, pydantic, JSON Schema and Python read alike.

`portable` refuses the rest: classes such as \d, which depend on a locale or on Unicode tables,
look-around, back references, flags, lazy quantifiers, and what one of the four reads as something
else. A pattern is searched for; `^` and `$` are the ends of the whole text.
https://www.postgresql.org/docs/current/functions-matching.html#POSIX-SYNTAX-DETAILS
"""

from __future__ import annotations

import re
from typing import Final

# Of repetitions, nested ones multiplied: Postgres refuses larger automata, when a row is written.
MAX_SIZE: Final = 1_000
MAX_COUNT: Final = 255
_ESCAPED: Final = r"\.+*?()[]{}|^$/-ntr"
_CLASS: Final = "write a class of characters, for example [0-9] or [A-Za-z]"
_ESCAPE: Final = "escape it with a backslash"
_COUNT: Final = re.compile(r"\{([0-9]{1,3})(,([0-9]{1,3})?)?\}")


class PatternError(ValueError):
    """A pattern that is not read alike everywhere; carries the reason and the remedy."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy


def portable(pattern: str) -> str:
    r"""Return a pattern as Postgres spells it, where `.` also matches a line break.

    >>> portable(r"^a.\.[a-z]+$")
    '^a[^\\n]\\.[a-z]+$'

    Raises:
        PatternError: it may mean something else in Postgres, pydantic, JSON Schema or Python.
    """
    return _Scanner(pattern).scan()


class _Scanner:
    def __init__(self, pattern: str) -> None:
        self._text = pattern
        self._at = 0
        self._out: list[str] = []
        self._sizes = [0]  # per open group, what it has expanded to so far
        self._last: int | None = None  # the size of what a quantifier would repeat

    def scan(self) -> str:
        if any("\ud800" <= one <= "\udfff" or one == "\0" for one in self._text):
            raise PatternError("it contains a character that text cannot have", "remove it")
        while self._at < len(self._text):
            self._step(self._text[self._at])
        if len(self._sizes) > 1:
            raise PatternError("a group is not closed", "add the missing )")
        return "".join(self._out)

    def _step(self, one: str) -> None:
        match one:
            case "(":
                self._open()
            case ")":
                self._close()
            case "|" | "^" | "$":
                self._put(one, None)
            case "*" | "+" | "?":
                self._repeat(one, 1)
            case "{":
                self._count()
            case "[":
                self._bracket()
            case "]" | "}":
                raise PatternError(f"a {one} stands alone", _ESCAPE)
            case ".":
                self._at += 1
                self._add("[^\\n]")
            case "\\":
                self._add(self._escape())
            case _:
                self._at += 1
                self._add(one)

    def _put(self, text: str, last: int | None) -> None:
        self._at += len(text)
        self._out.append(text)
        self._last = last

    def _add(self, text: str, size: int = 1) -> None:
        """Add what a quantifier may repeat."""
        self._out.append(text)
        self._last = size
        self._grow(size)

    def _grow(self, size: int) -> None:
        self._sizes[-1] += size
        if sum(self._sizes) > MAX_SIZE:
            raise PatternError(
                f"its repetitions multiply to more than {MAX_SIZE}", "use + or *, or fewer of them"
            )

    def _open(self) -> None:
        text = "(?:" if self._text.startswith("(?:", self._at) else "("
        if text == "(" and self._text.startswith("(?", self._at):
            raise PatternError("(? begins what only some read: look-around, flags, names",
                "use plain groups, ( and (?:")  # fmt: skip
        self._put(text, None)
        self._sizes.append(0)

    def _close(self) -> None:
        if len(self._sizes) == 1:
            raise PatternError("a ) stands alone", _ESCAPE)
        size = self._sizes.pop()
        self._put(")", max(size, 1))
        self._sizes[-1] += size

    def _repeat(self, text: str, times: int) -> None:
        if self._last is None:
            raise PatternError(f"{text} has nothing to repeat", f"{_ESCAPE}, or put it in a group")
        if self._text[self._at + len(text) :][:1] in tuple("*+?{"):
            raise PatternError(
                "a quantifier follows another", "write one; matching needs no lazy one"
            )
        size = self._last
        self._put(text, None)
        self._grow(size * (times - 1))

    def _count(self) -> None:
        found = _COUNT.match(self._text, self._at)
        if found is None:
            raise PatternError("{ does not begin a count", _ESCAPE)
        low, high = int(found[1]), int(found[3] or found[1])
        if high < low or high > MAX_COUNT:
            raise PatternError(f"{found[0]} is not a count", f"write {{m,n}}, up to {MAX_COUNT}")
        self._repeat(found[0], max(high, 1))

    def _escape(self) -> str:
        one = self._text[self._at + 1 : self._at + 2]
        self._at += 2
        if one and one in _ESCAPED:
            return f"\\{one}"
        raise PatternError(f"\\{one} is not read alike everywhere", _CLASS)

    def _bracket(self) -> None:
        start = self._at
        self._at += 1
        text = "[^" if self._text.startswith("^", self._at) else "["
        self._at += len(text) - 1
        found: list[str] = []
        while (one := self._text[self._at : self._at + 1]) != "]":
            if not one:
                raise PatternError("a [ is not closed", "add the missing ]")
            after = self._text[self._at + 1 : self._at + 2]
            alone = one == "[" or (one == "-" and found and after != "]")
            if alone or (one in "&~|-" and after == one):
                raise PatternError(f"{one} stands alone in [ ]", _ESCAPE)
            found.append(self._range())
        self._at += 1
        if not found:
            raise PatternError(f"{self._text[start : self._at]} lists nothing", "list a character")
        self._add(text + "".join(found) + "]")

    def _range(self) -> str:
        low = self._member()
        if self._text.startswith("-", self._at) and self._text[self._at + 1 : self._at + 2] != "]":
            if low == "-":
                raise PatternError("a range begins with -", _ESCAPE)
            self._at += 1
            high = self._member()
            if "\\" in (low[:1], high[:1]) or high in "[-" or low > high:
                raise PatternError(f"{low}-{high} is not a range", "write it from low to high")
            return f"{low}-{high}"
        return low

    def _member(self) -> str:
        one = self._text[self._at : self._at + 1]
        if one == "\\":
            return self._escape()
        self._at += 1
        return one
