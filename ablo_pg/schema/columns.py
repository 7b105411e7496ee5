"""Filters as typed Python expressions: `(col(Task.status) == "todo") & (col(Task.count) > 3)`.

A field of a row class is, on the class, a `Column`; its operators make `Condition`s. Both only
record what was written. `predicate.expression` reads them as the fields of a model. Permissions
also name the `actor`, and the row as it was and will be (`old`, `new`). Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Generic, Literal, NoReturn, TypeVar

from ablo_pg.errors import AbloError, error_for

ValueT = TypeVar("ValueT")
TextT = TypeVar("TextT", bound=str)


class Expression:
    """An operator or a method, and what it was applied to. "field" is applied to class and name."""

    __slots__ = ("args", "word")

    def __init__(self, word: str, *args: Any) -> None:
        self.word = word
        self.args = args

    def __and__(self, other: Condition | Column[bool]) -> Condition:
        return Condition("&", self, other)

    def __or__(self, other: Condition | Column[bool]) -> Condition:
        return Condition("|", self, other)

    def __invert__(self) -> Condition:
        return Condition("~", self)

    def __bool__(self) -> NoReturn:
        raise error_for(
            "invalid_request",
            f"the filter {self!r} is true or false of a row, not in Python",
            field="where",
            remedy="join conditions with & and |, negate with ~, each in parentheses: "
            "(a > 1) & (a < 9); `and`, `or`, `not`, `in` and a < b < c do not work",
        )

    def __repr__(self) -> str:
        first, *others = self.args
        match self.word:
            case "field":
                return f"{first.__name__}.{others[0]}"
            case "actor":
                return f"actor.{first}"
            case "old" | "new":
                return f"{self.word}({first!r})"
            case "[]":
                return f"{first!r}[{others[0]!r}]"
            case "~":
                return f"~({first!r})"
            case "&" | "|":
                return f"({first!r}) {self.word} ({others[0]!r})"
            case "in_" | "contains" | "overlaps":
                return f"{first!r}.{self.word}({others!r})"
            case method if method.isidentifier():
                return f"{first!r}.{method}({', '.join(map(repr, others))})"
        return f"{first!r} {self.word} {others[0]!r}"


class Condition(Expression):
    """A condition on a row, for `where=`. Join with `&` and `|`, negate with `~`."""

    __slots__ = ()


class Column(Expression, Generic[ValueT]):
    """A field of a row class, or text made of one. A boolean one is itself a condition.

    Values have the field's type. None is refused: use `is_null()`. A null passes no other
    comparison, as in SQL. Raises AbloValidationError; a value's type is checked when it is used.
    """

    __slots__ = ()

    def __eq__(self, other: ValueT | Column[ValueT]) -> Condition:  # type: ignore[override]
        return _test("==", self, other)

    def __ne__(self, other: ValueT | Column[ValueT]) -> Condition:  # type: ignore[override]
        return _test("!=", self, other)

    def __lt__(self, other: ValueT | Column[ValueT]) -> Condition:
        return _test("<", self, other)

    def __le__(self, other: ValueT | Column[ValueT]) -> Condition:
        return _test("<=", self, other)

    def __gt__(self, other: ValueT | Column[ValueT]) -> Condition:
        return _test(">", self, other)

    def __ge__(self, other: ValueT | Column[ValueT]) -> Condition:
        return _test(">=", self, other)

    def in_(self, values: Iterable[ValueT]) -> Condition:
        """Whether it is one of these; of no values, it is not."""
        return _test("in_", self, *_listed(self, values))

    def between(self, low: ValueT | Column[ValueT], high: ValueT | Column[ValueT]) -> Condition:
        """Whether it is at least `low` and at most `high`."""
        return (self >= low) & (self <= high)

    def is_null(self) -> Condition:
        """Whether it is null, which a row has as None."""
        return _test("is_null", self)

    def is_not_null(self) -> Condition:
        """Whether it has a value."""
        return ~self.is_null()

    def like(self: Column[TextT], pattern: str) -> Condition:
        r"""Whether text matches: % is any text, _ one character, \ escapes."""
        return _test("like", self, pattern)

    def ilike(self: Column[TextT], pattern: str) -> Condition:
        """Whether text matches, upper and lower case being the same."""
        return _test("ilike", self, pattern)

    def contains(self, values: Sequence[object]) -> Condition:
        """Whether a list has all of these."""
        return _test("contains", self, *_listed(self, values))

    def overlaps(self, values: Sequence[object]) -> Condition:
        """Whether a list has one of these."""
        return _test("overlaps", self, *_listed(self, values))

    def lower(self: Column[TextT]) -> Column[str]:
        """Return the text in lower case."""
        return Column("lower", self)

    def upper(self: Column[TextT]) -> Column[str]:
        """Return the text in upper case."""
        return Column("upper", self)

    def length(self: Column[TextT]) -> Column[int]:
        """Return the text's length in characters."""
        return Column("length", self)

    def __getitem__(self, key: str) -> Column[str]:
        """Return the member of a json object as text, as `->>` does; null without such a member."""
        if not isinstance(key, str):  # `x in column` would count on, as through a list
            raise _refused(self, f"[{key!r}] is not a key", "pass the name of a key, a str")
        return Column("[]", self, key)


