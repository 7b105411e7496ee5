"""Python, JSON and column spellings of a name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ablo_pg.schema.names import column_name, wire_name

words = st.sampled_from(["a", "b", "ab", "b2", "title", "x9y"])
snake = st.lists(words, min_size=1, max_size=4).map("_".join)


@pytest.mark.parametrize(
    ("python", "wire", "column"),
    [
        ("due_date", "dueDate", "due_date"),
        ("title", "title", "title"),
        ("line_2", "line_2", "line_2"),
        ("a__b", "a_B", "a__b"),
        ("class_", "class_", "class_"),
        ("größe_ä", "größe_ä", "größe_ä"),
        ("dueDate", "dueDate", "due_date"),
        ("URL", "URL", "u_r_l"),
        ("Title", "Title", "title"),
    ],
)
def test_spellings(python: str, wire: str, column: str) -> None:
    assert wire_name(python) == wire
    assert column_name(python) == column


@given(snake)
def test_a_column_is_the_same_from_python_and_from_json(name: str) -> None:
    assert column_name(name) == name
    assert column_name(wire_name(name)) == name


@given(st.sets(snake, min_size=2, max_size=6))
def test_distinct_snake_names_stay_distinct(names: set[str]) -> None:
    assert len({wire_name(name) for name in names}) == len(names)
