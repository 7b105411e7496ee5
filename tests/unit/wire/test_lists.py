"""Query strings of lists: what is a filter, and what is reserved."""

from __future__ import annotations

import pytest

from ablo_pg.errors import AbloError
from ablo_pg.schema import Field, FieldType
from ablo_pg.wire.lists import read_query

PLAIN = {"title": Field("title", "title", "title", FieldType.STRING)}
OWN = PLAIN | {"archived": Field("archived", "archived", "archived", FieldType.BOOLEAN)}


def test_archived_asks_for_archived_rows_too_where_no_field_has_the_name() -> None:
    query = read_query("tasks", [("archived", "true"), ("title", "x")], PLAIN, 1000)
    assert (query.archived, query.where) == (True, (("title", "=", "x"),))


def test_a_field_named_archived_is_filtered_by_as_any_other() -> None:
    for text, value in (("true", True), ("false", False)):
        query = read_query("tasks", [("archived", text)], OWN, 1000)
        assert (query.archived, query.where) == (False, (("archived", "=", value),))


@pytest.mark.parametrize(
    ("text", "nodes"),
    [
        ("title = 'a' or title is null", ({"or": [["title", "=", "a"], ["title", "is", None]]},)),
        ('["title", "=", "a"]', (["title", "=", "a"],)),
        ('{"not": ["title", "a"]}', ({"not": ["title", "a"]},)),
        ('[["title", "a"], {"or": []}]', (["title", "a"], {"or": []})),
    ],
)
def test_where_is_sql_text_or_json(text: str, nodes: tuple[object, ...]) -> None:
    assert read_query("tasks", [("where", text)], PLAIN, 10).where == nodes


@pytest.mark.parametrize("text", ["title = ", "pg_sleep(1) is null", "[1", "{", "nope = 1"])
def test_a_where_that_is_none_of_them_is_refused_with_its_field(text: str) -> None:
    with pytest.raises(AbloError) as caught:
        read_query("tasks", [("where", text)], PLAIN, 10)
    assert caught.value.field == "where"


def test_a_parameter_given_twice_is_refused() -> None:
    for name in ("title", "limit", "where"):
        with pytest.raises(AbloError, match=f"{name} is given twice"):
            read_query("tasks", [(name, "1"), (name, "1")], PLAIN, 10)


def test_a_field_named_where_is_filtered_by_as_any_other() -> None:
    fields = PLAIN | {"where": Field("where", "where", "where", FieldType.STRING)}
    assert read_query("tasks", [("where", "x")], fields, 10).where == (("where", "=", "x"),)
