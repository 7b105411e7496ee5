"""The casts that Postgres adds to operands and literals, written out; and types and names of nodes.

https://www.postgresql.org/docs/current/typeconv.html
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ablo_pg.kernel.trees.constants import (
    UNKNOWN,
    array_elements,
    base_name,
    converted,
    type_name,
    widest,
)
from ablo_pg.kernel.trees.tree import INTEGERS, Node, const

if TYPE_CHECKING:
    from sqlglot import exp


def name_of(node: exp.Expr) -> str:
    return str(node.this) if node.args.get("quoted") else str(node.this).lower()


def number(text: str) -> Node:
    if not text.isdigit():
        found = converted(const(UNKNOWN, text), "numeric")
        return found or const("?numeric", text)
    size = int(text)
    width = "int4" if size < 1 << 31 else "int8" if size < 1 << 63 else "numeric"
    return const(width, str(size))


def type_of(node: exp.Expr) -> tuple[str, str]:
    """Return a type's name, as trees have it, and its limits, as in numeric(10,2)."""
    name = node.this.name
    limits = ",".join(str(one.this) for one in node.expressions if name != "ARRAY")
    if name == "ARRAY":
        return f"{type_of(node.expressions[0])[0]}[]", ""
    if name == "USERDEFINED":
        kind = node.args["kind"]
        inner = getattr(kind, "expression", None) or kind
        return (name_of(inner) if not isinstance(inner, str) else inner), limits
    base = base_name(name)
    return (base if limits and base == "varchar" else type_name(base)), limits


def cast(node: Node, type_: str) -> Node:
    if node.type == type_ and node.kind != "const":
        return node
    if type_.endswith("[]"):
        return array_of(node, type_.removesuffix("[]"))
    if node.kind == "const":
        made = converted(node, "text" if type_ == "varchar" else type_)
        if made is not None:
            return made
    return node if node.type == "text" == type_ else Node("cast", (node, type_), type_)


def array_of(node: Node, element: str) -> Node:
    """Return an array with elements of that type: ARRAY[...]::text[] or '{a,b}'::text[]."""
    elements = node.nodes if node.kind == "array" else None
    if node.kind == "const" and node.parts[0] == UNKNOWN:
        listed = array_elements(str(node.parts[1]))
        elements = None if listed is None else tuple(const(UNKNOWN, one) for one in listed)
    if elements is None:
        if node.type == f"{element}[]":
            return node
        return Node("cast", (node, f"{element}[]"), f"{element}[]")
    return Node("array", tuple(cast(one, element) for one in elements), f"{element}[]")


def aligned(nodes: Sequence[Node], *, exactly: bool = False, listed: bool = False) -> list[Node]:
    """Give operands the types in which Postgres compares them; literals take that of the others.

    exactly: to one type; otherwise there are operators of whole numbers of two widths.
    """
    types = {one.type for one in nodes if one.type != "null"}
    type_ = widest(types, listed=exactly or listed)
    if not type_:  # of a function, say: next to one that returns no text, a literal has a cast
        return texts(nodes)
    found = []
    for node in nodes:
        near = node.type == "float4" or {node.type, type_} <= {*INTEGERS}
        same = node.type in (type_, "null", "") or (near and not exactly)
        found.append(node if same else cast(node, type_))
    return found


def texts(nodes: Sequence[Node]) -> list[Node]:
    return [as_text(node) for node in nodes]


def as_text(node: Node, of: str = UNKNOWN) -> Node:
    """Return a literal that nothing has given a type as text, which Postgres prefers."""
    literal = node.kind == "const" and node.parts[0] == of
    return const("text", str(node.parts[1])) if literal else node


def trimmed(node: Node) -> Node:
    """Return a number without the zeros behind its fraction, which no comparison sees."""
    text = str(node.parts[1]) if node.kind == "const" and node.parts[0] == "numeric" else ""
    return const("numeric", text.rstrip("0").rstrip(".")) if "." in text else node
