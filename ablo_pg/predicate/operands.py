"""The operands of a predicate: their kinds, what may be called on them, and literals.

Kinds: text, integer, decimal, number, boolean, datetime, date, uuid, json; interval only next to a
datetime. `ablo.operand_sql` has the same rules for the kernel.
"""

from __future__ import annotations

import datetime as dt
import enum
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, TypeAlias

from ablo_pg.errors import AbloError, error_for
from ablo_pg.json_text import Json
from ablo_pg.schema.neutral import Field, FieldType
from ablo_pg.schema.values import BIGINT_MAX, BIGINT_MIN, BadValueError, to_json_value

Fields: TypeAlias = Mapping[str, Field]

DEEPEST: Final = 16  # levels that the kernel reads
# Why a condition that must keep holding cannot have it, and what to do.
CLOCK: Final = (
    "the current time changes, and a constraint must keep what it has accepted",
    "compare with a field, or check it where the row is written",
)
_EXACT: Final = frozenset({"integer", "decimal"})
_READ_AS: Final[dict[str, tuple[str, ...]]] = {  # kinds of literals, and what they are read as
    "text": ("datetime", "date", "uuid"),
    "decimal": ("number",),
}


@dataclass(frozen=True, slots=True)
class Operand:
    """One side of a comparison. field: if it is just that; literal: its value, if it is one."""

    json: dict[str, Json]  # as `ablo.operand_sql` reads it
    kind: str
    field: Field | None = None
    literal: object = None


class Refused(Exception):
    """A part of a predicate that is not allowed. code: of `ablo_pg.errors`."""

    def __init__(self, reason: str, remedy: str, code: str = "invalid_request") -> None:
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy
        self.code = code

    def at(self, model: str, place: str) -> AbloError:
        """Return the error that a caller gets."""
        return error_for(
            self.code,
            f"the filter of {model} is refused at {place!r}: {self.reason}",
            model=model,
            field="where",
            remedy=self.remedy,
        )


def unknown_field(reason: str, fields: Fields) -> Refused:
    """Return the refusal of a name; its remedy lists the fields."""
    names = sorted({one.name for one in fields.values()})
    return Refused(reason, f"use one of: {', '.join(names[:30])}", "query_invalid_identifier")


def field_operand(field: Field) -> Operand:
    """Return a field as an operand."""
    kind = "text" if field.type in (FieldType.STRING, FieldType.ENUM) else field.type.value
    return Operand({"field": field.wire}, kind, field=field)


def literal(value: object) -> Operand:
    """Return a Python value as an operand. Raises Refused for what no literal can be."""
    match value:
        case enum.Enum():
            return literal(value.value)
        case bool():
            return Operand({"value": value}, "boolean", literal=value)
        case int() if BIGINT_MIN <= value <= BIGINT_MAX:
            return Operand({"value": int(value)}, "integer", literal=value)
        case int() | float() | Decimal():
            number = Decimal(repr(value) if isinstance(value, float) else value)
            if number.is_finite() and -400 < number.adjusted() < 400 and len(str(number)) <= 400:
                return Operand({"decimal": f"{number:f}"}, "decimal", literal=number)
        case str() if "\0" not in value and _is_text(value):
            return Operand({"value": str(value)}, "text", literal=str(value))
        case dt.datetime() | dt.date() | uuid.UUID():
            return _read(Operand({}, "text", literal=value), _kind_of(value))
    raise Refused(
        f"{type(value).__name__} {str(value)[:40]!r} cannot be compared",
        "pass a str, int, float, Decimal, bool, datetime, date, UUID, or a list of them",
        "column_type_mismatch",
    )


def call(name: str, args: Sequence[Operand]) -> Operand:
    """Return a function or an operator over operands. Raises Refused if it does not take them."""
    kinds = [one.kind for one in args]
    kind = _result(name, kinds)
    if kind is None:
        raise Refused(
            f"{name} cannot take ({', '.join(kinds)})", _TAKES[name], "column_type_mismatch"
        )
    return Operand({"call": name, "args": [one.json for one in args]}, kind)


def comparable(left: Operand, right: Operand) -> tuple[Operand, Operand]:
    """Return both, a literal read as the other side's kind. Raises Refused if that is not so."""
    kinds = {left.kind, right.kind}
    if len(kinds) == 1 or kinds <= _EXACT or kinds == {"integer", "number"}:
        if left.kind not in ("json", "interval"):
            return left, right
    elif right.literal is not None and left.kind in _READ_AS.get(right.kind, ()):
        return left, _read(right, left.kind)
    elif left.literal is not None and right.kind in _READ_AS.get(left.kind, ()):
        return _read(left, right.kind), right
    raise Refused(
        f"{left.kind} and {right.kind} do not compare",
        "compare values of one type; a decimal does not compare with a number field",
        "column_type_mismatch",
    )


def _read(operand: Operand, kind: str) -> Operand:
    """Return a literal as one of another kind. Raises Refused if it is not one."""
    if kind == "number":
        return Operand(operand.json, kind, literal=float(str(operand.literal)))
    field = Field("", "", "", FieldType(kind))
    try:
        text = str(to_json_value(field, operand.literal))
    except BadValueError as exc:
        raise Refused(exc.args[0], exc.remedy, exc.code) from None
    return Operand({"value": text}, kind, literal=python_value(kind, text))


def python_value(kind: str, text: str) -> object:
    """Return the value of a canonical JSON text, as rows have it."""
    match kind:
        case "datetime":
            return dt.datetime.fromisoformat(text)
        case "date":
            return dt.date.fromisoformat(text)
        case "uuid":
            return uuid.UUID(text)
        case "decimal":
            return Decimal(text)
    return text


def _kind_of(value: object) -> str:
    if isinstance(value, uuid.UUID):
        return "uuid"
    return "datetime" if isinstance(value, dt.datetime) else "date"


def _is_text(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= one <= "\udfff" for one in text)


def _result(name: str, kinds: list[str]) -> str | None:
    """Return the kind of a call's result; None if it does not take these."""
    one = kinds[0] if len(kinds) == 1 else None
    match name:
        case "lower" | "upper" if one == "text":
            return "text"
        case "length" if one == "text":
            return "integer"
        case "abs" if one in ("integer", "decimal", "number"):
            return "decimal" if one == "integer" else one
        case "coalesce" if one != "interval":
            return united(kinds)
        case "+" | "-" if kinds == ["datetime", "interval"]:
            return "datetime"
        case "+" | "-" | "*" | "%" if len(kinds) == 2 and set(kinds) <= _EXACT:
            return "decimal"
        case "/" if kinds == ["integer", "integer"]:
            return "decimal"
        case "->>" if kinds == ["json", "text"]:
            return "text"
    return None


def united(kinds: Sequence[str]) -> str | None:
    """Return the kind of a value that is one of these; None if they do not mix."""
    some = set(kinds)
    if len(some) == 1:
        return kinds[0]
    if some == _EXACT:
        return "decimal"
    return "number" if some == {"integer", "number"} else None


_ARITHMETIC: Final = "calculate with integer and decimal fields; a number field may overflow"
_TAKES: Final[dict[str, str]] = {
    "lower": "it takes text",
    "upper": "it takes text",
    "length": "it takes text",
    "abs": "it takes a number",
    "coalesce": "its arguments have one type; integers mix with decimals or numbers",
    "+": _ARITHMETIC,
    "-": _ARITHMETIC,
    "*": _ARITHMETIC,
    "%": _ARITHMETIC,
    "/": "it divides integers, as Postgres does: 7 / 2 is 3",
    "->>": "it takes a json field and the name of a key",
}
