"""Pushing and reading a schema: bodies in and out. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from ablo_pg.errors import AbloError, error_for
from ablo_pg.schema import Change, SchemaSpec, diff, model_hash
from ablo_pg.schema.wire_json import dump_model

ENVIRONMENT: Final = "production"
# What applying a schema would not carry out: it makes and widens, and moves no rows. Forcing these
# would leave rows behind where nobody looks for them.
MOVES: Final = frozenset(
    {
        *("model_renamed", "field_renamed", "column_changed", "table_changed", "field_retyped"),
        "tenancy_changed",
    }
)


class Rename(msgspec.Struct, frozen=True, rename={"source": "from", "target": "to"}):
    """One rename: model keys, or `model.field`."""

    source: str
    target: str


class PushBody(msgspec.Struct, frozen=True):
    """POST of a schema."""

    schema: dict[str, Any]
    force: bool = False
    renames: list[Rename] = []
    backfills: list[dict[str, Any]] = []


def planned_changes(old: SchemaSpec, new: SchemaSpec, body: PushBody) -> tuple[Change, ...]:
    """Return the changes of a push that it may make. Raises incompatible_change with the others."""
    changes = diff(old, new, renames=[(one.source, one.target) for one in body.renames])
    risky = [change for change in changes if not change.additive]
    stuck = [change for change in risky if not body.force or change.kind in MOVES]
    if body.backfills:
        raise error_for(
            "incompatible_change",
            "A push writes no values into stored rows",
            remedy="update the rows first (`update ... set ...`), then push without backfills",
            details={"unexecutable": [_backfill(one) for one in body.backfills], "warnings": []},
        )
    if stuck:
        raise _incompatible(stuck, [change for change in risky if change not in stuck])
    return changes


def pushed_body(version: int, spec: SchemaSpec, warnings: Sequence[Change], unchanged: bool) -> Any:
    """Return the answer of a push."""
    return {
        "id": f"sch_{version}",
        "schemaId": f"sch_{version}",
        "version": version,
        "hash": spec.hash,
        "status": "pushed",
        "unchanged": unchanged,
        "warnings": [_item(change) for change in warnings],
        "models": [model.key for model in spec.models],
    }


def schema_body(
    version: int, digest: str, pushed_at: str | None, spec: SchemaSpec, project: str
) -> dict[str, Any]:
    """Return the active schema as `GET /api/schema` answers it; version 0 is none."""
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


def _model(model: Any) -> dict[str, Any]:
    document = dump_model(model)
    return {
        "key": model.key,
        "typename": model.typename,
        "conflict": dict(model.conflict) or None,
        "hash": model_hash(model),
        "fields": document.get("fields", {}),
        "relations": document.get("relations", {}),
    }


def _item(change: Change) -> dict[str, Any]:
    item = {"model": change.model, "field": change.field, "kind": change.kind}
    found = {key: value for key, value in item.items() if value is not None}
    return found | {"detail": str(change)}


def _backfill(one: dict[str, Any]) -> dict[str, Any]:
    named = {key: one[key] for key in ("model", "field") if isinstance(one.get(key), str)}
    return named | {"kind": "backfill", "detail": "stored rows are not written by a push"}


def _incompatible(stuck: Sequence[Change], others: Sequence[Change]) -> AbloError:
    moves = any(change.kind in MOVES for change in stuck)
    return error_for(
        "incompatible_change",
        f"{len(stuck)} changes would break stored rows or clients: "
        + "; ".join(str(change) for change in stuck[:5]),
        remedy="move the rows in SQL first, or add the new name beside the old one"
        if moves
        else "push with force if that is meant, or make them optional or give them defaults",
        details={
            "unexecutable": [_item(change) for change in stuck],
            "warnings": [_item(change) for change in others],
        },
    )
