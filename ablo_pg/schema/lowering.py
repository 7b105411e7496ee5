"""From a row class to its neutral fields, relations and options.

Flow: `rows.Model` subclass -> here -> `neutral.ModelSpec`, which `author` collects into a schema.
Nothing is raised: faults are returned as problems, and the rest is lowered anyway.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

from pydantic.fields import FieldInfo

from ablo_pg.schema.declare import (
    ConditionDeclaration,
    FieldMarker,
    PermissionDeclaration,
    RelationDeclaration,
)
from ablo_pg.schema.names import RESERVED, column_name
from ablo_pg.schema.neutral import ARCHIVED_FIELD, Field, FieldType
from ablo_pg.schema.problems import Problem
from ablo_pg.schema.rows import Model
from ablo_pg.schema.rules import lower_rules, require_rules
from ablo_pg.schema.types import LoweredType, UnsupportedTypeError, lower_type
from ablo_pg.schema.values import BadValueError, to_json_value

DeclaredT = TypeVar("DeclaredT", RelationDeclaration, ConditionDeclaration, PermissionDeclaration)


@dataclass(frozen=True, slots=True)
class LoweredFields:
    """The declared fields of a row class, and their problems."""

    fields: tuple[Field, ...]
    problems: tuple[Problem, ...]

    def find(self, name: str) -> Field | None:
        """Return the field with that Python or wire name."""
        return next((field for field in self.fields if name in (field.name, field.wire)), None)


def lower_fields(cls: type[Model], label: str) -> LoweredFields:
    """Lower the fields of a row class; `label` names the model in problems."""
    cls.model_rebuild(raise_errors=False)
    declared = _declared_names(cls)
    fields: list[Field] = []
    problems: list[Problem] = []
    for name, info in cls.model_fields.items():
        if name in RESERVED or name == ARCHIVED_FIELD[0]:
            if name in declared and name in RESERVED:
                problems.append(reserved_field(label, name))
            if name not in declared or name in RESERVED:
                continue
        fields.append(_lower_field(name, info, label, problems))
    return LoweredFields(tuple(fields), tuple(problems))


def relations_of(cls: type[Model]) -> Iterator[tuple[str, RelationDeclaration]]:
    """Yield the relations declared on a class and its bases, bases first."""
    return _declared(cls, RelationDeclaration)


def conditions_of(cls: type[Model]) -> Iterator[tuple[str, ConditionDeclaration]]:
    """Yield the checks and indexes declared on a class and its bases, bases first."""
    return _declared(cls, ConditionDeclaration)


def permissions_of(cls: type[Model]) -> Iterator[tuple[str, PermissionDeclaration]]:
    """Yield the permissions declared on a class and its bases, bases first."""
    return _declared(cls, PermissionDeclaration)


def field_permissions_of(cls: type[Model]) -> Iterator[tuple[str, PermissionDeclaration]]:
    """Yield the permissions of each field that declares some, by the field's name."""
    for name, info in cls.__pydantic_fields__.items():
        for marker in info.metadata:
            if isinstance(marker, FieldMarker) and marker.permissions is not None:
                yield name, marker.permissions


def _declared(cls: type[Model], kind: type[DeclaredT]) -> Iterator[tuple[str, DeclaredT]]:
    seen: dict[str, DeclaredT] = {}
    for base in reversed(cls.__mro__):
        for name, value in vars(base).items():
            if isinstance(value, kind):
                seen[name] = value
    yield from seen.items()


def reserved_field(label: str, name: str) -> Problem:
    """The problem of a model that declares a base field."""
    return Problem(
        "reserved_field",
        label,
        name,
        f"{name!r} is a field that every row already has",
        "leave it out, or give your field another name",
    )


def _declared_names(cls: type[Model]) -> set[str]:
    """Return the names annotated between the class and Model."""
    names: set[str] = set()
    for base in cls.__mro__[: cls.__mro__.index(Model)]:
        names.update(inspect.get_annotations(base))
    return names


def _lower_field(name: str, info: FieldInfo, label: str, problems: list[Problem]) -> Field:
    try:
        lowered = lower_type(info.annotation)
    except UnsupportedTypeError as exc:
        problems.append(Problem("unsupported_type", label, name, exc.reason, exc.remedy))
        lowered = LoweredType(FieldType.JSON)
    metadata = (*lowered.markers, *info.metadata)
    marker = _marker(metadata)
    field = Field(
        name=name,
        wire=info.alias or name,
        column=_column(name, marker),
        type=lowered.type,
        optional=lowered.optional,
        indexed=marker.indexed,
        enum_values=lowered.enum_values,
        formerly=marker.formerly,
        unique=marker.unique,
    )
    field, faults = lower_rules(field, metadata)
    problems += [Problem("invalid_rule", label, name, *fault) for fault in faults]
    for alias in (info.validation_alias, info.serialization_alias):
        if alias is not None and alias != info.alias:
            problems.append(
                Problem(
                    "invalid_name",
                    label,
                    name,
                    f"it has the second JSON name {alias!r}",
                    'give it one name, with field(wire="...")',
                )
            )
    if info.default_factory in (list, dict):
        return replace(field, default=info.default_factory())
    if info.default is None or info.is_required() or info.default_factory is not None:
        return field
    return _with_default(field, info.default, label, problems)


def _with_default(field: Field, default: object, label: str, problems: list[Problem]) -> Field:
    if callable(default) and not isinstance(default, type):
        # pydantic takes an attribute of every class (`mro`, `register`) for the field's default.
        problems.append(
            Problem(
                "reserved_name",
                label,
                field.name,
                f"Python classes already have an attribute {field.name!r}",
                f"declare it as a field: {field.name}: ... = field()",
            )
        )
        return field
    try:
        value = to_json_value(field, default)
        require_rules(field, value)
        return replace(field, default=value)
    except BadValueError as exc:
        problems.append(
            Problem("invalid_default", label, field.name, f"its default: {exc.reason}", exc.remedy)
        )
        return field


def _marker(metadata: tuple[object, ...]) -> FieldMarker:
    markers = [item for item in metadata if isinstance(item, FieldMarker)]
    columns = [marker.column for marker in markers if marker.column is not None]
    return FieldMarker(
        indexed=any(marker.indexed for marker in markers),
        column=columns[0] if columns else None,
        formerly=tuple(name for marker in markers for name in marker.formerly),
        unique=any(marker.unique for marker in markers),
    )


def _column(name: str, marker: FieldMarker) -> str:
    """Return the column: as declared, or that of the field's first name."""
    return marker.column or column_name(marker.formerly[0] if marker.formerly else name)
