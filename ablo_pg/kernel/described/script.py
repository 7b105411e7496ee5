"""Values of TypeScript that schemas are made of: texts, numbers, lists, objects, chains of calls.

Anything else is an `Odd`, which the caller lists. Nothing is evaluated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from ablo_pg.kernel.described.tokens import Cursor

Value: TypeAlias = "str | Number | Sql | Chain | Function | Odd | list[Value] | dict[str, Value]"


@dataclass(frozen=True, slots=True)
class Step:
    """A name in a chain, and its arguments if it is called. line: of the name."""

    name: str
    arguments: tuple[Value, ...] | None
    line: int


@dataclass(frozen=True, slots=True)
class Chain:
    """`a.b(1).c`: its steps."""

    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Function:
    """`(t) => value`: the value, which names its parameters as constants."""

    value: Value


@dataclass(frozen=True, slots=True)
class Sql:
    """A text in backquotes that is SQL: sql`now()`."""

    text: str


@dataclass(frozen=True, slots=True)
class Number:
    """A number, as it is written."""

    text: str


@dataclass(frozen=True, slots=True)
class Odd:
    """A value that is not read."""

    line: int


class Script:
    """Reads values off a cursor."""

    def __init__(self, cursor: Cursor) -> None:
        self.cursor = cursor

    def value(self) -> Value:
        """Read one value, up to a comma, a semicolon or a closing bracket."""
        cursor = self.cursor
        cursor.deeper()
        line = cursor.next.line
        found = self._value()
        cursor.eat("as") and cursor.take()  # `as const`
        if cursor.next.kind != "end" and not self._ends():
            found = Odd(line)
            while cursor.next.kind != "end" and not cursor.sees(",", ";", ")", "]", "}"):
                if cursor.sees("const", "export", "function", "class"):
                    break
                if cursor.sees("(", "[", "{"):
                    cursor.skip_group()
                else:
                    cursor.take()
        cursor.higher()
        return found

    def _ends(self) -> bool:
        return self.cursor.sees(
            ",", ";", ")", "]", "}", "export", "const", "import", "type", "function", "interface"
        )

    def _value(self) -> Value:
        cursor = self.cursor
        token = cursor.next
        if token.kind in ("text", "template"):
            return cursor.take().text
        if token.kind == "number":
            return Number(cursor.take().text)
        if cursor.sees("["):
            return self._list("[", "]")
        if cursor.sees("{"):
            return self._object()
        if self._is_function():
            return self._function()
        if token.kind == "name":
            return self._chain()
        return Odd(token.line)

    def _list(self, start: str, end: str) -> list[Value]:
        cursor = self.cursor
        cursor.expect(start)
        values: list[Value] = []
        while not cursor.eat(end):
            if not cursor.eat(","):
                values.append(self._spread() if cursor.eat("...") else self.value())
                if not cursor.sees(",", end):
                    cursor.refuse(f"expected , or {end}, found {cursor.found()}")
        return values

    def _spread(self) -> Odd:
        line = self.cursor.next.line
        self.value()
        return Odd(line)

    def _object(self) -> dict[str, Value]:
        cursor = self.cursor
        cursor.expect("{")
        found: dict[str, Value] = {}
        while not cursor.eat("}"):
            if cursor.eat(","):
                continue
            if cursor.eat("..."):
                found[f"...{len(found)}"] = self._spread()
                continue
            if cursor.next.kind not in ("name", "text"):
                cursor.refuse(f"expected a key, found {cursor.found()}")
            key = cursor.take()
            plain = cursor.sees(",", "}")
            more = key.text in ("async", "get", "set") and cursor.next.kind == "name"
            if more or cursor.sees("("):  # a method: `dataType() { ... }`
                found[key.text] = self._method(key.line)
                continue
            if not plain:
                cursor.expect(":")
            name = Chain((Step(key.text, None, key.line),))
            found[key.text] = name if plain else self.value()
        return found

    def _method(self, line: int) -> Odd:
        """Skip what follows the first word of a method: `async name(a: A): B { ... }`."""
        cursor = self.cursor
        while cursor.next.kind != "end" and not cursor.sees("{"):
            if cursor.sees("("):
                cursor.skip_group()
            else:
                cursor.take()
        if cursor.next.kind == "end":
            cursor.refuse("expected {, found the end of the file")
        cursor.skip_group()
        return Odd(line)

    def _is_function(self) -> bool:
        cursor = self.cursor
        if cursor.next.kind == "name":
            return cursor.after().text == "=>"
        if not cursor.sees("("):
            return False
        at, depth = 0, 0
        while cursor.after(at).kind != "end":
            mark = cursor.after(at).text if cursor.after(at).kind == "mark" else ""
            depth += (mark in ("(", "[", "{")) - (mark in (")", "]", "}"))
            at += 1
            if depth == 0:
                break
        return cursor.after(at).text in ("=>", ":")

    def _function(self) -> Value:
        cursor = self.cursor
        line = cursor.next.line
        if cursor.sees("("):
            cursor.skip_group()
        else:
            cursor.take()
        while not cursor.sees("=>"):  # the type of its result
            cursor.take()
            if cursor.next.kind == "end":
                cursor.refuse("expected =>, found the end of the file")
        cursor.expect("=>")
        if cursor.sees("{"):
            cursor.skip_group()
            return Odd(line)
        if cursor.sees("("):
            (value, *_) = self._list("(", ")") or [Odd(line)]
            return Function(value)
        return Function(self.value())

    def _chain(self) -> Value:
        cursor = self.cursor
        steps: list[Step] = []
        while True:
            line = cursor.next.line
            name = cursor.word("name", "a name")
            if cursor.sees("<") and cursor.after().kind != "number":
                self._type()
            if cursor.next.kind == "template" and name == "sql":
                text = cursor.take().text
                if not steps and not cursor.sees("."):
                    return Sql(text)
                steps.append(Step("sql", (Sql(text),), line))
            elif cursor.sees("("):
                steps.append(Step(name, tuple(self._list("(", ")")), line))
            else:
                steps.append(Step(name, None, line))
            if not cursor.eat("."):
                return Chain(tuple(steps))

    def _type(self) -> None:
        """Skip the argument of a type: `<string[]>`."""
        depth = 0
        while self.cursor.next.kind != "end":
            token = self.cursor.take()
            depth += (token.text == "<") - (token.text == ">")
            if depth == 0:
                return
        self.cursor.refuse("a type is not closed")
