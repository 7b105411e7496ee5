"""A pattern of a field means the same to Postgres, to pydantic and to Python, or is refused."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any

import pydantic
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import StringConstraints, TypeAdapter
from pydantic_core import SchemaError

from ablo_pg import AbloValidationError, Model, define_schema, field
from ablo_pg.schema.patterns import PatternError, portable
from ablo_pg.testing import DatabaseHandle

from .board import Board

CHARACTERS = "ab-.9Zäß😀 \n\t^$[]()\\/&~{}|"
ATOMS = ["a", "b", "9", "ä", "😀", " ", ".", r"\.", r"\\", r"\n", r"\t", r"\[", r"\$", r"\^", r"\-"]
ATOMS += [r"\{", r"\|", r"\/", "[ab]", "[^a]", "[a-z0-9]", r"[\]\\^-]", "[-a]", "[^\\n]", "[ä-ö]"]
ATOMS += ["[&~]", "[.]", "[$^]", "-", "&", "~", '"', "'", "/"]
REPEATED = ["", "", "", "*", "+", "?", "{2}", "{1,}", "{0,2}", "{0}"]
QUANTIFIED = st.builds("{}{}".format, st.sampled_from(ATOMS), st.sampled_from(REPEATED))
PATTERNS = st.recursive(
    QUANTIFIED,
    lambda inner: st.one_of(
        st.builds("{}{}".format, inner, inner),
        st.builds("({}|{}){}".format, inner, inner, st.sampled_from(REPEATED)),
        st.builds("(?:{}){}".format, inner, st.sampled_from(REPEATED)),
        st.builds("^{}".format, inner),
        st.builds("{}$".format, inner),
    ),
    max_leaves=8,
)
TEXTS = st.lists(st.text(CHARACTERS, max_size=6), min_size=1, max_size=12)


def by_pydantic(pattern: str, texts: list[str]) -> list[bool]:
    adapter: TypeAdapter[str] = TypeAdapter(Annotated[str, StringConstraints(pattern=pattern)])

    def fits(text: str) -> bool:
        try:
            adapter.validate_python(text)
        except pydantic.ValidationError:
            return False
        return True

    return [fits(text) for text in texts]


@pytest.fixture(scope="module")
def postgres(board_database: DatabaseHandle) -> Iterator[Board]:
    with Board(board_database, "patterns") as board:
        yield board


def by_postgres(board: Board, pattern: str, texts: list[str]) -> list[bool]:
    query = 'select t collate "C" ~ %s from unnest(%s::text[]) with ordinality x (t, n) order by n'
    return [row[0] for row in board.admin.execute(query, [portable(pattern), texts])]


@settings(max_examples=100, deadline=None)
@given(pattern=PATTERNS, texts=TEXTS)
def test_a_pattern_means_the_same_everywhere(
    postgres: Board, pattern: str, texts: list[str]
) -> None:
    try:
        portable(pattern)
    except PatternError:
        assume(False)
    found = by_postgres(postgres, pattern, texts)
    assert by_pydantic(pattern, texts) == found
    # Python's $ also matches before a last line break; JSON Schema's and Postgres's do not.
    python = re.compile(re.sub(r"(?<!\\)\$(?![^[]*\])", r"\\Z", pattern))
    if "$" not in pattern or not any("\n" in text for text in texts):
        assert [python.search(text) is not None for text in texts] == found


@settings(max_examples=100, deadline=None)
@given(pattern=st.text("ab01^$.*+?{},()|[]\\-&~dwnA", max_size=10))
def test_what_is_portable_is_valid_everywhere(postgres: Board, pattern: str) -> None:
    try:
        portable(pattern)
    except PatternError:
        assume(False)
    texts = ["", "a", "ab\nab", "^$", "0-1"]
    assert by_pydantic(pattern, texts) == by_postgres(postgres, pattern, texts)
    re.compile(pattern)


# What some of the four read otherwise, or not at all.
REFUSED: dict[str, str] = {
    r"\d": "a class that depends on Unicode or a locale",
    r"\w+": "the same",
    r"\bword": "a word boundary",
    r"(a)\1": "a back reference",
    "(?=a)": "look-ahead",
    "(?i)a": "a flag",
    "(?P<x>a)": "a named group",
    "a+?": "a lazy quantifier",
    "a++": "a possessive one",
    "a**": "a repeated one",
    "*a": "nothing repeated",
    "^*": "an anchor repeated",
    "a{,3}": "a count without a beginning",
    "a{300}": "a count that Postgres does not have",
    "a{3,2}": "an empty count",
    "(a{200}){200}": "an automaton that Postgres refuses",
    "[[:alpha:]]": "a class of POSIX",
    "[a&&b]": "an intersection in one of them",
    "[a--b]": "a difference in one of them",
    "[z-a]": "a range backwards",
    "[]": "an empty class",
    "[a": "an open class",
    "(a": "an open group",
    "a)": "a closed one",
    "a}": "a closing brace",
    "\\": "an escape of nothing",
    "a\0": "NUL",
}


@pytest.mark.parametrize("pattern", REFUSED)
def test_others_are_refused_where_they_are_declared(pattern: str) -> None:
    with pytest.raises(PatternError) as caught:
        portable(pattern)
    assert caught.value.remedy
    constraint: Any = field(default="", pattern=pattern)
    try:
        task = type("Task", (Model,), {"__annotations__": {"title": str}, "title": constraint})
    except SchemaError:
        return  # pydantic itself cannot read it
    with pytest.raises(AbloValidationError) as at:
        define_schema(tasks=task)
    assert (at.value.code, at.value.field) == ("schema_definition_invalid", "title")
