"""How to check writes of a row class, computed once per class.

`inputs` asks for a class's plan on every write. The plan knows which fields need pydantic at all,
and holds two shadow classes for those that do: one for creates, in which the base fields need no
value, and one for updates, in which no field does and no validator of the whole model runs.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainValidator, WrapValidator, create_model
from pydantic import Field as PydanticField
from pydantic.fields import FieldInfo

from ablo_pg.schema.declare import FieldMarker
from ablo_pg.schema.lowering import lower_fields
from ablo_pg.schema.names import SYSTEM_WIRE
from ablo_pg.schema.neutral import Field, FieldType
from ablo_pg.schema.rows import Model
from ablo_pg.schema.types import UnsupportedTypeError, lower_type


@dataclass(frozen=True, slots=True)
class FieldPlan:
    """One field: `plain` needs no pydantic; `converts` has a validator that must run first."""

    field: Field
    info: FieldInfo
    plain: bool
    converts: bool

    @property
    def required(self) -> bool:
        """Whether a create must provide it."""
        return self.info.is_required() and not self.field.optional


class WritePlan:
    """The write checks of one row class."""

    def __init__(self, cls: type[Model]) -> None:
        self.cls = cls
        modes = _validator_modes(cls)
        same_config = cls.model_config == Model.model_config
        self.whole_model = bool(cls.__pydantic_decorators__.model_validators)
        before = self.whole_model and _has_before_model_validator(cls)
        self.judges_rows = any(_judges(one) for one in _model_validators(cls))
        self.fields = tuple(
            _plan_field(field, cls.model_fields[field.name], modes, same_config, before)
            for field in lower_fields(cls, cls.__name__).fields
        )
        self.by_spelling: dict[str, FieldPlan] = {
            spelling: part
            for part in self.fields
            for spelling in (part.field.name, part.field.wire)
        }
        self.required = [part for part in self.fields if part.required]
        self._all_plain = not self.whole_model and all(part.plain for part in self.fields)
        self._defaults = [part for part in self.fields if not part.info.is_required()]

    def plain_for(self, given: Collection[str], *, create: bool) -> bool:
        """Whether these fields (wire names) can do without pydantic."""
        if self._all_plain or create:
            return self._all_plain
        return all(self.by_spelling[wire].plain for wire in given)

    def plain_defaults(self, given: Collection[str]) -> dict[str, object]:
        """Return the JSON defaults of the fields that were not given (all fields are plain)."""
        return {
            part.field.wire: part.field.default
            for part in self._defaults
            if part.field.wire not in given and part.info.default is not None
        }

    @cached_property
    def create_class(self) -> type[Model]:
        """A shadow of the class in which only the author's required fields need a value."""
        free = [part.field.name for part in self.fields if not part.required]
        return _shadow(
            self.cls,
            [name for name in free if self.cls.model_fields[name].is_required()],
        )

    @cached_property
    def whole_class(self) -> type[Model]:
        """A subclass that runs the validators of made rows, and no others, on a row of its own."""
        made = _shadow(self.cls, [])
        validators = made.__pydantic_decorators__.model_validators
        for name in [name for name, one in validators.items() if not _judges(one)]:
            del validators[name]
        made.model_rebuild(force=True)
        return made

    @cached_property
    def update_class(self) -> type[Model]:
        """A shadow of the class in which no field needs a value."""
        shadow = _shadow(self.cls, [part.field.name for part in self.fields])
        if self.whole_model:
            shadow.__pydantic_decorators__.model_validators.clear()
            shadow.model_rebuild(force=True)
        return shadow


def plan_for(cls: type[Model]) -> WritePlan:
    """Return the plan of a row class, made on first use."""
    plan = cls.__dict__.get("__ablo_plan__")  # a subclass has its own
    if not isinstance(plan, WritePlan):
        plan = cls.__ablo_plan__ = WritePlan(cls)
    return plan


def _plan_field(
    field: Field, info: FieldInfo, modes: dict[str, set[str]], same_config: bool, before: bool
) -> FieldPlan:
    extras = [item for item in _metadata(info) if not isinstance(item, FieldMarker)]
    called = modes.get(field.name, set()) | modes.get("*", set())
    plain = (
        same_config
        and not extras
        and not called
        and field.type is not FieldType.JSON
        and info.default_factory is None
    )
    converts = (
        before
        or bool(called - {"after"})
        or any(isinstance(x, BeforeValidator | PlainValidator | WrapValidator) for x in extras)
    )
    return FieldPlan(field, info, plain, converts)


def _metadata(info: FieldInfo) -> tuple[object, ...]:
    try:
        return (*info.metadata, *lower_type(info.annotation).markers)
    except UnsupportedTypeError:
        return (info,)


def _validator_modes(cls: type[Model]) -> dict[str, set[str]]:
    """Return the modes of the decorated validators of each field."""
    modes: dict[str, set[str]] = {}
    decorators = cls.__pydantic_decorators__
    for decorator in decorators.field_validators.values():
        for name in decorator.info.fields:
            modes.setdefault(name, set()).add(decorator.info.mode)
    for old in decorators.validators.values():
        for name in old.info.fields:
            modes.setdefault(name, set()).add(old.info.mode)
    return modes


def _model_validators(cls: type[Model]) -> Collection[Any]:
    return cls.__pydantic_decorators__.model_validators.values()


def _judges(decorator: Any) -> bool:
    """Whether a validator of the model gets the made row, and not what it is made of."""
    return bool(decorator.info.mode == "after")


def _has_before_model_validator(cls: type[Model]) -> bool:
    return not all(_judges(decorator) for decorator in _model_validators(cls))


def _shadow(cls: type[Model], free: list[str]) -> type[Model]:
    """Subclass a row class so that the base fields and `free` need no value."""
    definitions: dict[str, Any] = {}
    for name, info in cls.model_fields.items():
        if name not in SYSTEM_WIRE and name not in free:
            continue
        annotation: Any = info.annotation
        if info.metadata:
            annotation = Annotated[(annotation, *info.metadata)]
        default = PydanticField(default=None, alias=info.alias, discriminator=info.discriminator)
        definitions[name] = (annotation, default)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*shadows an attribute", category=UserWarning)
        return create_model(cls.__name__, __base__=cls, __module__=cls.__module__, **definitions)
