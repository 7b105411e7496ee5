"""The columns, keys and indexes of a pgTable, as Drizzle migrates them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from ablo_pg.compile.names import ident, literal
from ablo_pg.db.tables import IndexFacts
from ablo_pg.kernel.described.draft import (
    Column,
    Constraint,
    Draft,
    Place,
    Table,
    followed,
    reference,
)
from ablo_pg.kernel.described.script import Chain, Function, Number, Odd, Sql, Step, Value

_TYPES: Final = {
    **dict.fromkeys(("integer", "serial"), "int4"),
    **dict.fromkeys(("bigint", "bigserial"), "int8"),
    **dict.fromkeys(("smallint", "smallserial"), "int2"),
    "boolean": "bool",
    "text": "text",
    "varchar": "varchar",
    "char": "bpchar",
    "real": "float4",
    "doublePrecision": "float8",
    "numeric": "numeric",
    "decimal": "numeric",
    "json": "json",
    "jsonb": "jsonb",
    "uuid": "uuid",
    "date": "date",
    "interval": "interval",
    "inet": "inet",
    "cidr": "cidr",
    "macaddr": "macaddr",
    "point": "point",
    "line": "line",
    "bytea": "bytea",
    "timestamp": "timestamp",
    "time": "time",
    "vector": "vector",
    "bit": "bit",
}
_FOLLOWED: Final = ("onUpdate", "onDelete")
_OF_CLIENT: Final = ("$default", "$defaultFn", "$onUpdate", "$onUpdateFn")


@dataclass(slots=True)
class Tables:
    """The tables that a file declares: their constants, and those of enums and schemas."""

    draft: Draft
    schemas: dict[str, str] = field(default_factory=dict)
    enums: dict[str, str] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)
    keys: dict[str, dict[str, str]] = field(default_factory=dict)  # constant -> key -> column
    later: list[tuple[Table, str, tuple[str, ...], Value, dict[str, Value], int]] = field(
        default_factory=list
    )

    def declare(self, constant: str, place: Place, arguments: tuple[Value, ...], line: int) -> None:
        """Add a table: its name, its columns, and a function or object of more."""
        columns = arguments[1].value if isinstance(arguments[1], Function) else arguments[1]
        if not isinstance(columns, dict):
            self.draft.skip(f"table {place[1]}", "its columns are not a plain object", line)
            return
        table = self.draft.add(Table(place))
        self.places[constant] = place
        self.keys[constant] = {}
        for key, value in columns.items():
            if isinstance(value, Chain):
                self._column(constant, table, key, value)
            else:
                at = value.line if isinstance(value, Odd) else line
                self.draft.skip(f"column {key} of {place[1]}", "it is not a plain call", at)
        more = arguments[2] if len(arguments) > 2 else []
        more = more.value if isinstance(more, Function) else more
        listed = list(more.values()) if isinstance(more, dict) else more
        for value in listed if isinstance(listed, list) else [Odd(line)]:
            if isinstance(value, Chain):
                self._extra(constant, table, value)
            else:
                at = value.line if isinstance(value, Odd) else line
                self.draft.skip(f"a part of {place[1]}", "it is not a plain call", at)

    def _column(self, constant: str, table: Table, key: str, chain: Chain) -> None:
        first, *steps = chain.steps
        if first.arguments is None and steps:  # `(t) => ({ id: t.serial() })`
            first, *steps = steps
        given = first.arguments or ()
        name = next((one for one in given[:1] if isinstance(one, str)), key)
        options = next((one for one in given[:2] if isinstance(one, dict)), {})
        base = self.enums.get(first.name) or _TYPES.get(first.name)
        where = f"column {name} of {table.place[1]}"
        if base is None or first.arguments is None:
            self.draft.skip(where, f"there is no type {first.name} here", first.line)
            return
        column = Column(name, base, _limits(first.name, options))
        if base in ("timestamp", "time") and _says(options.get("withTimezone"), "true"):
            column.base = f"{base}tz"
        if first.name.endswith("serial"):
            column.not_null = True
            column.default = f"nextval('{table.place[1]}_{name}_seq')"
        table.columns[name] = column
        self.keys[constant][key] = name
        for step in steps:
            self._step(table, column, step, where)

    def _step(self, table: Table, column: Column, step: Step, where: str) -> None:
        arguments = step.arguments or ()
        first = arguments[0] if arguments else None
        if step.name == "notNull":
            column.not_null = True
        elif step.name == "primaryKey":
            table.constraints.append(Constraint("p", (column.name,)))
        elif step.name == "unique":
            name = first if isinstance(first, str) else f"{table.place[1]}_{column.name}_unique"
            table.constraints.append(Constraint("u", (column.name,), name=name))
        elif step.name == "array":
            column.array = True
        elif step.name in ("default", "defaultNow", "defaultRandom"):
            self._default(column, step, first, where)
        elif step.name.startswith("generated") and "Identity" in step.name:
            column.identity, column.generated = True, "Always" in step.name
        elif step.name == "generatedAlwaysAs":
            column.generated = True
            column.default = first.text if isinstance(first, Sql) else "null"
        elif step.name == "references" and first is not None:
            options = arguments[1] if len(arguments) > 1 and isinstance(arguments[1], dict) else {}
            self.later.append((table, "", (column.name,), first, options, step.line))
        elif step.name in _OF_CLIENT:
            reason = f"Drizzle's client makes its value: {step.name}"
            self.draft.skip(f"default of {where}", reason, step.line)
        elif step.name not in ("$type",):
            self.draft.skip(f"{step.name} of {where}", "it is not read here", step.line)

    def _default(self, column: Column, step: Step, value: Value | None, where: str) -> None:
        column.default = {"defaultNow": "now()", "defaultRandom": "gen_random_uuid()"}.get(
            step.name
        ) or _constant(value, column)
        if column.default is None:
            self.draft.skip(f"default of {where}", "it is neither a constant nor SQL", step.line)

    def _extra(self, constant: str, table: Table, chain: Chain) -> None:
        first, *steps = chain.steps
        named = first.arguments[0] if first.arguments else ""
        name = named if isinstance(named, str) else ""
        on = next((one.arguments or () for one in steps if one.name in ("on", "using")), ())
        on = on[1:] if any(one.name == "using" for one in steps) else on
        columns = [self._named(constant, one) for one in on]
        if first.name in ("index", "uniqueIndex"):
            unique = first.name == "uniqueIndex"
            end = "unique" if unique else "index"
            if None in columns or any(one.name == "where" for one in steps):
                table.others.append(name)
                return
            listed = tuple(one for one in columns if one)
            made = name or "_".join((table.place[1], *listed, end))
            table.indexes.append(IndexFacts(made, unique, listed))
        elif first.name == "unique" and columns and None not in columns:
            listed = tuple(one for one in columns if one)
            made = name or "_".join((table.place[1], *listed, "unique"))
            table.constraints.append(Constraint("u", listed, name=made))
        elif first.name in ("primaryKey", "foreignKey") and isinstance(named, dict):
            keys, given = named.get("columns"), named.get("name")
            listed = tuple(
                self._named(constant, one) or "" for one in (keys if isinstance(keys, list) else [])
            )
            made = given if isinstance(given, str) else ""
            if first.name == "primaryKey":
                table.constraints.append(Constraint("p", listed, name=made))
                return
            actions = {one.name: one.arguments[0] for one in steps if one.arguments}
            options = {key: value for key, value in actions.items() if key in _FOLLOWED}
            foreign = named.get("foreignColumns", [])
            self.later.append((table, made, listed, foreign, options, first.line))
        elif first.name == "check" and (test := self._test(constant, first)) is not None:
            definition, used = test
            table.constraints.append(Constraint("c", used, f"CHECK ({definition})", name))
        else:
            what = f"{first.name} {name}".strip() + f" of {table.place[1]}"
            self.draft.skip(what, "it stays in the database, and is not read here", first.line)

    def _test(self, constant: str, step: Step) -> tuple[str, tuple[str, ...]] | None:
        """Return a condition with its columns in the places of ${t.key}; None for other values."""
        value = next(reversed(step.arguments or ()), "")
        first, *rest = value.text.split("${") if isinstance(value, Sql) else ("", "")
        used: list[str] = []
        for part in rest:
            inner, end, after = part.partition("}")
            column = self.keys[constant].get(inner.strip().rpartition(".")[2])
            if column is None or not end:
                return None
            used.append(column)
            first += ident(column) + after
        return (first, tuple(dict.fromkeys(used))) if used else None

    def _named(self, constant: str, value: Value) -> str | None:
        """Return the column that `t.key` names."""
        if not isinstance(value, Chain) or len(value.steps) < 2:
            return None
        return self.keys[constant].get(value.steps[1].name)

    def finish(self) -> None:
        """Add the foreign keys, when every table is known."""
        for table, name, columns, value, options, line in self.later:
            listed = value if isinstance(value, list) else [value]
            listed = [one.value if isinstance(one, Function) else one for one in listed]
            chains = [one for one in listed if isinstance(one, Chain) and len(one.steps) == 2]
            constant = chains[0].steps[0].name if chains else ""
            place = self.places.get(constant)
            if len(chains) != len(columns) or place is None:
                what = f"foreign key ({', '.join(columns)}) of {table.place[1]}"
                self.draft.skip(what, "what it refers to is not in the file", line)
                continue
            target = tuple(
                self.keys[constant].get(one.steps[1].name, one.steps[1].name) for one in chains
            )
            given = (options.get(one, "") for one in _FOLLOWED)
            ends = followed(*(one.upper() if isinstance(one, str) else "" for one in given))
            name = name or "_".join((table.place[1], *columns, place[1], *target, "fk"))
            made = Constraint("f", columns, reference(columns, place, target, *ends), name)
            made.target, made.target_columns = place, target
            made.cascades = "ON DELETE CASCADE" in ends
            table.constraints.append(made)


def _says(value: Value | None, word: str) -> bool:
    return isinstance(value, Chain) and value.steps[0].name == word


def _limits(kind: str, options: dict[str, Value]) -> str:
    names = ("precision", "scale") if kind in ("numeric", "decimal") else ("length", "precision")
    found = [options.get(name) for name in names]
    return ",".join(one.text for one in found if isinstance(one, Number))


def _constant(value: Value | None, column: Column) -> str | None:
    """Return a default as SQL; None if it is not a constant."""
    type_ = ident(column.base) + ("[]" if column.array else "")
    if isinstance(value, Sql):
        return value.text
    if isinstance(value, str):
        return f"{literal(value)}::{type_}"
    if isinstance(value, Number):
        return value.text
    if isinstance(value, Chain) and value.steps[0].name in ("true", "false", "null"):
        return value.steps[0].name
    if isinstance(value, list) and not value:
        return f"'{'[]' if column.base in ('json', 'jsonb') else '{}'}'::{type_}"
    if isinstance(value, dict) and not value:
        return f"'{{}}'::{type_}"
    return None
