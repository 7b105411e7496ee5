"""Tables under construction, and the facts that a catalogue would have of them.

Readers of files fill it in; the names, NOT NULL and indexes that Postgres adds are added
at the end, when every type is known.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal, NoReturn

from ablo_pg.compile.names import ident
from ablo_pg.db.tables import (
    ColumnFacts,
    ConstraintFacts,
    IndexFacts,
    MarkedIndex,
    TableFacts,
)
from ablo_pg.errors import error_for

LARGEST: Final = 8 << 20  # bytes of a file; more is a dump with data, which nothing here needs
MOST: Final = 2_000  # tables
Place = tuple[str, str]  # schema and name
_WRITTEN: Final = {
    "int2": "smallint",
    "int4": "integer",
    "int8": "bigint",
    "bool": "boolean",
    "float4": "real",
    "float8": "double precision",
    "varchar": "character varying",
    "bpchar": "character",
    "timestamptz": "timestamp with time zone",
    "timestamp": "timestamp without time zone",
    "time": "time without time zone",
}
_DOCUMENTS: Final = ("json", "jsonb", "bytea")


@dataclass(frozen=True, slots=True)
class Skipped:
    """What was not read: a statement or declaration, why, and its line."""

    what: str
    reason: str
    line: int


@dataclass(frozen=True, slots=True)
class Described:
    """The tables of a file, and what of it was not read."""

    tables: tuple[TableFacts, ...]
    skipped: tuple[Skipped, ...]


@dataclass(slots=True)
class Column:
    """A column. base: its type as `pg_type` names it, without the array. limits: (10,2)."""

    name: str
    base: str
    limits: str = ""
    array: bool = False
    not_null: bool = False
    default: str | None = None
    generated: bool = False
    identity: bool = False
    comment: str | None = None


@dataclass(slots=True)
class Constraint:
    """A constraint; name and target columns may be missing. kind: as in `pg_constraint`."""

    kind: Literal["c", "p", "u", "f", "x"]
    columns: tuple[str, ...]
    definition: str = ""
    name: str = ""
    target: Place | None = None
    target_columns: tuple[str, ...] = ()
    cascades: bool = False
    valid: bool = True
    comment: str | None = None


@dataclass(slots=True)
class Table:
    """A relation. parents: that it inherits from. others: names of indexes with conditions.

    required: columns that are NOT NULL by a constraint of the table. guard: as in `TableFacts`.
    """

    place: Place
    kind: Literal["r", "p", "v", "m", "f"] = "r"
    columns: dict[str, Column] = field(default_factory=dict)
    constraints: list[Constraint] = field(default_factory=list)
    indexes: list[IndexFacts] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    comment: str | None = None
    is_partition: bool = False
    is_logged: bool = True
    parents: list[Place] = field(default_factory=list)
    required: set[str] = field(default_factory=set)
    guard: str | None = None


@dataclass(slots=True)
class Draft:
    """Everything that a file declares. comments: of indexes, by name."""

    name: str
    tables: dict[Place, Table] = field(default_factory=dict)
    enums: dict[str, tuple[str, ...]] = field(default_factory=dict)
    domains: dict[str, Column] = field(default_factory=dict)
    comments: dict[str, str] = field(default_factory=dict)
    skipped: list[Skipped] = field(default_factory=list)

    def add(self, table: Table) -> Table:
        """Add a table. Raises schema_definition_invalid if there are too many."""
        if len(self.tables) >= MOST:
            refuse(self.name, f"it declares more than {MOST:,} tables", remedy="read it in parts")
        self.tables[table.place] = table
        return table

    def skip(self, what: str, reason: str, line: int) -> None:
        """Note what is not read."""
        self.skipped.append(Skipped(what, reason, line))

    def finished(self) -> Described:
        """Return the facts of all tables, as a catalogue has them."""
        for table in self.tables.values():
            if not all((*table.place, *table.columns)):
                refuse(self.name, f"table {'.'.join(table.place)}, or a column of it, has no name")
            self._inherit(table, set())
        found = [self._table(table) for place, table in sorted(self.tables.items())]
        return Described(tuple(found), tuple(self.skipped))

    def _inherit(self, table: Table, below: set[Place]) -> None:
        for place in table.parents:
            parent = self.tables.get(place)
            if parent is None or place in below:
                continue
            self._inherit(parent, below | {table.place})
            own = {name: replace(one) for name, one in parent.columns.items()}
            table.columns = own | table.columns
            named = {one.name for one in table.constraints}
            checks = [one for one in parent.constraints if one.kind == "c"]
            table.constraints += [one for one in checks if one.name not in named]
        for name in table.required & table.columns.keys():
            table.columns[name].not_null = True

    def _table(self, table: Table) -> TableFacts:
        schema, name = table.place
        constraints = tuple(sorted(self._constraints(table), key=lambda one: one.name))
        key = next((one.columns for one in constraints if one.kind == "p"), ())
        indexes = [IndexFacts(o.name, True, o.columns) for o in constraints if o.kind in ("p", "u")]
        indexes += table.indexes
        marked = [
            MarkedIndex(one, True, self.comments[one])
            for one in sorted({*(index.name for index in indexes), *table.others})
            if one in self.comments
        ]
        children = sorted(one.place for one in self.tables.values() if table.place in one.parents)
        return TableFacts(
            schema, name, table.kind, table.is_partition, table.is_logged, -1.0,
            tuple(self._column(one, key) for one in table.columns.values()), constraints,
            tuple(sorted(indexes, key=lambda one: one.name)), table.comment,
            tuple(".".join(map(plain, place)) for place in children), tuple(marked), table.guard,
        )  # fmt: skip

    def _column(self, column: Column, key: Sequence[str]) -> ColumnFacts:
        base, limits, array = column.base, column.limits, column.array
        domain = self.domains.get(base)
        seen: set[str] = set()
        while domain is not None and base not in seen:
            seen.add(base)
            base, array = domain.base, array or domain.array
            domain = self.domains.get(base)
        labels = () if array else self.enums.get(base, ())
        scalar = base in self.enums or (base not in _DOCUMENTS and base not in self.domains)
        written = _WRITTEN.get(column.base, column.base)
        if limits and base in ("timestamp", "timestamptz", "time"):
            first, _, rest = written.partition(" ")
            written = f"{first}({limits}) {rest}"
        elif limits:
            written += f"({limits})"
        return ColumnFacts(
            column.name, written + ("[]" if column.array else ""), f"_{base}" if array else base,
            column.not_null or column.identity or column.name in key, column.default,
            column.generated, labels, column.comment, base != "citext", column.identity,
            bool(labels) or (array and scalar),
        )  # fmt: skip

    def _constraints(self, table: Table) -> Iterator[ConstraintFacts]:
        for name, one in self.named(table):
            schema, target = one.target or (None, None)
            columns = one.target_columns
            other = self.tables.get(one.target) if one.target else None
            if other is not None and not columns:
                columns = next((o.columns for o in other.constraints if o.kind == "p"), ())
            if one.kind == "f" and len(columns) != len(one.columns):
                columns = tuple("" for _ in one.columns)  # of a table that is not here
            yield ConstraintFacts(
                name, one.kind, one.columns, one.definition, schema, target, columns,
                one.cascades, one.comment, one.valid,
            )  # fmt: skip

    def named(self, table: Table) -> Iterator[tuple[str, Constraint]]:
        """Yield a table's constraints with their names: given, or what Postgres calls them."""
        taken: set[str] = {one.name for one in table.constraints}
        for one in table.constraints:
            name = one.name or self._named(table, one, taken)
            taken.add(name)
            yield name, one

    def _named(self, table: Table, one: Constraint, taken: set[str]) -> str:
        end = {"p": "pkey", "u": "key", "f": "fkey", "c": "check", "x": "excl"}[one.kind]
        columns = (
            () if one.kind == "p" or (one.kind == "c" and len(one.columns) > 1) else one.columns
        )
        name = "_".join((table.place[1], *columns, end))
        free, number = name, 0
        while free in taken:
            number += 1
            free = f"{name}{number}"
        return free


