"""Tables out of SQL: a pg_dump, a Rails structure.sql, the output of Django's sqlmigrate.

sqlglot reads the statements that declare tables; of a few that it does not know, the words are read
here. What declares no table is skipped, and listed unless it could not matter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ablo_pg.compile.names import literal
from ablo_pg.db.tables import IndexFacts
from ablo_pg.kernel.described import sql_table
from ablo_pg.kernel.described.draft import (
    LARGEST,
    Column,
    Described,
    Draft,
    Place,
    Table,
    bounded,
)
from ablo_pg.kernel.described.statements import Statement, statements
from ablo_pg.kernel.trees.casting import name_of

if TYPE_CHECKING:
    from sqlglot import exp

_SILENT: Final = {
    *("SET", "SELECT", "INSERT", "UPDATE", "DELETE", "BEGIN", "COMMIT", "START", "GRANT", "REVOKE"),
    *("ANALYZE", "END"),
}
# What the kernel installs; no table of a model is in these schemas.
_OURS: Final = ("ABLO.", "ABLO_MODEL.", "ZZ_ABLO_")
_STAYS: Final = "it stays in the database, and `check` reports what conflicts with it"
# CREATE and ALTER of these say nothing about the columns of tables.
_OTHERS: Final = {"SEQUENCE", "SCHEMA", "EXTENSION", "DEFAULT", "DATABASE", "COLLATION", "CAST"}
_LISTED: Final = {
    **dict.fromkeys(("FUNCTION", "PROCEDURE", "AGGREGATE", "OPERATOR", "EVENT", "RULE"), _STAYS),
    "TRIGGER": _STAYS,
    "POLICY": _STAYS,
    "CONSTRAINT": _STAYS,
}
_MODIFIERS: Final = {
    "OR",
    "REPLACE",
    "UNLOGGED",
    "GLOBAL",
    "LOCAL",
    "UNIQUE",
    "RECURSIVE",
    "TRUSTED",
}
# Of ALTER TABLE: what changes no column, constraint or place.
_ALTERED: Final = {
    *(
        "OWNER",
        "ENABLE",
        "DISABLE",
        "FORCE",
        "REPLICA",
        "CLUSTER",
        "SET",
        "RESET",
        "VALIDATE",
        "NO",
    ),
}


def read_sql(text: str, name: str) -> Described:
    """Return the tables that a file of SQL declares.

    name: of the file, for messages. Raises: schema_definition_invalid for a file that is too large
    or has a text that does not end; a statement that is not understood is skipped and listed.
    """
    bounded(name, text, LARGEST, "dump it with --schema-only")
    reader = _Reader(Draft(name))
    for one in statements(name, text):
        reader.statement(one)
    return reader.draft.finished()


class _Reader:
    def __init__(self, draft: Draft) -> None:
        self.draft = draft

    def statement(self, one: Statement) -> None:
        """Read one statement, or skip it; one that is cut off or malformed is skipped, too."""
        from sqlglot.errors import SqlglotError  # lazy: most programs read no SQL

        try:
            self._read(one)
        except (SqlglotError, RecursionError, LookupError, AttributeError, ValueError) as exc:
            self.draft.skip(_title(one), "it is not understood", one.line + _line_of(exc) - 1)

    def _read(self, one: Statement) -> None:
        verb, *rest = one.words
        if any(word.startswith(_OURS) for word in one.words):
            self._guard(one)
            return
        while rest and rest[0] in _MODIFIERS:
            rest.pop(0)
        what = rest[0] if rest else ""
        if verb == "COMMENT":
            self._comment(one)
        elif verb in _SILENT or (verb in ("CREATE", "ALTER") and what in _OTHERS):
            return
        elif verb == "CREATE" and what in _LISTED:
            self.draft.skip(_title(one), _LISTED[what], one.line)
        elif verb == "CREATE" and what == "DOMAIN":
            self._domain(one)
        elif verb == "CREATE" and what in ("FOREIGN", "VIEW", "MATERIALIZED"):
            self._view(one, what)
        elif verb == "CREATE" and what in ("TABLE", "INDEX", "TYPE"):
            self._parsed(one)
        elif verb == "DROP" and what in ("TABLE", "INDEX"):
            self._dropped(one, what)
        elif verb == "DROP" and what in _LISTED:
            return  # what CREATE lists, and no longer there
        elif verb == "ALTER" and what == "TABLE":
            self._altered(one)
        elif verb == "ALTER" and what == "TYPE" and "VALUE" in one.words[:6]:
            self._labelled(one)
        elif verb == "ALTER" and "OWNER" in one.words:
            return
        else:
            self.draft.skip(_title(one), "it declares no table that is read here", one.line)

    def _guard(self, one: Statement) -> None:
        """CREATE TRIGGER of a model's guard, and the comment on it, which records permissions."""
        if "ZZ_ABLO_GUARD" not in one.words[2:4] or one.words[0] not in ("CREATE", "COMMENT"):
            return
        tokens = _names(one.text)
        on = next(at for at, (text, _) in enumerate(tokens) if at > 2 and text.upper() == "ON")
        table = self.draft.tables.get(_place(tokens, on + 1)[0])
        if table is not None:
            table.guard = tokens[-1][0] if tokens[-1][1] == "STRING" else ""

    def _parsed(self, one: Statement) -> None:
        import sqlglot

        text, required = sql_table.readable(one.text)
        node: exp.Expr = sqlglot.parse_one(text, dialect="postgres")
        kind = type(node).__name__
        if kind == "Create":
            self._created(node, one)
            for name in required:
                sql_table.require(self.draft, node, name)
        elif kind == "Alter":
            for action in node.args["actions"]:
                sql_table.alter(self.draft, node, action, one.line)
        else:
            self.draft.skip(_title(one), "it is not understood", one.line)

    def _created(self, node: exp.Expr, one: Statement) -> None:
        kind = node.args["kind"]
        if kind == "TABLE" and node.args.get("expression") is None:
            sql_table.create(self.draft, node, one.line)
        elif kind == "INDEX":
            self._index(node.this, unique=bool(node.args.get("unique")), line=one.line)
        elif kind == "TYPE" and node.args.get("expression") is not None:
            parts = node.expression.expressions
            if any(type(each).__name__ != "Literal" for each in parts):
                self.draft.skip(
                    _title(one), "a composite type: its columns are of no type", one.line
                )
                return
            labels = tuple(str(each.this) for each in parts)
            self.draft.enums[sql_table.place_of(node.this)[1]] = labels
        else:
            self.draft.skip(_title(one), "it declares no columns", one.line)

    def _index(self, index: exp.Expr, *, unique: bool, line: int) -> None:
        table = self.draft.tables.get(sql_table.place_of(index.args["table"]))
        params = index.args["params"]
        if table is None:
            self.draft.skip("an index", "its table is not in the file", line)
            return
        columns = [sql_table.plain_column(each) for each in params.args.get("columns") or ()]
        name = "_".join((table.place[1], *(one or "expr" for one in columns), "idx"))
        name = name if index.this is None else name_of(index.this)
        if params.args.get("where") is not None or None in columns:
            table.others.append(name)
        else:
            listed = tuple(each for each in columns if each is not None)
            table.indexes.append(IndexFacts(name, unique, listed))

    def _altered(self, one: Statement) -> None:
        words = [word for word in one.words[2:] if word not in ("IF", "EXISTS", "ONLY")]
        action = words[1] if len(words) > 1 else ""
        if action == "ALTER" and "ADD" in one.words and "GENERATED" in one.words:
            self._identity(one)
        elif action in ("ATTACH", "INHERIT"):
            tokens = _names(one.text)
            at = [text.upper() for text, _ in tokens].index(action)
            parent, _ = _place(tokens, 2)
            child, _ = _place(tokens, at + (2 if action == "ATTACH" else 1))
            if action == "ATTACH" and (part := self.draft.tables.get(child)) is not None:
                part.is_partition = True
            elif action == "INHERIT" and (heir := self.draft.tables.get(parent)) is not None:
                heir.parents.append(child)
        elif action not in _ALTERED and not (action == "ALTER" and _STORED & {*one.words}):
            self._parsed(one)

    def _dropped(self, one: Statement, what: str) -> None:
        tokens = _names(one.text)
        at = 2 + (one.words[2:3] == ("CONCURRENTLY",))
        while at < len(tokens) and tokens[at][0].upper() not in ("CASCADE", "RESTRICT"):
            place, at = _place(tokens, at)
            at += tokens[at : at + 1] == [(",", "COMMA")]
            if what == "INDEX":
                self._drop_index(*place)
            elif self.draft.tables.pop(place, None) is None and "EXISTS" not in one.words:
                self.draft.skip(_title(one), "it declares no table that is read here", one.line)

    def _drop_index(self, schema: str, name: str) -> None:
        for table in self.draft.tables.values():
            if table.place[0] == schema:
                table.indexes = [each for each in table.indexes if each.name != name]
                table.others = [each for each in table.others if each != name]

    def _identity(self, one: Statement) -> None:
        tokens = _names(one.text)
        place, at = _place(tokens, 2)
        table = self.draft.tables.get(place)
        name = next(
            (sql_table.fold(*each) for each in tokens[at:] if each[0].upper() not in _ALTER_WORDS),
            "",
        )
        column = None if table is None else table.columns.get(name)
        if column is not None:
            column.identity = True
            column.generated = "ALWAYS" in one.words

    def _domain(self, one: Statement) -> None:
        tokens = _names(one.text)
        (_, name), at = _place(tokens, 2)
        type_ = (
            next((i for i in range(at, len(tokens)) if tokens[i][0].upper() == "AS"), at - 1) + 1
        )
        schema = tokens[type_ + 1][0] == "." if len(tokens) > type_ + 1 else False
        words = tokens[type_ + 2 if schema else type_ :]
        column = sql_table.column_of_type(_type_words(words))
        self.draft.domains[name] = column or Column(name, "text")

    def _view(self, one: Statement, what: str) -> None:
        tokens = _names(one.text)
        words = [text.upper() for text, _ in tokens]
        place, _ = _place(tokens, words.index("TABLE" if what == "FOREIGN" else "VIEW") + 1)
        kind = {"FOREIGN": "f", "MATERIALIZED": "m"}.get(what, "v")
        self.draft.add(Table(place, kind))  # type: ignore[arg-type]

    def _labelled(self, one: Statement) -> None:
        tokens = _names(one.text)
        (_, name), _ = _place(tokens, 2)
        texts = [text for text, kind in tokens if kind == "STRING"]
        labels = list(self.draft.enums.get(name, ()))
        if "RENAME" in one.words and len(texts) == 2:
            self._relabelled(name, *texts)
        elif texts and texts[0] not in labels:
            at = labels.index(texts[1]) if len(texts) > 1 and texts[1] in labels else len(labels)
            at += "AFTER" in one.words
            self.draft.enums[name] = (*labels[:at], texts[0], *labels[at:])

    def _relabelled(self, name: str, old: str, new: str) -> None:
        """Rename a value of an enum, in the defaults of its columns, too."""
        labels = self.draft.enums.get(name, ())
        self.draft.enums[name] = tuple(new if each == old else each for each in labels)
        for table in self.draft.tables.values():
            for column in table.columns.values():
                if column.base == name and (column.default or "").startswith(literal(old)):
                    column.default = literal(new)

    def _comment(self, one: Statement) -> None:
        """COMMENT ON TABLE, COLUMN, CONSTRAINT and INDEX; others are of nothing that is read."""
        tokens = _names(one.text)
        kind = one.words[2] if len(one.words) > 2 else ""
        if not tokens or tokens[-1][1] != "STRING":
            return
        comment = tokens[-1][0]
        if kind in ("TABLE", "INDEX"):
            place, _ = _place(tokens, 3)
            if kind == "INDEX":
                self.draft.comments[place[1]] = comment
            elif place in self.draft.tables:
                self.draft.tables[place].comment = comment
        elif kind in ("COLUMN", "CONSTRAINT"):
            place, at = _place(
                tokens, 3 if kind == "COLUMN" else 5, parts=3 if kind == "COLUMN" else 2
            )
            table = self.draft.tables.get(place)
            name = sql_table.fold(*tokens[at - 1 if kind == "COLUMN" else 3])
            if table is None:
                return
            if kind == "COLUMN" and name in table.columns:
                table.columns[name].comment = comment
            for each in table.constraints if kind == "CONSTRAINT" else ():
                each.comment = comment if each.name == name else each.comment


