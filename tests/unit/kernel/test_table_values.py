"""What Postgres prints of CHECKs and defaults is read back; what is not certain is not."""

from __future__ import annotations

from typing import Any

import pytest

from ablo_pg.kernel.table_values import constant, default_as, listed_values
from ablo_pg.kernel.trees.constants import array_elements
from ablo_pg.schema import MISSING, Field, FieldType


@pytest.mark.parametrize(
    ("definition", "values"),
    [
        ("CHECK ((c = ANY (ARRAY['a'::text, 'b''c'::text])))", ("a", "b'c")),
        (
            "CHECK (((c)::text = ANY ((ARRAY['a'::character varying, 'b'::character varying])"
            "::text[])))",
            ("a", "b"),
        ),
        (
            "CHECK (((c)::text = ANY (ARRAY[('a'::character varying)::text,"
            " ('b'::character varying)::text])))",
            ("a", "b"),
        ),
        (
            "CHECK ((c = ANY ('{todo,\"in progress\",done}'::text[])))",
            ("todo", "in progress", "done"),
        ),
        ("CHECK ((c = 'x'::text))", ("x",)),
        ("CHECK (((c = 'x'::text) OR (c = 'y'::text)))", ("x", "y")),
        ("CHECK ((c = ANY (ARRAY[E'a\\\\b'::text, 'c'::text])))", ("a\\b", "c")),
        ("CHECK (((c = ANY (ARRAY['a'::text, 'b'::text])) OR (c IS NULL)))", ("a", "b")),
        ("CHECK (((c IS NULL) OR (c = 'a'::text) OR (c = 'b'::text)))", ("a", "b")),
        ("CHECK (((c = 'a'::text) OR (c IS NOT NULL)))", None),
        ("CHECK (((c = 'a'::text) OR (d IS NULL)))", None),
        ("CHECK (((c IS NULL) OR (length(c) < 10)))", None),
        ("CHECK ((c IS NULL))", None),
        ("CHECK ((c <> ALL (ARRAY['a'::text, 'b'::text])))", None),
        ("CHECK (((c = 'x'::text) OR (d = 'y'::text)))", None),
        ("CHECK ((length(c) < 10))", None),
        ("CHECK (((c = 'x'::text) AND (c = 'y'::text)))", None),
        ("CHECK ((c = ANY (ARRAY['a'::text, upper('b'::text)])))", None),
        ("CHECK ((upper(c) = 'X'::text))", None),
    ],
)
def test_lists(definition: str, values: tuple[str, ...] | None) -> None:
    assert listed_values(definition, "c") == values


def test_a_quoted_column() -> None:
    assert listed_values("CHECK ((\"my (c)\" = ANY (ARRAY['a'::text])))", "my (c)") == ("a",)


@pytest.mark.parametrize(
    ("text", "elements"),
    [
        ("{a,b}", ("a", "b")),
        ('{"a,b","c\\"d","\\\\"}', ("a,b", 'c"d', "\\")),
        ("{}", ()),
        ("{a,NULL}", None),
        ("{{a},{b}}", None),
        ("a,b", None),
    ],
)
def test_arrays(text: str, elements: tuple[str, ...] | None) -> None:
    assert array_elements(text) == elements


@pytest.mark.parametrize(
    ("expression", "kind", "value"),
    [
        (None, FieldType.STRING, MISSING),
        ("'it''s'::text", FieldType.STRING, "it's"),
        ("'a'::character varying(20)", FieldType.STRING, "a"),
        ("now()", FieldType.DATETIME, MISSING),
        ("'2026-01-02 03:04:05+00'::timestamp with time zone", FieldType.DATETIME, "2026"),
        ("0", FieldType.INTEGER, 0),
        ("'-3'::integer", FieldType.INTEGER, -3),
        ("(-3)", FieldType.INTEGER, -3),
        ("'0.5'::double precision", FieldType.NUMBER, 0.5),
        ("1.50", FieldType.DECIMAL, "1.50"),
        ("true", FieldType.BOOLEAN, True),
        ("'{\"a\": 1}'::jsonb", FieldType.JSON, {"a": 1}),
        ("nextval('s'::regclass)", FieldType.INTEGER, MISSING),
        ("('a'::text || 'b'::text)", FieldType.STRING, MISSING),
        ("'nope'::text", FieldType.INTEGER, MISSING),
        ("CURRENT_DATE", FieldType.DATE, MISSING),
        ("'todo'::text", FieldType.ENUM, "todo"),
        ("'other'::text", FieldType.ENUM, MISSING),
    ],
)
def test_defaults(expression: str | None, kind: FieldType, value: Any) -> None:
    field = Field("c", "c", "c", kind, enum_values=("todo",) if kind is FieldType.ENUM else ())
    found = constant(expression, field)
    if value == "2026":
        assert found.startswith("2026-01-02T03:04:05")  # type: ignore[attr-defined]
    else:
        assert found == value
        assert type(found) is type(value)


@pytest.mark.parametrize(
    ("expression", "sql_type", "default"),
    [
        ("'it''s'::mood", "text", "'it''s'"),
        ("'ok'::app.mood", "text", "'ok'"),
        ("pick()", "text", "(pick())::text::text"),
        ("'1'::text", "bigint", "('1'::text)::text::bigint"),
    ],
)
def test_a_default_for_another_type(expression: str, sql_type: str, default: str) -> None:
    assert default_as(expression, sql_type) == default
