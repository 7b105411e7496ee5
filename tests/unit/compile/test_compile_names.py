"""Names and constants come out as the one token that Postgres reads back as the same text."""

from __future__ import annotations

from typing import Any

import pglast
from hypothesis import given
from hypothesis import strategies as st

from ablo_pg.compile.names import (
    MAX_BYTES,
    array_text,
    comment,
    dollar,
    ident,
    literal,
    shorten,
)

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=80)
names = texts.filter(bool)


def parsed(sql: str) -> Any:
    (statement,) = pglast.parse_sql(sql)
    return statement.stmt.targetList[0]


@given(names)
def test_ident_is_read_back(name: str) -> None:
    assert parsed(f"select 1 as {ident(name)}").name == shorten(name)


@given(texts)
def test_literal_is_read_back(text: str) -> None:
    assert parsed(f"select {literal(text)}").val.val.sval == text


@given(texts)
def test_constants_keep_to_one_line(text: str) -> None:
    assert not set("\n\r\x85\u2028\u2029") & set(literal(text) + comment(text))


@given(texts)
def test_dollar_is_read_back(text: str) -> None:
    assert parsed(f"select {dollar(text)}").val.val.sval == text


def test_dollar_tag_clashes() -> None:
    for body in ("$ablo$", "$ablo", "x$ablo$y$ablo1$", "$ablo1", "$"):
        assert parsed(f"select {dollar(body)}").val.val.sval == body


@given(st.lists(texts, max_size=4))
def test_array_constant_is_a_text(values: list[str]) -> None:
    assert parsed(f"select {literal(array_text(values))}").val.val.sval == array_text(values)


@given(names)
def test_shorten_fits_and_is_stable(name: str) -> None:
    short = shorten(name)
    assert len(short.encode()) <= MAX_BYTES
    assert shorten(short) == short


def test_shorten_keeps_long_names_apart() -> None:
    head = "é" * 31
    assert shorten(head) == head
    first, second = shorten(head + "ab"), shorten(head + "ac")
    assert first != second
    assert first.startswith("é" * 27)
    assert shorten("short", force=True) != "short"
