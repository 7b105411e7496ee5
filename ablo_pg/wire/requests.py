"""Incoming bodies: strict JSON, then typed values. Pure: bytes in, structs or an error out.

JSON is refused if it is not UTF-8, is truncated, has a duplicate key, nests too deep or contains
NaN: the database and every client must read one body alike. Unknown keys are ignored, since older
and newer clients send some. A misspelt guard (`read_at`) is refused: ignoring it would silently
drop the guard.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final, TypeVar

import msgspec
import orjson

from ablo_pg.errors import AbloError, error_for

T = TypeVar("T", bound=msgspec.Struct)
GUARDS: Final = ("readAt", "onStale", "reads", "track", "claimId", "fenceToken", "operations")
_GUARD_OF: Final = {name.lower(): name for name in GUARDS}
SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")
LENGTH: Final = re.compile(r"of length <= (\d+)")  # msgspec's message for excess length
REMEDY: Final = "send one JSON document, UTF-8, each key once"


class Duplicate(ValueError):
    """A duplicate key in one object."""


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise Duplicate(f"the key {twice[:40]!r} appears twice")
    return found


def _constant(name: str) -> object:
    raise Duplicate(f"{name} is not JSON")


def read_json(body: bytes, depth: int) -> Any:
    """Return the values of a JSON document; raises invalid_json."""
    try:
        text = body.decode()
    except UnicodeDecodeError as exc:
        raise _invalid(f"byte {exc.start} is not UTF-8") from None
    try:
        found = json.loads(text, object_pairs_hook=_object, parse_constant=_constant)
    except RecursionError:
        raise _too_deep(depth) from None
    except ValueError as exc:
        known = isinstance(exc, json.JSONDecodeError | Duplicate)
        raise _invalid(str(exc)[:200] if known else "a number has too many digits") from None
    if SURROGATE.search(text) is not None:
        check_surrogates(found)
    if text.count("[") + text.count("{") > depth and depth_of(found) > depth:
        raise _too_deep(depth)
    return found


def check_surrogates(value: object) -> None:
    """Refuse lone surrogates, which the database cannot store; raises invalid_json."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise _invalid("an escape is a lone surrogate") from None


def depth_of(value: object) -> int:
    """Return how deep arrays and objects nest."""
    deepest = 0
    level = [value]
    while level := [one for one in level if isinstance(one, dict | list)]:
        deepest += 1
        level = [each for one in level for each in (one.values() if isinstance(one, dict) else one)]
    return deepest


def read_body(body: bytes, kind: type[T], depth: int = 64) -> T:
    """Return a body as `kind`; an empty one is `{}`. Raises invalid_json, invalid_body."""
    text = body or b"{}"
    found = read_json(text, depth)
    if not isinstance(found, dict):
        raise error_for(
            "invalid_body", "The body is not a JSON object", remedy="send an object: {...}"
        )
    check_guards(found, kind)
    try:
        # From the bytes, not the values: parts that are passed on stay unchanged.
        return msgspec.json.decode(text, type=kind)
    except msgspec.ValidationError as exc:
        raise _bad(exc) from None
    except msgspec.DecodeError as exc:
        raise _invalid(str(exc)[:200]) from None


def pass_on(value: object) -> bytes:
    """Return values of a body as JSON for the database; raises invalid_body.

    Never used for a row's data, which is passed on as its bytes, whatever its numbers.
    """
    try:
        return orjson.dumps(value)
    except TypeError as exc:
        raise error_for(
            "invalid_body",
            f"The body contains a value that cannot be passed on: {exc}"[:200],
            remedy="keep whole numbers within 64 bits; write larger ones as text",
        ) from None


def check_guards(found: dict[str, object], kind: type[msgspec.Struct]) -> None:
    """Refuse a misspelt name of a guard of `kind`; raises invalid_body."""
    known = kind.__struct_encode_fields__
    for key in found.keys() - set(known):
        guard = _GUARD_OF.get(key.replace("_", "").replace("-", "").lower())
        if guard in known:
            raise error_for(
                "invalid_body",
                f"{key[:40]!r} is not a key of this request",
                field=key[:40],
                remedy=f"spell it {guard!r}",
            )


def _bad(exc: msgspec.ValidationError) -> AbloError:
    message, _, path = str(exc).partition(" - at `")
    place = path.rstrip("`").removeprefix("$").lstrip(".")
    most = LENGTH.search(message)
    return error_for(
        "invalid_body",
        f"{place or 'The body'}: {message}"[:300],
        field=place or None,
        remedy=f"send {most[1]} at most, or split it into several requests"
        if most
        else "correct it to match the API's description (/openapi.json)",
        details={"limit": int(most[1])} if most else None,
    )


def _invalid(reason: str) -> AbloError:
    return error_for("invalid_json", f"The body is not JSON: {reason}", remedy=REMEDY)


def _too_deep(depth: int) -> AbloError:
    return error_for(
        "invalid_json",
        f"The body nests deeper than {depth} levels",
        remedy="reduce the nesting",
        details={"limit": depth},
    )
