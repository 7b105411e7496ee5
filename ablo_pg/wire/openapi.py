"""The API's description, OpenAPI 3.1, from the pushed schema: typed paths for each model. Pure.

`openapi_models` has the parts of one model, `openapi_paths` the paths that every schema has; this
module has the components of their bodies.
"""

from __future__ import annotations

from typing import Final

from ablo_pg.errors import CODES
from ablo_pg.schema import SchemaSpec
from ablo_pg.wire.openapi_models import model_components, model_paths, ref
from ablo_pg.wire.openapi_paths import fixed_paths

DESCRIPTION: Final = (
    "Rows, claims and commits of one Postgres database. Send a key as `Authorization: Bearer "
    "KEY`; the key alone determines the organization and the participant. A write may carry an "
    "`Idempotency-Key` (the same request again returns the first receipt) and guards: `readAt` "
    "with `onStale`, `claim`, `fenceToken`, `reads`."
)
STRING: Final[dict[str, object]] = {"type": "string"}
INTEGER: Final[dict[str, object]] = {"type": "integer", "minimum": 0}


def openapi_document(spec: SchemaSpec, version: str) -> dict[str, object]:
    """Return the description of the API over a schema."""
    paths: dict[str, object] = {}
    components: dict[str, object] = dict(COMPONENTS)
    for model in spec.models:
        paths |= model_paths(model)
        components |= model_components(model)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Ablo", "version": version, "description": DESCRIPTION},
        "security": [{"key": []}],
        "paths": paths | fixed_paths(),
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
            "schemas": components,
        },
    }


def _object(required: tuple[str, ...], **properties: object) -> dict[str, object]:
    return {"type": "object", "required": list(required), "properties": properties}


def _list(item: dict[str, object]) -> dict[str, object]:
    return {"type": "array", "items": item}


PREMISE: Final = _object(
    ("readAt",),
    model=STRING,
    id=STRING,
    group={"type": "string", "description": "kind:id"},
    fields=_list(STRING),
    readAt=INTEGER,
    onStale={"enum": ["reject", "notify"]},
)
GUARDS: Final[dict[str, object]] = {
    "readAt": INTEGER | {"description": "The stamp it was read at"},
    "onStale": {"enum": ["reject", "overwrite", "notify"]},
    "claim": {"type": "string", "description": "The claim that the write is made under"},
    "fenceToken": INTEGER,
    "reads": {"type": "array", "maxItems": 500, "items": PREMISE},
    "track": {"type": "array", "maxItems": 500, "items": {"type": "object"}},
}
COMPONENTS: Final[dict[str, object]] = {
    "Problem": _object(
        ("type", "code", "message"),
        type=STRING,
        code={"type": "string", "examples": sorted(CODES)[:5]},
        message=STRING,
        param={"type": "string", "description": "The field or parameter concerned"},
        request_id=STRING,
        remedy=STRING,
        retryable={"type": "boolean"},
        retryAfterSeconds={"type": "number"},
    ),
    "Authority": _object(
        ("organizationId", "syncGroups", "operations", "participantKind", "participantId"),
        organizationId=STRING,
        syncGroups=_list(STRING),
        operations=_list(STRING),
        participantKind={"enum": ["user", "agent", "system"]},
        participantId=STRING,
    ),
    "Receipt": _object(
        (
            *("object", "clientTxId", "serverTxId", "createdAt", "statusAt", "success", "ops"),
            *("authority", "status", "lastSyncId"),
        ),
        object={"const": "commit_receipt"},
        clientTxId={"type": "string", "description": "The request's Idempotency-Key"},
        serverTxId=STRING,
        createdAt={"type": "string", "format": "date-time"},
        statusAt={"type": "string", "format": "date-time"},
        success={"const": True},
        ops=INTEGER,
        authority=ref("Authority"),
        status={"const": "confirmed"},
        lastSyncId=INTEGER,
        notifications=_list({"type": "object"}),
        missingIds=_list(STRING),
        rows={
            "type": "array",
            "description": "One an operation, for a commit with returning; null: may not be read",
            "items": {"type": ["object", "null"]},
        },
    ),
    "Claim": _object(
        ("id", "actor", "participantKind", "expiresAt", "target"),
        id=STRING,
        actor=STRING,
        participantKind={"enum": ["user", "agent", "system"]},
        description=STRING,
        status={"enum": ["active", "queued", "committed", "expired", "canceled"]},
        expiresAt=INTEGER,
        fenceToken=INTEGER,
        position=INTEGER,
        target=_object(("model", "id"), model=STRING, id=STRING, fields=_list(STRING)),
    ),
    "Acquire": {
        "type": "object",
        "properties": {
            "description": STRING,
            "queue": {"type": "boolean", "default": True, "description": "false: do not wait"},
            "ttl": {"type": ["string", "number"], "description": '"30s", or seconds'},
            "meta": {"type": "object"},
            "target": {"type": "object", "properties": {"fields": _list(STRING)}},
        },
    },
    "Guards": {"type": "object", "properties": GUARDS},
    "Commit": {
        "type": "object",
        "properties": {
            "operations": {
                "type": "array",
                "maxItems": 500,
                "items": _object(
                    ("action", "model", "id"),
                    action={"enum": ["create", "update", "delete", "archive", "unarchive"]},
                    model=STRING,
                    id=STRING,
                    data={"type": ["object", "null"]},
                ),
            },
            "reads": GUARDS["reads"],
            "track": GUARDS["track"],
            "returning": {"type": "boolean", "description": "Answer with the rows too"},
        },
    },
}
