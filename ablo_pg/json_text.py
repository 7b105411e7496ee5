"""Reads JSON that Postgres made, whatever it contains. Pure.

Postgres stores JSON that Python's readers refuse: nesting beyond their stacks, numbers of 131,072
digits, lone surrogates. Such a value must not make the whole answer unreadable. All code that reads
the kernel's JSON with user content uses this module. It tries the fast way first; if that refuses
the text, `_shield` replaces each excessive value by a string, and the value is returned as
`RawJson`. Bytes that are only passed on (`msgspec.Raw`) stay unchanged.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Mapping
from typing import Any, Final, Generic, TypeAlias, TypeVar

import msgspec
import orjson
from pydantic_core import from_json

T = TypeVar("T")
Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"

DEEPEST: Final = 150  # pydantic reads 200 levels, and a shielded value is inside an answer
LONGEST: Final = 4300  # digits that Python reads into an int (sys.set_int_max_str_digits)
_TOKEN: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[][{}]|[-+.0-9eE]+|[a-zA-Z]+', re.DOTALL)
_SPECIAL: Final = re.compile(rb"\\u[dD][89a-fA-F]|[\x80-\xff]")
_SHORT: Final = 300  # no number of fewer characters without an exponent is out of range
_STAND_IN: Final = re.compile(rb'"(raw-json-[0-9a-f]{16}-)([0-9]+)"')
_HUGE: Final = re.compile(rb"[0-9][eE][+]?[0-9]{3}")  # what pydantic treats as infinity


class RawJson:
    """The JSON text of a value that Python cannot read. Writing it back is refused.

    >>> RawJson("1e400")
    RawJson('1e400')
    """

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return f"RawJson({self.text if len(self.text) <= 40 else self.text[:40] + '…'!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RawJson) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)


def loads(data: bytes | str, *, whole: bool = False) -> Any:
    """Return the values of a JSON document, `RawJson` for those that Python cannot read.

    whole: then for all of it, so that no part of a value is mistaken for what it seems.

    >>> loads('{"a": 1, "b": [1e400]}')
    {'a': 1, 'b': [RawJson('1e400')]}

    Raises:
        ValueError: it is not JSON.
    """
    text = data.encode(errors="surrogatepass") if isinstance(data, str) else data
    try:
        if _HUGE.search(text) is None:
            return from_json(text)
    except ValueError:
        pass
    shielded = _Shielded(text)
    found = shielded.restore(from_json(shielded.text))
    return RawJson(text.decode(errors="replace")) if whole and shielded.kept else found


def dumps(value: object) -> bytes:
    """Return values as JSON: those that `loads` left unread, and long integers, unchanged.

    Values without a JSON form (a time, an exception) become their text.
    """
    try:
        return orjson.dumps(value, default=_plain)
    except TypeError:  # beyond 64 bits or 254 levels: orjson cannot write them
        return msgspec.json.encode(value, enc_hook=_raw)


def _plain(value: object) -> object:
    return orjson.Fragment(value.text) if isinstance(value, RawJson) else str(value)


def _raw(value: object) -> object:
    return msgspec.Raw(value.text.encode()) if isinstance(value, RawJson) else str(value)


class Decoder(Generic[T]):
    """A `msgspec.json.Decoder` that tolerates any user content."""

    def __init__(self, kind: type[T]) -> None:
        self._decoder = msgspec.json.Decoder(kind)

    def decode(self, data: bytes | str | msgspec.Raw) -> T:
        """Return the value. Raises msgspec.DecodeError if it is not of the type."""
        try:
            return self._decoder.decode(data)
        except (msgspec.DecodeError, RecursionError):
            shielded = _Shielded(data.encode() if isinstance(data, str) else bytes(data))
            found: T = shielded.restore(self._decoder.decode(shielded.text))
            return found


_MEMBERS: Final = Decoder(dict[str, msgspec.Raw])


def members(data: bytes | msgspec.Raw) -> dict[str, bytes]:
    """Return the members of a JSON object, each as its bytes.

    >>> members(b'{"id":"a","n":1e400}')
    {'id': b'"a"', 'n': b'1e400'}

    Raises:
        msgspec.DecodeError: it is not a JSON object.
    """
    return {name: bytes(each) for name, each in _MEMBERS.decode(data).items()}


def same(one: object, other: object) -> bool:
    """Whether two JSON values are equal as in jsonb: 1 is 1.0, and true is not 1.

    >>> same([1, {"a": 2}], [1.0, {"a": 2}]), same([True], [1]), same("1", 1)
    (True, False, False)
    """
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def joined(found: Mapping[str, bytes]) -> bytes:
    """Return the JSON object of members as returned by `members`."""
    return b"{%b}" % b",".join(orjson.dumps(name) + b":" + each for name, each in found.items())


class _Shielded:
    """A document whose excessive values are replaced by strings; `kept` has the originals."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._mark = f"raw-json-{secrets.token_hex(8)}-"
        self.kept: list[bytes] = []
        self.text = b"".join(self._parts())

    def _parts(self) -> Iterator[bytes]:
        data, done, depth, start = self._data, 0, 0, 0
        for found in _TOKEN.finditer(data):
            first = data[found.start()]
            if first in b"[{":
                depth += 1
                if depth == DEEPEST + 1:
                    start = found.start()
                    continue
            elif first in b"]}":
                depth -= 1
            if depth > DEEPEST or ((depth < DEEPEST or first not in b"]}") and _readable(found[0])):
                continue
            if first not in b"]}":
                start = found.start()
            elif start < done:  # the end of the part that was not too deep
                continue
            yield data[done:start]
            done = found.end()
            yield b'"%b%d"' % (self._mark.encode(), len(self.kept))
            self.kept.append(data[start:done])
        yield data[done:]

    def restore(self, value: Any) -> Any:
        """Return a value parsed from `text`, with the kept values back in place."""
        if isinstance(value, str):
            if not value.startswith(self._mark):
                return value
            return RawJson(self.kept[int(value[len(self._mark) :])].decode(errors="replace"))
        if isinstance(value, msgspec.Raw):
            return msgspec.Raw(_STAND_IN.sub(self._kept, bytes(value)))
        if isinstance(value, dict):
            return {self._key(key): self.restore(each) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return type(value)(map(self.restore, value))
        if isinstance(value, msgspec.Struct):
            names = value.__struct_fields__
            return type(value)(**{name: self.restore(getattr(value, name)) for name in names})
        return value

    def _kept(self, found: re.Match[bytes]) -> bytes:
        ours = found[1] == self._mark.encode()  # else it is a user's text that looks like it
        return self.kept[int(found[2])] if ours else found[0]

    def _key(self, key: Any) -> Any:
        found = self.restore(key)
        return found.text if isinstance(found, RawJson) else found


def _readable(token: bytes) -> bool:
    """Whether readers accept a string, a number or a word."""
    if token[0] == 0x22:
        if _SPECIAL.search(token) is None:
            return True
        try:
            from_json(token)
        except ValueError:
            return False
        return True
    if token[0] not in b"-0123456789" or (
        len(token) < _SHORT and b"e" not in token and b"E" not in token
    ):
        return True
    try:
        return len(token) <= LONGEST and abs(float(token)) != float("inf")
    except ValueError:  # not a number: the reader reports it
        return True
