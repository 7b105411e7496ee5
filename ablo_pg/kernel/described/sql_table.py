"""CREATE TABLE and ALTER TABLE, as sqlglot reads them, into tables under construction."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ablo_pg.db.tables import IndexFacts
from ablo_pg.kernel.described.draft import (
    Column,
    Constraint,
    Draft,
    Place,
    Table,
    plain,
    reference,
)
from ablo_pg.kernel.trees.casting import name_of, type_of
from ablo_pg.kernel.trees.constants import base_name

if TYPE_CHECKING:
    from sqlglot import exp

# What a foreign key does unless it says otherwise, and how Postgres orders what it says.
_IMPLIED = {"MATCH SIMPLE", "ON UPDATE NO ACTION", "ON DELETE NO ACTION", "INITIALLY IMMEDIATE"}
_ORDER = ("MATCH", "ON UPDATE", "ON DELETE", "DEFERRABLE", "INITIALLY")
_IDLE = {("WITHOUT", "OIDS"), ("NOT", "DEFERRABLE"), ("NO", "INHERIT")}
_EXCLUDE = ("exclude", "VAR")
_NUMBERED = ("SERIAL", "BIGSERIAL", "SMALLSERIAL")


def fold(text: str, kind: str) -> str:
    """Return a token as a name: in lower case, unless it is quoted."""
    return text if kind == "IDENTIFIER" else text.lower()


def place_of(table: exp.Expr) -> Place:
    """Return a table's schema and name."""
    schema = table.args.get("db")
    return ("public" if schema is None else name_of(schema), name_of(table.this))


def plain_column(node: exp.Expr) -> str | None:
    """Return the column of an index's key; None for an expression."""
    inner = node.this if type(node).__name__ == "Ordered" else node
    inner = inner.this if type(inner).__name__ == "Opclass" else inner
    return name_of(inner.this) if type(inner).__name__ == "Column" else None


def readable(text: str) -> tuple[str, tuple[str, ...]]:
    """Rewrite what Postgres accepts and sqlglot does not; return the columns that are required.

    `NOT NULL column` in a CREATE TABLE's list is taken out: only Postgres 18 has it
    (https://www.postgresql.org/docs/18/sql-createtable.html). So are words that change nothing
    here. A column that is called exclude is quoted.
    """
    import sqlglot

    tokens = sqlglot.tokenize(text, dialect="postgres")
    for at in reversed(range(len(tokens) - 1)):
        if tuple(one.text.upper() for one in tokens[at : at + 2]) in _IDLE:
            start, end = tokens[at].start, tokens[at + 1].end + 1
            text = f"{text[:start]}{' ' * (end - start)}{text[end:]}"
            del tokens[at : at + 2]
    names: list[str] = []
    kept, at = "", 0
    for i, token in enumerate(tokens[:-3]):
        first = i + 1 if tokens[i + 1].text.upper() != "CONSTRAINT" else i + 3
        words = [one.text.upper() for one in tokens[first : first + 2]]
        after, begins = tokens[i + 1], token.token_type.name in ("L_PAREN", "COMMA")
        if begins and (after.text.lower(), after.token_type.name) == _EXCLUDE:
            if words[1:] not in (["USING"], ["("]):
                kept += f'{text[at : after.start]}"exclude"'
                at = after.end + 1
            continue
        if not begins or words != ["NOT", "NULL"] or len(tokens) < first + 4:
            continue
        last = first + 2
        names.append(fold(tokens[last].text, tokens[last].token_type.name))
        comma = tokens[last + 1].text == ","
        kept += text[at : tokens[i].end + 1 if comma or token.text == "(" else tokens[i].start]
        at = tokens[last + 1].end + 1 if comma else tokens[last].end + 1
    return kept + text[at:], tuple(names)


def require(draft: Draft, node: exp.Expr, name: str) -> None:
    """Note that a column of a created table is NOT NULL, perhaps one that it inherits."""
    table = node.this.this if type(node.this).__name__ == "Schema" else node.this
    if (made := draft.tables.get(place_of(table))) is not None:
        made.required.add(name)


