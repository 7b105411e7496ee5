"""The JSON form of a schema, version 3, as clients of every language push it.

`dump` writes the canonical JSON of the neutral form; its hash is the schema's. `parse` is tolerant:
unknown parts, and spellings other than `dump`'s, are kept as `extra`, so that dump(parse(json)) ==
json and we never change the hash of a pushed schema.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Final

from ablo_pg.schema.hashing import json_hash
from ablo_pg.schema.kinds import KINDS
from ablo_pg.schema.names import column_name
from ablo_pg.schema.neutral import (
    MISSING,
    Check,
    Field,
    FieldType,
    IdentityRole,
    Index,
    ModelSpec,
    Relation,
    SchemaSpec,
    Tenancy,
)

VERSION: Final = 3
# Top-level, added to a pushed schema by a relay and not part of its hash: "nullable" if fields that
# are not optional may be left out anyway.
COLUMNS: Final = "columns"


def schema_hash(spec: SchemaSpec) -> str:
    """Return the hash of a schema, eight hex digits."""
    document = dump_schema_json(spec)
    document.pop(COLUMNS, None)
    return json_hash(document)


def model_hash(model: ModelSpec) -> str:
    """Return the hash of one model, eight hex digits."""
    return json_hash(dump_model(model))


def dump_schema_json(spec: SchemaSpec) -> dict[str, object]:
    """Write a schema as JSON values. Its hash is `schema_hash(spec)`."""
    document: dict[str, object] = {
        "v": VERSION,
        "models": {model.key: dump_model(model) for model in spec.models},
        "identityRoles": [_dump_identity_role(role) for role in spec.identity_roles],
    }
    if spec.session_settings:
        document["sessionSettings"] = dict(spec.session_settings)
    return apply_extra(document, spec.extra)


def dump_model(model: ModelSpec) -> dict[str, object]:
    """Write one model as JSON values."""
    document: dict[str, object] = {
        "fields": {field.wire: dump_field(field) for field in model.fields},
        "relations": {relation.name: dump_relation(relation) for relation in model.relations},
        "load": model.load,
        "typename": model.typename,
        "tableName": model.table,
        "tenancy": dump_tenancy(model.tenancy),
        "plane": model.plane,
        "mutable": model.mutable,
    }
    if model.table_schema != "public":
        document["tableSchema"] = model.table_schema
    if model.id_column != "id":
        document["idColumn"] = model.id_column
    if model.is_scope_root:
        document["scope"] = model.scope if model.scope is not None else True
    if model.grants:
        document["grants"] = dict(model.grants)
    if model.entity_roles:
        document["entityRoles"] = [
            {"kind": role.kind, "source": {"field": role.source_field, "multi": role.multi}}
            for role in model.entity_roles
        ]
    if model.conflict:
        document["conflict"] = dict(model.conflict)
    if model.claims_bind_sql:
        document["claimsBindSql"] = True
    if not model.before:
        document["before"] = False
    if model.checks:
        document["checks"] = [dump_condition(one) for one in model.checks]
    if model.indexes:
        document["indexes"] = [dump_condition(one) for one in model.indexes]
    if model.permissions:
        document["permissions"] = [dump_condition(one) for one in model.permissions]
    return apply_extra(document, model.options)


def dump_condition(one: Check | Index) -> dict[str, object]:
    """Write a check or an index as JSON values."""
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in asdict(one).items()
        if value not in ("", None, False)
    }


def dump_field(field: Field) -> dict[str, object]:
    """Write one field as JSON values."""
    kind, form = KINDS[field.type].pushed
    document: dict[str, object] = {
        "type": kind,
        "isOptional": field.optional,
        "isIndexed": field.indexed,
    }
    if form is not None:
        document["format"] = form
    if field.column != column_name(field.wire):
        document["column"] = field.column
    if field.type is FieldType.ENUM:
        document["enumValues"] = list(field.enum_values)
    if field.default is not MISSING:
        document["default"] = field.default
    if field.formerly:
        document["formerly"] = list(field.formerly)
    document |= dict(field.rules)
    if field.unique:
        document["unique"] = True
    return apply_extra(document, field.extra)


def dump_relation(relation: Relation) -> dict[str, object]:
    """Write one relation as JSON values."""
    document: dict[str, object] = {
        "type": relation.kind,
        "target": relation.target,
        "foreignKey": relation.foreign_key,
    }
    if relation.foreign_key_column is not None:
        document["foreignKeyColumn"] = relation.foreign_key_column
    options = dict(relation.options)
    options.update({name: True for name in ("parent", "fk", "index") if getattr(relation, name)})
    if options:
        document["options"] = options
    if relation.order_by is not None:
        document["orderBy"] = relation.order_by
    return apply_extra(document, relation.extra)


def dump_tenancy(tenancy: Tenancy) -> dict[str, object]:
    """Write a tenancy as JSON values."""
    if tenancy.kind == "column":
        return {"kind": "column", "column": tenancy.column}
    if tenancy.kind != "parent":
        return {"kind": tenancy.kind}
    via = {"localKey": tenancy.local_key, "parentTable": tenancy.parent_table}
    if tenancy.parent_key != "id":
        via["parentKey"] = tenancy.parent_key
    if tenancy.parent_org_column != "organization_id":
        via["parentOrgColumn"] = tenancy.parent_org_column
    return {"kind": "parent", "via": via}


def apply_extra(
    document: dict[str, object], extra: Iterable[tuple[str, object]]
) -> dict[str, object]:
    """Apply an author's additions and deviations to the canonical form."""
    for name, value in extra:
        if value is MISSING:
            document.pop(name, None)
        else:
            document[name] = value
    return document


def find_extra(
    document: dict[str, object], written: dict[str, object]
) -> tuple[tuple[str, object], ...]:
    """Return the `extra` that makes `apply_extra(document, extra)` equal to `written`."""
    said = [
        (name, value)
        for name, value in written.items()
        if name not in document or not _same(document[name], value)
    ]
    unsaid = [(name, MISSING) for name in document if name not in written]
    return tuple(sorted([*said, *unsaid], key=lambda pair: pair[0]))


def _same(one: object, other: object) -> bool:
    """Compare as JSON does: True is not 1, and 1.0 is."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return len(one) == len(other) and all(
            name in other and _same(value, other[name]) for name, value in one.items()
        )
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    return isinstance(one, bool) is isinstance(other, bool) and bool(one == other)


def _dump_identity_role(role: IdentityRole) -> dict[str, object]:
    return apply_extra({"kind": role.kind, "source": role.source}, role.options)
