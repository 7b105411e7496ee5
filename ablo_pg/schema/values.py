"""One value of one field: whether it can be stored, and its JSON form.

The database decides every rule here; checking before the round trip gives an error that names the
field in the author's words. Used for defaults (`lowering`), for writes (`inputs`), and for the
values of filters (client).
"""

from __future__ import annotations

import datetime as dt
import enum
import math
import re
import reprlib
import uuid
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Final, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError, to_json, to_jsonable_python

from ablo_pg.json_text import Json
from ablo_pg.schema.neutral import Field, FieldType

T = TypeVar("T")

MAX_TEXT_BYTES: Final = 1_048_576
MAX_JSON_DEPTH: Final = 128
BIGINT_MIN: Final = -(2**63)
BIGINT_MAX: Final = 2**63 - 1
# numeric: 131,072 digits before the point and 16,383 after (manual, "Numeric Types").
NUMERIC_MAX_EXPONENT: Final = 131_071
NUMERIC_MAX_SCALE: Final = 16_383

_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_DATETIME: Final = TypeAdapter(dt.datetime)
_DATE: Final = TypeAdapter(dt.date)


class BadValueError(Exception):
    """A value that its field cannot hold; `code` is an error code, `reason` shows the shape."""

    def __init__(self, code: str, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.remedy = remedy


def to_json_value(field: Field, value: object) -> Json:
    """Return the JSON form of a value of `field`; None only if the field is optional.

    Raises:
        BadValueError: wrong type, out of range, not in the enum, NUL, too long.
    """
    if value is None:
        if field.optional:
            return None
        raise BadValueError(
            "not_null_violation", "it may not be null", "pass a value, or declare it as `| None`"
        )
    return _CONVERTERS[field.type](field, value)


def shape(value: object) -> str:
    """Describe a value in an error: its type and the start of it, never the whole."""
    kind = type(value).__name__
    if isinstance(value, str):
        start = value[:40] + ("…" if len(value) > 40 else "")
        return f"str of {len(value)} characters {start!r}" if len(value) > 40 else f"str {start!r}"
    if isinstance(value, bytes | bytearray | list | tuple | set | frozenset | Mapping):
        return f"{kind} of {len(value)}"
    if isinstance(value, int) and value.bit_length() > 128:
        return f"int of {value.bit_length()} bits"
    try:
        text = reprlib.repr(value)
    except Exception:
        return kind
    return f"{kind} {text[:60]}"


def _mismatch(value: object, wanted: str, remedy: str = "") -> BadValueError:
    return BadValueError(
        "column_type_mismatch", f"expected {wanted}, got {shape(value)}", remedy or f"pass {wanted}"
    )


def _text(text: str) -> str:
    """Check text that Postgres is to store, and return it as a plain str.

    `str()` of a member of `class S(str, Enum)` is its name.
    """
    if "\0" in text:
        raise BadValueError(
            "validation_failed",
            f"it contains a NUL character, which Postgres text cannot store: {shape(text)}",
            "remove the character U+0000",
        )
    if not text.isascii() and _SURROGATE.search(text):
        raise BadValueError(
            "validation_failed",
            f"it contains a lone surrogate, which is not a character: {shape(text)}",
            "decode the text with the right codec, or replace the lone surrogate",
        )
    if len(text) * 4 > MAX_TEXT_BYTES and len(text.encode()) > MAX_TEXT_BYTES:
        raise _too_large(len(text.encode()))
    return str.__str__(text)


def _too_large(size: int) -> BadValueError:
    return BadValueError(
        "request_too_large",
        f"it is {size:,} bytes long, the limit is {MAX_TEXT_BYTES:,}",
        "store large content elsewhere and its address in the field",
    )


def _string(field: Field, value: object) -> str:
    if not isinstance(value, str):
        raise _mismatch(value, "str")
    return _text(value)


def _enum(field: Field, value: object) -> str:
    if isinstance(value, enum.Enum):
        value = value.value
    if not isinstance(value, str):
        raise _mismatch(value, "one of the strings " + _choices(field))
    if value not in field.enum_values:
        raise BadValueError(
            "check_violation",
            f"{shape(value)} is not among its values",
            f"use one of: {_choices(field)}",
        )
    return str(value)


def _choices(field: Field) -> str:
    shown = ", ".join(repr(value) for value in field.enum_values[:20])
    return shown + (", ..." if len(field.enum_values) > 20 else "")


def _integer(field: Field, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise _mismatch(value, "int")
    if not BIGINT_MIN <= value <= BIGINT_MAX:
        raise _mismatch(
            value, "int between -2^63 and 2^63-1", "declare the field as Decimal for larger numbers"
        )
    return int(value)


def _number(field: Field, value: object) -> float | int:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _mismatch(value, "float")
    try:
        number = float(value)
    except OverflowError:
        raise _mismatch(value, "a number that fits a double") from None
    if not math.isfinite(number):
        raise _mismatch(value, "a finite number", "pass None or leave the field out")
    return number


def _boolean(field: Field, value: object) -> bool:
    if not isinstance(value, bool):
        raise _mismatch(value, "bool")
    return value


def _decimal(field: Field, value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, Decimal | int | float | str):
        raise _mismatch(value, "Decimal")
    if isinstance(value, int) and value.bit_length() > 440_000:
        raise _mismatch(value, "a number that fits numeric")
    try:
        number = Decimal(repr(value) if isinstance(value, float) else value)
    except InvalidOperation:
        raise _mismatch(value, "Decimal or its digits in a string") from None
    if not number.is_finite():
        raise _mismatch(value, "a finite number", "pass None or leave the field out")
    exponent = number.as_tuple().exponent
    if number.adjusted() > NUMERIC_MAX_EXPONENT or (
        isinstance(exponent, int) and -exponent > NUMERIC_MAX_SCALE
    ):
        raise _mismatch(value, "a number that fits numeric")
    return str(number)


def _datetime(field: Field, value: object) -> str:
    moment = _parsed(_DATETIME, value, dt.datetime, "datetime or its ISO 8601 string")
    if moment.tzinfo is None or moment.utcoffset() is None:
        raise _mismatch(
            value, "a datetime with a time zone", "add one, for example tzinfo=datetime.UTC"
        )
    try:
        return moment.astimezone(dt.UTC).isoformat()
    except OverflowError:
        raise _mismatch(value, "a datetime between the years 1 and 9999 in UTC") from None


def _date(field: Field, value: object) -> str:
    if isinstance(value, dt.datetime):
        raise _mismatch(value, "date", "pass value.date()")
    day = _parsed(_DATE, value, dt.date, "date or its YYYY-MM-DD string")
    return day.isoformat()


def _parsed(adapter: TypeAdapter[T], value: object, wanted: type[T], name: str) -> T:
    if isinstance(value, wanted):
        return value
    if not isinstance(value, str) or not re.match(r"\d{4}-\d\d-\d\d", value):
        raise _mismatch(value, name)
    try:
        return adapter.validate_python(value)
    except ValidationError:
        raise _mismatch(value, name) from None


def _uuid(field: Field, value: object) -> str:
    if isinstance(value, uuid.UUID):
        return str(value)
    if not isinstance(value, str):
        raise _mismatch(value, "UUID or its string")
    try:
        return str(uuid.UUID(value))
    except ValueError:
        raise _mismatch(value, "UUID or its string") from None


def _json(field: Field, value: object) -> Json:
    return json_value(value)


def json_value(value: object) -> Json:
    """Return a value as plain JSON that every reader accepts. Raises BadValueError."""
    try:
        plain: Json = to_jsonable_python(value, by_alias=True)
    except (PydanticSerializationError, ValueError, RecursionError) as exc:
        raise _mismatch(
            value, "a value JSON can carry", "use dict, list, str, numbers, bool, None, models"
        ) from exc
    _check_json(plain)
    size = len(to_json(plain))
    if size > MAX_TEXT_BYTES:
        raise _too_large(size)
    return plain


def _check_json(root: object) -> None:
    """Refuse what jsonb cannot store: NaN, NUL, lone surrogates, depth beyond MAX_JSON_DEPTH."""
    pending: list[tuple[object, int]] = [(root, 0)]
    while pending:
        node, depth = pending.pop()
        if isinstance(node, str):
            _text(node)
        elif isinstance(node, float) and not math.isfinite(node):
            raise _mismatch(node, "finite numbers inside JSON", "use null instead")
        elif isinstance(node, int) and not BIGINT_MIN <= node <= BIGINT_MAX:
            raise _mismatch(node, "integers of 64 bits inside JSON", "store it in a string")
        elif isinstance(node, dict | list):
            if depth >= MAX_JSON_DEPTH:
                raise _mismatch(root, f"JSON at most {MAX_JSON_DEPTH} levels deep", "flatten it")
            if isinstance(node, dict):
                pending.extend((key, depth + 1) for key in node)
                node = node.values()
            pending.extend((item, depth + 1) for item in node)


_CONVERTERS: Final[dict[FieldType, Callable[[Field, object], Json]]] = {
    FieldType.STRING: _string,
    FieldType.INTEGER: _integer,
    FieldType.NUMBER: _number,
    FieldType.BOOLEAN: _boolean,
    FieldType.DECIMAL: _decimal,
    FieldType.DATETIME: _datetime,
    FieldType.DATE: _date,
    FieldType.UUID: _uuid,
    FieldType.ENUM: _enum,
    FieldType.JSON: _json,
}
