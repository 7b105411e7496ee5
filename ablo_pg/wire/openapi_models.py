"""One model's part of the API's description: its paths, and its row as a JSON schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from ablo_pg.schema import MISSING, Field, FieldType, ModelSpec
from ablo_pg.schema.kinds import KINDS
from ablo_pg.schema.rules import say_check, say_rules
from ablo_pg.wire.claim_requests import BeatBody, ReorderBody
from ablo_pg.wire.openapi_bodies import body_schema

_TIME: Final = {"type": "string", "format": "date-time"}
BASE: Final[dict[str, object]] = {
    "id": {"type": "string"},
    "createdAt": _TIME,
    "updatedAt": _TIME,
    "organizationId": {"type": "string"},
    "createdBy": {"type": ["string", "null"]},
}
PROBLEM: Final = {
    "description": "What is wrong, and what to do about it",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


def ref(name: str) -> dict[str, object]:
    """Return a reference to a component."""
    return {"$ref": f"#/components/schemas/{name}"}


def parameter(
    place: str, name: str, schema: Mapping[str, object] | None = None
) -> dict[str, object]:
    """Return a parameter."""
    made: dict[str, object] = {"name": name, "in": place, "schema": schema or {"type": "string"}}
    return made | {"required": True} if place == "path" else made


def body(schema: Mapping[str, object]) -> dict[str, object]:
    """Return a request body of JSON."""
    return {"requestBody": {"content": {"application/json": {"schema": schema}}}}


def json_answer(
    summary: str, schema: Mapping[str, object], status: str = "200"
) -> dict[str, object]:
    """Return an operation that answers JSON, or a problem."""
    content = {"application/json": {"schema": schema}}
    return {
        "summary": summary,
        "responses": {status: {"description": summary, "content": content}, "default": PROBLEM},
    }


def field_schema(field: Field) -> dict[str, object]:
    """Return a field's JSON schema."""
    schema = dict(KINDS[field.type].schema)
    if field.enum_values:
        schema["enum"] = [*field.enum_values, *([None] if field.optional else [])]
    if field.optional and "type" in schema:
        schema["type"] = [schema["type"], "null"]
    schema |= _rules_schema(field)
    if field.default is not MISSING:
        schema["default"] = field.default
    return schema


def _rules_schema(field: Field) -> dict[str, object]:
    """Return a field's rules, in words if its JSON is a string of digits or a date."""
    if field.type in (FieldType.INTEGER, FieldType.NUMBER, FieldType.STRING):
        found = dict(field.rules)
    else:
        kind = str(KINDS[field.type].schema.get("description", "It"))
        found = {"description": f"{kind} {say_rules(field)}"} if field.rules else {}
    return found | ({"x-unique": True} if field.unique else {})


def model_components(model: ModelSpec) -> dict[str, object]:
    """Return the schemas of the row, of a create and of an update."""
    fields = {field.wire: field_schema(field) for field in model.fields}
    required = [f.wire for f in model.fields if not f.optional and f.default is MISSING]
    made: dict[str, object] = {"type": "object", "properties": fields}
    made["additionalProperties"] = False
    if model.checks:
        made["description"] = f"A row {'; '.join(say_check(check) for check in model.checks)}"
    return {
        f"{model.key}.Row": {
            "type": "object",
            "required": [*BASE, *fields],
            "properties": BASE | fields,
        },
        f"{model.key}.New": made | {"required": required},
        f"{model.key}.Changes": made,
    }


def model_paths(model: ModelSpec) -> dict[str, object]:
    """Return the paths of a model."""
    base = f"/api/v1/models/{model.key}"
    paths: dict[str, Any] = {
        base: {"get": _list(model)},
        f"{base}/live": {"get": _live(model)},
        f"{base}/{{id}}": {"parameters": [parameter("path", "id")], "get": _read(model)},
    }
    if model.mutable:
        paths[base]["post"] = _write(model, "Create", "New", "201", {"id": {"type": "string"}})
        row = paths[f"{base}/{{id}}"]
        row["patch"] = _write(model, "Update", "Changes", "200", {})
        row["delete"] = (
            json_answer(f"Delete a row of {model.key}", ref("Receipt")) | body(ref("Guards")) | KEY
        )
        paths[f"{base}/{{id}}/claim"] = _claim_paths()
        paths[f"{base}/{{id}}/claim/heartbeat"] = _claim_path("Renew a claim on the row", BeatBody)
        paths[f"{base}/{{id}}/claim/reorder"] = _claim_path(
            "Reorder the row's wait queue", ReorderBody
        )
    for path in paths.values():
        for operation in path.values():
            if isinstance(operation, dict):
                operation["tags"] = [model.key]
    return paths


