"""Filters and ordering: what callers write -> the predicates that the kernel reads.

Pure. SQL text over the fields, with parameters (`("status = $1 or count > 3", ["todo"])`; see
`predicate.text`), the same as an expression of columns (`predicate.expression`), or three spellings
that are all AND: `{"status": "todo"}`, `{"count": {"gt": 3,
"lte": 9}}`, and clauses `[("count", ">", 3)]`. A list means IN, None means IS NULL. Each clause
becomes `[wire field, operator, value]`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, cast

from ablo_pg.client.names import Entry
from ablo_pg.client.rows.values import encode_value, mismatch
from ablo_pg.errors import AbloError, error_for
from ablo_pg.predicate.expression import expressed
from ablo_pg.predicate.text import parse
from ablo_pg.schema.columns import Column, Condition, Expression
from ablo_pg.schema.neutral import Field, FieldType

Where: TypeAlias = (
    Condition
    | Column[bool]
    | str
    | tuple[str, Sequence[object]]
    | Mapping[str, object]
    | Sequence[tuple[str, str, object]]
)
OrderBy: TypeAlias = str | Sequence[str | tuple[str, str]]
Clause: TypeAlias = list[Any]
Predicate: TypeAlias = Clause | dict[str, Any]  # as `ablo.predicate_sql` reads it


@dataclass(frozen=True, slots=True)
class ListQuery:
    """The request for one page: the query's JSON, and its filter, which makes it a premise."""

    body: bytes
    where: Sequence[Predicate]
    archived: bool


OPERATORS: Final[dict[str, str]] = {
    "eq": "=",
    "=": "=",
    "==": "=",
    "ne": "!=",
    "!=": "!=",
    "<>": "!=",
    "gt": ">",
    ">": ">",
    "gte": ">=",
    ">=": ">=",
    "lt": "<",
    "<": "<",
    "lte": "<=",
    "<=": "<=",
    "in": "in",
    "not_in": "not_in",
    "like": "like",
    "not_like": "not_like",
    "ilike": "ilike",
    "not_ilike": "not_ilike",
    "is": "is",
    "is_not": "is_not",
}
_WORDS: Final = tuple(word for word in OPERATORS if word.isidentifier())
_LISTS: Final = frozenset({"in", "not_in"})
_PATTERNS: Final = frozenset({"like", "not_like", "ilike", "not_ilike"})
_TEXT: Final = frozenset({FieldType.STRING, FieldType.ENUM})
_NULL_OF: Final = {"=": "is", "is": "is", "!=": "is_not", "is_not": "is_not"}


def predicates(model: Entry, where: Where | None) -> list[Predicate]:
    """Return the filter as the kernel's predicates, of which all must hold.

    Raises query_invalid_identifier (unknown field), query_unsupported_operator,
    column_type_mismatch, or for a text invalid_request, each naming model and field or place.
    """
    if where is None:
        return []
    if isinstance(where, str):
        return [_of_text(model, where, ())]
    if isinstance(where, Expression):
        return [cast("Predicate", expressed(model.key, model.row, where, model.fields))]
    if isinstance(where, tuple) and len(where) == 2 and isinstance(where[0], str):
        return [_of_text(model, where[0], where[1])]
    if isinstance(where, Mapping):
        return [one for name, value in where.items() for one in _of_field(model, name, value)]
    if isinstance(where, bytes) or not isinstance(where, Iterable):
        raise _bad_clause(model, where)
    return [_of_triple(model, one) for one in where]


def _of_text(model: Entry, text: str, parameters: object) -> Predicate:
    if isinstance(parameters, str | bytes) or not isinstance(parameters, Sequence):
        raise _bad_clause(model, parameters)
    return cast("Predicate", parse(model.key, text, parameters, model.fields))


