"""An expression of columns -> a predicate: `(col(Task.status) == "todo") & col(Task.urgent)`.

Equal to what `text` makes of the same condition, and refused with the same words. `schema.columns`
has the expressions.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

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
from ablo_pg.schema.columns import Column, Condition, Expression
from ablo_pg.schema.neutral import Field, FieldType
from ablo_pg.schema.rows import Model
from ablo_pg.schema.values import BadValueError, to_json_value

_JOINED: Final = {"&": "and", "|": "or"}
_NAMED: Final = ("actor", "old", "new")
_COMPARE: Final = {"==": "=", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}


def expressed(model: str, row: type[Model], given: object, fields: Fields) -> Json:
    """Return an expression as a predicate.

    model: its key, for errors; row: its class; fields: by each spelling. Raises invalid_request for
    what is not a condition, query_invalid_identifier for a field of another class,
    column_type_mismatch, query_unsupported_operator, each with the place.
    """
    try:
        return _Reader(model, row, fields).predicate(given, 1)
    except RecursionError:
        raise _too_deep().at(model, "") from None


class _Reader:
    def __init__(self, model: str, row: type[Model], fields: Fields) -> None:
        self._model = model
        self._row = row
        self._fields = fields

    def predicate(self, node: object, depth: int) -> Json:
        """Return a boolean node. Raises the refusal as the caller's error."""
        word = node.word if isinstance(node, Expression) else ""
        if word in _JOINED:
            return {_JOINED[word]: [self.predicate(one, depth + 1) for one in _chain(node, word)]}
        try:
            if depth > DEEPEST - 2:
                raise _too_deep()
            return self._test(node, depth)
        except Refused as exc:
            raise exc.at(self._model, repr(node)[:60]) from None

    def _test(self, node: object, depth: int) -> Json:
        if isinstance(node, Column):
            return holds(self._operand(node))
        if not isinstance(node, Condition):
            reason = f"{type(node).__name__} is not a condition"
            raise Refused(reason, "join comparisons of columns, each in parentheses")
        if node.word == "~":
            return {"not": self.predicate(node.args[0], depth + 1)}
        left, *values = node.args
        operand = self._operand(left)
        match node.word:
            case "is_null":
                return null(operand)
            case "in_":
                return among(operand, [literal(one) for one in values])
            case "like" | "ilike":
                return matched(node.word, operand, literal(values[0]))
            case "contains" | "overlaps":
                return listed(node.word, operand, [literal(one) for one in values])
        (value,) = values
        word, field = _COMPARE[node.word], operand.field
        if field is None or field.type is not FieldType.JSON or isinstance(value, Column):
            return compared(word, operand, self._operand(value))
        return _same(field, word, value)

    def _operand(self, given: object, depth: int = 1) -> Operand:
        if not isinstance(given, Column):
            return literal(given)
        if given.word == "field" or given.word in _NAMED:
            return field_operand(self._field(given))
        if depth > DEEPEST:
            raise _too_deep()
        word = "->>" if given.word == "[]" else given.word
        return call(word, [self._operand(one, depth + 1) for one in given.args])

    def _field(self, column: Column[object]) -> Field:
        """Return a field of the row, of the row before or after, or of the actor."""
        row = column.word if column.word in _NAMED else ""
        name = column.args[0]
        if row != "actor":
            model, name = name.args if row else column.args
            if not issubclass(self._row, model):
                place, own = (f"{one.__module__}.{one.__qualname__}" for one in (model, self._row))
                raise unknown_field(f"{column!r} is a field of {place}, not of {own}", self._fields)
        found = self._fields.get(f"{row}.{name}" if row else name)
        if found is None:
            raise unknown_field(f"{column!r} cannot be named here", self._fields)
        return found


def _chain(node: object, word: str) -> Iterable[object]:
    """Return the members of `a & b & c`, which Python nests to the left."""
    found: list[object] = []
    while isinstance(node, Expression) and node.word == word:
        node, last = node.args
        found.append(last)
    return [node, *reversed(found)]


def _same(field: Field, word: str, value: object) -> Json:
    """Return a json field compared with a whole value."""
    if word not in ("=", "<>"):
        raise Refused("json has no order", "use == or !=", "query_unsupported_operator")
    try:
        return [field.wire, word, to_json_value(field, value)]
    except BadValueError as exc:
        raise Refused(exc.reason, exc.remedy, exc.code) from None


def _too_deep() -> Refused:
    return Refused("it is too deep", f"nest at most {DEEPEST} levels")
