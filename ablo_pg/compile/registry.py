"""Pass: the kernel's description of the models: the last statement of a compiled schema."""

from __future__ import annotations

import json
from collections.abc import Iterator

from ablo_pg.compile.names import dollar, literal
from ablo_pg.compile.plan import Column, ModelPlan, SchemaPlan
from ablo_pg.predicate.permission import transition
from ablo_pg.schema.wire_json import dump_schema_json


def registry(schema: SchemaPlan) -> Iterator[str]:
    """Emit the call of ablo.schema_register; the same schema again registers nothing."""
    pushed = dollar(_pretty(dump_schema_json(schema.spec)), "json")
    models = dollar(_pretty([_model(model) for model in schema.models]), "json")
    hash_ = literal(schema.hash)
    yield f"select ablo.schema_register(\n{pushed}::json,\n{hash_},\n{models}::jsonb\n);"


def _pretty(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _model(model: ModelPlan) -> dict[str, object]:
    spec = model.spec
    return {
        "key": spec.key,
        "typename": spec.typename,
        "tableSchema": spec.table_schema,
        "table": spec.table,
        "orgColumn": model.org.name if model.synced else None,
        "tenancy": spec.tenancy.kind,
        "groupKind": spec.group_kind,
        "conflict": dict(spec.conflict),
        "mutable": spec.mutable,
        "load": spec.load,
        "archivedColumn": model.archived.name,
        "rowFunction": model.function_name("row"),
        "groupsFunction": model.function_name("groups") if model.synced else None,
        **_grant(model),
        "idType": "text",
        **_permissions(model),
        "fields": [
            _field(column, wire, _optional(model, column))
            for column in _columns(model)
            for wire in (column.wire, *column.formerly)
        ],
    }


def _permissions(model: ModelPlan) -> dict[str, object]:
    """Return the functions that judge, and the permissions by verb. both: it compares two rows."""
    found: dict[str, object] = {}
    if model.spec.permission("read") is not None:
        found["readsFunction"] = model.function_name("reads")
    if model.spec.hides_fields:
        found["hidesFields"] = True
    if model.spec.permissions:
        found["permitsFunction"] = model.function_name("permits")
        found["permissions"] = {
            one.name: {"text": one.text or _pretty(one.test), "both": transition(one.test)}
            for one in model.spec.permissions
        }
    return found


def _grant(model: ModelPlan) -> dict[str, object]:
    grant = model.grant
    if grant is None:
        return {}
    ends = {"subject": grant.subject.name, "scope": grant.scope.name, "kind": grant.kind}
    return {"grants": ends}


def _columns(model: ModelPlan) -> tuple[Column, ...]:
    return tuple(c for c in model.row_columns if model.synced or c is not model.org)


def _optional(model: ModelPlan, column: Column) -> bool:
    """Whether a row may lack the value: fields say so; createdBy and archivedAt may be empty."""
    if any(column is base for base in model.base):
        return column.wire == "createdBy"
    return not column.required


def _field(column: Column, wire: str, optional: bool) -> dict[str, object]:
    field: dict[str, object] = {
        "wire": wire,
        "column": column.name,
        "type": column.type.value,
        "optional": optional,
    }
    if column.enum_values:
        field["enumValues"] = list(column.enum_values)
    return field
