"""What a compiled write refuses: each with its code, and model, field, value and remedy named."""

from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest

VALID = {"title": "x", "status": "todo"}
UNKNOWN, TYPE, NULL, CHECK, ID, LARGE = "AB004", "AB005", "AB006", "AB007", "AB008", "AB025"


@pytest.fixture
def database(everything_database: Any) -> Any:
    return everything_database


def tell(error: psycopg.Error) -> tuple[str | None, str, str]:
    """Return state, message and the field that the detail names."""
    detail = json.loads(error.diag.message_detail or "{}")
    assert error.diag.message_hint
    return error.sqlstate, error.diag.message_primary or "", detail.get("field", "")


WRONG: list[tuple[str, Any, str]] = [
    ("title", 5, TYPE),
    ("title", None, NULL),
    ("title", ["x"], TYPE),
    ("title", "x" * 1_048_577, LARGE),
    ("title", "ü" * 600_000, LARGE),
    ("status", "Todo", CHECK),
    ("status", 1, TYPE),
    ("status", ["todo"], TYPE),
    ("status", None, NULL),
    ("priority", None, NULL),
    ("count", 1.5, TYPE),
    ("count", "1", TYPE),
    ("count", 9223372036854775808, TYPE),
    ("count", -9223372036854775809, TYPE),
    ("count", True, TYPE),
    ("ratio", "NaN", TYPE),
    ("ratio", "Infinity", TYPE),
    ("ratio", False, TYPE),
    ("price", 12.5, TYPE),
    ("price", "NaN", TYPE),
    ("price", "12,50", TYPE),
    ("price", "1e999999", TYPE),
    ("price", "1e131072", TYPE),
    ("price", "1e-16384", TYPE),
    ("price", "." + "0" * 16384, TYPE),
    ("price", " 1", TYPE),
    ("price", "1\n", TYPE),
    ("price", "", TYPE),
    ("done", "true", TYPE),
    ("done", 1, TYPE),
    ("done", None, NULL),
    ("startsAt", "2026-01-31T12:00:00", TYPE),
    ("startsAt", "2026-02-30T12:00:00Z", TYPE),
    ("startsAt", "2026-01-31T24:00:00Z", TYPE),
    ("startsAt", "2026-01-31", TYPE),
    ("startsAt", "infinity", TYPE),
    ("startsAt", "now", TYPE),
    ("startsAt", "9999-12-31T23:59:59-05:00", TYPE),
    ("startsAt", "0001-01-01T00:00:00+05:00", TYPE),
    ("startsAt", 1769860800, TYPE),
    ("dueOn", "2025-02-29", TYPE),
    ("dueOn", "1900-02-29", TYPE),
    ("dueOn", "0000-01-01", TYPE),
    ("dueOn", "2026-1-1", TYPE),
    ("dueOn", "today", TYPE),
    ("dueOn", "2026-01-31T00:00:00Z", TYPE),
    ("ref", "123e4567e89b12d3a456426614174000", TYPE),
    ("ref", "{123e4567-e89b-12d3-a456-426614174000}", TYPE),
    ("ref", "x", TYPE),
    ("meta", None, NULL),
    ("meta", ["x" * 1_048_577], LARGE),
    ("nope", 1, UNKNOWN),
    ("project_id", "p", UNKNOWN),
    ("id", "a", UNKNOWN),
    ("createdAt", "2026-01-31T12:00:00Z", UNKNOWN),
    ("updatedAt", "2026-01-31T12:00:00Z", UNKNOWN),
    ("organizationId", "acme", UNKNOWN),
    ("createdBy", "user:eve", UNKNOWN),
    ("archivedAt", None, UNKNOWN),
    ("", 1, UNKNOWN),
]


def test_create_and_update_refuse_the_same(database: Any, refused: Any) -> None:
    database.commit("tasks", "create", "row", VALID)
    for field, value, state in WRONG:
        for action, row_id in (("create", "new"), ("update", "row")):
            data = {**VALID, field: value} if action == "create" else {field: value}
            found, message, named = tell(refused("tasks", action, row_id, data))
            assert (found, named) == (state, field), (action, field, value)
            assert message.startswith(f"tasks.{field} ")
            assert len(message) < 400


