"""A client's knowledge of its schema: finds a model's entry by any of its names.

Pure. `rows.requests` uses it to build requests, `rows.decode` to read answers.
"""

from __future__ import annotations

from collections.abc import Mapping

from ablo_pg.client.names import Entry, Tenant, unknown_model
from ablo_pg.schema.author import Schema
from ablo_pg.schema.lowering import relations_of
from ablo_pg.schema.names import wire_name
from ablo_pg.schema.neutral import named_fields
from ablo_pg.schema.rows import Model


class Registry:
    """Finds models by schema key, typename, table or class, and row classes by typename.

    tenant: whose rows the client reads and writes. numbered: typenames of models whose ids are
    numbers, as far as `ready` or creates have found out: they get no UUID.
    """

    def __init__(self, schema: Schema, tenant: Tenant | None = None) -> None:
        self.tenant = tenant or Tenant()
        self.numbered: set[str] = set()
        self._by_name: dict[str, Entry] = {}
        self._by_class: dict[type[Model], Entry] = {}
        self.keys: tuple[str, ...] = tuple(spec.key for spec in schema.spec.models)
        self.typenames: Mapping[str, Entry] = {}
        aliases: dict[str, Entry] = {}
        for spec in schema.spec.models:
            row, fields = schema.models[spec.key], named_fields(spec)
            relations = {one.name: one for one in spec.relations}
            attributes = {wire_name(name): name for name, _ in relations_of(row)}
            relations |= {name: relations[wire] for wire, name in attributes.items()}
            entry = Entry(
                spec.key,
                spec.typename,
                row,
                fields,
                self.tenant,
                relations,
                attributes,
                spec,
            )
            self._by_name[spec.key] = self._by_class[entry.row] = entry
            aliases |= {spec.typename: entry, spec.table: entry}
            self.typenames = {**self.typenames, spec.typename: entry}
        self._by_name = {**aliases, **self._by_name}

    @property
    def organization(self) -> str:
        """The organization whose rows the client reads and writes."""
        return self.tenant.organization

    def entry(self, model: str | type[Model]) -> Entry:
        """Return the model's entry. Raises server_execute_unknown_model."""
        found = self._by_name.get(model) if isinstance(model, str) else self._by_class.get(model)
        if found is None:
            name = model if isinstance(model, str) else getattr(model, "__name__", repr(model))
            raise unknown_model(name, self.keys)
        return found
