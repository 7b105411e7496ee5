"""The effect of a changed schema on a client that was built with another one.

A client carries its schema. It does not ask for the active one while calls succeed: additive
changes do no harm. If a call fails in a way that a changed schema can cause, the client asks once,
and the error then names the field and what happened to it. A row that lacks a field, or has a value
of another type, also causes a request: rows from before a field was added have its default, but a
field that was removed or retyped is an error.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

from ablo_pg.client.names import Entry
from ablo_pg.errors import AbloError, error_for
from ablo_pg.schema import Change, SchemaSpec, diff
from ablo_pg.schema.neutral import MISSING
from ablo_pg.schema.rows import Model, strange_fields

# Refusals that a different schema can cause.
_SUSPECT: Final = frozenset(
    {
        *("unknown_field", "column_type_mismatch", "not_null_violation", "check_violation"),
        *("server_execute_unknown_model", "model_not_found", "model_not_provisioned"),
        *("query_invalid_identifier", "query_unsupported_operator"),
    }
)


# Seconds for which rows with the same unexpected fields do not ask again: a stream of old rows.
_CALM: Final = 1.0


class ActiveSchema(NamedTuple):
    """The schema of a database: its version, hash, and models with their fields.

    closed: typenames that no participant may read, as a database's own connection says them.
    """

    version: int
    hash: str
    spec: SchemaSpec
    closed: tuple[str, ...] = ()


class HasSchema(Protocol):
    """The part of a transport that the gate needs."""

    async def active_schema(self) -> ActiveSchema | None:
        """Return the active schema, or None if none was applied."""

    async def past_schemas(self) -> frozenset[str]:
        """Return the hashes of the newest pushed versions."""


@dataclass(slots=True)
class SchemaGate:
    """Compares a client's schema with the active one, if there is a reason to."""

    spec: SchemaSpec
    _calm: dict[tuple[str, frozenset[str]], float] = field(default_factory=dict, repr=False)

    async def admit(self, transport: HasSchema, entry: Entry, rows: Iterable[Model | None]) -> None:
        """Check rows that were read.

        Raises unknown_field or column_type_mismatch, as `explain` builds it, if a row lacks a field
        that is no longer declared, or has a value of a field's new type.
        """
        for row in rows:
            names = strange_fields(row) if row is not None else None
            if not names or self._calm.get((entry.key, names), 0.0) > time.monotonic():
                continue
            await self._judge(transport, entry, names)
            self._calm[entry.key, names] = time.monotonic() + _CALM

    async def _judge(self, transport: HasSchema, entry: Entry, names: frozenset[str]) -> None:
        active = await transport.active_schema()
        if active is None or active.hash == self.spec.hash:
            return
        wires = {entry.fields[name].wire for name in names if name in entry.fields}
        changes = [
            one
            for one in breaking(self.spec, active.spec)
            if one.model == entry.key
            and one.field in wires
            and one.kind in ("field_dropped", "field_retyped")
        ]
        if not changes:
            return
        calm = all(_stands_in(entry, one) for one in changes)
        if calm and self.spec.hash not in await transport.past_schemas():
            return  # a program newer than the schema reads its defaults until the migration
        code = "unknown_field" if changes[0].kind == "field_dropped" else "column_type_mismatch"
        error = error_for(
            code, f"a row of {entry.key} does not match the client's schema", model=entry.key,
            field=entry.fields[str(changes[0].field)].name,
        )  # fmt: skip
        raise _explained(error, self.spec, active, changes)

    async def explain(self, transport: HasSchema, error: AbloError) -> AbloError:
        """Return the error to raise: this one, or the same with the schema's part in it.

        `details["schema"]` of the latter: client and active hash, version, and the changes.
        """
        if error.code not in _SUSPECT:
            return error
        try:
            active = await transport.active_schema()
        except AbloError:
            return error  # the first error is the one to report
        if active is None or active.hash == self.spec.hash:
            return error
        changes = [one for one in breaking(self.spec, active.spec) if _concerns(one, error)]
        return _explained(error, self.spec, active, changes) if changes else error

    async def warning(self, transport: HasSchema) -> str | None:
        """Describe what makes the client unable to continue, or return None."""
        active = await transport.active_schema()
        if active is None or active.hash == self.spec.hash:
            return None
        told = "; ".join(_told(one) for one in breaking(self.spec, active.spec)[:10])
        return told or None


def breaking(client: SchemaSpec, active: SchemaSpec) -> list[Change]:
    """Return the differences of models and fields that make the client unable to continue."""
    return [one for one in diff(client, active) if one.kind in _WORDS and not one.additive]


def _concerns(change: Change, error: AbloError) -> bool:
    if change.model != error.model:
        return False
    return error.field is None or change.field is None or _same(change.field, error.field)


def _stands_in(entry: Entry, change: Change) -> bool:
    """Whether a row that lacks the field has a value for it anyway."""
    known = entry.fields[str(change.field)]
    absent = change.kind == "field_dropped"
    return absent and (known.optional or known.default is not MISSING)


def _same(one: str, other: str) -> bool:
    """Compare an author's spelling with the wire's: due_date is dueDate."""
    return one.replace("_", "").lower() == other.replace("_", "").lower()


_WORDS: Final = {
    "model_dropped": "the model {where} is no longer declared",
    "field_dropped": "{where} is no longer declared",
    "field_retyped": "{where} now has type {new}, not {old}",
    "enum_value_removed": "{where} no longer allows {old!r}",
    "field_made_required": "{where} is now required",
    "field_added": "{where} is new and required",
}


def _told(change: Change) -> str:
    where = ".".join(part for part in (change.model, change.field) if part)
    return _WORDS[change.kind].format(where=where, old=change.old, new=change.new)


def _explained(
    error: AbloError, spec: SchemaSpec, active: ActiveSchema, changes: list[Change]
) -> AbloError:
    told = [_told(change) for change in changes]
    schema: dict[str, object] = {
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