def create(draft: Draft, node: exp.Expr, line: int) -> None:
    """Add the table of a CREATE TABLE."""
    schema = node.this
    parts = schema.expressions if type(schema).__name__ == "Schema" else []
    place = place_of(schema.this if parts or type(schema).__name__ == "Schema" else schema)
    if any(type(one).__name__ == "LikeProperty" for one in parts):
        draft.skip(f"table {'.'.join(place)}", "it is declared LIKE another", line)
        return
    table = draft.add(Table(place))
    properties = node.args.get("properties")
    for one in properties.expressions if properties is not None else ():
        kind = type(one).__name__
        if kind == "PartitionedByProperty":
            table.kind = "p"
        elif kind == "PartitionedOfProperty":
            table.is_partition = True
        elif kind == "UnloggedProperty":
            table.is_logged = False
        elif kind == "InheritsProperty":
            table.parents = [place_of(each) for each in one.expressions]
        elif kind == "TemporaryProperty":
            del draft.tables[place]
            return
    for part in parts:
        _part(draft, table, part, line)
    keys = {one.columns for one in table.constraints if one.kind == "p"}
    table.constraints = [  # Postgres makes no second index of a key
        one for one in table.constraints if one.kind != "u" or one.columns not in keys
    ]


def _part(draft: Draft, table: Table, part: exp.Expr, line: int, name: str = "") -> None:
    kind = type(part).__name__
    if kind == "ColumnDef":
        _column(draft, table, part, line)
    elif kind == "Constraint":
        for each in part.expressions:
            _part(draft, table, each, line, name_of(part.this))
    elif kind == "PrimaryKey":
        columns = tuple(str(plain_name(each)) for each in part.expressions)
        table.constraints.append(Constraint("p", columns, name=name))
    elif kind == "UniqueColumnConstraint" and part.this is not None:
        columns = tuple(name_of(each) for each in part.this.expressions)
        table.constraints.append(Constraint("u", columns, name=name))
    elif kind == "ForeignKey":
        columns = tuple(name_of(each) for each in part.expressions)
        table.constraints.append(_reference(columns, part.args["reference"], name))
    elif kind == "CheckColumnConstraint":
        table.constraints.append(_check(part, name))
    elif kind == "ExcludeColumnConstraint":
        draft.skip(f"constraint {name} of {table.place[1]}", "it stays in the database", line)
    else:
        draft.skip(f"{part.sql(dialect='postgres')[:60]}", "it is not understood", line)


def plain_name(node: exp.Expr) -> str | None:
    """Return a name that sqlglot has as an identifier, a column or a key of an index."""
    return name_of(node) if type(node).__name__ == "Identifier" else plain_column(node)


def _check(part: exp.Expr, name: str) -> Constraint:
    columns = dict.fromkeys(
        name_of(each.this) for each in part.this.find_all(_columns()) if each.args.get("db") is None
    )
    return Constraint("c", tuple(columns), f"CHECK ({spelt(part.this)})", name)


def spelt(node: exp.Expr) -> str:
    """Return an expression as SQL. E'...' becomes a plain text: its escapes have been resolved."""
    from sqlglot import exp

    node = node.transform(
        lambda one: exp.Literal.string(one.this) if isinstance(one, exp.ByteString) else one
    )
    return str(node.sql(dialect="postgres", normalize_functions="lower"))


def _columns() -> type[exp.Column]:
    from sqlglot import exp

    return exp.Column


def _reference(columns: tuple[str, ...], node: exp.Expr, name: str) -> Constraint:
    schema = node.this
    listed = type(schema).__name__ == "Schema"
    place = place_of(schema.this if listed else schema)
    target = tuple(name_of(each) for each in schema.expressions) if listed else ()
    options = {str(one).upper() for one in node.args.get("options") or ()}
    said = [one for word in _ORDER for one in options - _IMPLIED if one.startswith(word)]
    definition = reference(columns, place, target, *said)
    cascades = "ON DELETE CASCADE" in options
    return Constraint("f", columns, definition, name, place, target, cascades)


def column_of_type(text: str) -> Column | None:
    """Return a column without a name, of the type that this text is."""
    import sqlglot
    from sqlglot.errors import SqlglotError

    try:
        node: exp.Expr = sqlglot.parse_one(f"null::{text}", dialect="postgres")
        return typed("", node.args["to"])
    except (SqlglotError, KeyError):
        return None


def typed(name: str, node: exp.Expr) -> Column:
    """Return a column of a type as sqlglot has it."""
    array = node.this.name == "ARRAY"
    node = node.expressions[0] if array else node
    if node.this.name == "USERDEFINED":
        return Column(name, type_of(node)[0], array=array)
    limits = ",".join(str(one.this) for one in node.expressions)
    return Column(name, base_name(node.this.name), limits, array)


def _column(draft: Draft, table: Table, node: exp.Expr, line: int) -> None:
    name = name_of(node.this)
    if node.args.get("kind") is None:
        draft.skip(f"column {name} of {table.place[1]}", "it has no type", line)
        return
    column = typed(name, node.args["kind"])
    table.columns[name] = column
    if node.args["kind"].this.name in _NUMBERED:
        column.not_null, column.default = True, f"nextval('{table.place[1]}_{name}_seq')"
    for each in node.args.get("constraints") or ():
        given = each.args.get("this")
        named = "" if given is None else name_of(given)
        _of_column(draft, table, column, each.args["kind"], named, line)


