"""Comparisons of operands -> the JSON form; `text` and `expression` read what users write.

A field compared with a literal becomes the clause that a dict would make. All raise Refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from ablo_pg.json_text import Json
from ablo_pg.predicate.operands import Operand, Refused, comparable, field_operand
from ablo_pg.schema.neutral import Field, FieldType
from ablo_pg.schema.values import BadValueError, to_json_value

_TURNED: Final = {"=": "=", "<>": "<>", ">": "<", ">=": "<=", "<": ">", "<=": ">="}


def compared(word: str, left: Operand, right: Operand) -> Json:
    """Return a comparison; word: = <> < <= > >=."""
    if left.field is None and right.field is not None:
        left, right, word = right, left, _TURNED[word]
    if left.field is not None and right.literal is not None:
        clause = _clause(left.field, word, right)
        if clause is not None:
            return clause
    left, right = comparable(left, right)
    if left.kind == "boolean" and word not in ("=", "<>"):
        raise Refused("booleans have no order", "use = or <>", "query_unsupported_operator")
    return {"compare": word, "left": left.json, "right": right.json}


def among(left: Operand, values: Sequence[Operand]) -> Json:
    """Return whether it equals one of some literals."""
    if left.field is not None:
        clauses = [_clause(left.field, "=", value) for value in values]
        known = [clause[2] for clause in clauses if clause is not None]
        if len(known) == len(clauses):
            return [left.field.wire, "in", known]
    found: list[Json] = []
    for value in values:
        this, other = comparable(left, value)
        found.append({"compare": "=", "left": this.json, "right": other.json})
    return {"or": found}


def null(left: Operand) -> Json:
    """Return whether it is null."""
    return {"null": left.json} if left.field is None else [left.field.wire, "is", None]


def holds(operand: Operand) -> Json:
    """Return a boolean field as a condition."""
    if operand.field is None or operand.kind != "boolean":
        raise Refused(f"{operand.kind} is not a condition", "compare it with something")
    return [operand.field.wire, "=", True]


def matched(word: str, left: Operand, right: Operand) -> Json:
    """Return whether text matches a pattern; word: like, ilike."""
    if left.kind != "text" or not isinstance(right.literal, str):
        raise Refused("patterns match text", "pass text and a pattern", "column_type_mismatch")
    if left.field is not None:
        return [left.field.wire, word, right.literal]
    return {word: right.literal, "left": left.json}


def listed(word: str, left: Operand, values: Sequence[Operand]) -> Json:
    """Return how a list relates to some literals; word: contains, overlaps."""
    if left.kind != "json":
        raise Refused("it compares lists", "name a json or list field")
    return {word: [one.json.get("value") for one in values], "left": left.json}


def _clause(field: Field, word: str, value: Operand) -> list[Json] | None:
    """Return a field compared with a literal as a clause; None if they are of different kinds."""
    if field.type is FieldType.BOOLEAN and word not in ("=", "<>"):
        return None
    given = value.literal
    if field.type is FieldType.NUMBER and isinstance(given, Decimal):
        given = float(given)
    if field.type is FieldType.JSON or (
        isinstance(given, str) and field_operand(field).kind in ("integer", "number", "decimal")
    ):
        return None
    try:
        return [field.wire, word, to_json_value(field, given)]
    except BadValueError as exc:
        if exc.code == "column_type_mismatch":
            return None
        raise Refused(exc.reason, exc.remedy, exc.code) from None
