"""Creates and updates: what is accepted, what is refused, and what the author's class adds."""

from __future__ import annotations

import datetime as dt
import enum
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, BeforeValidator, ConfigDict, field_validator, model_validator
from pydantic import Field as PydanticField

from ablo_pg.errors import AbloValidationError
from ablo_pg.schema import (
    Model,
    encode_value,
    field,
    find_field,
    model,
    validate_create,
    validate_update,
)


class Color(enum.StrEnum):
    RED = "red"
    BLUE = "blue"


class Plain(Model):
    title: str
    status: Literal["todo", "done"] = "todo"
    due_date: dt.datetime | None = None
    note: str | None
    color: Color = Color.RED


class Inner(BaseModel):
    a: int = PydanticField(alias="aA")


class Rich(Model):
    title: str = field(max_length=5)
    n: int = 3
    inner: Inner | None = None
    tags: list[str] = field(default_factory=list)
    loose: Annotated[int, BeforeValidator(int)] = 0

    @field_validator("n")
    @classmethod
    def _double(cls, value: int) -> int:
        if value < 0:
            raise ValueError("n is never negative")
        return value * 2

    @model_validator(mode="after")
    def _no_bad(self) -> Rich:
        if self.title == "bad":
            raise ValueError("that title is taken by n")
        return self


def refused(cls: type[Model], data: Any, *, update: bool = False) -> AbloValidationError:
    with pytest.raises(AbloValidationError) as caught:
        (validate_update if update else validate_create)(cls, data, key="things")
    error = caught.value
    assert error.model == "things"
    assert error.remedy
    assert len(str(error)) < 700
    return error


def test_creates_take_both_spellings_and_fill_in_defaults() -> None:
    when = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    expected = {
        "title": "x",
        "status": "todo",
        "dueDate": "2020-01-01T00:00:00+00:00",
        "color": "red",
    }
    assert validate_create(Plain, {"title": "x", "due_date": when}) == expected
    assert validate_create(Plain, {"title": "x", "dueDate": "2020-01-01T00:00:00Z"}) == expected
    assert validate_create(Plain, {"title": "x", "note": None, "color": Color.BLUE}) == {
        "title": "x",
        "status": "todo",
        "note": None,
        "color": "blue",
    }


def test_updates_are_partial_and_have_no_defaults() -> None:
    assert validate_update(Plain, {"note": None, "color": "blue"}) == {
        "note": None,
        "color": "blue",
    }
    assert validate_update(Plain, {}) == {}
    assert validate_update(Rich, {"title": "bad"}) == {"title": "bad"}
    assert validate_update(Rich, {"inner": {"aA": 1}, "n": 4}) == {"inner": {"aA": 1}, "n": 8}


def test_the_authors_class_has_its_say() -> None:
    assert validate_create(Rich, {"title": "x", "inner": Inner(aA=2), "loose": "7"}) == {
        "title": "x",
        "n": 3,
        "inner": {"aA": 2},
        "tags": [],
        "loose": 7,
    }
    assert "at most 5" in refused(Rich, {"title": "too long"}).message
    assert refused(Rich, {"title": "too long"}, update=True).field == "title"
    assert "never negative" in refused(Rich, {"n": -1}, update=True).message
    assert refused(Rich, {"title": "bad"}).code == "validation_failed"
    wrong = refused(Rich, {"title": "x", "inner": {"aA": "many"}})
    assert (wrong.code, wrong.field) == ("column_type_mismatch", "inner")
    assert "at aA" in wrong.message


@pytest.mark.parametrize(
    ("data", "code", "name"),
    [
        ({}, "not_null_violation", "title"),
        ({"title": None}, "not_null_violation", "title"),
        ({"title": "x", "status": None}, "not_null_violation", "status"),
        ({"title": 5}, "column_type_mismatch", "title"),
        ({"title": "x", "status": "later"}, "check_violation", "status"),
        ({"title": "x", "color": "green"}, "check_violation", "color"),
        ({"title": "x", "titel": "y"}, "unknown_field", "titel"),
        ({"title": "x", "id": "1"}, "unknown_field", "id"),
        ({"title": "x", "created_at": None}, "unknown_field", "created_at"),
        ({"title": "x", "organizationId": "o"}, "unknown_field", "organizationId"),
        ({"title": "x", "archivedAt": None}, "unknown_field", "archivedAt"),
        ({"title": "x", 5: "y"}, "unknown_field", None),
        ({"title": "x", "due_date": None, "dueDate": None}, "validation_failed", "due_date"),
        ({"title": "x", "due_date": dt.datetime(2020, 1, 1)}, "column_type_mismatch", "due_date"),
        ([("title", "x")], "validation_failed", None),
    ],
)
def test_what_is_refused(data: Any, code: str, name: str | None) -> None:
    error = refused(Plain, data)
    assert (error.code, error.field) == (code, name)
    assert error.details["problems"][0]["code"] == code


def test_all_faults_are_listed_and_no_value_is_shown_whole() -> None:
    secret = "s" * 2_000_000
    error = refused(Plain, {"title": secret, "status": 1, "wat": secret})
    assert [p["field"] for p in error.details["problems"]] == ["wat", "title", "status"]
    assert "s" * 100 not in repr(error.details) + str(error)


def test_a_near_name_is_suggested() -> None:
    assert refused(Plain, {"titel": "x"}).remedy == "did you mean 'title'?"


def test_a_strict_class_of_the_author_is_respected() -> None:
    class Trimmed(Model):
        model_config = ConfigDict(str_strip_whitespace=True)

        title: str

        @model_validator(mode="before")
        @classmethod
        def _from_number(cls, data: Any) -> Any:
            return {**data, "title": str(data["title"])}

    assert validate_create(Trimmed, {"title": " x "}) == {"title": "x"}
    assert validate_create(Trimmed, {"title": 5}) == {"title": "5"}


def test_functional_models_and_odd_names_are_validated_too() -> None:
    odd = model(**{"json": Annotated[str, PydanticField(max_length=3)], "due date": (int, 3)})
    assert validate_create(odd, {"json": "abc"}) == {"json": "abc", "due date": 3}
    assert refused(odd, {"json": "abcd"}).field == "json"


def test_fields_are_found_by_either_name_and_filters_are_encoded() -> None:
    due = find_field(Plain, "dueDate")
    assert due is not None
    assert due is find_field(Plain, "due_date")
    created = find_field(Plain, "created_at")
    assert created is not None
    assert created.wire == "createdAt"
    assert find_field(Plain, "nope") is None
    moment = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    assert encode_value(Plain, "created_at", moment) == "2020-01-01T00:00:00+00:00"
    assert encode_value(Plain, "title", None) is None
    for name, value, code in (
        ("nope", 1, "query_invalid_identifier"),
        ("title", 1, "column_type_mismatch"),
    ):
        with pytest.raises(AbloValidationError) as caught:
            encode_value(Plain, name, value)
        assert caught.value.code == code
