"""How the author calls things: answers and errors are translated by it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from ablo_pg.schema.rules import Requirement


@dataclass(frozen=True, slots=True)
class Names:
    """How the author calls things: SQL and wire names to the schema key and the Python field name.

    models: table, typename -> schema key. fields: (schema key, column or wire name) -> field name.
    requirements: (schema key, constraint's name) -> what it requires.
    """

    models: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[tuple[str, str], str] = field(default_factory=dict)
    requirements: Mapping[tuple[str, str], Requirement] = field(default_factory=dict)

    def model(self, name: str | None) -> str | None:
        """Return the schema key for a table or typename; an unknown name stays as it is."""
        return None if name is None else self.models.get(name, name)

    def field(self, model: str | None, name: str | None) -> str | None:
        """Return the author's field name for a column or wire name of that model."""
        return None if name is None else self.fields.get((model or "", name), name)


NO_NAMES: Final = Names()
