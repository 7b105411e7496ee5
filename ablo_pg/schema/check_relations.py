"""Checks of the edges between models: targets, foreign keys, ownership without cycles."""

from __future__ import annotations

from ablo_pg.schema.check_models import check_name
from ablo_pg.schema.names import SYSTEM_WIRE
from ablo_pg.schema.neutral import Field, FieldType, ModelSpec, Relation, SchemaSpec
from ablo_pg.schema.problems import Problem


def check_relations(model: ModelSpec, spec: SchemaSpec) -> list[Problem]:
    """Return the problems of one model's relations."""
    models = {other.key: other for other in spec.models}
    problems: list[Problem] = []
    for relation in model.relations:
        problems += check_name(model.key, relation.name, "its name", relation.name)
        target = models.get(relation.target)
        if target is None:
            known = ", ".join(sorted(models)[:20])
            problems.append(
                Problem(
                    "unknown_target",
                    model.key,
                    relation.name,
                    f"its target {relation.target[:80]!r} is not a model of the schema",
                    f"use one of: {known}",
                )
            )
        elif relation.kind == "belongsTo":
            problems += _check_belongs_to(model, relation, target)
        else:
            problems += _check_has(model, relation, target)
    return problems


def check_cycles(spec: SchemaSpec) -> list[Problem]:
    """Return one problem for each cycle of `parent=True` edges.

    The owner's sync group receives a row's changes, up to the root; a cycle has no root.
    """
    edges = {
        model.key: [(r.name, r.target) for r in model.relations if r.parent]
        for model in spec.models
    }
    done: set[str] = set()
    problems: list[Problem] = []
    for start in edges:
        if start not in done:
            problems += _cycles_from(start, edges, done)
    return problems


def _cycles_from(
    start: str, edges: dict[str, list[tuple[str, str]]], done: set[str]
) -> list[Problem]:
    """Depth-first search with an explicit stack; `done` collects what needs no second visit."""
    problems: list[Problem] = []
    path: list[str] = [start]
    pending = [iter(edges[start])]
    while path:
        name, target = next(pending[-1], ("", ""))
        if not target:
            pending.pop()
            done.add(path.pop())
        elif target in path:
            ring = [*path[path.index(target) :], target]
            problems.append(
                Problem(
                    "ownership_cycle",
                    path[-1],
                    name,
                    f"it makes a model its own owner: {' -> '.join(ring)}",
                    "drop parent=True from one of these relations",
                )
            )
        elif target in edges and target not in done:
            path.append(target)
            pending.append(iter(edges[target]))
    return problems


def _find(model: ModelSpec, wire: str) -> Field | None:
    return next((field for field in model.fields if field.wire == wire), None)


def _check_belongs_to(model: ModelSpec, relation: Relation, target: ModelSpec) -> list[Problem]:
    problems: list[Problem] = []

    def add(code: str, reason: str, remedy: str) -> None:
        problems.append(Problem(code, model.key, relation.name, reason, remedy))

    field = _find(model, relation.foreign_key)
    if field is None:
        compiled = relation.parent or relation.fk or relation.index
        base = relation.foreign_key in SYSTEM_WIRE and not relation.parent
        if not base and (compiled or relation.foreign_key_column is None):
            add(
                "missing_foreign_key",
                f"its key {relation.foreign_key[:80]!r} is not a field here",
                f"declare the field as str, or name another: "
                f'belongs_to("{relation.target[:80]}", field="...")',
            )
        return problems
    kinds = (FieldType.STRING,) if relation.fk else (FieldType.STRING, FieldType.UUID)
    if (relation.fk or relation.parent) and field.type not in kinds:
        add(
            "invalid_foreign_key",
            f"ids are text, and its key {field.name!r} is {field.type.value}",
            "declare the key as str",
        )
    if relation.fk and (model.tenancy.kind, target.tenancy.kind) != ("column", "column"):
        add(
            "invalid_foreign_key",
            "a FOREIGN KEY needs an organization column on both sides",
            "drop fk=True, or give both models tenancy by column",
        )
    if relation.parent and target.tenancy.kind == "source":
        add(
            "invalid_owner",
            f"{relation.target!r} is behind a data source, and cannot own rows here",
            "drop parent=True",
        )
    return problems


def _check_has(model: ModelSpec, relation: Relation, target: ModelSpec) -> list[Problem]:
    problems: list[Problem] = []
    if relation.parent or relation.fk or relation.index:
        problems.append(
            Problem(
                "invalid_relation",
                model.key,
                relation.name,
                "parent, fk and index belong to the side that holds the key",
                f"put them on a belongsTo of {relation.target!r}",
            )
        )
    known = {field.wire for field in target.fields} | set(SYSTEM_WIRE.values())
    if relation.foreign_key not in known and relation.foreign_key_column is None:
        problems.append(
            Problem(
                "missing_foreign_key",
                model.key,
                relation.name,
                f"its key {relation.foreign_key[:80]!r} is not a field of {relation.target!r}",
                f"declare it on {relation.target!r}, or name another with field=",
            )
        )
    return problems
