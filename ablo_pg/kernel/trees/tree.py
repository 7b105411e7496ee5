"""The normal form of an expression: nodes, and how AND, OR and NOT are built of them.

Invariants: equal nodes mean the same in three-valued logic. A kind that starts with `?` is not
understood; two of those are never called equal, and never different.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

# The type of each column, as `pg_type` names it: int4, _text, mood.
Types: TypeAlias = Mapping[str, str]
INTEGERS: Final = ("int2", "int4", "int8")
NUMBERS: Final = (*INTEGERS, "numeric", "float4", "float8")
_ORDERED: Final = frozenset(
    {*NUMBERS, "text", "bpchar", "name", "bool", "date", "timestamp", "timestamptz", "time", "uuid"}
)
_NEGATED: Final = {"<": ">=", ">=": "<", ">": "<=", "<=": ">"}


@dataclass(frozen=True, slots=True)
class Node:
    """One node. type: '' if it is not known. written: the values of a list in their order.

    Neither decides equality or order.
    """

    kind: str
    parts: tuple[Node | str, ...] = ()
    type: str = field(default="", compare=False, repr=False)
    written: tuple[Node, ...] = field(default=(), compare=False, repr=False)

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The parts that are nodes."""
        return tuple(part for part in self.parts if isinstance(part, Node))

    def walk(self) -> Iterable[Node]:
        """Yield the node and all below it."""
        yield self
        for node in self.nodes:
            yield from node.walk()


def const(type_: str, text: str) -> Node:
    """Return a constant. Whole numbers of every width are alike."""
    return Node("const", ("int" if type_ in INTEGERS else type_, text), type_)


TRUE: Final = const("bool", "true")
FALSE: Final = const("bool", "false")


def compared(word: str, left: Node, right: Node) -> Node:
    """Return a comparison: a constant on the right, else in one order.

    `<>` is a negated `=`; `= true` is what it compares, and `= false` its negation.
    """
    if word == "<>":
        return negated(compared("=", left, right))
    for truth, test in ((right, left), (left, right)):
        if word == "=" and truth in (TRUE, FALSE) and test.type == "bool":
            return test if truth == TRUE else negated(test)
    flipped = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}
    constant = left.kind == "const" and right.kind != "const"
    if constant or (right.kind != "const" and repr(right) < repr(left)):
        left, right, word = right, left, flipped.get(word, word)
    return Node(word, (left, right), "bool")


def negated(node: Node) -> Node:
    """Return NOT, moved inwards as far as three-valued logic allows."""
    if node.kind == "not":
        return node.nodes[0]
    if node.kind in ("and", "or"):
        other = "or" if node.kind == "and" else "and"
        return joined(other, [negated(one) for one in node.nodes])
    if node.kind in _NEGATED and all(one.type in _ORDERED for one in node.nodes):
        return Node(_NEGATED[node.kind], node.parts, "bool")
    if node in (TRUE, FALSE):
        return FALSE if node == TRUE else TRUE
    return Node("not", (node,), "bool")


def joined(kind: str, nodes: Iterable[Node]) -> Node:
    """Return AND or OR of nodes: flat, sorted, without repetitions; lists of values are united."""
    flat: list[Node] = []
    for node in nodes:
        flat += node.nodes if node.kind == kind else (node,)
    found = _united(flat) if kind == "or" else _united(flat, within="not")
    unique = sorted(dict.fromkeys(found), key=repr)
    return unique[0] if len(unique) == 1 else Node(kind, tuple(unique), "bool")


def one_of(left: Node, values: Iterable[Node]) -> Node:
    """Return `left in (values)`: of one value a comparison, of others than constants an OR."""
    values = tuple(values)
    unique = sorted(dict.fromkeys(values), key=repr)
    if len(unique) == 1:
        return compared("=", left, unique[0])
    if any(one.kind != "const" for one in unique):
        return joined("or", [compared("=", left, one) for one in unique])
    return Node("in", (left, *unique), "bool", tuple(dict.fromkeys(values)))


def _united(nodes: Iterable[Node], within: str = "") -> list[Node]:
    """Unite `a = 1 or a in (2, 3)` and `a <> 1 and a <> 2`, in each case of constants."""
    lists: dict[Node, list[Node]] = {}
    rest: list[Node] = []
    for node in nodes:
        inner = node.nodes[0] if within and node.kind == within else None if within else node
        listed = inner is not None and inner.kind in ("=", "in")
        if inner is None or not listed or any(one.kind != "const" for one in inner.nodes[1:]):
            rest.append(node)
        else:
            lists.setdefault(inner.nodes[0], []).extend(inner.written or inner.nodes[1:])
    for left, values in lists.items():
        one = one_of(left, values)
        rest.append(negated(one) if within else one)
    return rest
