"""JSON of the database is read whatever it holds, and goes on as the bytes it is."""

from __future__ import annotations

import json
import sys
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
    slow = shielded.restore(json_text.from_json(shielded.text))
    assert same(loads(text), slow)


def test_true_is_not_one() -> None:
    assert not same(True, 1)
    assert not same({"a": [0, 1]}, {"a": [False, 1]})
    assert same({"a": (1, 2.0)}, {"a": [1.0, 2]})
    assert not same({"a": 1}, {"a": 1, "b": 1})


@pytest.mark.parametrize(
    ("name", "refusal"),
    [
        ("objects", RecursionError),
        ("half", msgspec.DecodeError),
        ("exponent", msgspec.DecodeError),
    ],
)
def test_the_checks_catch_a_reader_without_it(
    monkeypatch: pytest.MonkeyPatch, name: str, refusal: type[Exception]
) -> None:
    """A mutant: the plain decoder. How deep it reads is up to a limit that others may raise."""
    monkeypatch.setattr(Decoder, "decode", lambda self, data: self._decoder.decode(data))
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(2000)
    try:
        with pytest.raises(refusal):
            test_an_answer_is_read_and_its_bytes_stay(VALUES[name])
    finally:
        sys.setrecursionlimit(limit)
