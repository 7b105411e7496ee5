"""What a schema requires of a row is in the API's description, in the words of JSON Schema."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import jsonschema
import pytest

from ablo_pg import Model, check, define_schema, field
from ablo_pg.wire.openapi_models import model_components


class Task(Model):
    title: str = field(min_length=1, max_length=5, pattern="^[a-z]")
    count: int | None = field(default=None, gt=0, le=10, multiple_of=5)
    score: float = field(default=0, ge=0, lt=1)
    price: Decimal | None = field(default=None, ge=Decimal(1))
    day: dt.date | None = field(default=None, le=dt.date(2030, 1, 1))
    email: str | None = field(default=None, unique=True)
    labels: list[str] = field(default_factory=list)
    cheap = check("price < 10 or count is null")


SPEC = define_schema(tasks=Task).spec.model("tasks")
MADE = model_components(SPEC)


def test_a_create_and_a_change_carry_the_rules() -> None:
    new, changes = MADE["tasks.New"], MADE["tasks.Changes"]
    assert isinstance(new, dict)
    assert isinstance(changes, dict)
    assert new["properties"] == changes["properties"]
    fields = new["properties"]
    assert fields["title"] == {
        "type": "string",
        "minLength": 1,
        "maxLength": 5,
        "pattern": "^[a-z]",
    }
    assert fields["price"]["description"] == "A decimal number must be at least 1"
    assert fields["day"]["description"] == "It must be at most 2030-01-01"
    assert fields["email"]["x-unique"] is True
    assert new["description"] == "A row must fulfil price < 10 or count is null"
    assert new["required"] == ["title"]


@pytest.mark.parametrize(
    ("data", "fits"),
    [
        ({"title": "abc", "count": 10, "score": 0.5}, True),
        ({"title": "abc", "count": None}, True),
        ({"title": "ABC"}, False),
        ({"title": "abcdef"}, False),
        ({"title": "a", "count": 7}, False),
        ({"title": "a", "count": 0}, False),
        ({"title": "a", "score": 1}, False),
    ],
)
def test_a_generator_of_clients_checks_with_them(data: dict[str, object], fits: bool) -> None:
    assert jsonschema.Draft202012Validator(MADE["tasks.New"]).is_valid(data) is fits
