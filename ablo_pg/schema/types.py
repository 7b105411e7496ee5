"""From a Python annotation to a storable type: `Literal["a", "b"] | None` -> enum, optional.

Pure; `lowering` calls it for each field of a class. What cannot be stored raises
UnsupportedTypeError with the reason and what to write instead.
"""

from __future__ import annotations

import datetime as dt
import enum
import types
import typing
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Annotated, Any, Final, Literal, NewType

import pydantic
from pydantic import BaseModel, TypeAdapter
from pydantic.errors import PydanticUserError

from ablo_pg.schema.neutral import FieldType

SUPPORTED: Final = (
    "str, int, float, bool, Decimal, datetime, date, UUID, a Literal of strings, an Enum with "
    "string values, list[...], dict[str, ...], a TypedDict, a pydantic model, JsonValue, "
    "and any of these | None"
)

SCALARS: Final[dict[object, FieldType]] = {
    str: FieldType.STRING,
    bool: FieldType.BOOLEAN,
    int: FieldType.INTEGER,
    float: FieldType.NUMBER,
    Decimal: FieldType.DECIMAL,
    dt.datetime: FieldType.DATETIME,
    pydantic.AwareDatetime: FieldType.DATETIME,
    dt.date: FieldType.DATE,
    uuid.UUID: FieldType.UUID,
}


class UnsupportedTypeError(Exception):
    """An annotation that no column can hold; carries the reason and the remedy."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class LoweredType:
    """The result of reading an annotation. `markers` are the Annotated extras in it."""

    type: FieldType
    optional: bool = False
    enum_values: tuple[str, ...] = ()
    markers: tuple[object, ...] = ()


def lower_type(annotation: Any) -> LoweredType:
    """Return the storable type of an annotation, or raise UnsupportedTypeError."""
    if annotation in SCALARS:
        return LoweredType(SCALARS[annotation])
    if annotation is pydantic.JsonValue:
        return LoweredType(FieldType.JSON)
    origin = typing.get_origin(annotation)
    if origin is Annotated:
        inner, *extras = typing.get_args(annotation)
        lowered = lower_type(inner)
        return replace(lowered, markers=(*lowered.markers, *extras))
    if origin is typing.Union or origin is types.UnionType:
        return _lower_union(annotation)
    if origin is Literal:
        return _lower_literal(typing.get_args(annotation))
    if isinstance(annotation, NewType):
        return lower_type(annotation.__supertype__)
    if hasattr(annotation, "__value__"):  # `type X = ...`, Python 3.12 and typing_extensions
        return lower_type(annotation.__value__)
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return _lower_enum(annotation)
    if _is_json_container(annotation, origin):
        _require_schema(annotation)
        return LoweredType(FieldType.JSON)
    if isinstance(annotation, str | typing.ForwardRef):
        name = annotation if isinstance(annotation, str) else annotation.__forward_arg__
        raise UnsupportedTypeError(
            f"its type {name!r} is not defined", "define or import it before define_schema"
        )
    raise UnsupportedTypeError(
        f"its type {describe(annotation)} cannot be stored", f"use one of: {SUPPORTED}"
    )


def describe(annotation: Any) -> str:
    """Spell a type as its author did, as far as Python remembers."""
    if isinstance(annotation, type) and typing.get_origin(annotation) is None:
        return annotation.__qualname__
    return str(annotation).replace("typing.", "")


def _lower_union(annotation: Any) -> LoweredType:
    members = typing.get_args(annotation)
    present = [member for member in members if member is not type(None)]
    optional = len(present) < len(members)
    if len(present) == 1:
        return replace(lower_type(present[0]), optional=True)
    lowered = [lower_type(member) for member in present]
    kinds = {part.type for part in lowered}
    optional = optional or any(part.optional for part in lowered)
    if kinds == {FieldType.ENUM}:
        values = tuple(value for part in lowered for value in part.enum_values)
        return LoweredType(FieldType.ENUM, optional, tuple(dict.fromkeys(values)))
    if kinds == {FieldType.JSON}:
        return LoweredType(FieldType.JSON, optional)
    raise UnsupportedTypeError(
        f"a column has one type, but {describe(annotation)} is several",
        "declare one of them (X | None is fine), or a pydantic model or JsonValue to store JSON",
    )


def _lower_literal(values: Iterable[object]) -> LoweredType:
    chosen = list(values)
    strings = tuple(value.value if isinstance(value, enum.Enum) else value for value in chosen)
    named = tuple(value for value in strings if isinstance(value, str))
    optional = None in strings
    if len(named) + optional != len(strings):
        odd = next(value for value in strings if not isinstance(value, str) and value is not None)
        raise UnsupportedTypeError(
            f"a Literal may list strings only, and {odd!r} is {type(odd).__name__}",
            "quote the value, or declare the field as int or bool",
        )
    return LoweredType(FieldType.ENUM, optional, named)


def _lower_enum(cls: type[enum.Enum]) -> LoweredType:
    values = tuple(member.value for member in cls)
    odd = [value for value in values if not isinstance(value, str)]
    if odd:
        raise UnsupportedTypeError(
            f"the Enum {cls.__name__} has the value {odd[0]!r}, which is not a string",
            "give every member a string value (enum.StrEnum)",
        )
    return LoweredType(FieldType.ENUM, enum_values=values)


def _is_json_container(annotation: Any, origin: Any) -> bool:
    base = origin or annotation
    # typing_extensions has a TypedDict of its own, which typing.is_typeddict does not know.
    if base in (list, dict) or hasattr(base, "__required_keys__"):
        return True
    return isinstance(base, type) and issubclass(base, BaseModel)


def _require_schema(annotation: Any) -> None:
    """Refuse a container of things pydantic cannot build from JSON."""
    try:
        TypeAdapter(annotation)
    except PydanticUserError as exc:
        raise UnsupportedTypeError(
            f"{describe(annotation)} contains a type that JSON cannot represent",
            f"inside, use one of: {SUPPORTED}",
        ) from exc
