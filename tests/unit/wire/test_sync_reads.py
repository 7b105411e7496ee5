"""Bootstraps and on-demand reads as bytes: shapes, cursors, nesting."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ablo_pg.errors import AbloError
from ablo_pg.schema import parse_schema_json
from ablo_pg.schema.neutral import Relation
from ablo_pg.wire.related import nest
from ablo_pg.wire.sync import (
    bootstrap_body,
    kernel_query,
    own_limit,
    own_order,
    partial_body,
    read_cursor,
    results_body,
    write_cursor,
)

PROJECT = Relation("project", "belongsTo", "projects", "projectId")
ITEMS = Relation("items", "hasMany", "lineItems", "projectId")
OWNER = Relation("owner", "hasOne", "owners", "projectId")


def test_a_full_bootstrap() -> None:
    found = json.loads(bootstrap_body({"LineItem": [b'{"id":"1"}'], "tasks": []}, 6, 9, "h", None))
    assert found == {
        "type": "full",
        "lastSyncId": 6,
        "models": {"LineItem": [{"id": "1"}], "tasks": []},
        "timestamp": 9,
        "schemaHash": "h",
    }
    more = json.loads(bootstrap_body({}, 6, 9, "", "next"))
    assert more == {
        "type": "full",
        "lastSyncId": 6,
        "models": {},
        "timestamp": 9,
        "nextCursor": "next",
    }


def test_a_partial_bootstrap() -> None:
    found = json.loads(partial_body([b'{"id":7}'], 7, 9, "h"))
    assert (found["type"], found["lastSyncId"], found["deltas"]) == ("partial", 7, [{"id": 7}])


def test_cursors_come_back() -> None:
    assert read_cursor(write_cursor("LineItem", "a|b=", 7)) == ("LineItem", "a|b=", 7)


@pytest.mark.parametrize(
    ("given", "order"),
    [
        ("dueDate", ("dueDate", "asc")),
        ("due_date desc", ("dueDate", "desc")),
        ("-created_at", ("createdAt", "desc")),
        ("id ASC", ("id", "asc")),
        ("meta", None),  # json has no order
        ("nope", None),
        ("", None),
        (7, None),
        ({"field": "id"}, None),
    ],
)
def test_a_model_s_own_order(given: Any, order: Any) -> None:
    """Contract, schema: `bootstrapOrderBy` of a model, by either name of a field."""
    fields = {
        "dueDate": {"type": "date", "isOptional": True, "column": "due_date"},
        "meta": {"type": "json", "isOptional": True},
    }
    pushed = {"fields": fields, "bootstrapOrderBy": given}
    (model,) = parse_schema_json({"v": 3, "models": {"tasks": pushed}}).models
    assert own_order(model) == order


@pytest.mark.parametrize(
    ("given", "limit"), [(5, 5), (0, None), (-1, None), (True, None), ("5", None)]
)
def test_a_model_s_own_limit(given: Any, limit: Any) -> None:
    pushed = {"fields": {"t": {"type": "string"}}, "bootstrapLimit": given}
    (model,) = parse_schema_json({"v": 3, "models": {"tasks": pushed}}).models
    assert own_limit(model) == limit


@pytest.mark.parametrize("cursor", ["x", "e30=", "WzEsMl0=", "WyJ0IiwiYSIsLTFd", "é"])
def test_what_is_no_cursor(cursor: str) -> None:
    with pytest.raises(AbloError) as caught:
        read_cursor(cursor)
    assert caught.value.code == "cursor_invalid"


def test_results_keep_their_slots() -> None:
    found = json.loads(
        results_body([[b'{"id":"1"}'], []], [[b'{"id":"1","stamp":2}'], []], [{"index": 1}], 3)
    )
    assert found["results"] == [[{"id": "1"}], []]
    assert found["evidence"] == [[{"id": "1", "stamp": 2}], []]
    assert found["errors"] == [{"index": 1}]
    assert found["lastSyncId"] == 3
    assert "errors" not in json.loads(results_body([], [], [], 3))


def test_queries_for_the_kernel() -> None:
    assert json.loads(kernel_query(5000)) == {"limit": 1000}
    assert json.loads(kernel_query(5, "c", [["a", "b"]], ("x", "desc"), {"b:1", "a:1"})) == {
        "limit": 5,
        "after": "c",
        "where": [["a", "b"]],
        "orderBy": [["x", "desc"]],
        "groups": ["a:1", "b:1"],
    }


def test_related_rows_stand_under_their_relation() -> None:
    rows = [b'{"id":"l1","projectId":"p1"}', b'{"id":"l2","projectId":null}']
    nested = [json.loads(row) for row in nest(rows, PROJECT, [b'{"id":"p1"}'])]
    assert [row["project"] for row in nested] == [{"id": "p1"}, None]
    projects = [b'{"id":"p1"}', b'{"id":"p2"}']
    nested = [json.loads(row) for row in nest(projects, ITEMS, rows)]
    assert [[one["id"] for one in row["items"]] for row in nested] == [["l1"], []]
    nested = [json.loads(row) for row in nest(projects, OWNER, rows)]
    assert nested[0]["owner"]["id"] == "l1"
    assert nested[1]["owner"] is None
