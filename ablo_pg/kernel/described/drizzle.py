"""Tables out of a Drizzle schema: pgTable, pgSchema, pgEnum and pgView, where they are declarative.

A small part of TypeScript is read: exported constants that are calls, with texts, numbers, lists,
objects and short functions as arguments. Everything else is skipped and listed.
https://orm.drizzle.team/docs/sql-schema-declaration
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ablo_pg.kernel.described.draft import Described, Draft, Table
from ablo_pg.kernel.described.drizzle_table import Tables
from ablo_pg.kernel.described.script import Chain, Script
from ablo_pg.kernel.described.tokens import Cursor

_MAKERS: Final = ("pgTable", "pgTableCreator", "pgEnum", "pgSchema", "pgView", "pgMaterializedView")
_IGNORED: Final = ("relations", "defineRelations", "createInsertSchema", "createSelectSchema")


def read_drizzle(text: str, name: str) -> Described:
    """Return the tables of a Drizzle schema.

    name: of the file, for messages. Raises: schema_definition_invalid, with line and column, for a
    file that is too large or in which a bracket or text does not end.
    """
    draft = Draft(name)
    tables = Tables(draft)
    declared = list(_constants(Cursor(name, text, lines=False), draft))
    for constant, chain, line in declared:
        _declare(draft, tables, constant, chain, line)
    tables.finish()
    return draft.finished()


def _constants(cursor: Cursor, draft: Draft) -> Iterator[tuple[str, Chain, int]]:
    """Yield `const NAME = CALL`: the name, the call and its line."""
    script = Script(cursor)
    while cursor.next.kind != "end":
        if not (cursor.sees("const") and cursor.after().kind == "name"):
            if cursor.sees("(", "[", "{"):
                cursor.skip_group()
            else:
                cursor.take()
            continue
        cursor.take()
        line, name = cursor.next.line, cursor.take().text
        while not cursor.sees("=", ";") and cursor.next.kind != "end":  # a type
            cursor.take()
        if not cursor.eat("="):
            continue
        value = script.value()
        if isinstance(value, Chain):
            yield name, value, line
        else:
            draft.skip(f"const {name}", "it is not a call that is read here", line)


def _declare(draft: Draft, tables: Tables, constant: str, chain: Chain, line: int) -> None:
    first = chain.steps[0]
    schema = "public"
    if first.name in tables.schemas and len(chain.steps) > 1:
        schema, first = tables.schemas[first.name], chain.steps[1]
    word = "pg" + first.name.capitalize() if schema != "public" else first.name
    arguments = first.arguments or ()
    named = arguments[0] if arguments and isinstance(arguments[0], str) else None
    if word == "pgSchema" and named is not None:
        tables.schemas[constant] = named
    elif word == "pgEnum" and named is not None and isinstance(arguments[-1], list):
        draft.enums[named] = tuple(map(str, arguments[-1]))
        tables.enums[constant] = named
    elif word == "pgTable" and named is not None and len(arguments) > 1:
        tables.declare(constant, (schema, named), arguments, line)
    elif word in ("pgView", "pgMaterializedview", "pgMaterializedView") and named is not None:
        draft.add(Table((schema, named), "v" if word == "pgView" else "m"))
    elif word not in _IGNORED:
        reason = (
            "it is not declared by a plain call"
            if word in _MAKERS
            else "it does not declare a table"
        )
        draft.skip(f"const {constant}", reason, line)
