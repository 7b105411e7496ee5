"""A predicate as a test of Python values, with the three truth values of SQL.

`compile_test` makes closures once; a row then costs well under a microsecond a term. Values are as
rows have them (`schema.rows`): datetime, Decimal, UUID and so on. A value that could not be read is
of another type, and a comparison with it is unknown. Where text is ordered or letters fold, the
database may use another collation than code points.
"""

from __future__ import annotations

import datetime as dt
import decimal
import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, TypeAlias

from pydantic_core import to_jsonable_python

from ablo_pg.errors import error_for
from ablo_pg.json_text import Json, RawJson, same
from ablo_pg.predicate.operands import Fields, python_value, united
from ablo_pg.predicate.permission import names_of
from ablo_pg.schema.neutral import Field, FieldType

Get: TypeAlias = Callable[[object], Any]
Node: TypeAlias = Mapping[str, Any]
Unary: TypeAlias = Callable[[Any], object]  # of values that are not null
Binary: TypeAlias = Callable[[Any, Any], object]
Compare: TypeAlias = Callable[[Any, Any], bool]
# True, False, or None: unknown.
Truth: TypeAlias = Callable[[object], "bool | None"]

_COMPARE: Final[dict[str, Compare]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
UNKNOWN: Final = object()  # a value that a row does not have: each test that names it is unknown
# More digits than any value has: results are exact, as numeric's are.
_EXACT: Final = decimal.Context(
    prec=300_000, Emax=decimal.MAX_EMAX, Emin=decimal.MIN_EMIN, traps=[]
)
_PLAIN: Final = re.compile(r"(?![\s\"\[{+-]|[0-9.]).", re.DOTALL)


def compile_test(
    nodes: Sequence[Json], fields: Fields, attribute: Callable[[Field], Get], *, gaps: bool = False
) -> Callable[[object], bool]:
    """Return the test of whether a row passes all of these.

    attribute: how a row's value of a field is read. gaps: it may be UNKNOWN. Raises
    invalid_request for what only the database can decide: JSON compared by more than equality with
    plain text.
    """
    maker = _Maker(fields, attribute, gaps)
    tests = [maker.test(node) for node in nodes]
    if len(tests) == 1:
        (only,) = tests
        return lambda row: only(row) is True
    return lambda row: all(test(row) is True for test in tests)


def like(pattern: str, *, ignore_case: bool) -> re.Pattern[str]:
    r"""Translate a LIKE pattern to a regular expression: % any text, _ one character, \ escapes.

    >>> bool(like(r"50\% o_f", ignore_case=False).fullmatch("50% off"))
    True
    """
    parts: list[str] = []
    characters: Sequence[str] = re.findall(r"\\.|.", pattern, re.DOTALL)
    for one in characters:
        parts.append({"%": ".*", "_": "."}.get(one, re.escape(one[-1])))
    return re.compile("".join(parts), re.DOTALL | (re.IGNORECASE if ignore_case else 0))


class _Maker:
    def __init__(self, fields: Fields, attribute: Callable[[Field], Get], gaps: bool) -> None:
        self._gaps = gaps
        self._fields = fields
        self._attribute = attribute
        self._now = dt.datetime.now(dt.UTC)  # as in a statement, one moment for all rows

    def test(self, node: Any) -> Truth:
        if "and" in node:
            return _all([self.test(one) for one in node["and"]], stop=False)
        if "or" in node:
            return _all([self.test(one) for one in node["or"]], stop=True)
        if "not" in node:
            inner = self.test(node["not"])
            return lambda row: None if (found := inner(row)) is None else not found
        leaf = self._leaf(node)
        if not self._gaps:
            return leaf
        gets = [self._attribute(self._fields[name]) for name in dict.fromkeys(names_of(node))]
        return lambda row: None if any(get(row) is UNKNOWN for get in gets) else leaf(row)

    def _leaf(self, node: Any) -> Truth:
        if isinstance(node, list):
            return self._clause(*node)
        if "null" in node:
            get, _ = self.operand(node["null"])
            return lambda row: get(row) is None
        return self._comparison(node)

    def _comparison(self, node: Node) -> Truth:
        left, kind = self.operand(node["left"])
        if kind == "json text":
            _require_plain(node)
        if "compare" in node:
            right, other = self.operand(node["right"])
            if other == "json text":
                _require_plain(node)
            right, left = _matching(right, other, kind), _matching(left, kind, other)
            return _both(left, right, _comparing(node["compare"], kind, other))
        for word in ("like", "ilike"):
            if word in node:
                return _known(left, _pattern(node[word], word))
        if "contains" in node:
            wanted = node["contains"]
            return _known(left, lambda value: _has(value, wanted, all))
        wanted = node["overlaps"]
        return _known(left, lambda value: _has(value, wanted, any))

    def _clause(self, wire: str, word: str, given: Any) -> Truth:
        field = self._fields[wire]
        get = self._attribute(field)
        if word in ("is", "is_not"):
            return lambda row: (get(row) is None) == (word == "is")
        if word in ("like", "not_like", "ilike", "not_ilike"):
            return _known(get, _pattern(given, word))
        if field.type is FieldType.JSON:
            return _known(get, lambda value: same(_json(value), given) == (word == "="))
        if word in ("in", "not_in"):
            values = [_value(field, one) for one in given]
            if not values:
                return lambda row: word == "not_in"
            return _known(get, lambda value: (value in values) == (word == "in"))
        wanted, compare = _value(field, given), _comparing(word, field.type.value)
        return _known(get, lambda value: compare(value, wanted))

    def operand(self, node: Node) -> tuple[Get, str]:
        """Return how an operand is read from a row, and its kind."""
        if "field" in node:
            field = self._fields[node["field"]]
            text = field.type in (FieldType.STRING, FieldType.ENUM)
            return self._attribute(field), "text" if text else field.type.value
        if "decimal" in node:
            number = Decimal(node["decimal"])
            return lambda row: number, "decimal"
        if "value" in node:
            value = node["value"]
            kind = "text" if isinstance(value, str) else type(value).__name__
            return lambda row: value, {"bool": "boolean", "int": "integer"}.get(kind, kind)
        if "now" in node:
            return lambda row: self._now, "datetime"
        if "seconds" in node:
            seconds = dt.timedelta(seconds=node["seconds"])
            return lambda row: seconds, "interval"
        return self._call(node["call"], [self.operand(one) for one in node["args"]])

    def _call(self, name: str, args: list[tuple[Get, str]]) -> tuple[Get, str]:
        (one, kind), *others = args
        match name:
            case "lower":
                return _applied(one, str.lower), kind
            case "upper":
                return _applied(one, str.upper), kind
            case "length" | "coalesce" if "json text" in [each for _, each in args]:
                _require_plain({})
            case "length":
                return _applied(one, len), "integer"
            case "abs":
                return _applied(one, _EXACT.abs if kind == "decimal" else abs), kind
            case "coalesce":
                getters = [get for get, _ in args]
                return _first(getters), united([each for _, each in args]) or kind
            case "->>":
                key = others[0][0](None)
                return _applied(one, lambda value: _member(value, key)), "json text"
        (other, _), *_ = others
        if kind == "datetime":
            return _both(one, other, operator.add if name == "+" else operator.sub), kind
        return _both(one, other, _ARITHMETIC[name]), "decimal"


def _all(tests: list[Truth], *, stop: bool) -> Truth:
    """Return and (stop=False) or or (stop=True): the first such value decides."""

    def holds(row: object) -> bool | None:
        found: bool | None = not stop
        for test in tests:
            one = test(row)
            if one is stop:
                return stop
            if one is None:
                found = None
        return found

    return holds


def _known(get: Get, test: Callable[[Any], bool]) -> Truth:
    """Return a test of a value; null is unknown, and so is a value of another type."""

    def holds(row: object) -> bool | None:
        value = get(row)
        try:
            return None if value is None else test(value)
        except TypeError:
            return None

    return holds


def _both(left: Get, right: Get, made: Binary) -> Get:
    def of(row: object) -> object:
        one, other = left(row), right(row)
        try:
            return None if one is None or other is None else made(one, other)
        except (TypeError, OverflowError):
            return None

    return of


def _applied(get: Get, made: Unary) -> Get:
    def of(row: object) -> object:
        value = get(row)
        try:
            return None if value is None else made(value)
        except TypeError:
            return None

    return of


def _first(getters: Sequence[Get]) -> Get:
    def of(row: object) -> object:
        return next((one for get in getters if (one := get(row)) is not None), None)

    return of


def _comparing(word: str, *kinds: str) -> Compare:
    """Return how values of these kinds are compared: NaN equals NaN, and exceeds all others."""
    compare = _COMPARE[word]
    if not {"decimal", "number"} & set(kinds):
        return compare

    def compared(one: object, other: object) -> bool:
        if one == one and other == other:
            return compare(one, other)
        return compare(one != one, other != other)

    return compared


def _matching(get: Get, kind: str, other: str) -> Get:
    """Return a literal as the other side's kind, and numbers of two kinds as one."""
    if kind == "text" and other in ("datetime", "date", "uuid"):
        value = python_value(other, get(None))
        return lambda row: value
    if "number" in (kind, other):
        return _applied(get, float)
    return get


def _pattern(pattern: str, word: str) -> Callable[[str], bool]:
    match = like(pattern, ignore_case="ilike" in word).fullmatch
    wanted = not word.startswith("not")
    return lambda value: (match(value) is not None) == wanted


def _value(field: Field, given: Any) -> object:
    if field.type is FieldType.NUMBER:
        return float(given)
    return python_value(field.type.value, given) if isinstance(given, str) else given


def _divided(one: int, other: int) -> int | None:
    """Divide whole numbers as Postgres does: towards zero; by zero gives null."""
    if not other:
        return None
    return abs(one) // abs(other) * (1 if (one < 0) == (other < 0) else -1)


def _rest(one: Decimal | int, other: Decimal | int) -> Decimal | None:
    return _EXACT.remainder(Decimal(one), Decimal(other)) if other else None


_ARITHMETIC: Final[dict[str, Binary]] = {
    "+": lambda one, other: _EXACT.add(Decimal(one), Decimal(other)),
    "-": lambda one, other: _EXACT.subtract(Decimal(one), Decimal(other)),
    "*": lambda one, other: _EXACT.multiply(Decimal(one), Decimal(other)),
    "/": _divided,
    "%": _rest,
}


def _json(value: object) -> object:
    """Return a field's value as JSON; an unread value equals nothing."""
    return value if isinstance(value, RawJson) else to_jsonable_python(value)


def _has(value: object, wanted: Sequence[object], how: Callable[[Iterable[object]], bool]) -> bool:
    found = _json(value)
    if not isinstance(found, list):
        return False
    return how(any(same(one, each) for one in found) for each in wanted)


def _member(value: object, key: str) -> object:
    """Return what ->> gives, as far as it can equal plain text; null for what is not there."""
    found = _json(value)
    member = found.get(key) if isinstance(found, dict) else None
    if member is None or isinstance(member, str):
        return member
    return str(member).lower() if isinstance(member, bool) else "{}"  # equals no plain text


def _require_plain(node: Node) -> None:
    """Refuse what depends on how Postgres writes numbers and objects of JSON as text."""
    text = node.get("right", {}).get("value")
    if node.get("compare") in ("=", "<>") and isinstance(text, str) and _PLAIN.match(text or "a"):
        return
    raise error_for(
        "invalid_request",
        "a local copy compares what ->> gives only with = and <>, and with plain text",
        field="where",
        remedy="compare with text that does not begin like a number or an object, or list from "
        "the database",
    )
