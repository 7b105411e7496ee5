"""Checks for two things with the same name: models, fields and columns."""

from __future__ import annotations

from collections.abc import Iterable

from ablo_pg.schema.identifiers import shorten
from ablo_pg.schema.names import lookup_key
from ablo_pg.schema.neutral import ARCHIVED_FIELD, BASE_FIELDS, Field, ModelSpec, SchemaSpec
from ablo_pg.schema.problems import Problem
from ablo_pg.schema.rules import index_name


def check_clashes(spec: SchemaSpec) -> list[Problem]:
    """Return every pair that one name could mean."""
    problems = _check_models(spec) + _check_indexes(spec)
    for model in spec.models:
        problems += _check_names(model)
        problems += _check_columns(model)
    return problems


def _check_models(spec: SchemaSpec) -> list[Problem]:
    """A model is found by key, typename or table in any case, so those of two models differ."""
    problems: list[Problem] = []
    owners: dict[str, str] = {}
    kinds: dict[str, str] = {}
    for model in spec.models:
        labelled = (("key", model.key), ("typename", model.typename), ("table", model.table))
        for label, name in labelled:
            other = owners.setdefault(lookup_key(name), model.key)
            if other != model.key:
                problems.append(
                    Problem(
                        "name_clash",
                        model.key,
                        None,
                        f"its {label} {name!r} also means {other!r}: names are not case-sensitive",
                        "give one of the two another name",
                    )
                )
        other = kinds.setdefault(model.group_kind, model.key)
        if other != model.key:
            problems.append(
                Problem(
                    "name_clash",
                    model.key,
                    None,
                    f"its sync group kind {model.group_kind!r} is also that of {other!r}",
                    'give one of the two another scope="..."',
                )
            )
    return problems


def _check_indexes(spec: SchemaSpec) -> list[Problem]:
    """Indexes of one Postgres schema share their names, whatever their tables."""
    problems: list[Problem] = []
    owners: dict[tuple[str, str], tuple[str, str]] = {}
    for model in spec.models:
        edges = {r.foreign_key for r in model.relations if r.fk or r.index or r.parent}
        for f in model.fields:
            made = [index_name(model.table, f.column, unique=True)] if f.unique else []
            if f.indexed or f.wire in edges:
                made.append(index_name(model.table, f.column, unique=False))
            for name in made:
                owners.setdefault((model.table_schema, shorten(name)), (model.key, f.column))
    for model in spec.models:
        for one in model.indexes:
            name = index_name(model.table, one.name, unique=one.unique)
            place = (model.table_schema, shorten(name))
            if place in owners:
                reason = f"its index would be {name!r}, as that of {'.'.join(owners[place])}"
                problems.append(Problem("name_clash", model.key, one.name, reason, "rename it"))
            owners[place] = (model.key, one.name)
    return problems


def _check_names(model: ModelSpec) -> list[Problem]:
    """Fields and relations share the names of a row; each is found by either spelling."""
    problems: list[Problem] = []
    owners: dict[str, str] = {}
    for field in model.fields:
        for name in dict.fromkeys((field.wire, field.name, *field.formerly)):
            other = owners.setdefault(name, field.name)
            if other != field.name:
                problems.append(
                    Problem(
                        "name_clash",
                        model.key,
                        field.name,
                        f"it and {other!r} are both called {name!r} in JSON or Python",
                        'rename one, or give it another JSON name: field(wire="...")',
                    )
                )
    wires = {field.wire for field in model.fields} | {wire for _, wire, _, _ in BASE_FIELDS}
    seen: set[str] = set()
    for relation in model.relations:
        if relation.name in wires or relation.name in seen:
            what = "field" if relation.name in wires else "relation"
            problems.append(
                Problem(
                    "name_clash",
                    model.key,
                    relation.name,
                    f"a {what} of the model has the same name",
                    "rename the relation",
                )
            )
        seen.add(relation.name)
    return problems


def _check_columns(model: ModelSpec) -> list[Problem]:
    problems: list[Problem] = []
    owners = dict.fromkeys(_base_columns(model), "")
    for field in model.fields:
        other = owners.setdefault(field.column, field.name)
        if other != field.name:
            whose = f"also that of {other!r}" if other else "a column that every table has"
            problems.append(
                Problem(
                    "name_clash",
                    model.key,
                    field.name,
                    f"its column {field.column!r} is {whose}",
                    'give it another: field(column="...")',
                )
            )
    return problems


def _base_columns(model: ModelSpec) -> Iterable[str]:
    """Name the columns that we create; the archive mark may be declared."""
    for _, wire, column, _ in BASE_FIELDS:
        if wire not in ("id", "organizationId"):
            yield column
    yield model.id_column
    if model.tenancy.kind == "column":
        yield model.tenancy.column
    if not any(_is_archive_mark(field) for field in model.fields):
        yield ARCHIVED_FIELD[2]


def _is_archive_mark(field: Field) -> bool:
    return field.wire == ARCHIVED_FIELD[1]