def _of_column(
    draft: Draft, table: Table, column: Column, node: exp.Expr, name: str, line: int
) -> None:
    kind = type(node).__name__
    if kind == "NotNullColumnConstraint":
        column.not_null = not node.args.get("allow_null")
    elif kind == "DefaultColumnConstraint":
        column.default = _default(node.this)
    elif kind == "PrimaryKeyColumnConstraint":
        table.constraints.append(Constraint("p", (column.name,), name=name))
    elif kind == "UniqueColumnConstraint":
        table.constraints.append(Constraint("u", (column.name,), name=name))
    elif kind == "CheckColumnConstraint":
        table.constraints.append(_check(node, name))
    elif kind == "Reference":
        table.constraints.append(_reference((column.name,), node, name))
    elif kind == "ComputedColumnConstraint":
        column.generated = True
        column.default = spelt(node.this)
    elif kind == "GeneratedAsIdentityColumnConstraint":
        column.identity, column.generated = True, bool(node.this)


def _default(node: exp.Expr) -> str | None:
    return None if type(node).__name__ == "Null" else spelt(node)


def alter(draft: Draft, node: exp.Expr, action: exp.Expr, line: int) -> None:
    """Apply one action of an ALTER TABLE."""
    place = place_of(node.this)
    table = draft.tables.get(place)
    kind = type(action).__name__
    if table is None:
        draft.skip(f"change of {'.'.join(place)}", "the table is not in the file", line)
    elif kind == "ColumnDef":
        _column(draft, table, action, line)
    elif kind == "AddConstraint":
        before = len(table.constraints)
        for each in action.expressions:
            _part(draft, table, each, line)
        for one in table.constraints[before:]:
            one.valid = not node.args.get("not_valid")
    elif kind == "AlterColumn":
        _alter_column(table, action)
    elif kind == "Drop" and action.args.get("kind") == "CONSTRAINT":
        gone = {name_of(each.this) for each in action.args["tables"]}
        for name, one in draft.named(table):
            one.name = name  # what is left keeps its name
        table.constraints = [one for one in table.constraints if one.name not in gone]
    elif kind == "Drop" and action.args.get("kind") == "COLUMN":
        _drop(table, (name_of(each.this) for each in action.args["tables"]))
    elif kind == "RenameColumn":
        _rename(table, name_of(action.this.this), name_of(action.args["to"].this))
    elif kind == "AlterRename":
        del draft.tables[place]
        table.place = (place[0], name_of(action.this.this))
        draft.add(table)
    else:
        title = action.sql(dialect="postgres")[:60]
        draft.skip(f"{place[1]}: {title}", "it is not understood", line)


def _alter_column(table: Table, node: exp.Expr) -> None:
    column = table.columns.get(name_of(node.this))
    given = node.args
    if column is None:
        return
    if given.get("dtype") is not None:
        made = typed(column.name, given["dtype"])
        column.base, column.limits, column.array = made.base, made.limits, made.array
    elif given.get("allow_null") is not None:
        column.not_null = not given["allow_null"]
    elif given.get("default") is not None:
        column.default = _default(given["default"])
    elif given.get("drop"):
        column.default = None


def _drop(table: Table, names: Iterable[str]) -> None:
    for name in names:
        table.columns.pop(name, None)
        table.constraints = [one for one in table.constraints if name not in one.columns]
        table.indexes = [one for one in table.indexes if name not in one.columns]


def _rename(table: Table, old: str, new: str) -> None:
    table.columns = {new if name == old else name: one for name, one in table.columns.items()}
    table.columns[new].name = new
    for one in table.constraints:
        if one.kind == "c" and old in one.columns:
            one.definition = f"CHECK {_renamed(one.definition[6:], old, new)}"
        one.columns = tuple(new if name == old else name for name in one.columns)
    for at, index in enumerate(table.indexes):
        columns = tuple(new if name == old else name for name in index.columns)
        table.indexes[at] = IndexFacts(index.name, index.unique, columns)


def _renamed(text: str, old: str, new: str) -> str:
    """Return a condition that names a column by its new name."""
    import sqlglot
    from sqlglot import exp

    node = sqlglot.parse_one(text, dialect="postgres")
    for column in node.find_all(exp.Column):
        if name_of(column.this) == old:
            column.set("this", exp.to_identifier(new, quoted=plain(new) != new))
    return spelt(node)