def col(field: ValueT | None, /) -> Column[ValueT]:
    """Return a field of a row class as the column that it is.

        page = await ablo.tasks.list((col(Task.status) == "todo") & (col(Task.count) > 3))

    At run time `Task.status` is a `Column` already and is returned unchanged. A type checker takes
    it for a str, which a row's `status` is, and `Task.status == "todo"` for a bool. `where` accepts
    no bool, because `task.status == "todo"` of a row is one too. So `col` says to the checker that
    it is a column, and of which type; a program that is not checked may leave it out.

    Raises invalid_request for anything else.
    """
    if not isinstance(field, Column):
        raise error_for(
            "invalid_request",
            f"a column is expected, not a {type(field).__name__}",
            field="where",
            remedy="pass a field of a row class, for example col(Task.status); filter by a field "
            "that is named like a method (json, copy) with a dict or SQL text",
        )
    return field


class Actor:
    """Who reads or writes, in permissions. user_id: the id if the kind is user, else null.

    Compare from the left, and a type checker needs no `col`: `actor.user_id == Task.owner_id`.
    """

    __slots__ = ()
    id: Final[Column[str]] = Column("actor", "id")
    kind: Final[Column[Literal["user", "agent", "system"]]] = Column("actor", "kind")
    user_id: Final[Column[str]] = Column("actor", "user_id")

    def __repr__(self) -> str:
        return "actor"


actor: Final = Actor()


def old(field: ValueT | None, /) -> Column[ValueT]:
    """Return a field of the row before an update, in `allow(update=...)`."""
    return Column("old", _plain(field))


def new(field: ValueT | None, /) -> Column[ValueT]:
    """Return a field of the row after an update, in `allow(update=...)`."""
    return Column("new", _plain(field))


def _plain(field: object) -> Column[object]:
    found = col(field)
    if found.word != "field":
        raise _refused(found, "it is not a field", "write old() and new() around fields")
    return found


def _test(word: str, column: Column[Any], *values: object) -> Condition:
    if any(one is None for one in values):
        raise _refused(column, "nothing equals None", "use is_null() or is_not_null()")
    return Condition(word, column, *values)


def _listed(column: Column[Any], values: object) -> Iterable[object]:
    if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
        raise _refused(column, f"{type(values).__name__} is not a list", "pass a list of values")
    return values


def _refused(column: Column[Any], reason: str, remedy: str) -> AbloError:
    return error_for("invalid_request", f"{column!r}: {reason}", field="where", remedy=remedy)