_STORED: Final = {"STORAGE", "STATISTICS", "COMPRESSION", "EXPRESSION"}
_ALTER_WORDS: Final = ("ALTER", "COLUMN")


def _title(one: Statement) -> str:
    """Return the beginning of a statement, on one line."""
    text = " ".join(one.text.split())
    return text if len(text) <= 60 else f"{text[:57]}..."


def _line_of(exc: Exception) -> int:
    errors = getattr(exc, "errors", None) or [{}]
    return int(errors[0].get("line") or 1)


def _names(text: str) -> list[tuple[str, str]]:
    """Return the tokens of a statement: text and kind."""
    import sqlglot

    return [(one.text, one.token_type.name) for one in sqlglot.tokenize(text, dialect="postgres")]


def _place(tokens: list[tuple[str, str]], at: int, *, parts: int = 2) -> tuple[Place, int]:
    """Read a name with its schema; return it and where it ends. parts: 3 with a column's name."""
    while at < len(tokens) and tokens[at][0].upper() in ("ONLY", "IF", "NOT", "EXISTS"):
        at += 1
    names = [sql_table.fold(*tokens[at])]
    while at + 2 < len(tokens) and tokens[at + 1][0] == ".":
        at += 2
        names.append(sql_table.fold(*tokens[at]))
    names = names[: len(names) - 1] if parts == 3 else names
    schema, name = names if len(names) == 2 else ("public", names[0])
    return (schema, name), at + 1


def _type_words(tokens: list[tuple[str, str]]) -> str:
    """Return a type as it is written: `character varying(20)[]`."""
    words: list[str] = []
    for text, _ in tokens:
        if text.upper() in ("CHECK", "CONSTRAINT", "NOT", "NULL", "DEFAULT", "COLLATE"):
            break
        words.append(text)
    return " ".join(words)