def ordering(model: Entry, order_by: OrderBy | None) -> list[list[str]]:
    """Return `[[wire field, "asc" | "desc"], ...]`; a leading "-" means descending."""
    if order_by is None:
        return []
    if isinstance(order_by, bytes) or not isinstance(order_by, Iterable):
        raise _bad_order(model, order_by)
    parts = [order_by] if isinstance(order_by, str) else order_by
    return [_order(model, part) for part in parts]


def _bad_order(model: Entry, part: object) -> AbloError:
    return error_for(
        "invalid_options",
        f"{model.key} cannot be ordered by a {type(part).__name__}",
        model=model.key,
        field="order_by",
        remedy='pass "created_at", "-created_at", or a list of them',
    )


def _order(model: Entry, part: str | tuple[str, str]) -> list[str]:
    if isinstance(part, str):
        name, direction = part.removeprefix("-"), "desc" if part.startswith("-") else "asc"
    elif isinstance(part, tuple | list) and len(part) == 2:
        name, direction = part[0], str(part[1]).lower()
    else:
        raise _bad_order(model, part)
    if direction not in ("asc", "desc"):
        raise error_for(
            "invalid_options",
            f"{direction!r} is not a direction to order {model.key} by",
            model=model.key,
            field=name,
            remedy='use "asc" or "desc"',
        )
    return [model.field(name, code="query_invalid_identifier").wire, direction]


def _of_field(model: Entry, name: str, value: object) -> Iterable[Clause]:
    if isinstance(value, Mapping):
        return [_clause(model, name, word, one) for word, one in value.items()]
    if isinstance(value, list | tuple | set | frozenset):
        return [_clause(model, name, "in", value)]
    return [_clause(model, name, "=", value)]


def _of_triple(model: Entry, clause: object) -> Clause:
    if isinstance(clause, str) or not isinstance(clause, Sequence) or len(clause) != 3:
        raise _bad_clause(model, clause)
    return _clause(model, clause[0], clause[1], clause[2])


def _bad_clause(model: Entry, clause: object) -> AbloError:
    return error_for(
        "invalid_request",
        f"A filter clause of {model.key} must be (field, operator, value)",
        model=model.key,
        remedy='for example {"count": {"gt": 3}}, "count > 3" or ("count > $1", [3])',
        details={"clause": type(clause).__name__},
    )


def _clause(model: Entry, name: str, word: str, value: object) -> Clause:
    field = model.field(name, code="query_invalid_identifier")
    op = OPERATORS.get(word) if isinstance(word, str) else None
    if op is None:
        raise _unsupported(model, field, word, f"use one of {', '.join(_WORDS)}")
    if value is None:
        if op not in _NULL_OF:
            raise mismatch(model, field, f"{word} None matches nothing; compare with eq or ne")
        return [field.wire, _NULL_OF[op], None]
    if op in ("is", "is_not"):
        raise mismatch(model, field, f"{word} takes None only")
    if op in _PATTERNS:
        if field.type not in _TEXT:
            raise _unsupported(model, field, word, "patterns work on text fields")
        if not isinstance(value, str):
            raise mismatch(model, field, f"expected a pattern, got {type(value).__name__}")
    if field.type is FieldType.JSON and op not in ("=", "!="):
        raise _unsupported(model, field, word, "a json field is compared with eq or ne")
    if op in _LISTS:
        return [field.wire, op, _list(model, field, value)]
    return [field.wire, op, encode_value(model, field, value)]


def _list(model: Entry, field: Field, value: object) -> list[object]:
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        raise mismatch(model, field, f"expected a list, got {type(value).__name__}")
    values: list[object] = [encode_value(model, field, one) for one in value]
    if None in values:
        raise mismatch(model, field, "None inside a list matches nothing; query for it separately")
    return values


def _unsupported(model: Entry, field: Field, word: object, remedy: str) -> AbloError:
    return error_for(
        "query_unsupported_operator",
        f"{model.key}.{field.name} cannot be filtered with {word!r}",
        model=model.key,
        field=field.name,
        remedy=remedy,
    )
