"""Rows: quick to read, read-only, tolerant of what the database holds, with hidden evidence."""

from __future__ import annotations

import copy
import datetime as dt
import json
import pickle
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

import pytest
from pydantic import BaseModel, ValidationError, field_validator

from ablo_pg.errors import AbloValidationError
from ablo_pg.schema import Evidence, Model, evidence_of, field, row_from_json, set_evidence


class Inner(BaseModel):
    a: int


class Task(Model):
    title: str = field(max_length=5)
    status: Literal["todo", "done"] = "todo"
    due_date: dt.datetime | None = None
    price: Decimal = Decimal(0)
    token: UUID | None = None
    inner: Inner | None = None
    added_later: str

    @field_validator("title")
    @classmethod
    def _check(cls, value: str) -> str:
        if value == "bad":
            raise ValueError("bad")
        return value


ROW: dict[str, Any] = {
    "id": "t1",
    "createdAt": "2020-01-01T00:00:00.123456+00:00",
    "updatedAt": "2020-01-01T00:00:00+00:00",
    "organizationId": "acme",
    "createdBy": "agent:a",
    "archivedAt": None,
    "title": "x",
    "status": "todo",
    "dueDate": "2020-01-02T00:00:00+00:00",
    "price": "12.50",
    "token": "00000000-0000-0000-0000-000000000001",
    "inner": {"a": 1},
    "addedLater": "y",
    "unknown": 1,
}


def row(**changes: Any) -> Task:
    return row_from_json(Task, json.dumps({**ROW, **changes}).encode())


def test_a_row_has_its_fields_and_the_base_fields() -> None:
    task = row()
    assert (task.id, task.organization_id, task.created_by) == ("t1", "acme", "agent:a")
    assert task.created_at == dt.datetime(2020, 1, 1, 0, 0, 0, 123456, dt.UTC)
    assert task.archived_at is None
    assert (task.due_date, task.price) == (
        dt.datetime(2020, 1, 2, tzinfo=dt.UTC),
        Decimal("12.50"),
    )
    assert task.token == UUID(int=1)
    assert task.inner == Inner(a=1)
    assert task == row_from_json(Task, ROW) == row_from_json(Task, json.dumps(ROW))
    assert not hasattr(task, "unknown")


def test_rows_are_read_only() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        row().title = "y"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("changes", "name", "value"),
    [
        ({"title": "longer than five"}, "title", "longer than five"),
        ({"title": "bad"}, "title", "bad"),
        ({"title": None}, "title", None),
        ({"status": "retired"}, "status", "retired"),
        ({"inner": {"a": "x"}}, "inner", {"a": "x"}),
    ],
)
def test_reading_never_fails_for_what_a_row_holds(
    changes: dict[str, Any], name: str, value: object
) -> None:
    task = row(**changes)
    assert getattr(task, name) == value
    assert task.due_date == dt.datetime(2020, 1, 2, tzinfo=dt.UTC)
    assert task.price == Decimal("12.50")
    assert evidence_of(set_evidence(task, "tasks", 1))


def test_a_row_from_before_a_field_was_added() -> None:
    old = {key: value for key, value in ROW.items() if key not in ("addedLater", "status")}
    task = row_from_json(Task, old)
    assert task.added_later is None
    assert task.status == "todo"


@pytest.mark.parametrize("data", [b"", b"[]", b"null", b"{}", b'{"id": 3}', b"\xff"])
def test_what_is_no_row(data: bytes) -> None:
    with pytest.raises(AbloValidationError, match="not a row of Task"):
        row_from_json(Task, data)


def test_evidence_is_hidden_and_does_not_travel_with_copies() -> None:
    task = row()
    assert evidence_of(task) is None
    assert set_evidence(task, "tasks", 7) is task
    assert evidence_of(task) == Evidence("tasks", 7)
    assert task == row()
    assert "7" not in repr(task).replace("2020", "")
    assert "evidence" not in task.model_dump_json()
    for other in (copy.copy(task), task.model_copy(), pickle.loads(pickle.dumps(task))):
        assert other == task
        assert evidence_of(other) is None
