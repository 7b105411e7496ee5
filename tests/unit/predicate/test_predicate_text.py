"""SQL text becomes JSON, or is refused at its place: nothing passes that is not on the list."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
import uuid
from decimal import Decimal
from typing import Any, Literal

import pytest

from ablo_pg import AbloError, Model, define_schema
from ablo_pg.predicate.text import LONGEST, parse
from ablo_pg.schema.neutral import named_fields


class Task(Model):
    title: str
    status: Literal["todo", "done"] = "todo"
    count: int = 0
    price: Decimal | None = None
    score: float | None = None
    done: bool = False
    due_at: dt.datetime | None = None
    ref: uuid.UUID | None = None
    tags: list[str] | None = None


FIELDS = named_fields(define_schema(tasks=Task).spec.model("tasks"))
UUID = uuid.UUID(int=7)
MOMENT = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
NOW: dict[str, Any] = {"now": True}

READ: dict[str, tuple[str, list[Any], Any]] = {
    "a clause": ("status = 'todo'", [], ["status", "=", "todo"]),
    "turned round": ("3 < count", [], ["count", ">", 3]),
    "a wire name": ('"dueAt" is null', [], ["dueAt", "is", None]),
    "is not": ("due_at is not null", [], {"not": ["dueAt", "is", None]}),
    "a condition": ("not done", [], {"not": ["done", "=", True]}),
    "parameters": (
        "count in ($1, $2) and price > $3",
        [1, 2, Decimal("1.50")],
        {"and": [["count", "in", [1, 2]], ["price", ">", "1.50"]]},
    ),
    "a list as parameter": (
        "status in ($1)",
        [["todo", "done"]],
        ["status", "in", ["todo", "done"]],
    ),
    "times": ("due_at < $1", [MOMENT], ["dueAt", "<", "2026-01-01T00:00:00+00:00"]),
    "a uuid": ("ref = $1", [UUID], ["ref", "=", str(UUID)]),
    "a float": ("score > 1.5", [], ["score", ">", 1.5]),
    "a fraction beside integers": (
        "count > 1.5",
        [],
        {"compare": ">", "left": {"field": "count"}, "right": {"decimal": "1.5"}},
    ),
    "a long chain": (
        " or ".join(f"count = {n}" for n in range(300)),
        [],
        {"or": [["count", "=", n] for n in range(300)]},
    ),
    "time": (
        "due_at > now() - interval '7' day",
        [],
        {
            "compare": ">",
            "left": {"field": "dueAt"},
            "right": {"call": "-", "args": [NOW, {"seconds": 604800}]},
        },
    ),
    "lists": ("tags @> array['a']", [], {"contains": ["a"], "left": {"field": "tags"}}),
    "lists that overlap": ("tags && $1", [["a"]], {"overlaps": ["a"], "left": {"field": "tags"}}),
    "precedence": (
        "done or done and not done",
        [],
        {"or": [["done", "=", True], {"and": [["done", "=", True], {"not": ["done", "=", True]}]}]},
    ),
}

REFUSED: dict[str, tuple[str, str, str]] = {  # text, code, what the message names
    "nothing": ("", "invalid_request", "not one SQL expression"),
    "two statements": ("done; drop table tasks", "invalid_request", "not one SQL expression"),
    "no SQL": ("count = = 3", "invalid_request", "not an SQL expression"),
    "a statement": ("select 1", "invalid_request", "SELECT"),
    "a subquery": ("count in (select 1)", "invalid_request", "IN with query"),
    "exists": ("exists (select 1)", "invalid_request", "EXISTS"),
    "a function": ("pg_sleep(3) is null", "invalid_request", "pg_sleep()"),
    "a cast": ("count::text = '3'", "invalid_request", "CAST"),
    "a collation": ("title collate \"C\" = 'a'", "invalid_request", "COLLATE"),
    "case": ("case when done then true else false end", "invalid_request", "CASE"),
    "an argument": ("count between symmetric 3 and 1", "invalid_request", "symmetric"),
    "an escape": ("title like 'a' escape '!'", "invalid_request", "ESCAPE"),
    "a regular expression": ("title ~ 'a'", "invalid_request", "REGEXPLIKE"),
    "a table": ("other.title = 'a'", "invalid_request", "COLUMN with table"),
    "is distinct": ("count is distinct from 3", "invalid_request", "NULLSAFENEQ"),
    "equals null": ("count = null", "invalid_request", "NULL"),
    "a comparison compared": ("count = count = count", "invalid_request", "EQ"),
    "text as condition": ("title", "invalid_request", "text is not a condition"),
    "a number as condition": ("1", "invalid_request", "integer is not a condition"),
    "a key of two steps": ("tags -> 'a' ->> 'b' = 'c'", "invalid_request", "JSONEXTRACT"),
    "an unknown field": ("titel = 'a'", "query_invalid_identifier", "titel"),
    "an unknown value": ("status = 'gone'", "check_violation", "'gone'"),
    "types that differ": ("title = 3", "column_type_mismatch", "text and integer"),
    "text as number": ("count = '3'", "column_type_mismatch", "integer and text"),
    "float arithmetic": ("score + 1 > 2", "column_type_mismatch", "+ cannot take"),
    "division of decimals": ("price / 2 > 1", "column_type_mismatch", "/ cannot take"),
    "a time without zone": ("due_at > '2026-01-01'", "column_type_mismatch", "time zone"),
    "booleans ordered": ("done > false", "query_unsupported_operator", "no order"),
    "a pattern on numbers": ("count like '1%'", "column_type_mismatch", "patterns match text"),
    "an interval of months": ("due_at > now() - interval '1 month'", "invalid_request", "interval"),
    "an unknown parameter": ("count = $3", "invalid_request", "$3"),
    "no parameter given": ("count = ?", "invalid_request", "PLACEHOLDER"),
    "too long": ("done or " * (LONGEST // 8) + "done", "invalid_request", "characters"),
    "too deep": ("not (" * 30 + "done" + ")" * 30, "invalid_request", "too deep"),
    "far too deep": ("(" * 5000 + "done" + ")" * 5000, "invalid_request", ""),
}


@pytest.mark.parametrize("name", READ)
def test_a_text_is_read(name: str) -> None:
    text, parameters, node = READ[name]
    assert parse("tasks", text, parameters, FIELDS) == node


@pytest.mark.parametrize("name", REFUSED)
def test_a_text_is_refused_with_place_and_remedy(name: str) -> None:
    text, code, named = REFUSED[name]
    with pytest.raises(AbloError) as caught:
        parse("tasks", text, [], FIELDS)
    error = caught.value
    assert (error.code, error.model, error.field) == (code, "tasks", "where")
    assert named in str(error)
    assert error.remedy


def test_parameters_that_are_not_used_are_refused() -> None:
    with pytest.raises(AbloError, match="1 of its 2 parameters"):
        parse("tasks", "count = $1", [1, 2], FIELDS)
    with pytest.raises(AbloError, match=r"\$1 is None"):
        parse("tasks", "count = $1", [None], FIELDS)


def test_a_program_without_texts_does_not_load_the_parser() -> None:
    loads = "import sys, ablo_pg.client.rows.where, ablo_pg.wire.lists"
    subprocess.run(
        [sys.executable, "-c", f"{loads}; assert 'sqlglot' not in sys.modules"], check=True
    )
