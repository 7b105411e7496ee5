"""Query strings of lists: what is a filter, and what is reserved."""

from __future__ import annotations

from ablo_pg.schema import FieldType
from ablo_pg.wire.lists import read_query

PLAIN = {"title": ("title", FieldType.STRING)}
OWN = PLAIN | {"archived": ("archived", FieldType.BOOLEAN)}


def test_archived_asks_for_archived_rows_too_where_no_field_has_the_name() -> None:
    query = read_query([("archived", "true"), ("title", "x")], PLAIN, 1000)
    assert (query.archived, query.where) == (True, (("title", "=", "x"),))


def test_a_field_named_archived_is_filtered_by_as_any_other() -> None:
    for text, value in (("true", True), ("false", False)):
        query = read_query([("archived", text)], OWN, 1000)
        assert (query.archived, query.where) == (False, (("archived", "=", value),))