@pytest.mark.parametrize(
    ("field", "number"),
    [("ratio", "1e400"), ("ratio", "-1e400"), ("ratio", "1e-400"), ("count", "1e30")],
)
def test_numbers_out_of_range(database: Any, field: Any, number: Any) -> None:
    request = f"""{{"operations": [{{"action": "create", "model": "tasks", "id": "a",
        "data": {{"title": "x", "status": "todo", "{field}": {number}}}}}]}}"""
    with pytest.raises(psycopg.Error) as caught:
        database.conn.execute("select ablo.commit('acme', 'user:ada', 'k', %s)", [request])
    assert tell(caught.value)[0::2] == (TYPE, field)


def test_right_values_at_the_edges_are_taken(database: Any) -> None:
    edges: list[tuple[str, Any]] = [
        ("title", ""),
        ("title", "x" * 1_048_576),
        ("count", -9223372036854775808),
        ("ratio", 1.7976931348623157e308),
        ("ratio", 5e-324),
        ("ratio", 0),
        ("price", "-0.000000000000000000001"),
        ("price", "1E+2"),
        ("price", "9" * 1000 + "." + "9" * 1000),
        ("price", "1e131071"),
        ("price", "-1.5e-16382"),
        ("startsAt", "2000-02-29T00:00:00.123456789-15:59"),
        ("startsAt", "0001-01-01 00:00:00Z"),
        ("startsAt", "9999-12-31T23:59:59.999999+00:00"),
        ("startsAt", None),
        ("dueOn", "0001-01-01"),
        ("dueOn", "2400-02-29"),
        ("ref", "123E4567-E89B-12D3-A456-426614174000"),
        ("meta", False),
        ("meta", []),
        ("meta", ""),
        ("watchers", {"not": "a list"}),
    ]
    database.commit("tasks", "create", "a", VALID)
    for field, value in edges:
        database.commit("tasks", "update", "a", {field: value})
    assert len(database.deltas("a")) == len(edges) + 1


def test_the_message_shows_the_value_but_not_much_of_it(refused: Any) -> None:
    data = {**VALID, "count": "secret" * 50}
    _, message, _ = tell(refused("tasks", "create", "a", data))
    shown = '"' + ("secret" * 50)[:39]
    assert message == f"tasks.count takes an integer, got the string {shown}"


@pytest.mark.parametrize("missing", ["title", "status"])
def test_missing_required_field(refused: Any, missing: Any) -> None:
    data = {key: value for key, value in VALID.items() if key != missing}
    assert tell(refused("tasks", "create", "a", data))[0::2] == (NULL, missing)


@pytest.mark.parametrize("row_id", ["", "x" * 256, "é" * 128])
def test_ids(refused: Any, row_id: Any) -> None:
    assert tell(refused("tasks", "create", row_id, VALID))[0] == ID


def test_id_of_255_bytes_is_taken_once(database: Any, refused: Any) -> None:
    database.commit("tasks", "create", "x" * 255, VALID)
    assert refused("tasks", "create", "x" * 255, VALID).sqlstate == "23505"
    database.commit("tasks", "create", "x" * 255, VALID, organization="other")


@pytest.mark.parametrize("data", [[], "x", 1])
def test_data_is_an_object(refused: Any, data: Any) -> None:
    assert refused("tasks", "create", "a", data).sqlstate in ("AB009", "AB015")


def test_models_without_a_tenant_are_not_written(refused: Any) -> None:
    assert tell(refused("countries", "create", "a", {"name": "x"}))[0] == "AB003"
    assert tell(refused("invoices", "create", "a", {"total": 1}))[0] == "AB003"


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("ratio", "NaN"),
        ("ratio", "-Infinity"),
        ("price", "NaN"),
        ("price", "Infinity"),
        ("starts_at", "infinity"),
        ("due_on", "-infinity"),
        ("status", "other"),
    ],
)
def test_checks_hold_for_plain_sql(database: Any, column: Any, value: Any) -> None:
    database.commit("tasks", "create", "a", VALID)
    with pytest.raises(psycopg.errors.CheckViolation):
        database.conn.execute(f"update tasks set {column} = %s", [value])
