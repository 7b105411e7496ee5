"""The hash is the one that clients in every language compute."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ablo_pg.schema.hashing import canonical_json, fnv1a, json_hash

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("text", "digest"),
    [("", "811c9dc5"), ("a", "e40c292c"), ("foobar", "bf9cf968")],
)
def test_published_vectors_hold_for_ascii(text: str, digest: str) -> None:
    assert fnv1a(text) == digest


def test_units_are_utf16_not_bytes() -> None:
    assert fnv1a("é") == f"{((0x811C9DC5 ^ 0xE9) * 0x01000193) & 0xFFFFFFFF:08x}"
    assert fnv1a("😀") == fnv1a("\ud83d\ude00")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "1"),
        (-0.0, "0"),
        (0.1, "0.1"),
        (1e-6, "0.000001"),
        (1.5e-6, "0.0000015"),
        (1.25e-5, "0.0000125"),
        (-1e-5, "-0.00001"),
        (1e-7, "1e-7"),
        (1.5e-10, "1.5e-10"),
        (1e16, "10000000000000000"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (1.5e300, "1.5e+300"),
        (5e-324, "5e-324"),
    ],
)
def test_numbers_are_spelt_as_javascript_spells_them(value: float, text: str) -> None:
    assert canonical_json(value) == text


def test_keys_sort_by_utf16_unit_and_lone_surrogates_are_escaped() -> None:
    assert canonical_json({"\uffff": 1, "😀": 2}) == '{"😀":2,"\uffff":1}'
    assert canonical_json("\ud800") == '"\\ud800"'


@given(json_values)
def test_canonical_json_is_json_and_ignores_key_order(value: Any) -> None:
    text = canonical_json(value)
    assert json.loads(text) == value
    assert json_hash(_reversed(value)) == json_hash(value)


def _reversed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _reversed(value[key]) for key in reversed(value)}
    return [_reversed(item) for item in value] if isinstance(value, list) else value
