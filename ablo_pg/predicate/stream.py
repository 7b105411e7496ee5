"""Whether a predicate may be judged in Python, row by row as changes arrive. Pure.

`evaluate` compares as Python does. Columns may compare otherwise, and letters fold by the
database's locale; then only the database can tell. `ablo.field_compares` says how columns compare.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, TypeAlias

from ablo_pg.errors import error_for
from ablo_pg.json_text import Json
from ablo_pg.predicate.operands import Fields, python_value
from ablo_pg.schema.neutral import Field, FieldType, ModelSpec

# By wire name, what `ablo.field_compares` says of a field.
Compares: TypeAlias = Mapping[str, "str | None"]

_EQUALITY: Final = frozenset({"=", "!=", "<>", "in", "not_in", "like", "not_like"})
_ORDER: Final = frozenset({"<", "<=", ">", ">="})
_FOLDS: Final = frozenset({"lower", "upper"})
# The Python types of JSON values that are not text.
PYTHON: Final[dict[FieldType, type | tuple[type, ...]]] = {
    FieldType.INTEGER: int,
    FieldType.NUMBER: (int, float),
    FieldType.BOOLEAN: bool,
}


def refuse_unlogged(model: ModelSpec) -> None:
    """Raise invalid_request for a model whose changes are not in the log: nothing would follow."""
    if model.tenancy.kind not in ("column", "parent"):
        raise error_for(
            "invalid_request",
            f"{model.key} has no organization: its changes are not logged, so none would follow",
            model=model.key,
            remedy="list it, and list it again when it may have changed",
        )


def refuse_clock(model: str, nodes: Sequence[Json]) -> None:
    """Raise invalid_request if the passing of time alone could change what these select."""
    for node in _parts(list(nodes)):
        if "now" in node and isinstance(node, dict):
            reason = "the current time changes without a change that a live query could follow"
            raise error_for(
                "invalid_request",
                f"the filter of {model} is refused at 'now()': {reason}",
                model=model,
                field="where",
                remedy="compare with a fixed time, and query again when it is over",
            )


def decidable(nodes: Sequence[Json], fields: Fields, compares: Compares) -> bool:
    """Whether Python's test of these agrees with the database's, for every row."""
    return all(_agrees(part, fields, compares) for part in _parts(list(nodes)))


def fields_in(nodes: Sequence[Json]) -> Iterator[str]:
    """Yield the names of the fields that these compare."""
    for part in _parts(list(nodes)):
        if isinstance(part, list):
            yield part[0]
        elif "field" in part:
            yield part["field"]


def _parts(node: Any) -> Iterator[Any]:
    """Yield the clauses, conditions and operands of nodes."""
    if isinstance(node, list) and not (node and isinstance(node[0], str)):
        for one in node:
            yield from _parts(one)
        return
    yield node
    if isinstance(node, dict):
        for name in ("and", "or", "not", "null", "left", "right", "args"):
            if name in node:
                yield from _parts(node[name])


def _agrees(part: Any, fields: Fields, compares: Compares) -> bool:
    if isinstance(part, dict):
        if "ilike" in part or part.get("call") in _FOLDS:
            return False
        field = fields.get(part.get("field", ""))
        return field is None or compares.get(field.wire) in ("order", "equal")
    if len(part) != 3:
        return False
    field, word, given = fields[part[0]], part[1], part[2]
    if word in ("is", "is_not"):
        return given is None
    values = given if word in ("in", "not_in") else [given]
    found = compares.get(field.wire)
    allowed = _EQUALITY | (_ORDER if found == "order" else frozenset())
    return (
        found in ("order", "equal")
        and word in allowed
        and all(_is_value(field, one) for one in values)
    )


def _is_value(field: Field, given: Any) -> bool:
    """Whether a literal is in the form in which `evaluate` reads it."""
    kind = PYTHON.get(field.type)
    if field.type is FieldType.JSON:
        return True
    if kind is not None:
        return isinstance(given, kind) and isinstance(given, bool) == (kind is bool)
    if not isinstance(given, str):
        return False
    try:
        value: Any = python_value(field.type.value, given)
    except (ValueError, ArithmeticError):
        return False
    if field.type is FieldType.DATETIME:
        return value.tzinfo is not None
    return not isinstance(value, Decimal | uuid.UUID) or value == value