KEY: Final = {"parameters": [parameter("header", "Idempotency-Key", {"type": "string"})]}


def _write(
    model: ModelSpec, verb: str, kind: str, status: str, more: dict[str, object]
) -> dict[str, object]:
    own = {
        "type": "object",
        "required": ["data"],
        "properties": {"data": ref(f"{model.key}.{kind}")} | more,
    }
    whole = {"allOf": [own, ref("Guards")]}
    return json_answer(f"{verb} a row of {model.key}", ref("Receipt"), status) | body(whole) | KEY


def _read(model: ModelSpec) -> dict[str, object]:
    row = {"anyOf": [ref(f"{model.key}.Row"), {"type": "null"}]}
    claims = {"type": "array", "items": ref("Claim")}
    properties = {
        "object": {"const": "model"},
        "model": {"const": model.key},
        "id": {"type": "string"},
        "data": row,
        "stamp": {"type": "integer"},
        "claims": claims,
    }
    answer = {"type": "object", "required": list(properties), "properties": properties}
    found = json_answer(f"Read a row of {model.key}; null if it does not exist", answer)
    include = _include(model)
    return found | {"parameters": include} if include else found


def _list(model: ModelSpec) -> dict[str, object]:
    rows = {"type": "array", "items": ref(f"{model.key}.Row")}
    properties = {
        "object": {"const": "list"},
        "model": {"const": model.key},
        "data": rows,
        "has_more": {"type": "boolean"},
        "next_cursor": {"type": ["string", "null"]},
        "stamp": {"type": "integer"},
        "evidence": {"type": "array", "items": {"type": "object"}},
    }
    answer = {"type": "object", "required": list(properties), "properties": properties}
    parameters = [*_selecting(model), parameter("query", "starting_after"), *_include(model)]
    return json_answer(f"List {model.key}", answer) | {"parameters": parameters}


def _live(model: ModelSpec) -> dict[str, object]:
    summary = f"List {model.key}, and what changes in the list, as Server-Sent Events"
    operation: dict[str, Any] = json_answer(summary, {"type": "string"})
    answer = operation["responses"]["200"]
    answer["content"] = {"text/event-stream": answer["content"]["application/json"]}
    parameters = [
        *_selecting(model),
        parameter("header", "Last-Event-ID"),
        parameter("query", "ticket"),
    ]
    return operation | {"parameters": parameters, "x-waits": True}


def _selecting(model: ModelSpec) -> list[dict[str, object]]:
    """Return the parameters that select and order rows."""
    return [
        parameter("query", "limit", {"type": "integer", "minimum": 1, "maximum": 1000}),
        parameter("query", "order_by", {"enum": [*BASE, *(_ordered(model))]}),
        parameter("query", "order", {"enum": ["asc", "desc"]}),
        parameter("query", "where"),
        *(parameter("query", field.wire, dict(KINDS[field.type].schema)) for field in model.fields),
    ]


def _include(model: ModelSpec) -> list[dict[str, object]]:
    """Return the parameter that names relations, separated by commas."""
    taken = any(field.wire == "include" for field in model.fields)
    return [] if taken or not model.relations else [parameter("query", "include")]


def _ordered(model: ModelSpec) -> list[str]:
    return [field.wire for field in model.fields if field.type is not FieldType.JSON]


def _claim_path(summary: str, kind: type[msgspec.Struct]) -> dict[str, object]:
    operation = json_answer(summary, {"type": "object"}) | body(body_schema(kind))
    return {"parameters": [parameter("path", "id")], "post": operation}


def _claim_paths() -> dict[str, object]:
    claim = {"type": "object", "properties": {"id": {"type": "string"}, "claim": ref("Claim")}}
    acquire: dict[str, Any] = json_answer("Claim the row", claim, "201") | body(ref("Acquire"))
    acquire["responses"]["202"] = acquire["responses"]["201"] | {"description": "Queued"}
    return {
        "parameters": [parameter("path", "id")],
        "post": acquire,
        "delete": json_answer("Release the claim, or leave the queue", {"type": "object"}),
    }
