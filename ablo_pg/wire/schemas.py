"""Pushing and reading a schema: bodies in and out. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from ablo_pg.schema import Change, ModelSpec, SchemaSpec, diff, model_hash, parse_schema_json
from ablo_pg.schema.pushing import Backfill, PushOptions, change_item
from ablo_pg.schema.wire_json import COLUMNS, dump_model

ENVIRONMENT: Final = "production"


class Rename(msgspec.Struct, frozen=True, rename={"source": "from", "target": "to"}):
    """One rename: model keys, or `model.field`."""

    source: str
    target: str


class BackfillBody(msgspec.Struct, frozen=True):
    """The value for stored rows that have none."""

    model: str
    field: str
    value: Any


class PushBody(msgspec.Struct, frozen=True):
    """POST of a schema.

    not_null: fields that are not optional are NOT NULL, and a create without one is refused. Our
    own command line sends it. Without it a first push makes them nullable, since the SDK's fields
    with a default look required, and later pushes keep the setting.
    """

    schema: dict[str, Any]
    force: bool = False
    renames: list[Rename] = []
    backfills: list[BackfillBody] = []
    not_null: bool | None = msgspec.field(default=None, name="notNull")


def pushed_document(
    body: PushBody, schema: dict[str, object], active: SchemaSpec | None
) -> dict[str, object]:
    """Return the schema as stored, with its columns' nullability. active: None before."""
    nullable = not body.not_null
    if body.not_null is None and active is not None:
        nullable = (COLUMNS, "nullable") in active.extra
    return schema | {COLUMNS: "nullable"} if nullable else schema


def push_options(body: PushBody) -> PushOptions:
    """Return the changes that the body allows."""
    return PushOptions(
        body.force,
        tuple((one.source, one.target) for one in body.renames),
        tuple(Backfill(one.model, one.field, one.value) for one in body.backfills),
    )


def pushed_body(
    version: int, spec: SchemaSpec, warnings: Sequence[Change] = (), unchanged: bool = False
) -> dict[str, object]:
    """Return the answer of a push."""
    return {
        "id": f"sch_{version}",
        "schemaId": f"sch_{version}",
        "version": version,
        "hash": spec.hash,
        "status": "pushed",
        "unchanged": unchanged,
        "warnings": [change_item(change) for change in warnings],
        "models": [model.key for model in spec.models],
    }


def tried_body(
    version: int,
    spec: SchemaSpec,
    warnings: Sequence[Change] = (),
    unchanged: bool = False,
    changes: Sequence[Change] = (),
) -> dict[str, object]:
    """Return the answer of a dry run: that of the push, with every change. Nothing was saved."""
    told = pushed_body(version, spec, warnings, unchanged)
    return told | {"status": "dry_run", "changes": [change_item(change) for change in changes]}


def schema_body(
    version: int, digest: str, pushed_at: str | None, spec: SchemaSpec, project: str
) -> dict[str, object]:
    """Return the active schema for `GET /api/schema`; version 0 means none."""
    if version == 0:
        return {"active": False, "environment": ENVIRONMENT, "project": project, "models": []}
    return {
        "active": True,
        "environment": ENVIRONMENT,
        "project": project,
        "models": [_model(model) for model in spec.models],
        "schemaId": f"sch_{version}",
        "version": version,
        "hash": digest,
        "pushedAt": pushed_at,
    }


def versions_body(found: Sequence[dict[str, Any]], limit: int) -> dict[str, object]:
    """Return the newest versions, each with its changes from the previous one.

    Args: found, newest first: {"version", "hash", "pushedAt", "active", "schema"}, one more than
    limit if there is one.
    """
    specs = [parse_schema_json(one["schema"]) for one in found]
    before = [*specs[1:], SchemaSpec(models=())] if len(found) <= limit else specs[1:]
    told = [
        {name: one[name] for name in ("version", "hash", "pushedAt", "active")}
        | {"changes": [change_item(change) for change in diff(old, new)]}
        for one, new, old in zip(found, specs, before, strict=False)
    ]
    return {"versions": told[:limit], "hasMore": len(found) > limit}


def _model(model: ModelSpec) -> dict[str, object]:
    document = dump_model(model)
    return {
        "key": model.key,
        "typename": model.typename,
        "conflict": dict(model.conflict) or None,
        "hash": model_hash(model),
        "fields": document.get("fields", {}),
        "relations": document.get("relations", {}),
    }
