"""The hash of a schema: 32-bit FNV-1a over canonical JSON, eight hex digits.

The JavaScript clients compute the same digits, so the JSON text here is the one that JSON.stringify
writes: keys sorted by UTF-16 code unit at every depth, no spaces, numbers in ECMAScript notation
(ECMA-262, Number::toString). FNV-1a runs over UTF-16 code units, not bytes (RFC 9923 has the
algorithm and both constants).
"""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Mapping
from decimal import Decimal
from json.encoder import encode_basestring
from typing import Final

_OFFSET_BASIS: Final = 0x811C9DC5
_PRIME: Final = 0x01000193
_NATIVE_UTF16: Final = "utf-16-le" if sys.byteorder == "little" else "utf-16-be"
_MAX_SAFE_INTEGER: Final = 2**53 - 1
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def fnv1a(text: str) -> str:
    """Hash the UTF-16 code units of `text`; return eight lower-case hex digits."""
    digest = _OFFSET_BASIS
    for unit in memoryview(text.encode(_NATIVE_UTF16, "surrogatepass")).cast("H"):
        digest = ((digest ^ unit) * _PRIME) & 0xFFFFFFFF
    return f"{digest:08x}"


def canonical_json(value: object) -> str:
    """Write a JSON value as JSON.stringify would, with the keys of every object sorted."""
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, int) and abs(value) > _MAX_SAFE_INTEGER:
        return _number(float(value) if value.bit_length() < 1024 else math.inf)
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, Mapping):
        keys = sorted(value, key=lambda key: key.encode("utf-16-be", "surrogatepass"))
        return "{" + ",".join(f"{_string(k)}:{canonical_json(value[k])}" for k in keys) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(canonical_json(item) for item in value) + "]"
    return json.dumps(value)


def json_hash(value: object) -> str:
    """Hash a JSON value: `fnv1a(canonical_json(value))`."""
    return fnv1a(canonical_json(value))


def _string(text: str) -> str:
    quoted = encode_basestring(text)
    if quoted.isascii():
        return quoted
    return _SURROGATE.sub(lambda match: f"\\u{ord(match[0]):04x}", quoted)


def _number(value: float) -> str:
    """Write a float in ECMAScript notation: 1.0 -> 1, 1e-06 -> 0.000001, 1e+21 stays.

    Both languages find the same shortest digits; they differ in where exponents begin.
    """
    if not math.isfinite(value):
        return "null"
    if value == 0:
        return "0"
    number = Decimal(repr(value)).normalize()
    if -7 < number.adjusted() < 21:
        return f"{number:f}"
    mantissa, _, power = f"{number:e}".partition("e")
    return f"{mantissa}e{int(power):+d}"
