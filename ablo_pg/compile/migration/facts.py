"""What a migration needs to know about a table as it stands. `db.migrate` reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ColumnFacts:
    """One column. `type` is the pg_type name, `declared` as SQL writes it."""

    type: str
    declared: str
    not_null: bool


@dataclass(frozen=True, slots=True)
class ConstraintFacts:
    """One constraint. `mark` is the comment that tells by which definition it was made."""

    mark: str | None
    valid: bool


@dataclass(frozen=True, slots=True)
class IndexFacts:
    """One index: usable, unique over all rows, and over which columns."""

    valid: bool
    unique: bool
    columns: frozenset[str]


@dataclass(frozen=True, slots=True)
class TableFacts:
    """A table that exists. size: bytes of its rows; rows: about how many; key: its primary key.

    ours: whether `login`, which migrates, may alter it: has the rights of its owner.
    """

    size: int
    rows: int
    columns: Mapping[str, ColumnFacts]
    constraints: Mapping[str, ConstraintFacts]
    indexes: Mapping[str, IndexFacts]
    key: tuple[str, ...]
    triggers: frozenset[str]
    owner: str = ""
    login: str = ""
    ours: bool = True

    @property
    def live(self) -> bool:
        """Whether there are rows, and so perhaps writers, to be considerate of."""
        return self.size > 0

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> TableFacts:
        """Read what the catalogue query gave."""
        size = int(found["size"])
        return cls(
            size=size,
            # Never analyzed: a guess that is good enough for progress.
            rows=int(found["rows"]) if found["rows"] > 0 else size // 100,
            columns={
                name: ColumnFacts(each["type"], each["declared"], each["notNull"])
                for name, each in found["columns"].items()
            },
            constraints={
                name: ConstraintFacts(each["mark"], each["valid"])
                for name, each in found["constraints"].items()
            },
            indexes={
                name: IndexFacts(each["valid"], each["unique"], frozenset(each["columns"]))
                for name, each in found["indexes"].items()
            },
            key=tuple(found["key"]),
            triggers=frozenset(found["triggers"]),
            owner=found["owner"],
            login=found["login"],
            ours=found["ours"],
        )
