"""A field is a column on its class, and a plain value on its rows."""

from __future__ import annotations

import datetime as dt
import enum
from typing import Any, Literal

import pytest
from pydantic import field_validator

from ablo_pg import AbloValidationError, Column, Model, col, define_schema, field, model
from ablo_pg.errors import error_for
from ablo_pg.schema.rows import row_without_values


class Task(Model):
    title: str
    status: Literal["todo", "done"] = "todo"
    tags: list[str] = field(default_factory=list)
    later: Later | None = None

    @field_validator("title")
    @classmethod
    def stripped(cls, value: str) -> str:
        return value.strip()


class Narrower(Task):  # a warning would fail: warnings are errors
    title: str = "untitled"
    archived_at: dt.datetime | None = None
    size: int


Later = dict[str, int]
BASE: dict[str, Any] = {
    "id": "a",
    "created_at": dt.datetime.now(dt.UTC),
    "updated_at": dt.datetime.now(dt.UTC),
    "organization_id": "acme",
}


def test_each_field_is_a_column_of_its_class() -> None:
    for cls in (Task, Narrower, model(title=str, status=(str, "todo"))):
        for name in cls.model_fields:
            found = getattr(cls, name)
            assert isinstance(found, Column)
            assert col(found) is found
            assert found.args == (cls, name)


def test_columns_are_not_taken_for_defaults() -> None:
    define_schema(tasks=Task, others=Narrower)  # evaluates what was declared before its type
    assert Task.model_fields["title"].is_required()
    assert Narrower.model_fields["size"].is_required()
    assert Narrower.model_fields["tags"].default_factory is list
    row = Narrower(**BASE, size=3, later={"a": 1})
    assert (row.title, row.status, row.tags, row.later) == ("untitled", "todo", [], {"a": 1})
    with pytest.raises(ValueError, match="title"):
        Task(**BASE)


def test_a_class_made_in_a_function_has_columns() -> None:
    class Size(enum.Enum):
        SMALL = "small"

    class Local(Model):
        size: Size

    define_schema(locals=Local)
    assert str(col(Local.size).is_null()) == "Local.size.is_null()"


def test_a_row_that_misses_a_field_says_so() -> None:
    row = row_without_values(Task, "a", error_for("forbidden", "it may not be read"))
    with pytest.raises(Exception, match="it may not be read"):
        _ = row.title
    assert row.id == "a"


def test_an_unknown_field_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(AttributeError, match=r"Task has no field 'titel'; its fields are .*title"):
        _ = Task.titel  # type: ignore[attr-defined]
    assert not hasattr(Task, "titel")
    assert not hasattr(Task, "_private")


def test_a_field_named_like_a_method_is_refused() -> None:
    with pytest.raises(AbloValidationError, match="not a function") as caught:
        col(model(json=str).json)
    assert "a dict or SQL text" in (caught.value.remedy or "")
