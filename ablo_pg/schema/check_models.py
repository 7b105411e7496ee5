"""Checks of a single model: names, fields, enums, tenancy, roles, conflict policy."""

from __future__ import annotations

from typing import Final

from ablo_pg.schema.names import RESERVED, SYSTEM_WIRE
from ablo_pg.schema.neutral import (
    ARCHIVED_FIELD,
    PARTICIPANT_KINDS,
    READ,
    VERBS,
    WRITE,
    Check,
    EntityRole,
    Field,
    FieldType,
    Index,
    ModelSpec,
    named_fields,
)
from ablo_pg.schema.problems import Problem

# A table has at most 1600 columns (manual, "PostgreSQL Limits"); six are the base columns.
MAX_FIELDS: Final = 1_594
MAX_NAME: Final = 1_000
MAX_ENUM_VALUES: Final = 10_000
MAX_INDEX_FIELDS: Final = 31  # of the 32 columns of an index; the organization is one
DISPOSITIONS: Final = ("reject", "overwrite", "notify")
# Every table has these already (manual, "System Columns").
SYSTEM_COLUMNS: Final = frozenset({"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"})
# Sync group kinds that mean the organization itself.
RESERVED_KINDS: Final = frozenset({"org", "default"})


def check_model(model: ModelSpec) -> list[Problem]:
    """Return the problems of one model that involve no other model."""
    problems = check_name(model.key, None, "its key", model.key)
    for label, name in (
        ("its typename", model.typename),
        ("its table", model.table),
        ("its table's schema", model.table_schema),
        ("its id's column", model.id_column),
    ):
        problems += check_name(model.key, None, label, name)
    problems += check_name(model.key, None, "its sync group kind", model.group_kind, group=True)
    if model.table_schema in ("ablo", "ablo_model") or model.table_schema.startswith("pg_"):
        problems.append(
            Problem(
                "invalid_name",
                model.key,
                None,
                f"the Postgres schema {model.table_schema!r} is reserved",
                "choose another table_schema",
            )
        )
    if len(model.fields) > MAX_FIELDS:
        problems.append(
            Problem(
                "too_many_fields",
                model.key,
                None,
                f"it has {len(model.fields):,} fields, a table holds {MAX_FIELDS:,}",
                "move fields into a second model, or into one JSON field",
            )
        )
    for field in model.fields:
        problems += _check_field(model.key, field)
    problems += _check_conditions(model) + _check_permissions(model)
    return problems + _check_tenancy(model) + _check_policy(model)


def check_name(
    model: str | None, field: str | None, label: str, name: str, *, group: bool = False
) -> list[Problem]:
    """Return what makes a name invalid. A sync group's kind also stands before a colon."""
    reason = None
    if not name:
        reason = f"{label} is empty"
    elif "\0" in name:
        reason = f"{label} contains a NUL character"
    elif any("\ud800" <= char <= "\udfff" for char in name):
        reason = f"{label} contains a lone surrogate"
    elif len(name) > MAX_NAME:
        reason = f"{label} is {len(name):,} characters long, the limit is {MAX_NAME:,}"
    elif group and ":" in name:
        reason = f"{label} {name[:80]!r} contains a colon, which separates kind and id"
    elif group and name in RESERVED_KINDS:
        reason = f"{label} {name!r} already means the whole organization"
    if reason is None:
        return []
    remedy = 'choose another, with scope="..."' if group and model else "choose another name"
    return [Problem("invalid_name", model, field, reason, remedy)]


def _check_field(model: str, field: Field) -> list[Problem]:
    name = field.name
    problems = check_name(model, name, "its name", name)
    problems += check_name(model, name, "its JSON name", field.wire)
    problems += check_name(model, name, "its column", field.column)
    for former in field.formerly:
        problems += check_name(model, name, "its former name", former)
    if field.column in SYSTEM_COLUMNS:
        problems.append(
            Problem(
                "reserved_name",
                model,
                name,
                f"every Postgres table already has a column {field.column!r}",
                f'give it another: field(column="{field.column}_")',
            )
        )
    if any(each in RESERVED for each in (field.wire, name, *field.formerly)):
        problems.append(
            Problem(
                "reserved_field",
                model,
                name,
                f"{name!r} is a field that every row already has",
                "leave it out, or give your field another name",
            )
        )
    archived = ARCHIVED_FIELD[1] in (field.wire, SYSTEM_WIRE.get(name))
    if archived and not (field.type is FieldType.DATETIME and field.optional):
        problems.append(
            Problem(
                "reserved_field",
                model,
                name,
                "it is the mark of an archived row, which is an optional datetime",
                "declare it as datetime | None, or give your field another name",
            )
        )
    return problems + _check_enum(model, field)


def _check_conditions(model: ModelSpec) -> list[Problem]:
    """Check the names of checks and indexes, and the fields of indexes."""
    problems: list[Problem] = []
    uniques = [Index(f.column, (f.wire,), unique=True) for f in model.fields if f.unique]
    for listed in (model.checks, (*uniques, *model.indexes)):
        named: set[str] = set()
        for one in listed:
            problems += check_name(model.key, None, "the name of a check or index", one.name)
            reason = "another one has its name" if one.name in named else _check_keys(model, one)
            if reason:
                remedy = "name fields that hold one value, and each index and check once"
                problems.append(Problem("invalid_index", model.key, one.name, reason, remedy))
            named.add(one.name)
    return problems


