"""Rows through a database client: create, retrieve, list, update, delete, archive."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

import pytest

from ablo_pg import (
    AbloConflictError,
    AbloIdempotencyError,
    AbloNotFoundError,
    AbloStaleContextError,
    AbloValidationError,
    AsyncAblo,
)

from .conftest import Place
from .shared import db, get_relay, organization, shared  # noqa: F401 - fixtures

pytestmark = pytest.mark.anyio


async def test_every_type_comes_back_as_it_went(ablo: AsyncAblo, schema: Any, place: Place) -> None:
    data = {
        "title": "Grüße, 世界 \\ ' \" %s $1",
        "status": "doing",
        "count": -(2**63),
        "price": Decimal("12345678901234567890.123456789"),
        "score": 0.1,
        "urgent": True,
        "due_date": dt.datetime(2026, 2, 28, 23, 59, 59, 123456, tzinfo=dt.UTC),
        "day": dt.date(2024, 2, 29),
        "ref": uuid.UUID("aa4ba6d4-bf0b-5b38-9c45-116f79a6e548"),
        "tags": ["a", "b"],
        "meta": {"deep": [1, {"x": None}], "text": "é"},
    }
    made = await ablo.tasks.create(data, id="t1")
    assert isinstance(made, schema.models["tasks"])
    assert (made.id, made.organization_id) == ("t1", place()["organization"])
    assert made.created_by == "agent:triage"
    assert {name: getattr(made, name) for name in data} == data
    assert await ablo.tasks.retrieve("t1") == made
    assert list(await ablo.tasks.list()) == [made]


async def test_wire_names_are_accepted_too(ablo: AsyncAblo) -> None:
    due = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    made = await ablo.tasks.create({"title": "x", "dueDate": due})
    assert made.due_date == due
    assert await ablo.tasks.list(where={"dueDate": due}, order_by="createdAt") == [made]


async def test_retrieve_of_nothing_is_none(ablo: AsyncAblo) -> None:
    assert await ablo.tasks.retrieve(id="nowhere") is None


async def test_update_changes_the_named_fields_and_the_time(ablo: AsyncAblo) -> None:
    made = await ablo.tasks.create({"title": "a", "count": 3})
    changed = await ablo.tasks.update(id=made.id, data={"title": "b"})
    assert (changed.title, changed.count) == ("b", 3)
    assert changed.updated_at > made.updated_at
    assert changed.created_at == made.created_at


async def test_update_of_a_missing_row_is_not_found(ablo: AsyncAblo) -> None:
    with pytest.raises(AbloNotFoundError) as caught:
        await ablo.tasks.update("nowhere", {"title": "b"})
    assert (caught.value.code, caught.value.model, caught.value.row_id) == (
        "entity_not_found",
        "tasks",
        "nowhere",
    )


async def test_delete_names_what_was_missing(ablo: AsyncAblo) -> None:
    made = await ablo.tasks.create({"title": "a"})
    gone = await ablo.tasks.delete(made.id)
    assert (gone.ops, gone.missing_ids, gone.success) == (1, (), True)
    again = await ablo.tasks.delete(made.id)
    assert (again.ops, again.missing_ids) == (0, (made.id,))
    assert await ablo.tasks.retrieve(made.id) is None


async def test_archive_takes_off_lists_and_unarchive_brings_back(ablo: AsyncAblo) -> None:
    made = await ablo.tasks.create({"title": "a"})
    archived = await ablo.tasks.archive(made.id)
    assert archived.archived_at is not None
    assert await ablo.tasks.list() == []
    assert await ablo.tasks.list(archived=True) == [archived]
    back = await ablo.tasks.unarchive(made.id)
    assert back.archived_at is None
    assert await ablo.tasks.list() == [back]


async def test_a_taken_id_is_a_unique_violation_that_names_it(ablo: AsyncAblo) -> None:
    await ablo.tasks.create({"title": "a"}, id="t1")
    with pytest.raises(AbloConflictError) as caught:
        await ablo.tasks.create({"title": "b"}, id="t1")
    error = caught.value
    assert (error.code, error.model, error.field) == ("unique_violation", "tasks", "id")
    assert error.row_id == "t1"
    assert "t1" in str(error)
    assert error.remedy


async def test_an_id_taken_in_another_organization_is_free(make_client: Any, place: Place) -> None:
    one, two = make_client(), make_client(organization=f"{place()['organization']}-b")
    await one.tasks.create({"title": "a"}, id="t1")
    assert (await two.tasks.create({"title": "b"}, id="t1")).title == "b"
    assert (await one.tasks.retrieve("t1")).title == "a"


async def test_a_key_applies_once_and_names_the_same_row(ablo: AsyncAblo) -> None:
    first = await ablo.tasks.create({"title": "a"}, idempotency_key="k1")
    again = await ablo.tasks.create({"title": "a"}, idempotency_key="k1")
    assert first == again
    assert first.id == str(
        uuid.uuid5(uuid.UUID("aa4ba6d4-bf0b-5b38-9c45-116f79a6e548"), "tasks:k1")
    )
    assert ablo.receipt(first) == ablo.receipt(again)
    with pytest.raises(AbloIdempotencyError) as caught:
        await ablo.tasks.create({"title": "other"}, idempotency_key="k1")
    assert caught.value.code == "idempotency_conflict"
    assert len(await ablo.tasks.list()) == 1


async def test_a_stale_write_is_rejected_overwritten_or_held(ablo: AsyncAblo) -> None:
    task = await ablo.tasks.create({"title": "a"})
    snap = await ablo.snapshot(tasks=task.id)
    await ablo.tasks.update(task.id, {"title": "b"}, read_at=snap.stamp)
    with pytest.raises(AbloStaleContextError) as caught:
        await ablo.tasks.update(task.id, {"title": "c"}, read_at=snap.stamp)
    assert (caught.value.model, caught.value.row_id) == ("tasks", task.id)

    held = await ablo.tasks.update(task.id, {"title": "c"}, read_at=snap.stamp, on_stale="notify")
    assert held.title == "b"
    receipt = ablo.receipt(held)
    assert receipt is not None
    assert receipt.ops == 0
    (note,) = receipt.notifications
    assert (note.model, note.id, note.read_at) == ("tasks", task.id, snap.stamp)
    assert note.observed_sync_id > snap.stamp
    assert note.written_by == "agent:triage"

    forced = await ablo.tasks.update(
        task.id, {"title": "d"}, read_at=snap.stamp, on_stale="overwrite"
    )
    assert forced.title == "d"


async def test_rows_are_premises(ablo: AsyncAblo) -> None:
    policy = await ablo.projects.create({"name": "p"})
    task = await ablo.tasks.create({"title": "a"})
    assert (await ablo.tasks.update(task.id, {"count": 1}, reads=[policy])).count == 1
    await ablo.projects.update(policy.id, {"name": "moved"})
    with pytest.raises(AbloStaleContextError):
        await ablo.tasks.update(task.id, {"count": 2}, reads=[policy])
    with pytest.raises(AbloValidationError, match="copy"):
        await ablo.tasks.update(task.id, {"count": 2}, reads=[policy.model_copy()])


async def test_absence_is_a_premise(ablo: AsyncAblo) -> None:
    absent = [{"model": "projects", "id": "p1", "absent": True}]
    task = await ablo.tasks.create({"title": "a"}, reads=absent)
    await ablo.projects.create({"name": "p"}, id="p1")
    with pytest.raises(AbloStaleContextError):
        await ablo.tasks.update(task.id, {"title": "b"}, reads=absent)


@pytest.mark.parametrize(
    ("data", "code", "name"),
    [
        ({"titel": "x"}, "unknown_field", "titel"),
        ({"title": 3}, "column_type_mismatch", "title"),
        ({}, "not_null_violation", "title"),
        ({"title": None}, "not_null_violation", "title"),
        ({"title": "x", "status": "later"}, "check_violation", "status"),
        ({"title": "x", "score": float("nan")}, "column_type_mismatch", "score"),
        ({"title": "x", "score": float("inf")}, "column_type_mismatch", "score"),
        ({"title": "x", "price": Decimal("NaN")}, "column_type_mismatch", "price"),
        ({"title": "x", "meta": {"n": float("nan")}}, "column_type_mismatch", "meta"),
        ({"title": "x\x00"}, "validation_failed", "title"),
        ({"title": "x" * 2_000_000}, "request_too_large", "title"),
        ({"title": "x", "count": 2**63}, "column_type_mismatch", "count"),
        ({"title": "x", "due_date": dt.datetime(2026, 1, 1)}, "column_type_mismatch", "due_date"),
        ({"title": "x", "created_by": "me"}, "unknown_field", "created_by"),
    ],
)
async def test_bad_data_is_refused_by_name(
    ablo: AsyncAblo, data: dict[str, Any], code: str, name: str
) -> None:
    with pytest.raises(AbloValidationError) as caught:
        await ablo.tasks.create(data)
    assert (caught.value.code, caught.value.model, caught.value.field) == (code, "tasks", name)
    assert caught.value.remedy
    assert await ablo.tasks.list() == []


async def test_a_foreign_key_names_model_and_field(ablo: AsyncAblo) -> None:
    with pytest.raises(AbloConflictError) as caught:
        await ablo.tasks.create({"title": "x", "project_id": "nowhere"})
    error = caught.value
    assert (error.code, error.model, error.field) == (
        "foreign_key_violation",
        "tasks",
        "project_id",
    )
    assert "nowhere" not in str(error)


async def test_unknown_models_are_named(ablo: AsyncAblo) -> None:
    with pytest.raises(AttributeError, match="did you mean 'tasks'") as caught:
        _ = ablo.task
    assert isinstance(caught.value, AbloValidationError)
    assert caught.value.code == "server_execute_unknown_model"
    with pytest.raises(AbloValidationError, match="migrate"):
        ablo.model("nothing")
    assert not hasattr(ablo, "nothing")
    assert "tasks" in dir(ablo)
