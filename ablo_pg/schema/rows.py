"""`Model`, the base of the row classes that users declare, and the fast way from JSON to a row.

A row is a value: frozen, compared by its fields. A hidden slot records when it was read
(`Evidence`), so that the client can guard a write with the row it was derived from.
"""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, Unpack, dataclass_transform

import msgspec
from pydantic import BaseModel, ConfigDict, TypeAdapter
from pydantic import Field as PydanticField
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from ablo_pg.errors import AbloError, AbloValidationError
from ablo_pg.json_text import RawJson, dumps, loads, members
from ablo_pg.schema.columns import Column
from ablo_pg.schema.declare import (
    ConditionDeclaration,
    ModelOptions,
    PermissionDeclaration,
    RelationDeclaration,
    field,
)
from ablo_pg.schema.names import wire_name

if TYPE_CHECKING:  # pydantic has no public name for it
    from pydantic._internal._model_construction import ModelMetaclass
else:
    ModelMetaclass = type(BaseModel)


class Evidence(msgspec.Struct, frozen=True):
    """The evidence of a row: the model's key, the log's stamp of the read, its organization."""

    model: str
    stamp: int
    organization: str = ""


@dataclass_transform(
    kw_only_default=True, frozen_default=True, field_specifiers=(field, PydanticField)
)
class RowClass(ModelMetaclass):
    """The type of row classes: tells type checkers that rows are frozen and fields are keywords.

    A field, which pydantic removes from the class, is a `Column` there; but not for pydantic, which
    would take it for the field's default, or for an attribute that a subclass hides.
    """

    if not TYPE_CHECKING:  # a checker has the fields as declared

        def __getattr__(cls, name: str) -> Any:
            asking = sys._getframe(1).f_globals.get("__name__", "")
            if name.startswith("_") or asking.startswith("pydantic."):
                return super().__getattr__(name)
            fields = cls.__pydantic_fields__
            if name in fields:
                return Column("field", cls, name)
            raise AttributeError(
                f"{cls.__name__} has no field {name!r}; its fields are {', '.join(fields)}"
            )


class Model(BaseModel, metaclass=RowClass):
    """A row of a table, as its author declares it.

        class Task(Model, conflict={"agent": "reject"}):
            title: str
            status: Literal["todo", "doing", "done"] = "todo"

    Every row also has the fields below; declaring one of them again is an error, but for
    `archived_at: datetime | None`. Class keyword arguments are those of `ModelOptions`.
    Rows are read-only; `model_copy` gives a copy that carries no evidence of a read.
    """

    __slots__ = ("_ablo_evidence", "_ablo_related", "_ablo_unread")

    model_config = ConfigDict(
        alias_generator=wire_name,
        populate_by_name=True,
        extra="ignore",
        frozen=True,
        arbitrary_types_allowed=True,  # so that `define_schema` reports them all, with a remedy
        ignored_types=(RelationDeclaration, ConditionDeclaration, PermissionDeclaration),
        protected_namespaces=(),
    )

    __ablo_options__: ClassVar[ModelOptions] = {}
    __ablo_functional__: ClassVar[bool] = False
    __ablo_plan__: ClassVar[object] = None  # of `plans`

    id: str
    created_at: dt.datetime
    updated_at: dt.datetime
    organization_id: str
    created_by: str | None = None
    archived_at: dt.datetime | None = None

    def __init_subclass__(cls, **options: Unpack[ModelOptions]) -> None:
        unknown = sorted(set(options) - ModelOptions.__annotations__.keys())
        if unknown:
            raise AbloValidationError(
                f"{cls.__name__} has no option {unknown[0]!r}",
                code="schema_definition_invalid",
                model=cls.__name__,
                remedy=f"use one of: {', '.join(sorted(ModelOptions.__annotations__))}",
            )
        inherited: dict[str, object] = {**cls.__ablo_options__}
        inherited.pop("table", None)
        inherited.pop("typename", None)
        inherited.pop("id_column", None)
        cls.__ablo_options__ = ModelOptions(**{**inherited, **options})  # type: ignore[typeddict-item]

    if not TYPE_CHECKING:  # a checker knows the declared fields, and no others

        def __getattr__(self, name: str) -> Any:
            if name in type(self).model_fields and name in (unread := unread_fields(self)):
                raise unread[name]
            return super().__getattr__(name)


RowT = TypeVar("RowT", bound=Model)


def set_evidence(row: RowT, model: str, stamp: int) -> RowT:
    """Record that a row was read as of `stamp`; return the row."""
    object.__setattr__(row, "_ablo_evidence", Evidence(model, stamp))
    return row


def evidence_of(row: Model) -> Evidence | None:
    """Return when a row was read, or None for a row that was not read (or is a copy)."""
    evidence: Evidence | None = getattr(row, "_ablo_evidence", None)
    return evidence


