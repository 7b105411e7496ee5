"""The active schema of the database, with its models under every spelling.

A service reads it on each request. `LiveSchemas.run` checks for a new one every second, and a
request for an unknown model checks at once, so a push through another process is noticed in time.
The database decides which rows and columns exist; this module only maps names and lists rights.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final

import anyio
import anyio.to_thread
import msgspec

from ablo_pg._version import __version__
from ablo_pg.changefeed.permissions import Permissions
from ablo_pg.db import registry
from ablo_pg.db.errors import Names
from ablo_pg.db.pool import Database
from ablo_pg.errors import AbloError, error_for
from ablo_pg.schema import ModelSpec, SchemaSpec, parse_schema_json
from ablo_pg.schema.neutral import ARCHIVED_FIELD, BASE_FIELDS, Field, FieldType, named_fields
from ablo_pg.schema.rules import requirements
from ablo_pg.wire.limits import PARSED_HERE
from ablo_pg.wire.openapi import openapi_document

POLL_SECONDS: Final = 1.0
NO_SCHEMA: Final = SchemaSpec(())
VERBS: Final = ("read", "create", "update", "delete")


@dataclass(frozen=True)
class LiveSchema:
    """One pushed schema. `version` 0 and no models: no schema has been pushed."""

    version: int = 0
    hash: str = ""
    pushed_at: str | None = None
    spec: SchemaSpec = NO_SCHEMA
    closed: tuple[str, ...] = ()  # `ablo.models_closed`
    document: bytes = b'{"v":3,"models":{},"identityRoles":[]}'  # as it was pushed

    @cached_property
    def by_name(self) -> Mapping[str, ModelSpec]:
        """The models under key, typename and table, in lower case; a key takes precedence."""
        found: dict[str, ModelSpec] = {}
        for spelling in ("table", "typename", "key"):
            found.update({getattr(spec, spelling).lower(): spec for spec in self.spec.models})
        return MappingProxyType(found)

    @cached_property
    def operations(self) -> tuple[str, ...]:
        """Every possible right: `<typename in lower case>.<verb>`, as credentials spell them."""
        return tuple(
            f"{spec.typename.lower()}.{verb}" for spec in self.spec.models for verb in VERBS
        )

    @cached_property
    def openapi(self) -> dict[str, object]:
        """The API's description, built once."""
        return openapi_document(self.spec, __version__)

    @cached_property
    def names(self) -> Names:
        """The names that clients use for what database errors name."""
        models = {
            name: spec.key for spec in self.spec.models for name in (spec.table, spec.typename)
        }
        fields = {
            (spec.key, column): wire
            for spec in self.spec.models
            for column, (wire, _) in columns_of(spec)
        }
        return Names(models, fields, requirements(self.spec))

    def find(self, name: str) -> ModelSpec | None:
        """Return the model with that key, typename or table, in any case; None when unknown."""
        return self.by_name.get(name.lower())

    def model(self, name: str) -> ModelSpec:
        """As `find`; raises server_execute_unknown_model."""
        found = self.find(name)
        if found is None:
            known = ", ".join(spec.key for spec in self.spec.models[:20]) or "none"
            raise error_for(
                "server_execute_unknown_model",
                f"model {name[:80]!r} is not in the active schema",
                model=name[:80],
                remedy="push the schema that declares it (`ablo-pg migrate`), or correct the name; "
                f"known: {known}",
            )
        return found


def columns_of(spec: ModelSpec) -> Iterator[tuple[str, tuple[str, FieldType]]]:
    """Yield (column, (wire name, type)) of a model's fields, base fields included."""
    for _, wire, column, kind in (*BASE_FIELDS, ARCHIVED_FIELD):
        own = {"id": spec.id_column, "organizationId": spec.tenancy.column}
        yield own.get(wire, column), (wire, kind)
    for each in spec.fields:
        yield each.column, (each.wire, each.type)


def fields_of(spec: ModelSpec) -> dict[str, Field]:
    """Return each field under its names and its column's."""
    named = named_fields(spec)
    return {column: named[wire] for column, (wire, _) in columns_of(spec)} | named


class _Active(msgspec.Struct, frozen=True, rename="camel"):
    version: int
    hash: str
    pushed_at: str
    schema: msgspec.Raw
    closed: tuple[str, ...] = ()


_ACTIVE: Final = msgspec.json.Decoder(_Active)


@dataclass(slots=True)
class LiveSchemas:
    """Keeps the active schema of a database in memory.

    Args: database, whose errors use the schema's names. probe, a pool to read through that is not
    exhausted when that one is. permissions, kept as the schema has them.
    """

    database: Database
    probe: Database
    permissions: Permissions
    _current: LiveSchema = field(default_factory=LiveSchema, init=False)
    _looking: anyio.Lock = field(default_factory=anyio.Lock, init=False)
    failure: AbloError | None = field(default=None, init=False)  # of the last read, if it failed

    def current(self) -> LiveSchema:
        """Return the schema as last seen."""
        return self._current

    async def refresh(self) -> LiveSchema:
        """Read now; return the active schema."""
        async with self._looking:
            known = self._current
            found = await self.probe.read(registry.schema_active, known.version, known.hash)
            if found is not None:
                # A large one in a thread, so that other requests proceed meanwhile.
                self._current = (
                    await anyio.to_thread.run_sync(live_schema_of, found)
                    if len(found) > PARSED_HERE
                    else live_schema_of(found)
                )
                self.database.names = self._current.names
                self.permissions.learn(self._current.spec, self._current.closed)
            return self._current

    async def find(self, name: str) -> LiveSchema:
        """Return the schema; read it again if it does not have the model."""
        return self._current if self._current.find(name) is not None else await self.refresh()

    async def run(self) -> None:
        """Read every second until cancelled. A failed read is retried."""
        while True:
            try:
                await self.refresh()
                self.failure = None
            except AbloError as exc:
                self.failure = exc
            await anyio.sleep(POLL_SECONDS)


def live_schema_of(data: bytes) -> LiveSchema:
    """Parse the answer of `ablo.schema_active`."""
    found = _ACTIVE.decode(data)
    document = bytes(found.schema)
    parsed: Any = msgspec.json.decode(document)
    spec = parse_schema_json(parsed)
    return LiveSchema(found.version, found.hash, found.pushed_at, spec, found.closed, document)
