"""Single values: what a column can hold, and that errors never carry the whole of a bad one."""

from __future__ import annotations

import datetime as dt
import enum
import json
import uuid
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ablo_pg.schema.neutral import Field, FieldType
from ablo_pg.schema.values import MAX_TEXT_BYTES, BadValueError, shape, to_json_value

T = FieldType
ENUM = Field("f", "f", "f", T.ENUM, enum_values=("a", "b"))
LIMIT = "x" * MAX_TEXT_BYTES
CEST = dt.timezone(dt.timedelta(hours=2))


class Named(str, enum.Enum):  # noqa: UP042  (older than StrEnum, whose str() is the value)
    MEMBER = "value"


def of(kind: FieldType) -> Field:
    return ENUM if kind is T.ENUM else Field("f", "f", "f", kind)


def code_of(kind: FieldType, value: object) -> str:
    with pytest.raises(BadValueError) as caught:
        to_json_value(of(kind), value)
    assert caught.value.remedy
    assert len(caught.value.reason) < 400
    return caught.value.code


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (T.STRING, "", ""),
        (T.STRING, Named.MEMBER, "value"),
        (T.STRING, LIMIT, LIMIT),
        (T.ENUM, "a", "a"),
        (T.INTEGER, 2**63 - 1, 2**63 - 1),
        (T.INTEGER, -(2**63), -(2**63)),
        (T.NUMBER, 3, 3.0),
        (T.NUMBER, 0.1, 0.1),
        (T.BOOLEAN, False, False),
        (T.DECIMAL, Decimal("12.50"), "12.50"),
        (T.DECIMAL, 12.5, "12.5"),
        (T.DECIMAL, "1e3", "1E+3"),
        (T.DATETIME, dt.datetime(2020, 1, 1, 2, tzinfo=CEST), "2020-01-01T00:00:00+00:00"),
        (T.DATETIME, "2020-01-01T02:00:00+02:00", "2020-01-01T00:00:00+00:00"),
        (T.DATETIME, "2020-01-01T00:00:00.5Z", "2020-01-01T00:00:00.500000+00:00"),
        (T.DATE, dt.date(2020, 2, 29), "2020-02-29"),
        (T.DATE, "2020-02-29", "2020-02-29"),
        (T.UUID, uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (T.UUID, "0" * 31 + "1", "00000000-0000-0000-0000-000000000001"),
        (T.JSON, {"a": [1, None, True, "x"]}, {"a": [1, None, True, "x"]}),
        (T.JSON, (1, 2), [1, 2]),
        (T.JSON, "", ""),
    ],
)
def test_good_values(kind: FieldType, value: object, expected: object) -> None:
    assert to_json_value(of(kind), value) == expected


@pytest.mark.parametrize(
    ("kind", "value", "code"),
    [
        (T.STRING, 5, "column_type_mismatch"),
        (T.STRING, b"x", "column_type_mismatch"),
        (T.STRING, None, "not_null_violation"),
        (T.STRING, "a\0b", "validation_failed"),
        (T.STRING, "\udc00", "validation_failed"),
        (T.STRING, LIMIT + "x", "request_too_large"),
        (T.STRING, "é" * (MAX_TEXT_BYTES // 2 + 1), "request_too_large"),
        (T.ENUM, "c", "check_violation"),
        (T.ENUM, 1, "column_type_mismatch"),
        (T.INTEGER, True, "column_type_mismatch"),
        (T.INTEGER, 1.0, "column_type_mismatch"),
        (T.INTEGER, 2**63, "column_type_mismatch"),
        (T.NUMBER, float("nan"), "column_type_mismatch"),
        (T.NUMBER, float("-inf"), "column_type_mismatch"),
        (T.NUMBER, 10**400, "column_type_mismatch"),
        (T.NUMBER, "1", "column_type_mismatch"),
        (T.BOOLEAN, 1, "column_type_mismatch"),
        (T.DECIMAL, Decimal("NaN"), "column_type_mismatch"),
        (T.DECIMAL, Decimal("sNaN"), "column_type_mismatch"),
        (T.DECIMAL, float("inf"), "column_type_mismatch"),
        (T.DECIMAL, "twelve", "column_type_mismatch"),
        (T.DECIMAL, Decimal("1e131072"), "column_type_mismatch"),
        (T.DECIMAL, Decimal("1e-16384"), "column_type_mismatch"),
        (T.DATETIME, dt.datetime(2020, 1, 1), "column_type_mismatch"),
        (T.DATETIME, "2020-01-01T00:00:00", "column_type_mismatch"),
        (T.DATETIME, 1577836800, "column_type_mismatch"),
        (T.DATETIME, "1577836800", "column_type_mismatch"),
        (T.DATETIME, dt.datetime(1, 1, 1, tzinfo=CEST), "column_type_mismatch"),
        (T.DATE, dt.datetime(2020, 1, 1), "column_type_mismatch"),
        (T.DATE, "2021-02-29", "column_type_mismatch"),
        (T.UUID, "nope", "column_type_mismatch"),
        (T.UUID, 1, "column_type_mismatch"),
        (T.JSON, {"a": float("nan")}, "column_type_mismatch"),
        (T.JSON, {"a": object()}, "column_type_mismatch"),
        (T.JSON, {"a\0": 1}, "validation_failed"),
        (T.JSON, ["\ud800"], "validation_failed"),
        (T.JSON, [LIMIT], "request_too_large"),
        (T.JSON, None, "not_null_violation"),
    ],
)
def test_bad_values(kind: FieldType, value: object, code: str) -> None:
    assert code_of(kind, value) == code


@pytest.mark.parametrize("kind", [T.INTEGER, T.NUMBER, T.DECIMAL, T.JSON])
def test_integers_too_long_to_print(kind: FieldType) -> None:
    assert code_of(kind, 10**200_000) == "column_type_mismatch"


def test_json_that_is_too_deep_or_circular() -> None:
    deep: list[Any] = []
    for _ in range(200):
        deep = [deep]
    assert code_of(T.JSON, deep) == "column_type_mismatch"
    circle: list[Any] = []
    circle.append(circle)
    assert code_of(T.JSON, circle) == "column_type_mismatch"
    for _ in range(100_000):
        deep = [deep]
    assert code_of(T.JSON, deep) == "column_type_mismatch"


class Hostile:
    def __repr__(self) -> str:
        raise RuntimeError("no")


anything = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.text(alphabet=st.characters(categories=["Cs", "Cc", "L"])),
    st.binary(),
    st.decimals(),
    st.datetimes(timezones=st.timezones() | st.none()),
    st.dates(),
    st.uuids(),
    st.lists(st.integers() | st.floats() | st.text(), max_size=3),
    st.dictionaries(st.text() | st.integers(), st.floats() | st.text(), max_size=3),
    st.builds(Hostile),
)


@given(st.sampled_from(list(FieldType)), anything)
def test_a_value_is_refused_or_becomes_json_that_postgres_takes(
    kind: FieldType, value: object
) -> None:
    try:
        converted = to_json_value(of(kind), value)
    except BadValueError:
        return
    text = json.dumps(converted, allow_nan=False, ensure_ascii=False)
    assert "\\u0000" not in text.replace("\\\\", "")  # but for an escaped backslash before u0000
    assert to_json_value(of(kind), converted) == converted


@given(anything)
def test_a_shape_is_short(value: object) -> None:
    assert len(shape(value)) < 200


def test_a_shape_of_something_huge_is_short_and_quick() -> None:
    for value in ("x" * 10**7, [1] * 10**6, 10**10_000, {"a": "b" * 10**7}, Hostile()):
        assert len(shape(value)) < 120
