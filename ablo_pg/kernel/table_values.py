"""Defaults and CHECKs as a catalogue or a dump spells them, read: constants, and lists of values.

Flow: `db.tables` or `described` (facts) -> here, by `trees` -> `pull`. Pure. What is neither a
constant nor a list of values is None, and `pull` then adds a comment.
"""

from __future__ import annotations

from typing import Final

import orjson

from ablo_pg.compile.names import literal
from ablo_pg.kernel.trees import Node, NotReadError, check_of, read
from ablo_pg.kernel.trees.tree import NUMBERS, const
from ablo_pg.schema.neutral import MISSING, Field, FieldType
from ablo_pg.schema.values import BadValueError, to_json_value

# Constants of these types, which are not text.
_PLAIN: Final = frozenset({*NUMBERS, "int", "bool", "null"})


def listed_values(definition: str, column: str) -> tuple[str, ...] | None:
    """Return the values of a CHECK that lists a column's values; None for any other CHECK.

    Args: definition, as pg_get_constraintdef prints it, or as it is written.
    """
    node = _read(check_of(definition))
    if node is None:
        return None
    name = Node("column", (column,))
    absent = Node("is", (name, const("null", "")))
    if node.kind == "or":  # what a CHECK lets through anyway
        node, *more = (one for one in node.nodes if one != absent)
        if more:
            return None
    if node.kind not in ("=", "in") or _bare(node.nodes[0]) != name:
        return None
    values = [_bare(one) for one in node.written or node.nodes[1:]]
    if any(one.kind != "const" or one.parts[0] in _PLAIN for one in values):
        return None
    return tuple(str(one.parts[1]) for one in values)


def empty_array(expression: str | None, base: str) -> bool:
    """Whether a default is an empty array, '{}'::text[] or ARRAY[]::text[]. base: of the column."""
    node = _read(expression or "", base)
    return node is not None and node.kind == "array" and not node.parts


def constant(expression: str | None, field: Field) -> object:
    """Return the JSON value of a constant default; MISSING for no default, or another."""
    found = _constant(expression or "")
    if found is None or found.parts[0] == "null":
        return MISSING
    try:
        return to_json_value(field, _typed(found, field))
    except (BadValueError, ValueError):
        return MISSING


def default_as(expression: str, sql_type: str) -> str:
    """Return a default, as the catalogue prints it, for a column that gets another type."""
    found = _constant(expression)
    if sql_type == "text" and found is not None and found.parts[0] not in _PLAIN:
        return literal(str(found.parts[1]))
    return f"({expression})::text::{sql_type}"


def _read(text: str, wanted: str = "") -> Node | None:
    try:
        return read(text, {}, wanted=wanted)
    except NotReadError:
        return None


def _bare(node: Node) -> Node:
    while node.kind == "cast":
        node = node.nodes[0]
    return node


def _constant(expression: str) -> Node | None:
    node = _read(expression) if expression else None
    found = None if node is None else _bare(node)
    return found if found is not None and found.kind == "const" else None


def _typed(found: Node, field: Field) -> object:
    of, text = (str(part) for part in found.parts)
    if of == "bool":
        return text == "true"
    if field.type is FieldType.JSON:
        return orjson.loads(text)
    if field.type is FieldType.INTEGER:
        return int(text)
    if field.type is FieldType.NUMBER:
        return float(text)
    if field.type is FieldType.BOOLEAN:
        return {"t": True, "true": True, "f": False, "false": False}[text]
    return text
