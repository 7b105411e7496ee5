"""JSON of the database is read whatever it holds, and goes on as the bytes it is."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ablo_pg import json_text
from ablo_pg.json_text import Decoder, RawJson, dumps, joined, loads, members, same

VALUES = {
    "levels": "[" * 300 + "]" * 300,
    "objects": '{"a":' * 6000 + "1" + "}" * 6000,
    "very deep": "[" * 20_000 + "]" * 20_000,
    "digits": "1" + "0" * 5000,
    "fraction": "0." + "0" * 16000 + "1",
    "exponent": "-1e131071",
    "infinite": "1e309",
    "half": '"a\\ud800b"',
    "two halves": '["\\udc00","\\ud83d\\ude00"]',
    "nul": '"\\u0000"',
    "brackets in text": json.dumps("[" * 500 + '\\"' + "{" * 500),
    "number in text": '"1e999"',
}


class _Row(msgspec.Struct, frozen=True):
    row: msgspec.Raw
    meta: Any = None
    rows: list[msgspec.Raw] = []


@pytest.fixture(params=[1000, 50_000])
def stack(request: pytest.FixtureRequest) -> Iterator[int]:
    """Python's stack as it comes, and as applications with a larger one have it."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(request.param)
    yield request.param
    sys.setrecursionlimit(before)


@pytest.mark.parametrize("levels", [300, 6000, 20_000])
@pytest.mark.parametrize("more", ["1", "1e400", "12345678901234567890123"])
@pytest.mark.usefixtures("stack")
def test_what_was_read_is_written_whatever_the_stack(levels: int, more: str) -> None:
    deep = "[" * levels + "]" * levels
    answer = f'{{"row":{{}},"meta":[{deep},{more}]}}'.encode()
    assert dumps({"meta": Decoder(_Row).decode(answer).meta}) == b'{"meta":%b' % answer[17:]


@pytest.mark.parametrize("text", VALUES.values(), ids=VALUES.keys())
def test_an_answer_is_read_and_its_bytes_stay(text: str) -> None:
    row = f'{{"id":"x","f":{text},"g":[1,{text}]}}'.encode()
    answer = b'{"row":%b,"meta":{"m":%b},"rows":[%b,{}]}' % (row, text.encode(), row)
    found = Decoder(_Row).decode(answer)
    assert bytes(found.row) == bytes(found.rows[0]) == row
    assert members(found.row) == {
        "id": b'"x"',
        "f": text.encode(),
        "g": b"[1,%b]" % text.encode(),
    }
    assert joined(members(found.row)) == row
    told = loads(answer)
    assert told["row"]["id"] == "x"
    assert loads(dumps(told)) == told


@pytest.mark.parametrize("name", ["digits", "exponent", "infinite", "half", "very deep"])
def test_what_has_no_value_is_its_text(name: str) -> None:
    assert loads(VALUES[name], whole=True) == RawJson(VALUES[name])
    assert dumps({"a": loads(VALUES[name])}) == b'{"a":%b}' % VALUES[name].encode()


@pytest.mark.parametrize("text", ["", "[1,", "{", '{"a":}', "nul", '"', "[" * 300, "1e999x"])
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 (pydantic words it)
        loads(text)
    with pytest.raises((msgspec.DecodeError, RecursionError)):
        Decoder(Any).decode(text)


def test_long_integers_are_not_rounded() -> None:
    assert dumps(loads('{"a":12345678901234567890123}')) == b'{"a":12345678901234567890123}'


@settings(max_examples=50, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=20,
    )
)
def test_a_shielded_document_is_the_same(value: Any) -> None:
    """The slow way says what the fast one says."""
    text = json.dumps(value).encode()
    try:
        text.decode()
        orjson.loads(text)
    except (ValueError, UnicodeError):
        return
    shielded = json_text._Shielded(text)
    assert shielded.text == text or shielded.kept
    slow = shielded.restore(json_text.from_json(shielded.text))  # type: ignore[attr-defined]
    assert same(loads(text), slow)


def test_what_looks_like_a_stand_in_stays() -> None:
    row = b'{"a":"raw-json-0123456789abcdef-0","deep":%b}' % (b"[" * 300 + b"]" * 300)
    assert bytes(Decoder(_Row).decode(b'{"row":%b,"meta":1e400}' % row).row) == row


def test_reading_fills_no_cache_of_patterns(monkeypatch: pytest.MonkeyPatch) -> None:
    def compile_one(pattern: Any, flags: int = 0) -> Any:
        raise AssertionError(f"a pattern for one document: {pattern!r}")

    monkeypatch.setattr(re, "compile", compile_one)
    assert loads("1e400") == RawJson("1e400")


def test_true_is_not_one() -> None:
    assert not same(True, 1)
    assert not same({"a": [0, 1]}, {"a": [False, 1]})
    assert same({"a": (1, 2.0)}, {"a": [1.0, 2]})
    assert not same({"a": 1}, {"a": 1, "b": 1})


@pytest.mark.usefixtures("stack")
@pytest.mark.parametrize("stack", [1000], indirect=True)
def test_the_checks_catch_a_reader_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mutant: the plain decoder."""
    monkeypatch.setattr(Decoder, "decode", lambda self, data: self._decoder.decode(data))
    with pytest.raises(RecursionError):
        test_an_answer_is_read_and_its_bytes_stay(VALUES["very deep"])