def _check_permissions(model: ModelSpec) -> list[Problem]:
    names = [one.name for one in model.permissions]
    reason = remedy = ""
    known = {*VERBS, *(word + field.wire for field in model.fields for word in (READ, WRITE))}
    needed = [field.wire for field in model.fields if not field.optional]
    if odd := [name for name in names if name not in known or names.count(name) > 1]:
        reason, remedy = (
            f"{odd[0][:80]!r} is not a verb or a field to write, or is there twice",
            f"use {', '.join(VERBS)}, {READ}FIELD, {WRITE}FIELD",
        )
    elif open_ := [one.name for one in model.permissions if one.test is None]:
        reason = f"{open_[0]}: its test is null, which names no rows"
        remedy = f"push a predicate as its test, or leave {open_[0]} out to allow every row"
    elif odd := [wire for wire in needed if READ + wire in names]:
        reason = f"{odd[0]}: it is None for those who may not read it, and its type has no None"
        remedy = "declare it with | None"
    elif not model.before and ("read" in names or model.hides_fields):
        reason = "without what was before, the stream cannot tell which rows leave an actor's sight"
        remedy = "leave out before=False, or read="
    named = Problem("invalid_permission", model.key, "permissions", reason, remedy)
    return [named] if reason else []


def _check_keys(model: ModelSpec, one: Check | Index) -> str:
    """Return what makes the fields of an index invalid, or ''."""
    if isinstance(one, Check):
        return ""
    fields = named_fields(model)
    odd = [wire for wire in one.fields if wire not in fields]
    if odd or not 0 < len(one.fields) <= MAX_INDEX_FIELDS:
        what = f"{odd[0][:80]!r}, which is not a field" if odd else f"{len(one.fields)} fields"
        return f"it is over {what}"
    json = [wire for wire in one.fields if fields[wire].type is FieldType.JSON]
    return f"it is over {json[0]!r}, which is json" if json else ""


def _check_enum(model: str, field: Field) -> list[Problem]:
    if field.type is not FieldType.ENUM:
        return []
    values = field.enum_values
    problems: list[Problem] = []

    def add(reason: str, remedy: str) -> None:
        problems.append(Problem("invalid_enum", model, field.name, reason, remedy))

    if not values:
        add("its list of values is empty", "list at least one value")
    if len(values) > MAX_ENUM_VALUES:
        add(f"it lists {len(values):,} values", "make them rows of a separate model")
    twice = (
        sorted({value for value in values if values.count(value) > 1})
        if len(set(values)) < len(values)
        else []
    )
    if twice:
        add(f"it lists {twice[0][:80]!r} more than once", "list each value once")
    if any("\0" in value or any("\ud800" <= c <= "\udfff" for c in value) for value in values):
        add(
            "a value contains a character that Postgres cannot store",
            "remove U+0000 and surrogates",
        )
    return problems


def _check_tenancy(model: ModelSpec) -> list[Problem]:
    tenancy = model.tenancy
    problems: list[Problem] = []

    def add(reason: str, remedy: str) -> None:
        problems.append(Problem("invalid_tenancy", model.key, None, reason, remedy))

    columns = {field.column for field in model.fields}
    if tenancy.kind not in ("column", "parent", "none", "source"):
        add(
            f"{tenancy.kind!r} is not a kind of tenancy", "use one of: column, parent, none, source"
        )
    if tenancy.kind == "column":
        problems += check_name(model.key, None, "its organization column", tenancy.column)
    if tenancy.kind != "parent":
        return problems
    if not tenancy.local_key or not tenancy.parent_table:
        add(
            "tenancy through a parent needs local_key and parent_table",
            'write Tenancy("parent", local_key="deck_id", parent_table="decks")',
        )
        return problems
    if tenancy.local_key not in columns:
        add(
            f"its local_key {tenancy.local_key!r} is not a column of the model",
            "name the field that holds the parent's id",
        )
    if tenancy.parent_table == model.table:
        add("a table cannot be its own tenancy parent", "name the table that has the organization")
    for label, name in (("key", tenancy.parent_key), ("column", tenancy.parent_org_column)):
        problems += check_name(model.key, None, f"its tenancy parent's {label}", name)
    return problems


def _check_policy(model: ModelSpec) -> list[Problem]:
    problems: list[Problem] = []
    for kind, disposition in model.conflict:
        if kind not in PARTICIPANT_KINDS:
            reason, remedy = f"{kind!r} is not a participant kind", ", ".join(PARTICIPANT_KINDS)
        elif disposition not in DISPOSITIONS:
            reason, remedy = f"{disposition!r} is not an answer to {kind}", ", ".join(DISPOSITIONS)
        else:
            continue
        problems.append(
            Problem(
                "invalid_conflict",
                model.key,
                None,
                f"conflict policy: {reason}",
                f"use one of: {remedy}",
            )
        )
    for role in model.entity_roles:
        problems += check_name(model.key, None, "an entity role's kind", role.kind, group=True)
        problems += _check_role(model, role)
    return problems


def _check_role(model: ModelSpec, role: EntityRole) -> list[Problem]:
    """Return what keeps a role from making a group, which would silently be missing."""
    types = {field.wire: field.type for field in model.fields}
    types |= {"id": FieldType.STRING, "createdBy": FieldType.STRING}
    source, is_json = role.source_field, types.get(role.source_field) is FieldType.JSON
    if source not in types:
        reason, remedy = f"reads {source!r}, which is not a field", "name a field of the model"
    elif model.tenancy.kind not in ("column", "parent"):
        reason, remedy = "cannot be made: rows without an organization have no groups", "remove it"
    elif role.multi and not is_json:
        reason, remedy = f"is multi, and {source!r} holds one value", "leave multi out"
    elif is_json and not role.multi:
        reason, remedy = f"reads JSON from {source!r} as one id", "declare it as multi"
    else:
        return []
    text = f"the entity role {role.kind!r} {reason}"
    return [Problem("invalid_role", model.key, None, text, remedy)]
