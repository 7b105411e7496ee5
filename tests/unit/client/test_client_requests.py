"""Requests as the kernel reads them: names, ids, premises, filters. No server."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ablo_pg import AbloError, Model, Operation, define_schema
from ablo_pg.client.registry import Registry
from ablo_pg.client.rows import requests as base
from ablo_pg.client.rows.decode import row_of
from ablo_pg.client.rows.premises import encode_premise
from ablo_pg.client.rows.where import OPERATORS, ordering, predicates
from ablo_pg.db.errors import Names
from ablo_pg.wire.committed import receipt_of


class Task(Model, typename="WorkItem", table="work"):
    title: str
    status: Literal["todo", "done"] = "todo"
    due_date: dt.datetime | None = None
    count: int = 0


REGISTRY = Registry(define_schema(tasks=Task))
TASKS = REGISTRY.entry("tasks")


def body(request: base.CommitRequest) -> Any:
    return json.loads(request.body)


def commit(*operations: Any, reads: Any = None, key: str | None = None) -> base.CommitRequest:
    return base.commit_request(REGISTRY, list(operations), reads, key)


def refused(call: Any, *args: Any, **kwargs: Any) -> AbloError:
    with pytest.raises(AbloError) as caught:
        call(*args, **kwargs)
    assert caught.value.remedy
    return caught.value


def test_names_travel_in_their_wire_spelling() -> None:
    due = dt.datetime(2026, 1, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=1)))
    request = commit(
        Operation("update", Task, "t1", {"due_date": due}, read_at=7, on_stale="notify"),
        {"action": "create", "model": "work", "id": "t2", "data": {"title": "x"}},
        {"action": "delete", "model": "WorkItem", "id": uuid.UUID(int=1), "readAt": 8},
        reads=[
            {"model": Task, "id": "t3", "read_at": 9, "fields": ["due_date"]},
            {"group": "project:p1", "readAt": 9, "onStale": "reject"},
            {"model": "tasks", "id": "t4", "absent": True},
        ],
        key="k",
    )
    assert request.key == "k"
    assert request.created == (("tasks", "t2"),)
    update, create, delete = body(request)["operations"]
    assert update["model"] == create["model"] == delete["model"] == "WorkItem"
    assert dt.datetime.fromisoformat(update["data"].pop("dueDate")) == due
    assert (update["data"], update["readAt"], update["onStale"]) == ({}, 7, "notify")
    assert create["data"] == {"title": "x", "status": "todo", "count": 0}
    assert delete["id"] == str(uuid.UUID(int=1))
    assert body(request)["reads"] == [
        {"model": "WorkItem", "id": "t3", "fields": ["dueDate"], "readAt": 9},
        {"group": "project:p1", "readAt": 9, "onStale": "reject"},
        {"model": "WorkItem", "id": "t4", "absent": True},
    ]


def test_ids_are_random_or_told_by_the_key() -> None:
    create = {"action": "create", "model": "tasks", "data": {"title": "x"}}
    first, again = commit(create, create, key="k"), commit(create, create, key="k")
    assert first.body == again.body
    assert first.created[0] != first.created[1]
    assert commit(create).created != commit(create).created
    assert base.new_id(TASKS, "k") == str(uuid.uuid5(base.ID_NAMESPACE, "tasks:k"))
    made = [uuid.UUID(base.new_id(TASKS, None)) for _ in range(100)]
    assert {(one.version, one.variant) for one in made} == {(4, uuid.RFC_4122)}
    assert len(set(made)) == 100


def test_equal_requests_are_equal_bytes() -> None:
    left = {"action": "update", "id": "t", "model": "tasks", "data": {"title": "x", "count": 1}}
    right = {"data": {"count": 1, "title": "x"}, "model": "tasks", "id": "t", "action": "update"}
    assert commit(left, key="k").body == commit(right, key="k").body


def test_a_commit_has_a_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "REQUEST_LIMIT", 200)
    commit(Operation("update", Task, "t", {"title": "x"}))
    error = refused(commit, Operation("update", Task, "t", {"title": "x" * 200}))
    assert (error.code, error.http_status) == ("request_too_large", 413)


def test_a_row_is_a_premise_as_read() -> None:
    data = {
        "id": "t1",
        "createdAt": "2026-01-01T00:00:00+00:00",
        "updatedAt": "2026-01-01T00:00:00+00:00",
        "organizationId": "acme",
        "title": "x",
    }
    row = row_of(TASKS, json.dumps(data).encode(), 42)
    premise = encode_premise(REGISTRY, row)
    assert premise == {"model": "WorkItem", "id": "t1", "readAt": 42}
    copied = refused(encode_premise, REGISTRY, row.model_copy())
    assert copied.code == "invalid_request"


@pytest.mark.parametrize(
    ("premise", "code"),
    [
        ({"model": "tasks", "id": "t"}, "write_options_invalid"),
        ({"model": "tasks", "id": "t", "read_at": -1}, "write_options_invalid"),
        ({"model": "tasks", "id": "t", "read_at": True}, "write_options_invalid"),
        ({"model": "tasks", "id": "t", "read_at": 1, "on_stale": "x"}, "write_options_invalid"),
        ({"model": "tasks", "read_at": 1}, "invalid_id"),
        ({"read_at": 1}, "invalid_request"),
        ({"model": "tasks", "id": "t", "group": "a:b", "read_at": 1}, "invalid_request"),
        ({"model": "tasks", "id": "t", "read_at": 1, "field": "x"}, "invalid_request"),
        ({"model": "tasks", "id": "t", "read_at": 1, "fields": "x"}, "invalid_request"),
        ({"model": "tasks", "id": "t", "read_at": 1, "fields": ["nope"]}, "unknown_field"),
        ({"model": "nope", "id": "t", "read_at": 1}, "server_execute_unknown_model"),
        ("tasks:t", "invalid_request"),
    ],
)
def test_bad_premises_are_refused(premise: Any, code: str) -> None:
    assert refused(encode_premise, REGISTRY, premise).code == code


@pytest.mark.parametrize("row_id", ["", None, 3, "a\x00b", "\ud800", b"x"])
def test_what_is_no_id_is_refused(row_id: Any) -> None:
    operation = Operation("delete", "tasks", row_id)
    assert refused(base.encode_operation, REGISTRY, operation).code == "invalid_id"


def test_where_spellings_mean_the_same() -> None:
    due = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    by_map = predicates(TASKS, {"due_date": {"gt": due}, "count": [1, 2], "title": None})
    by_list = predicates(
        TASKS, [("dueDate", ">", due), ("count", "in", (1, 2)), ("title", "eq", None)]
    )
    assert by_map == by_list
    assert [clause[0] for clause in by_map] == ["dueDate", "count", "title"]  # type: ignore[index]
    assert by_map[2] == ["title", "is", None]
    assert predicates(TASKS, {"title": {"ne": None}}) == [["title", "is_not", None]]
    assert predicates(TASKS, None) == []


def test_order_spellings() -> None:
    assert ordering(TASKS, "created_at") == [["createdAt", "asc"]]
    assert ordering(TASKS, ["-due_date", ("id", "DESC")]) == [["dueDate", "desc"], ["id", "desc"]]


def test_unknown_names_bring_near_ones() -> None:
    error = refused(predicates, TASKS, {"due_dat": 1})
    assert (error.code, error.model, error.field) == (
        "query_invalid_identifier",
        "tasks",
        "due_dat",
    )
    assert "due_date" in (error.remedy or "")
    assert "'tasks'" in (refused(REGISTRY.entry, "task").remedy or "")


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
    max_leaves=5,
)
NAMES_TRIED = st.sampled_from(["title", "dueDate", "count", "status", "id"]) | st.text() | VALUES
OPERATORS_TRIED = st.sampled_from(sorted(OPERATORS)) | st.text() | VALUES


REFUSALS = {
    "query_invalid_identifier",
    "query_unsupported_operator",
    "column_type_mismatch",
    "check_violation",
    "validation_failed",
    "invalid_request",
    "invalid_options",
    "request_too_large",
}


def refusal(call: Any, *args: Any) -> AbloError | None:
    """Return the typed error of a call; anything else that it raises fails the test."""
    try:
        call(*args)
    except AbloError as error:
        return error
    return None


@given(st.lists(st.tuples(NAMES_TRIED, OPERATORS_TRIED, VALUES), max_size=3))
def test_any_filter_is_clauses_or_a_typed_error(where: Any) -> None:
    """Whatever is passed, only known fields and operators ever reach the kernel."""
    error = refusal(predicates, TASKS, where)
    if error is not None:
        assert error.code in REFUSALS
        assert error.remedy
        return
    wires = {field.wire for field in TASKS.fields.values()}
    found = predicates(TASKS, where)
    assert all(clause[0] in wires and clause[1] in OPERATORS.values() for clause in found)  # type: ignore[index]
    json.dumps(found, allow_nan=False)


@given(VALUES | st.dictionaries(st.text(), VALUES), VALUES | st.lists(NAMES_TRIED))
def test_any_query_is_json_or_a_typed_error(where: Any, order_by: Any) -> None:
    error = refusal(base.list_query, TASKS, where, order_by, 10, None, False)
    if error is None:
        json.loads(base.list_query(TASKS, where, order_by, 10, None, False).body)
    else:
        assert error.code in REFUSALS


@given(VALUES | st.dictionaries(st.text() | st.sampled_from(["model", "id", "data"]), VALUES))
def test_any_operation_is_a_request_or_a_typed_error(operation: Any) -> None:
    error = refusal(base.commit_request, REGISTRY, [operation], None, None)
    assert error is None or error.http_status in (400, 413)


def test_receipts_are_read_in_the_authors_words() -> None:
    wire = {
        "object": "commit_receipt",
        "clientTxId": "k",
        "serverTxId": "stx_1",
        "createdAt": "2026-01-01T00:00:00.000Z",
        "statusAt": "2026-01-01T00:00:00.010Z",
        "success": True,
        "ops": 0,
        "status": "confirmed",
        "lastSyncId": 9,
        "notifications": [
            {
                "object": "stale_notification",
                "scope": "row",
                "target": {"model": "WorkItem", "id": "t1", "fields": ["dueDate"]},
                "readAt": 3,
                "observedSyncId": 8,
                "writtenBy": {"kind": "agent", "id": "b"},
                "currentValues": {"dueDate": None},
            },
            {"scope": "group", "group": "project:p1", "readAt": 3, "observedSyncId": 7},
        ],
        "missingIds": ["t9"],
    }
    names = Names({"WorkItem": "tasks"}, {("tasks", "dueDate"): "due_date"})
    receipt = receipt_of(json.dumps(wire).encode(), names)
    assert receipt == receipt_of(json.dumps(wire).encode(), names)
    assert receipt.status_at - receipt.created_at == dt.timedelta(milliseconds=10)
    row, group = receipt.notifications
    assert (row.model, row.fields, row.written_by) == ("tasks", ("due_date",), "agent:b")
    assert row.current_values == {"due_date": None}
    assert (group.scope, group.group, group.model) == ("group", "project:p1", None)
    assert receipt.missing_ids == ("t9",)