def row_from_json(cls: type[RowT], data: bytes | str | Mapping[str, object]) -> RowT:
    """Build a row from the JSON of a delta or a read (wire keys; unknown keys are ignored).

    Reading never fails because of a row's content, because the database is the record. If a value
    violates a rule that only the class knows (a plain SQL writer, a row older than the rule), it is
    returned anyway: as its type if it converts, as JSON gave it if not, as `RawJson` if it has no
    form in Python. A missing one is None. `unread_fields` lists those that are not as declared.

    Raises:
        AbloValidationError: it is not a row: not a JSON object, or without an id.
    """
    try:
        if isinstance(data, bytes | str):
            found: RowT = cls.__pydantic_validator__.validate_json(data)
            return found
        return cls.model_validate(data)
    except Exception:  # the author's validators may raise anything
        return _lenient_row(cls, data)


def _lenient_row(cls: type[RowT], data: bytes | str | Mapping[str, object]) -> RowT:
    raw = _members(data)
    row_id = loads(raw["id"]) if "id" in raw else None
    if not isinstance(row_id, str):
        raise AbloValidationError(
            f"this is not a row of {cls.__name__}: it must be a JSON object with an id",
            code="validation_failed",
            model=cls.__name__,
            remedy="pass the row of a delta or a read, with its wire keys",
        )
    values: dict[str, object] = {}
    unread: dict[str, AbloError] = {}
    for name, info in cls.model_fields.items():
        text = raw.get(info.alias or name)
        if text is None:
            values[name] = _default_of(info)
            continue
        values[name], fits = _as_declared(info.annotation, loads(text, whole=True))
        if not fits:
            unread[name] = _unread(cls, name, row_id, text)
    fit = {name for name, info in cls.model_fields.items() if (info.alias or name) in raw}
    row = cls.model_construct(_fields_set=fit - unread.keys(), **values)
    object.__setattr__(row, "_ablo_unread", MappingProxyType(unread))
    return row


def row_without_values(cls: type[RowT], row_id: str, reason: AbloError) -> RowT:
    """Build a row of which only the id is known: to read another field raises `reason`."""
    row = cls.model_construct(_fields_set={"id"}, id=row_id)
    object.__setattr__(row, "__dict__", {"id": row_id})  # without the defaults
    unread = dict.fromkeys(cls.model_fields.keys() - {"id"}, reason)
    object.__setattr__(row, "_ablo_unread", MappingProxyType(unread))
    return row


def _members(data: bytes | str | Mapping[str, object]) -> dict[str, bytes]:
    """Return the members of a row, each as JSON; empty if it is not a row."""
    if isinstance(data, Mapping):
        return {name: dumps(value) for name, value in data.items()}
    try:
        return members(data.encode() if isinstance(data, str) else data)
    except ValueError:
        return {}


def _as_declared(annotation: Any, value: Any) -> tuple[Any, bool]:
    """Return a value as its type, and True; else the unchanged value and False."""
    if isinstance(value, RawJson):
        return value, False
    try:
        return TypeAdapter(annotation).validate_python(value), True
    except Exception:  # as above
        return value, False


def _unread(cls: type[Model], name: str, row_id: str, text: bytes) -> AbloValidationError:
    shown = text.decode(errors="replace")
    return AbloValidationError(
        f"{cls.__name__} {row_id[:80]!r}: {name} is not as its class declares it: "
        f"{shown[:40]}{'…' if len(shown) > 40 else ''}",
        code="column_type_mismatch",
        model=cls.__name__,
        field=name,
        row_id=row_id,
        remedy="read details['raw'], the value's JSON, or correct the row in the database",
        details={"raw": shown},
    )


def unread_fields(row: Model) -> Mapping[str, AbloError]:
    """Return the fields of a row that were not read as declared, each with the reason.

    The error's `details["raw"]` is the value's JSON as the database has it. The row holds the value
    as JSON gave it (a date of the year -44 as a str), or a `RawJson` where it has no form in Python
    (a number of 5,000 digits, nesting beyond 150 levels). Of a row that a write could not return
    (the key may not read it, or the row is deleted) every field but the id is unread, and reading
    one raises its reason. Empty for a row that is as its class says, and for a copy.
    """
    found: Mapping[str, AbloError] | None = getattr(row, "_ablo_unread", None)
    return found or MappingProxyType({})


def strange_fields(row: Model) -> frozenset[str]:
    """Return the fields of a row that its JSON did not have, or not as their type."""
    fields = type(row).__pydantic_fields__  # model_fields checks at each access who asks
    given = row.model_fields_set
    return frozenset() if given.issuperset(fields) else frozenset(fields.keys() - given)


def changed_row(row: RowT, data: Mapping[str, object]) -> RowT:
    """Return a row with some values (wire keys) replaced, and its evidence."""
    names = {info.alias or name: name for name, info in type(row).model_fields.items()}
    given = {names[wire]: value for wire, value in data.items() if wire in names}
    fields = type(row).model_fields
    made = row.model_copy(
        update={name: _as_declared(fields[name].annotation, given[name])[0] for name in given}
    )
    for slot in ("_ablo_evidence", "_ablo_unread"):
        if hasattr(row, slot):
            object.__setattr__(made, slot, getattr(row, slot))
    return made


def _default_of(info: FieldInfo) -> Any:
    try:
        value = info.get_default(call_default_factory=True)
    except (TypeError, ValueError):  # a factory that asks for the other fields
        return None
    return None if value is PydanticUndefined else value