def plain(name: str) -> str:
    """Return a name as Postgres quotes it: only if it must."""
    simple = name.isidentifier() and name.isascii() and name == name.lower()
    return name if simple else ident(name)


def reference(columns: Sequence[str], place: Place, target: Sequence[str], *options: str) -> str:
    """Return the definition of a foreign key. options: `ON DELETE CASCADE`, in Postgres' order."""
    own, theirs = (", ".join(map(plain, names)) for names in (columns, target))
    schema, name = map(plain, place)
    table = name if schema == "public" else f"{schema}.{name}"
    listed = f"({theirs})" if theirs else ""
    return " ".join((f"FOREIGN KEY ({own}) REFERENCES {table}{listed}", *options))


def followed(update: str, delete: str) -> tuple[str, ...]:
    """Return the options of a foreign key, for `reference`; NO ACTION and "" are left out."""
    both = (("ON UPDATE", update), ("ON DELETE", delete))
    return tuple(f"{on} {action}" for on, action in both if action not in ("", "NO ACTION"))


def bounded(name: str, text: str, limit: int, remedy: str = "") -> None:
    """Refuse a file that is too large, or not text. limit: characters."""
    if len(text) > limit:
        refuse(name, f"it has more than {limit >> 20} MB", remedy=remedy)
    if (at := text.find("\0")) >= 0:
        line, column = text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)
        refuse(name, "a character of a text is NUL", line=line, column=column)


def refuse(name: str, reason: str, *, line: int = 0, column: int = 0, remedy: str = "") -> NoReturn:
    """Raise schema_definition_invalid, with the place in the file."""
    where = f"{name}:{line}:{column}" if line else name
    raise error_for(
        "schema_definition_invalid",
        f"{where}: {reason}",
        remedy=remedy or "correct the file there, or pull from a database that has the tables",
        details={"file": name, "line": line, "column": column} if line else {"file": name},
    )
