"""The types of a generated client's `data`: what `create` and `update` of a model accept. Pure.

`generated` writes them into the module. A field takes what its class declares, and what `schema`
converts to it: a date or its ISO 8601 string, an enum's member or its value, a model or its dict.
"""

from __future__ import annotations

import enum
import keyword
import sys
import types
import typing
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, NewType

import pydantic
from pydantic import BaseModel

from ablo_pg.cli.target import LONE
from ablo_pg.schema import MISSING, Field, FieldType, Model, ModelSpec
from ablo_pg.schema.kinds import KINDS
from ablo_pg.schema.plans import plan_for
from ablo_pg.schema.types import SCALARS

_DICT: Final = "Mapping[str, object]"  # of a model's fields
_VALIDATORS: Final = (pydantic.BeforeValidator, pydantic.PlainValidator, pydantic.WrapValidator)
# What the types name -> where a module gets it.
IMPORTS: Final = {
    "dt": "import datetime as dt",
    "decimal": "import decimal",
    "uuid": "import uuid",
    "Mapping": "from collections.abc import Mapping",
    "Sequence": "from collections.abc import Sequence",
    "Any": "from typing import Any",
    "Literal": "from typing import Literal",
    "JsonValue": "from pydantic import JsonValue",
    "Model": "from ablo_pg import Model",
}
_OWN: Final = (
    "TYPE_CHECKING NotRequired TypedDict ablo_pg Ablo AsyncAblo ModelClient SyncModelClient"
)
_ROW: Final = "Row"  # ends a second name of a class


@dataclass(frozen=True, slots=True)
class DataField:
    """One field of `data`: its name, its type as text, and whether a create must have it."""

    name: str
    type: str
    required: bool


class Names:
    """The names in one generated module, and the imports of the user's classes among them."""

    def __init__(self) -> None:
        self._taken = {*IMPORTS, *_OWN.split()}
        self._known: dict[type, str] = {}
        self.imports: list[str] = []

    def new(self, name: str) -> str:
        """Return the name, or one like it that is free; it is taken then."""
        while name in self._taken:
            name += _ROW
        self._taken.add(name)
        return name

    def imported(self, cls: type) -> str | None:
        """Return the name of a class, importing it; None for one that cannot be imported."""
        if cls in self._known:
            return self._known[cls]
        module, name = cls.__module__, cls.__name__
        if getattr(sys.modules.get(module), name, None) is not cls or not is_name(name):
            return None
        known = self._known[cls] = self.new(name)
        renamed = "" if known == name else f" as {known}"
        self.imports.append(f"from {module.removeprefix(LONE)} import {name}{renamed}")
        return known


def is_name(text: str) -> bool:
    """Whether Python code can use a text as a name."""
    return text.isidentifier() and not keyword.iskeyword(text)


def data_fields(spec: ModelSpec, cls: type[Model] | None, names: Names) -> list[DataField]:
    """Return the fields of a model's data; cls: its row class, if it has one."""
    if cls is None:
        return [_of_spec(field) for field in spec.fields]
    return [
        DataField(
            part.field.name,
            "object" if part.converts else _spelled(part.info.annotation, names),
            part.required,
        )
        for part in plan_for(cls).fields
    ]


def _of_spec(field: Field) -> DataField:
    text = _literal(field.enum_values) if field.enum_values else KINDS[field.type].given
    text += " | None" if field.optional else ""
    return DataField(field.name, text, not field.optional and field.default is MISSING)


def _spelled(annotation: Any, names: Names) -> str:
    """Return the type of the values that a field with this annotation accepts."""
    if annotation in SCALARS:
        return KINDS[SCALARS[annotation]].given
    if annotation is pydantic.JsonValue:
        return KINDS[FieldType.JSON].given
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Annotated:
        converts = any(isinstance(each, _VALIDATORS) for each in inner[1:])
        return "object" if converts else _spelled(inner[0], names)
    if isinstance(annotation, NewType):
        return _spelled(annotation.__supertype__, names)
    if hasattr(annotation, "__value__"):
        return _spelled(annotation.__value__, names)
    if origin is Literal:
        return _literal(each.value if isinstance(each, enum.Enum) else each for each in inner)
    if origin in (typing.Union, types.UnionType):
        return _union(_spelled(each, names) for each in inner)
    if (origin or annotation) in (list, dict):
        return _container(origin or annotation, inner, names)
    return _of_class(annotation, names)


def _of_class(annotation: Any, names: Names) -> str:
    """Return the type for a class; one that cannot be imported is replaced by what it contains."""
    if annotation is None or annotation is type(None):
        return "None"
    if annotation is Any or not isinstance(annotation, type):
        return "Any"
    known = names.imported(annotation)
    found = [known] if known else []
    if issubclass(annotation, enum.Enum):
        return _union([*found, _literal(each.value for each in annotation)])
    if issubclass(annotation, BaseModel):
        return _union([*found, _DICT])
    return known or _DICT  # a TypedDict


def _container(kind: Any, inner: tuple[Any, ...], names: Names) -> str:
    """Return the type of a list or dict; of models a covariant one, so that a list of them fits."""
    parts = [_spelled(each, names) for each in inner] or ["str", "Any"][-1 if kind is list else 0 :]
    name = kind.__name__
    if _DICT in parts[-1]:
        name = "Sequence" if kind is list else "Mapping"
    return f"{name}[{', '.join(parts)}]"


def _literal(values: Iterable[object]) -> str:
    return f"Literal[{', '.join(map(repr, values))}]"


def _union(parts: Iterable[str]) -> str:
    return " | ".join(dict.fromkeys(parts))
