"""From row classes under their keys to ModelSpecs: relations and options resolved to wire names.

Flow: `lowering` (fields of one class) -> here -> `author.define_schema`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ablo_pg.errors import AbloError, AbloValidationError
from ablo_pg.schema.declare import ModelOptions, PermissionReader, RelationDeclaration
from ablo_pg.schema.lowering import (
    LoweredFields,
    conditions_of,
    field_permissions_of,
    lower_fields,
    permissions_of,
    relations_of,
)
from ablo_pg.schema.model_options import check_options
from ablo_pg.schema.names import SYSTEM_WIRE, wire_name
from ablo_pg.schema.neutral import (
    VERBS,
    Check,
    EntityRole,
    Index,
    ModelSpec,
    Relation,
    Tenancy,
    named_fields,
)
from ablo_pg.schema.problems import Problem
from ablo_pg.schema.rows import Model
from ablo_pg.schema.values import shape


def lower_models(classes: Mapping[str, type[Model]]) -> tuple[list[ModelSpec], list[Problem]]:
    """Return the spec of each class, ordered by key, and every problem met on the way."""
    lowered = {key: lower_fields(cls, key) for key, cls in classes.items()}
    problems = [problem for part in lowered.values() for problem in part.problems]
    specs = []
    for key in sorted(classes):
        options, wrong = check_options(key, classes[key].__ablo_options__)
        problems += wrong
        relations = tuple(
            _lower_relation(key, name, declared, classes, lowered, problems)
            for name, declared in relations_of(classes[key])
        )
        spec = _with_options(key, lowered[key], relations, options)
        spec = _with_conditions(spec, classes[key], lowered[key], problems)
        specs.append(_with_permissions(spec, classes[key], problems))
    return specs, problems


def _with_conditions(
    spec: ModelSpec, cls: type[Model], lowered: LoweredFields, problems: list[Problem]
) -> ModelSpec:
    checks: list[Check] = []
    indexes: list[Index] = []
    fields = named_fields(spec)
    for name, declared in conditions_of(cls):
        given = declared.text
        text = given if isinstance(given, str) else ""
        try:
            test: Any = given if text is not given else declared.read(spec.key, text, (), fields)
        except AbloError as exc:
            problems.append(Problem("invalid_check", spec.key, name, exc.message, exc.remedy or ""))
            continue
        if declared.kind == "check":
            checks.append(Check(name, test, text))
        else:
            wires = tuple(_wire_of(lowered, field) for field in declared.fields)
            indexes.append(Index(name, wires, declared.unique, test, text))
    return replace(spec, checks=tuple(checks), indexes=tuple(indexes))


def _with_permissions(spec: ModelSpec, cls: type[Model], problems: list[Problem]) -> ModelSpec:
    fields = named_fields(spec)
    given = [
        (name, declared.read, verb, test)
        for name, declared in permissions_of(cls)
        for verb, test in declared.tests.items()
    ] + [
        (name, declared.read, f"{word}.{fields[name].wire}", test)
        for name, declared in field_permissions_of(cls)
        for word, test in declared.tests.items()
    ]
    found: dict[str, Check] = {}
    for name, read, verb, declared in given:
        text = declared if isinstance(declared, str) else ""
        try:
            test: object = declared() if callable(declared) else declared
            if not isinstance(test, Mapping | list):  # the JSON form
                test = _reader(read)(spec.key, cls, verb, test, fields)
        except AbloError as exc:
            reason, remedy = f"{verb}: {exc.message}", exc.remedy or ""
            problems.append(Problem("invalid_permission", spec.key, name, reason, remedy))
            continue
        found[verb] = Check(verb, test, text)
    order = [*VERBS, *sorted(found.keys() - set(VERBS))]
    return replace(spec, permissions=tuple(found[verb] for verb in order if verb in found))


def _reader(read: PermissionReader | None) -> PermissionReader:
    if read is None:
        raise AbloValidationError(
            "this field() does not read SQL",
            code="schema_definition_invalid",
            remedy="write: from ablo_pg import field",
        )
    return read


def _with_options(
    key: str, lowered: LoweredFields, relations: tuple[Relation, ...], options: ModelOptions
) -> ModelSpec:
    scope = options.get("scope", False)
    roles = options.get("entity_roles", ())
    return ModelSpec(
        key=key,
        typename=options.get("typename", key),
        table=options.get("table", key),
        table_schema=options.get("table_schema", "public"),
        id_column=options.get("id_column", "id"),
        fields=lowered.fields,
        relations=relations,
        tenancy=_tenancy(options.get("tenancy", Tenancy()), lowered),
        load=options.get("load", "instant"),
        plane=options.get("plane", "tenant"),
        mutable=options.get("mutable", True),
        scope=scope if isinstance(scope, str) else None,
        is_scope_root=scope is not False,
        grants=tuple(sorted(options.get("grants", {}).items())),
        entity_roles=tuple(
            EntityRole(role.kind, _wire_of(lowered, role.source_field), role.multi)
            for role in roles
        ),
        conflict=tuple(sorted(options.get("conflict", {}).items())),
        claims_bind_sql=options.get("claims_bind_sql", False),
        before=options.get("before", True),
        options=tuple(sorted(options.get("options", {}).items())),
    )


def _tenancy(declared: Any, lowered: LoweredFields) -> Tenancy:
    tenancy = declared if isinstance(declared, Tenancy) else Tenancy(kind=declared)
    field = lowered.find(tenancy.local_key) if tenancy.local_key else None
    return tenancy if field is None else replace(tenancy, local_key=field.column)


def _wire_of(lowered: LoweredFields, name: str) -> str:
    field = lowered.find(name)
    return field.wire if field else SYSTEM_WIRE.get(name) or wire_name(name)


def _lower_relation(
    key: str,
    name: str,
    declared: RelationDeclaration,
    classes: Mapping[str, type[Model]],
    lowered: Mapping[str, LoweredFields],
    problems: list[Problem],
) -> Relation:
    target = _target_key(declared.target, classes)
    here = lowered[key]
    there = lowered.get(target)
    if declared.kind == "belongsTo":
        foreign_key = _wire_of(here, declared.field or f"{name}_id")
    elif declared.field is not None:
        foreign_key = _wire_of(there or here, declared.field)
    else:
        foreign_key = _inverse(key, name, target, classes, lowered, problems)
    order_by = declared.order_by
    return Relation(
        name=wire_name(name),
        kind=declared.kind,
        target=target,
        foreign_key=foreign_key,
        parent=declared.parent,
        fk=declared.fk,
        index=declared.index,
        options=tuple(sorted(declared.options)),
        order_by=_wire_of(there, order_by) if there and order_by else order_by,
    )


def _target_key(target: str | type, classes: Mapping[str, type[Model]]) -> str:
    if isinstance(target, str):
        return target
    found = (key for key, cls in classes.items() if cls is target)
    return next(found, getattr(target, "__name__", shape(target)))


def _inverse(
    key: str,
    name: str,
    target: str,
    classes: Mapping[str, type[Model]],
    lowered: Mapping[str, LoweredFields],
    problems: list[Problem],
) -> str:
    """Return the foreign key of the one belongs_to that leads from `target` back to `key`."""
    if target not in classes:
        return ""
    back = [
        _wire_of(lowered[target], declared.field or f"{inverse}_id")
        for inverse, declared in relations_of(classes[target])
        if declared.kind == "belongsTo" and _target_key(declared.target, classes) == key
    ]
    if len(back) == 1:
        return back[0]
    problems.append(
        Problem(
            "missing_foreign_key",
            key,
            name,
            f"{len(back)} belongs_to relations lead from {target!r} back here",
            f'name the field of {target!r} that holds the id: has_many("{target}", field="...")',
        )
    )
    return ""
