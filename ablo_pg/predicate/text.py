"""SQL text -> a predicate: `status = 'todo' and (priority > $1 or due_date < now())`.

sqlglot parses the text, in the dialect of Postgres, and is imported with the first predicate. The
text itself goes nowhere: each node and each of its arguments is on a whitelist, and the result is
the JSON form. A comparison of a field with a literal becomes the clause that a dict would make.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final

from ablo_pg.errors import AbloError
from ablo_pg.json_text import Json
from ablo_pg.predicate.operands import (
    DEEPEST,
    Fields,
    Operand,
    Refused,
    call,
    field_operand,
    literal,
    unknown_field,
)
from ablo_pg.predicate.terms import among, compared, holds, listed, matched, null
from ablo_pg.schema.neutral import Field

if TYPE_CHECKING:
    from sqlglot import exp

LONGEST: Final = 16_384  # characters of a text
ALLOWED: Final = (
    "and, or, not, = <> < <= > >=, between, in (...), is null, is true, like, ilike, "
    "lists @> array[...] and && array[...], json ->> 'key', lower, upper, length, coalesce, abs, "
    "+ - * / %, now() and now() - interval '7 days', $1 for parameters"
)
_COMPARE: Final = {"EQ": "=", "NEQ": "<>", "GT": ">", "GTE": ">=", "LT": "<", "LTE": "<="}
_ARITHMETIC: Final = {"Add": "+", "Sub": "-", "Mul": "*", "Div": "/", "Mod": "%"}
_UNITS: Final = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800}
# Arguments that may be set, by node; any other that is set is refused.
_ARGUMENTS: Final[dict[str, frozenset[str]]] = {
    **dict.fromkeys((*_COMPARE, *_ARITHMETIC, "And", "Or"), frozenset({"this", "expression"})),
    **dict.fromkeys(("Not", "Paren", "Neg", "Parameter"), frozenset({"this"})),
    **dict.fromkeys(("Lower", "Upper", "Length", "Abs"), frozenset({"this"})),
    "Div": frozenset({"this", "expression", "typed"}),
    "Between": frozenset({"this", "low", "high"}),
    "In": frozenset({"this", "expressions"}),
    "Is": frozenset({"this", "expression", "negate"}),
    **dict.fromkeys(("Like", "ILike"), frozenset({"this", "expression", "negate"})),
    "Column": frozenset({"this", "table"}),  # actor.id
    "Identifier": frozenset({"this", "quoted"}),
    "Literal": frozenset({"this", "is_string"}),
    "Boolean": frozenset({"this"}),
    "Null": frozenset(),
    "Coalesce": frozenset({"this", "expressions"}),
    "CurrentTimestamp": frozenset(),
    "Interval": frozenset({"this", "unit"}),
    "Var": frozenset({"this"}),
    "JSONExtractScalar": frozenset({"this", "expression", "only_json_types"}),
    **dict.fromkeys(("ArrayContainsAll", "ArrayOverlaps"), frozenset({"this", "expression"})),
    "Array": frozenset({"expressions"}),
}


def parse(model: str, text: str, parameters: Sequence[object], fields: Fields) -> Json:
    """Return a text as a predicate.

    model: its key, for errors; parameters: the values of $1, $2...; fields: by each spelling.
    Raises invalid_request for what is not SQL or not allowed, query_invalid_identifier,
    column_type_mismatch, query_unsupported_operator, each with the place.
    """
    if len(text) > LONGEST:
        raise Refused(f"it has {len(text)} characters", f"the limit is {LONGEST}").at(model, "")
    reader = _Reader(model, parameters, fields)
    try:
        found = reader.predicate(_tree(model, text), 1)
    except RecursionError:
        raise Refused("it is too deep", f"nest at most {DEEPEST} levels").at(model, "") from None
    if unused := len(parameters) - len(reader.used):
        raise Refused(
            f"{unused} of its {len(parameters)} parameters are not used", "write $1, $2, ..."
        ).at(model, text[:60])
    return found


def _tree(model: str, text: str) -> exp.Expr:
    import sqlglot  # lazy: most programs need no text
    from sqlglot.errors import SqlglotError

    try:
        trees = sqlglot.parse(text, dialect="postgres")
    except SqlglotError as exc:
        errors = getattr(exc, "errors", [])
        at = errors[0].get("col") if errors else None
        where = f"character {at}" if at else text[:60]
        raise Refused("it is not an SQL expression", f"allowed are {ALLOWED}").at(
            model, where
        ) from None
    (tree, *more) = trees or [None]
    if tree is None or more:
        raise Refused("it is not one SQL expression", f"allowed are {ALLOWED}").at(model, text[:60])
    return tree


class _Reader:
    def __init__(self, model: str, parameters: Sequence[object], fields: Fields) -> None:
        self._model = model
        self._parameters = parameters
        self._fields = fields
        self.used: set[int] = set()

    def predicate(self, node: exp.Expr, depth: int) -> Json:
        """Return a boolean node. Raises the refusal as the caller's error."""
        kind = _kind(node)
        if kind == "Paren":
            self._check(node)
            return self.predicate(node.this, depth)
        if kind in ("And", "Or"):
            word = kind.lower()
            return {word: [self.predicate(one, depth + 1) for one in self._chain(node, kind)]}
        try:
            self._check(node)
            if depth > DEEPEST - 2:
                raise Refused("it is too deep", f"nest at most {DEEPEST} levels")
            if kind == "Not":
                return {"not": self.predicate(node.this, depth + 1)}
            return self._test(node, kind)
        except Refused as exc:
            raise self._error(exc, node) from None

    def _chain(self, node: exp.Expr, kind: str) -> Iterable[exp.Expr]:
        """Return the members of `a and b and c`, which the parser nests to the left."""
        found: list[exp.Expr] = []
        while _kind(node) == kind:
            try:
                self._check(node)
            except Refused as exc:
                raise self._error(exc, node) from None
            found.append(node.expression)
            node = node.this
        return [node, *reversed(found)]

    def _test(self, node: exp.Expr, kind: str) -> Json:
        if kind in _COMPARE:
            left, right = self._operand(node.this), self._operand(node.expression)
            return compared(_COMPARE[kind], left, right)
        match kind:
            case "Between":
                this = self._operand(node.this)
                low, high = self._operand(node.args["low"]), self._operand(node.args["high"])
                return {"and": [compared(">=", this, low), compared("<=", this, high)]}
            case "In":
                return self._in(node)
            case "Is":
                return _negated(node, self._is(node))
            case "Like" | "ILike":
                left, right = self._operand(node.this), self._operand(node.expression)
                return _negated(node, matched(kind.lower(), left, right))
            case "ArrayContainsAll" | "ArrayOverlaps":
                return self._list(node, "contains" if kind == "ArrayContainsAll" else "overlaps")
            case "Boolean":
                return {"and": []} if node.this else {"or": []}
        return holds(self._operand(node))

    def _in(self, node: exp.Expr) -> Json:
        left = self._operand(node.this)
        values: list[Operand] = []
        for one in node.expressions:
            given: Any = self._parameter(one) if _kind(one) == "Parameter" else self._literal(one)
            many = isinstance(given, list | tuple | set | frozenset)
            values.extend(literal(each) for each in (given if many else [given]))
        return among(left, values)

    def _is(self, node: exp.Expr) -> Json:
        left, right = self._operand(node.this), node.expression
        self._check(right)
        if _kind(right) == "Null":
            return null(left)
        if _kind(right) == "Boolean" and left.field is not None and left.kind == "boolean":
            known: Json = {"not": [left.field.wire, "is", None]}
            return {"and": [[left.field.wire, "=", bool(right.this)], known]}
        raise Refused("is takes null, true or false", "use = for other values")

    def _list(self, node: exp.Expr, word: str) -> Json:
        left, right = self._operand(node.this), node.expression
        if _kind(right) == "Parameter":
            values = self._parameter(right)
        else:
            self._check(right)
            values = [self._literal(one) for one in right.expressions]
        if not isinstance(values, list | tuple):
            raise Refused("it compares lists", "write array[...] or a parameter")
        return listed(word, left, [literal(one) for one in values])

    def _operand(self, node: exp.Expr) -> Operand:
        try:
            return self._any_operand(node)
        except Refused as exc:
            raise self._error(exc, node) from None

    def _any_operand(self, node: exp.Expr) -> Operand:
        self._check(node)
        kind = _kind(node)
        if kind in _ARITHMETIC:
            args = [self._operand(node.this), self._operand(node.expression)]
            return call(_ARITHMETIC[kind], args)
        match kind:
            case "Paren":
                return self._operand(node.this)
            case "Column":
                return field_operand(self._field(node))
            case "Literal" | "Neg" if kind == "Literal" or _kind(node.this) == "Literal":
                return literal(self._literal(node))
            case "Neg":
                return call("-", [literal(0), self._operand(node.this)])
            case "Boolean":
                return literal(bool(node.this))
            case "Parameter":
                return literal(self._parameter(node))
            case "Lower" | "Upper" | "Length" | "Abs":
                return call(kind.lower(), [self._operand(node.this)])
            case "Coalesce":
                parts = [node.this, *node.expressions]
                return call("coalesce", [self._operand(one) for one in parts])
            case "CurrentTimestamp":
                return Operand({"now": True}, "datetime")
            case "Interval":
                return self._interval(node)
            case "JSONExtractScalar":
                return call("->>", [self._operand(node.this), literal(_key(node.expression))])
        raise Refused(f"{_name(node)} is not allowed here", f"allowed are {ALLOWED}")

    def _field(self, node: exp.Expr) -> Field:
        parts = [node.this] if node.args.get("table") is None else [node.args["table"], node.this]
        for part in parts:
            self._check(part)
        name = ".".join(part.this for part in parts)
        found = self._fields.get(name)
        if found is None and len(parts) > 1 and not any("." in one for one in self._fields):
            raise Refused("COLUMN with table is not allowed", f"allowed are {ALLOWED}")
        if found is None:
            raise unknown_field(f"there is no field {name[:60]!r}", self._fields)
        return found

    def _literal(self, node: exp.Expr) -> object:
        self._check(node)
        if _kind(node) == "Neg" and _kind(node.this) == "Literal" and not node.this.is_string:
            return -_number(node.this)
        if _kind(node) == "Boolean":
            return bool(node.this)
        if _kind(node) != "Literal":
            raise Refused(f"{_name(node)} is not a value", "write a literal, or a parameter")
        return str(node.this) if node.is_string else _number(node)

    def _parameter(self, node: exp.Expr) -> Any:
        self._check(node)
        number = str(node.this.this)
        place = int(number) if number.isascii() and number.isdigit() and len(number) < 5 else 0
        if not 0 < place <= len(self._parameters):
            raise Refused(
                f"there is no parameter ${number[:20]}",
                f"{len(self._parameters)} are given; pass (text, [values])",
            )
        self.used.add(place)
        value = self._parameters[place - 1]
        if value is None:
            raise Refused(f"${place} is None", "nothing equals null; write is null")
        return value

    def _interval(self, node: exp.Expr) -> Operand:
        text = str(node.this.this)
        unit = node.args.get("unit")
        word = "" if unit is None else str(unit.this).lower().removesuffix("s")
        if word not in _UNITS or not text.isascii() or not text.isdigit() or len(text) > 9:
            raise Refused(
                "an interval is a whole number of one unit",
                f"for example interval '7 days'; units are {', '.join(_UNITS)}",
            )
        return Operand({"seconds": int(text) * _UNITS[word]}, "interval")

    def _check(self, node: exp.Expr) -> None:
        """Refuse a node, or an argument of it, that is not on the whitelist."""
        allowed = _ARGUMENTS.get(_kind(node))
        if allowed is None:
            raise Refused(f"{_name(node)} is not allowed", f"allowed are {ALLOWED}")
        for name, value in node.args.items():
            if value and name not in allowed:
                raise Refused(f"{_name(node)} with {name} is not allowed", f"allowed are {ALLOWED}")

    def _error(self, refused: Refused, node: exp.Expr) -> AbloError:
        return refused.at(self._model, node.sql(dialect="postgres", comments=False)[:60])


def _key(node: exp.Expr) -> str:
    """Return the key of ->> 'key', which the parser makes a path of one step."""
    steps = [str(one.this) for one in node.expressions if _kind(one) == "JSONPathKey"]
    if _kind(node) != "JSONPath" or len(steps) != 1 or len(node.expressions) != 2:
        raise Refused("->> takes the name of a key", "write one key: meta ->> 'key'")
    return steps[0]


def _negated(node: exp.Expr, found: Json) -> Json:
    return {"not": found} if node.args.get("negate") else found


def _number(node: exp.Expr) -> Any:
    text = str(node.this)
    if text.isascii() and text.isdigit() and len(text) <= 400:
        return int(text)
    try:
        return Decimal(text)
    except InvalidOperation:
        raise Refused(f"{text[:40]} is not a number", "write digits") from None


def _kind(node: object) -> str:
    return type(node).__name__


def _name(node: exp.Expr) -> str:
    name = getattr(node, "name", "")
    return f"{name}()" if _kind(node) == "Anonymous" else _kind(node).upper()
