"""Tables out of a Prisma schema: models, enums, views, and the attributes that reach the database.

As Prisma migrates them on Postgres: names, types, keys and what it leaves to its client.
https://www.prisma.io/docs/orm/reference/prisma-schema-reference
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, TypeAlias

from ablo_pg.compile.names import ident, literal
from ablo_pg.db.tables import IndexFacts
from ablo_pg.kernel.described.draft import (
    Column,
    Constraint,
    Described,
    Draft,
    Table,
    followed,
    reference,
)
from ablo_pg.kernel.described.tokens import Cursor

_TYPES: Final = {
    "String": "text",
    "Boolean": "bool",
    "Int": "int4",
    "BigInt": "int8",
    "Float": "float8",
    "Decimal": "numeric",
    "DateTime": "timestamp",
    "Json": "jsonb",
    "Bytes": "bytea",
}
_LIMITS: Final = {"Decimal": "65,30", "DateTime": "3"}
_NATIVE: Final = {  # @db.X, of which Postgres's own name is another
    "Integer": "int4",
    "SmallInt": "int2",
    "BigInt": "int8",
    "DoublePrecision": "float8",
    "Real": "float4",
    "Decimal": "numeric",
    "Boolean": "bool",
    "Char": "bpchar",
}
_OF_CLIENT: Final = ("uuid", "cuid", "nanoid", "ulid", "auto")
_ACTIONS: Final = {"Cascade": "CASCADE", "SetNull": "SET NULL", "NoAction": "NO ACTION"} | {
    "Restrict": "RESTRICT",
    "SetDefault": "SET DEFAULT",
}


Value: TypeAlias = "str | _Call | list[Value]"


@dataclass(slots=True)
class _Field:
    name: str
    type: str
    list: bool
    optional: bool
    attributes: dict[str, dict[str, Value]]
    line: int

    @property
    def column(self) -> str:
        """The name of its column."""
        return str(self.attributes.get("map", {}).get("", self.name))


@dataclass(slots=True)
class _Block:
    kind: str
    name: str
    line: int
    fields: list[_Field] = field(default_factory=list)
    attributes: list[tuple[str, dict[str, Value]]] = field(default_factory=list)

    @property
    def table(self) -> tuple[str, str]:
        """Its schema and table."""
        given = dict(self.attributes)
        name = given.get("map", {}).get("", self.name)
        return str(given.get("schema", {}).get("", "public")), str(name)


@dataclass(frozen=True, slots=True)
class _Call:
    name: str
    arguments: dict[str, Value]


def read_prisma(text: str, name: str) -> Described:
    """Return the tables of a Prisma schema.

    name: of the file, for messages. Raises: schema_definition_invalid, with line and column.
    """
    cursor = Cursor(name, text, lines=True)
    draft = Draft(name)
    blocks: list[_Block] = []
    while cursor.next.kind != "end":
        if cursor.next.kind == "line":
            cursor.take()
            continue
        blocks.append(_block(cursor))
    made = _Maker(draft, {one.name: one for one in blocks})
    for one in blocks:
        made.declare(one)
    for one in blocks:
        if one.kind in ("model", "view"):
            made.relate(one)
    return draft.finished()


def _block(cursor: Cursor) -> _Block:
    line = cursor.next.line
    kind = cursor.word("name", "model, enum, view, type, datasource or generator")
    block = _Block(kind, cursor.word("name", f"the name of a {kind}"), line)
    if kind not in ("model", "view", "enum"):
        cursor.skip_group()
        return block
    cursor.expect("{")
    while not cursor.eat("}"):
        if cursor.next.kind == "line":
            cursor.take()
        elif cursor.eat("@@"):
            block.attributes.append((_dotted(cursor), _arguments(cursor)))
        else:
            block.fields.append(_field(cursor, kind))
    return block


def _field(cursor: Cursor, kind: str) -> _Field:
    line = cursor.next.line
    found = _Field(cursor.word("name", "a field"), "", False, False, {}, line)
    if kind != "enum":
        found.type = cursor.word("name", f"the type of {found.name}")
        if cursor.sees("("):  # Unsupported("tsvector")
            found.type = str(_arguments(cursor).get("", ""))
        if cursor.eat("["):
            cursor.expect("]")
            found.list = True
        found.optional = cursor.eat("?")
    while cursor.eat("@"):
        word = _dotted(cursor)
        found.attributes[word] = _arguments(cursor)
    if cursor.next.kind not in ("line", "end") and not cursor.sees("}"):
        cursor.refuse(f"expected an attribute or the end of the line, found {cursor.found()}")
    return found


def _dotted(cursor: Cursor) -> str:
    name = cursor.word("name", "the name of an attribute")
    while cursor.eat("."):
        name += "." + cursor.word("name", "a name")
    return name


def _arguments(cursor: Cursor) -> dict[str, Value]:
    """Read `(a, name: b)`: the value without a name is under ''."""
    found: dict[str, Value] = {}
    if not cursor.eat("("):
        return found
    while not cursor.eat(")"):
        if cursor.next.kind == "line" or cursor.eat(","):
            if cursor.next.kind == "line":
                cursor.take()
            continue
        named = cursor.next.kind == "name" and cursor.after().text == ":"
        key = cursor.take().text if named else ""
        if named:
            cursor.expect(":")
        value = _value(cursor)
        found[key if key or "" not in found else f"{len(found)}"] = value
    return found


def _value(cursor: Cursor) -> Value:
    if cursor.eat("["):
        cursor.deeper()
        values: list[Value] = []
        while not cursor.eat("]"):
            if cursor.next.kind == "line":
                cursor.take()
            elif not cursor.eat(","):
                values.append(_value(cursor))
        cursor.higher()
        return values
    if cursor.next.kind in ("text", "number"):
        token = cursor.take()
        return token.text if token.kind == "text" else _Call("number", {"": token.text})
    name = _dotted(cursor) if cursor.next.kind == "name" else cursor.word("name", "a value")
    return _Call(name, _arguments(cursor) if cursor.sees("(") else {})


class _Maker:
    def __init__(self, draft: Draft, blocks: dict[str, _Block]) -> None:
        self.draft = draft
        self.blocks = blocks

    def declare(self, block: _Block) -> None:
        """Add a block's table or enum, without foreign keys."""
        if block.kind == "enum":
            self.draft.enums[block.table[1]] = tuple(one.column for one in block.fields)
        elif block.kind in ("model", "view"):
            table = self.draft.add(Table(block.table, "v" if block.kind == "view" else "r"))
            for each in block.fields:
                if not self._is_relation(each):
                    self._column(table, each)
            for word, given in block.attributes:
                self._attribute(table, block, word, given)
        elif block.kind not in ("datasource", "generator"):
            what = f"{block.kind} {block.name}"
            self.draft.skip(what, "Postgres has no tables of that kind", block.line)

    def _is_relation(self, each: _Field) -> bool:
        block = self.blocks.get(each.type)
        return block is not None and block.kind in ("model", "view")

    def _column(self, table: Table, each: _Field) -> None:
        of = self.blocks.get(each.type)
        base = of.table[1] if of is not None else _TYPES.get(each.type, each.type)
        column = Column(each.column, base, _LIMITS.get(each.type, ""), each.list)
        column.not_null = not each.optional and not each.list
        for word, given in each.attributes.items():
            if word.startswith("db."):
                native = word.removeprefix("db.")
                column.base = _NATIVE.get(native, native.lower())
                column.limits = ",".join(_text(one) for one in given.values())
            elif word == "id":
                key = Constraint("p", (column.name,), name=f"{table.place[1]}_pkey")
                table.constraints.append(key)
            elif word == "unique":
                name = given.get("map", f"{table.place[1]}_{column.name}_key")
                table.indexes.append(IndexFacts(str(name), True, (column.name,)))
            elif word == "default":
                self._default(table, column, given.get(""), each)
            elif word == "updatedAt":
                what = f"{each.name} of {table.place[1]}: @updatedAt"
                self.draft.skip(what, "Prisma's client makes its value", each.line)
        table.columns[column.name] = column

    def _default(self, table: Table, column: Column, value: Value | None, each: _Field) -> None:
        call = value if isinstance(value, _Call) else None
        if call is not None and call.name == "autoincrement":
            column.default = f"nextval('{table.place[1]}_{column.name}_seq')"
        elif call is not None and call.name == "now":
            column.default = "CURRENT_TIMESTAMP"
        elif call is not None and call.name == "dbgenerated":
            column.default = str(call.arguments.get("", "")) or None
        elif call is not None and call.name in _OF_CLIENT:
            what = f"default of {column.name} of {table.place[1]}"
            self.draft.skip(what, f"Prisma's client makes it: {call.name}()", each.line)
        elif isinstance(value, list):
            listed = ", ".join(self._constant(one, column) for one in value)
            column.default = f"ARRAY[{listed}]::{ident(column.base)}[]"
        elif value is not None:
            column.default = self._constant(value, column)

    def _constant(self, value: Value, column: Column) -> str:
        if isinstance(value, str):
            return literal(value)
        if isinstance(value, list):
            return "null"
        if value.name in ("number", "true", "false"):
            return _text(value)
        labels = {one.name: one.column for one in self._enum_fields(column)}
        return f"{literal(labels.get(value.name, value.name))}::{ident(column.base)}"

    def _enum_fields(self, column: Column) -> list[_Field]:
        enums = (one for one in self.blocks.values() if one.kind == "enum")
        return next((one.fields for one in enums if one.table[1] == column.base), [])

    def _attribute(self, table: Table, block: _Block, word: str, given: dict[str, Value]) -> None:
        fields = {one.name: one.column for one in block.fields}
        named = _names(given.get("", given.get("fields")))
        if word not in ("id", "unique", "index", "fulltext") or not named:
            return
        names = tuple(fields.get(one, one) for one in named)
        if word == "id":
            table.constraints.append(Constraint("p", names, name=f"{table.place[1]}_pkey"))
            return
        end = "key" if word == "unique" else "idx"
        name = str(given.get("map", "_".join((table.place[1], *names, end))))
        table.indexes.append(IndexFacts(name, word == "unique", names))

    def relate(self, block: _Block) -> None:
        """Add a model's foreign keys."""
        table = self.draft.tables[block.table]
        columns = {one.name: one for one in block.fields}
        for each in filter(self._is_relation, block.fields):
            target = self.blocks[each.type]
            given = each.attributes.get("relation", {})
            if "fields" not in given:
                self._many_to_many(block, each, target)
                continue
            keys = [columns[one] for one in _names(given["fields"]) if one in columns]
            theirs = {one.name: one.column for one in target.fields}
            referred = tuple(theirs.get(one, one) for one in _names(given.get("references")))
            own = tuple(one.column for one in keys)
            default = "SetNull" if any(one.optional for one in keys) else "Restrict"
            (asked, *_) = [*_names([given.get("onDelete", "")]), default]
            (moved, *_) = [*_names([given.get("onUpdate", "")]), "Cascade"]
            ends = followed(_ACTIONS.get(moved, ""), _ACTIONS.get(asked, ""))
            name = str(given.get("map", "_".join((block.table[1], *own, "fkey"))))
            made = Constraint("f", own, reference(own, target.table, referred, *ends), name)
            made.target, made.target_columns = target.table, referred
            made.cascades = asked == "Cascade"
            table.constraints.append(made)

    def _many_to_many(self, block: _Block, each: _Field, target: _Block) -> None:
        back = [one for one in target.fields if one.type == block.name]
        lists = each.list and back and all(one.list for one in back)
        if lists and block.name <= target.name:
            what = f"table _{block.name}To{target.name} of {block.name}.{each.name}"
            reason = "Prisma makes it without a model; its key is of two columns"
            self.draft.skip(what, reason, each.line)


def _names(value: Value | None) -> list[str]:
    """Return the names in a list; none of anything else."""
    listed = value if isinstance(value, list) else []
    return [one.name for one in listed if isinstance(one, _Call)]


def _text(value: Value) -> str:
    if isinstance(value, _Call):
        return str(value.arguments.get("", "")) if value.name == "number" else value.name
    return str(value)
