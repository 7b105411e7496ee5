"""Schemas as Python declares them: `define_schema(tasks=Task)`, and models without a class.

    class Task(Model):
        title: str
        status: Literal["todo", "doing", "done"]

    schema = define_schema(tasks=Task)
    schema = define_schema(tasks=model(title=str, status=Literal["todo", "doing", "done"]))

Flow: row classes -> `lowering` -> `neutral.SchemaSpec` -> `checks`. A schema with problems is never
built, and the error lists all of them.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType, new_class
from typing import Any

from ablo_pg.errors import AbloValidationError
from ablo_pg.schema.checks import check, check_python
from ablo_pg.schema.declare import (
    ConditionDeclaration,
    ModelOptions,
    PermissionDeclaration,
    RelationDeclaration,
    field,
)
from ablo_pg.schema.neutral import IdentityRole, ModelSpec, SchemaSpec
from ablo_pg.schema.problems import Problem, schema_error
from ablo_pg.schema.rows import Model
from ablo_pg.schema.specs import lower_models
from ablo_pg.schema.wire_json import dump_schema_json, schema_hash


@dataclass(frozen=True, slots=True)
class Schema:
    """A checked schema: the neutral form, and the row class of each model.

    Built by `define_schema`. `spec` is what compiles and what two schemas are compared by.
    """

    spec: SchemaSpec
    models: Mapping[str, type[Model]]

    @property
    def hash(self) -> str:
        """The schema's hash, eight hex digits; equal for equal schemas in every language."""
        return self.spec.hash

    def key_of(self, model: type[Model] | str) -> str:
        """Return the key of a row class (or check a key).

        Raises:
            AbloValidationError: the schema has no such model.
        """
        for key, cls in self.models.items():
            if model is cls or model == key:
                return key
        name = model if isinstance(model, str) else model.__name__
        raise AbloValidationError(
            f"the schema has no model {name!r}",
            code="server_execute_unknown_model",
            model=name,
            remedy=f"add it to define_schema and migrate; it has: {', '.join(self.models)}",
        )

    def model(self, model: type[Model] | str) -> ModelSpec:
        """Return the neutral form of one model, by key or row class."""
        return self.spec.model(self.key_of(model))

    def to_json(self) -> dict[str, object]:
        """Return the schema as the JSON that clients of every language push."""
        return dump_schema_json(self.spec)

    def __iter__(self) -> Iterator[str]:
        return iter(self.models)


def model(options: ModelOptions | None = None, /, **fields: Any) -> type[Model]:
    """Make a row class without a class statement.

        model(title=str, status=(Literal["todo", "done"], "todo"), project_id=str,
              project=belongs_to("projects", parent=True))
        model(ModelOptions(table="Tasks"), **{"any name": str})

    Args:
        options: what a class statement takes as keyword arguments.
        fields: a type, (type, default), (type, field(...)), a relation, or what `check`, `index` or
            `allow` returns, each.

    Raises:
        AbloValidationError: an unknown option, or a name that starts with an underscore.
    """
    hidden = [_hidden_field(name) for name in fields if name.startswith("_")]
    if hidden:
        raise schema_error(hidden, code="schema_definition_invalid")
    annotations: dict[str, object] = {}
    namespace: dict[str, object] = {"__module__": __name__, "__annotations__": annotations}
    for name, declared in fields.items():
        if isinstance(declared, RelationDeclaration | ConditionDeclaration | PermissionDeclaration):
            namespace[name] = declared
        elif isinstance(declared, tuple) and len(declared) == 2:
            annotations[name], namespace[name] = declared
        else:
            annotations[name], namespace[name] = declared, field()
    with warnings.catch_warnings():
        # A field may be called `json` or `copy`; pydantic warns about the method it hides.
        warnings.filterwarnings("ignore", message=".*shadows an attribute", category=UserWarning)
        row: type[Model] = new_class(
            "model", (Model,), dict(options or {}), lambda body: body.update(namespace)
        )
    row.__ablo_functional__ = True
    return row


def _hidden_field(name: str) -> Problem:
    return Problem(
        "invalid_name",
        None,
        name,
        "an attribute that starts with an underscore cannot be a field",
        f'choose another name, and keep it in JSON: {name.strip("_")}=(str, field(wire="{name}"))',
    )


def define_schema(
    by_key: Mapping[str, type[Model]] | None = None,
    /,
    *,
    identity_roles: Sequence[IdentityRole] = (),
    session_settings: Mapping[str, str] | None = None,
    **models: type[Model],
) -> Schema:
    """Make a schema of row classes; the keyword is the model's key (`ablo.tasks`, URLs, table).

        define_schema(tasks=Task, projects=Project)
        define_schema({"any key": Task})

    Args:
        by_key: models whose key is not a Python name.
        identity_roles: group kinds of a participant, and the source of its ids.
        session_settings: custom Postgres settings that are set for each participant, with its
            source: orgId, participantId (without its kind) or participantKind. For policies and
            triggers of an application.

    Raises:
        AbloValidationError: code `schema_definition_invalid`; lists every problem.
    """
    classes = {**(by_key or {}), **models}
    problems = _check_classes(classes)
    if problems:
        raise schema_error(problems, code="schema_definition_invalid")
    for key, cls in classes.items():
        if cls.__ablo_functional__:
            cls.__name__ = cls.__qualname__ = key
    specs, problems = lower_models(classes)
    spec = SchemaSpec(
        tuple(specs),
        identity_roles=tuple(identity_roles),
        session_settings=tuple(sorted((session_settings or {}).items())),
    )
    problems += check_python(classes) + check(spec)
    if problems:
        raise schema_error(list(dict.fromkeys(problems)), code="schema_definition_invalid")
    return Schema(replace(spec, hash=schema_hash(spec)), MappingProxyType(dict(classes)))


def _check_classes(classes: Mapping[str, object]) -> list[Problem]:
    """Find values that are not row classes, and classes under two keys."""
    problems: list[Problem] = []
    seen: dict[Any, str] = {}
    for key, cls in classes.items():
        if not (isinstance(cls, type) and issubclass(cls, Model) and cls is not Model):
            problems.append(
                Problem(
                    "invalid_model",
                    key,
                    None,
                    f"it is {type(cls).__name__}, not a subclass of Model",
                    "pass a class that derives from Model, or model(...)",
                )
            )
        elif cls in seen:
            problems.append(
                Problem(
                    "invalid_model",
                    key,
                    None,
                    f"the class {cls.__name__} is already the model {seen[cls]!r}",
                    "declare a subclass for the second model",
                )
            )
        else:
            seen[cls] = key
    return problems
