"""A table's facts that a migration needs. `db.migrate` reads them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ablo_pg.compile.names import shorten
from ablo_pg.compile.plan import ModelPlan
from ablo_pg.schema.neutral import ModelSpec


@dataclass(frozen=True, slots=True)
class ColumnFacts:
    """One column. `type` is the pg_type name under any domain, `declared` as SQL writes it.

    native: an enum type or an array. default: whether a writer may leave it out. added: by us, to
    an adopted table.
    """

    type: str
    declared: str
    not_null: bool
    native: bool = False
    default: bool = False
    added: bool = False


@dataclass(frozen=True, slots=True)
class ConstraintFacts:
    """One constraint: its contype and columns. `mark` records the definition it was made by."""

    mark: str | None
    valid: bool
    kind: str = "c"
    columns: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class IndexFacts:
    """One index: usable, unique over all rows, and over which columns. mark: as a constraint's."""

    valid: bool
    unique: bool
    columns: frozenset[str]
    mark: str | None = None


@dataclass(frozen=True, slots=True)
class TableFacts:
    """An existing table. size: bytes of its rows; rows: about how many; key: its primary key.

    ours: whether `login`, which migrates, may alter it: it has the rights of its owner.
    """

    size: int
    rows: int
    columns: Mapping[str, ColumnFacts]
    constraints: Mapping[str, ConstraintFacts]
    indexes: Mapping[str, IndexFacts]
    key: tuple[str, ...]
    triggers: frozenset[str]
    owner: str = "ablo_owner"
    login: str = ""
    ours: bool = True

    @property
    def live(self) -> bool:
        """Whether there are rows, and so perhaps writers, to consider."""
        return self.size > 0

    def has(self, kind: str, column: str) -> bool:
        """Whether a CHECK (c) is on a column alone, or a foreign key (f) on it among others."""
        alone = kind == "c"
        return any(
            one.columns == {column} if alone else column in one.columns
            for one in self.constraints.values()
            if one.kind == kind
        )

    @property
    def native(self) -> frozenset[str]:
        """The columns that are of an enum type or an array."""
        return frozenset(name for name, column in self.columns.items() if column.native)

    @property
    def adopted(self) -> bool:
        """Whether the table belongs to an application, and not to us."""
        return self.owner != "ablo_owner"

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> TableFacts:
        """Read what the catalogue query gave."""
        size = int(found["size"])
        return cls(
            size=size,
            # Never analyzed: a guess that is good enough for progress.
            rows=int(found["rows"]) if found["rows"] > 0 else size // 100,
            columns={
                name: ColumnFacts(
                    each["type"],
                    each["declared"],
                    each["notNull"],
                    each["native"],
                    each["default"],
                    each["added"],
                )
                for name, each in found["columns"].items()
            },
            constraints={
                name: ConstraintFacts(
                    each["mark"], each["valid"], each["kind"], frozenset(each["columns"])
                )
                for name, each in found["constraints"].items()
            },
            indexes={
                name: IndexFacts(
                    each["valid"], each["unique"], frozenset(each["columns"]), each.get("mark")
                )
                for name, each in found["indexes"].items()
            },
            key=tuple(found["key"]),
            triggers=frozenset(found["triggers"]),
            owner=found["owner"],
            login=found["login"],
            ours=found["ours"],
        )


def place(model: ModelPlan) -> tuple[str, str]:
    """Return schema and table as the catalogue has them."""
    return place_of(model.spec)


def place_of(spec: ModelSpec) -> tuple[str, str]:
    """Return schema and table of a model that is not planned."""
    return shorten(spec.table_schema), shorten(spec.table)
