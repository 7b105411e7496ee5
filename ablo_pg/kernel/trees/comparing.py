"""Whether two expressions mean the same: equal, different, or unknown. Pure.

`equal` is only said of equal trees. `different` is only said if no spelling of Postgres explains
the difference: a part that is not understood, or a cast that only one side has, makes it unknown,
unless the two read other columns.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal, TypeAlias

from ablo_pg.kernel.trees.constants import UNKNOWN
from ablo_pg.kernel.trees.reading import NotReadError, check_of, read
from ablo_pg.kernel.trees.tree import NUMBERS, Node, Types

Verdict: TypeAlias = Literal["equal", "different", "unknown"]
_NUMERIC: Final = {*NUMBERS, "int"}
_SETS: Final = ("and", "or", "in")


def compare_checks(one: str, other: str, types: Types) -> Verdict:
    """Compare the definitions of two CHECKs: `CHECK ((a > 1))` against `check (a > 1)`."""
    return compare(check_of(one), check_of(other), types)


def compare(one: str, other: str, types: Types, *, wanted: str = "") -> Verdict:
    """Compare two expressions over columns of these types.

    Args: wanted, the type that both are assigned to: of a column, for defaults.
    """
    if one.strip() == other.strip():
        return "equal"
    try:
        return same(read(one, types, wanted=wanted), read(other, types, wanted=wanted))
    except NotReadError:
        return "unknown"


def same(one: Node, other: Node) -> Verdict:
    """Compare two trees."""
    if _strange(one) or _strange(other):
        return "unknown" if _columns(one) == _columns(other) else "different"
    return _same(one, other)


def _strange(node: Node) -> bool:
    return any(one.kind.startswith("?") for one in node.walk())


def _columns(node: Node) -> set[Node]:
    return {one for one in node.walk() if one.kind == "column"}


def _same(one: Node, other: Node) -> Verdict:
    if one == other:
        return "equal"
    if one.kind == other.kind == "const":
        return _constants(one, other)
    if "cast" in (one.kind, other.kind):
        return "different" if _same(_bare(one), _bare(other)) == "different" else "unknown"
    if one.kind != other.kind:
        return "different"
    if one.kind in _SETS:
        return _sets(one, other)
    if len(one.parts) != len(other.parts):
        return "different"
    return _worst(_part(*pair) for pair in zip(one.parts, other.parts, strict=True))


def _part(one: Node | str, other: Node | str) -> Verdict:
    if isinstance(one, Node) and isinstance(other, Node):
        return _same(one, other)
    return "equal" if one == other else "different"


def _worst(found: Iterable[Verdict]) -> Verdict:
    verdicts = set(found)
    return (
        "different" if "different" in verdicts else "unknown" if "unknown" in verdicts else "equal"
    )


def _sets(one: Node, other: Node) -> Verdict:
    """Compare operands whose order does not matter: each needs a partner."""
    first = [] if one.kind != "in" else [_same(one.nodes[0], other.nodes[0])]
    ours, theirs = (list(node.nodes[len(first) :]) for node in (one, other))
    left = [node for node in ours if node not in theirs]
    right = [node for node in theirs if node not in ours]
    alone = [
        mine
        for mine, others in ((left, right), (right, left))
        if not all(any(_same(node, each) != "different" for each in others) for node in mine)
    ]
    return _worst([*first, "different" if alone else "unknown" if left or right else "equal"])


def _bare(node: Node) -> Node:
    """Return what is below casts."""
    while node.kind == "cast":
        node = node.nodes[0]
    return node


def _constants(one: Node, other: Node) -> Verdict:
    (of, text), (type_, value) = ([str(part) for part in node.parts] for node in (one, other))
    if of == type_:
        return "unknown" if of.startswith("?") else "different"
    if "null" in (of, type_):
        return "different"
    if {of, type_} <= _NUMERIC:
        return "unknown" if float(text) == float(value) else "different"
    plain = {of, type_} <= {"text", UNKNOWN, "bpchar", "name"}
    return "different" if plain and text != value else "unknown"
