"""What a changed schema means for a client that was built on another one.

A client carries the schema that it was written with. Nobody asks whether it is the active one while
calls succeed: additive changes disturb nothing. A call that fails as calls do on a schema that has
moved asks once; where that is the reason, the error then names the field and what became of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol

from ablo_pg.errors import AbloError, error_for
from ablo_pg.schema import Change, SchemaSpec, diff

# What a client on another schema is refused with.
_SUSPECT: Final = frozenset(
    {
        *("unknown_field", "column_type_mismatch", "not_null_violation", "check_violation"),
        *("server_execute_unknown_model", "model_not_found", "model_not_provisioned"),
        *("query_invalid_identifier", "query_unsupported_operator"),
    }
)


class ActiveSchema(NamedTuple):
    """The schema that a database has: its version, hash, and the models with their fields."""

    version: int
    hash: str
    spec: SchemaSpec


class HasSchema(Protocol):
    """A transport, as far as the gate needs it."""

    async def active_schema(self) -> ActiveSchema | None:
        """Return the active schema, or None where none was applied."""


@dataclass(slots=True)
class SchemaGate:
    """Compares a client's schema with the active one, when there is a reason to."""

    spec: SchemaSpec

    async def explain(self, transport: HasSchema, error: AbloError) -> AbloError:
        """Return the error to raise: this one, or the same with what the schema has to do with it.

        `details["schema"]` of the second: client and active hash, version, and the changes.
        """
        if error.code not in _SUSPECT:
            return error
        try:
            active = await transport.active_schema()
        except AbloError:
            return error  # what failed first is the news
        if active is None or active.hash == self.spec.hash:
            return error
        changes = [one for one in breaking(self.spec, active.spec) if _concerns(one, error)]
        return _explained(error, self.spec, active, changes) if changes else error

    async def warning(self, transport: HasSchema) -> str | None:
        """Return in words what this client cannot go on with, or None."""
        active = await transport.active_schema()
        if active is None or active.hash == self.spec.hash:
            return None
        told = "; ".join(_told(one) for one in breaking(self.spec, active.spec)[:10])
        return told or None


def breaking(client: SchemaSpec, active: SchemaSpec) -> list[Change]:
    """Return the differences of models and fields that the client cannot go on with."""
    return [one for one in diff(client, active) if one.kind in _WORDS and not one.additive]


def _concerns(change: Change, error: AbloError) -> bool:
    if change.model != error.model:
        return False
    return error.field is None or change.field is None or _same(change.field, error.field)


def _same(one: str, other: str) -> bool:
    """Compare an author's spelling with the wire's: due_date is dueDate."""
    return one.replace("_", "").lower() == other.replace("_", "").lower()


_WORDS: Final = {
    "model_dropped": "the model {where} is no longer declared",
    "field_dropped": "{where} is no longer declared",
    "field_retyped": "{where} is of type {new} now, not {old}",
    "enum_value_removed": "{where} no longer allows {old!r}",
    "field_made_required": "{where} is required now",
    "field_added": "{where} is new and required",
}


def _told(change: Change) -> str:
    where = ".".join(part for part in (change.model, change.field) if part)
    return _WORDS[change.kind].format(where=where, old=change.old, new=change.new)


def _explained(
    error: AbloError, spec: SchemaSpec, active: ActiveSchema, changes: list[Change]
) -> AbloError:
    told = [_told(change) for change in changes]
    schema: dict[str, Any] = {
        "client": spec.hash,
        "active": active.hash,
        "version": active.version,
        "changes": [
            {"kind": one.kind, "model": one.model, "field": one.field, "old": one.old}
            | {"new": one.new, "message": text}
            for one, text in zip(changes, told, strict=True)
        ],
    }
    explained = error_for(
        error.code,
        f"{error.message}; the schema has changed: {'; '.join(told)}",
        model=error.model,
        field=error.field or changes[0].field,
        row_id=error.row_id,
        remedy=f"deploy this program with the active schema (version {active.version}, "
        f"{active.hash}); if the program's is the newer one, apply it with `ablo-pg migrate`",
        details={**error.details, "schema": schema},
    )
    explained.__cause__ = error.__cause__
    return explained
