"""A predicate as SQL over a table's columns, for CHECKs and partial indexes.

The JSON form is read again, by the rules of `predicate.operands`, and each node is printed from
what was read: nothing of a pushed schema is passed through. The meaning is that of
`ablo.predicate_sql` (lists) and `predicate.evaluate` (Python); a differential test compares the
three. A CHECK also passes where a predicate is unknown, because a value is null.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from ablo_pg.compile.names import json_literal, literal
from ablo_pg.compile.values import SQL_TYPE, constant
from ablo_pg.predicate.operands import (
    CLOCK,
    DEEPEST,
    Fields,
    Operand,
    Refused,
    call,
    comparable,
    field_operand,
    unknown_field,
)
from ablo_pg.predicate.operands import literal as literal_operand
from ablo_pg.predicate.permission import names_of
from ablo_pg.schema.neutral import Field, FieldType
from ablo_pg.schema.values import BadValueError, to_json_value

_COMPARE: Final = frozenset({"=", "!=", "<>", "<", "<=", ">", ">="})
_PATTERNS: Final = frozenset({"like", "not_like", "ilike", "not_ilike"})
_FORMS: Final = frozenset({"null", "compare", "like", "ilike"}) | {
    *("contains", "overlaps", "left", "right")
}
_KINDS: Final = {"text": "text"} | {one.value: sql for one, sql in SQL_TYPE.items()}
_TEXT: Final = (FieldType.STRING, FieldType.ENUM)
NONE: Final[Mapping[str, str]] = MappingProxyType({})


def predicate_sql(
    node: object, fields: Fields, columns: Mapping[str, str], known: Mapping[str, str] = NONE
) -> str:
    """Return a predicate as a boolean expression that Postgres takes in a CHECK and in an index.

    Args: fields, by JSON name. columns: what stands for each that may be read, by JSON name, as
    SQL. known: the condition, as SQL, without which every test that names the field is unknown.
    Raises: Refused.
    """
    try:
        return _Printer(fields, columns, known).test(node, 1)
    except BadValueError as exc:
        raise Refused(exc.reason, exc.remedy) from None
    except (TypeError, ValueError, KeyError, AttributeError, RecursionError) as exc:
        raise Refused("it is of no known form", "see the documentation of predicates") from exc


class _Printer:
    def __init__(
        self, fields: Fields, columns: Mapping[str, str], known: Mapping[str, str]
    ) -> None:
        self._fields = fields
        self._columns = columns
        self._known = known

    def test(self, node: Any, depth: int) -> str:
        if depth > DEEPEST:
            raise Refused("it is too deep", f"nest at most {DEEPEST} levels")
        if not isinstance(node, list | tuple) and not {"and", "or", "not"}.isdisjoint(node):
            return self._joined(node, depth)
        names = dict.fromkeys(names_of(node))
        known = " and ".join(self._known[name] for name in names if name in self._known)
        found = self._leaf(node, depth)
        return f"(case when {known} then {found} end)" if known else found

    def _joined(self, node: Mapping[str, object], depth: int) -> str:
        if len(node) != 1:
            raise Refused("it is of no known form", "see the documentation of predicates")
        ((form, given),) = node.items()
        if form == "not":
            return f"(not {self.test(given, depth + 1)})"
        parts = [self.test(one, depth + 1) for one in _listed(given)]
        return f"({f' {form} '.join(parts)})" if parts else str(form == "and").lower()

    def _leaf(self, node: Any, depth: int) -> str:
        if isinstance(node, list | tuple):
            return self._clause(*node)
        forms = node.keys() - {"left", "right"}
        if len(forms) != 1 or node.keys() - _FORMS:
            raise Refused("it is of no known form", "see the documentation of predicates")
        (form,) = forms
        given = node[form]
        if form == "null":
            return f"({self._operand(given, depth + 1)[0]} is null)"
        left = self._operand(node["left"], depth + 1)
        if form == "compare":
            return self._compared(str(given), left, self._operand(node["right"], depth + 1))
        if form in ("like", "ilike"):
            return _matched(form, left, given)
        return _list_test(form, left, _listed(given))

    def _clause(self, wire: str, word: str, given: object) -> str:
        field, column = self._column(wire)
        if word in ("is", "is_not") and given is None:
            return f"({column} {word.replace('_', ' ')} null)"
        if word in _PATTERNS:
            test = _matched(word.removeprefix("not_"), (column, field_operand(field)), given)
            return f"(not {test})" if word.startswith("not") else test
        if word in ("in", "not_in"):
            if not _listed(given):
                return str(word == "not_in").lower()
            values = ", ".join(self._value(field, one) for one in _listed(given))
            how = "= any" if word == "in" else "<> all"
            return f"({column} {how} (array[{values}]))"
        ordered = field.type not in (FieldType.JSON, FieldType.BOOLEAN)
        if word not in _COMPARE or not (ordered or word in ("=", "!=", "<>")):
            raise Refused(f"{word} does not apply to {field.type}", "use = or <>")
        # Equality as queries have it, so that the planner finds a partial index for them.
        order = ' collate "C"' if field.type in _TEXT and word in ("<", "<=", ">", ">=") else ""
        word = "<>" if word == "!=" else word
        return f"({column}{order} {word} {self._value(field, given)})"

    def _value(self, field: Field, given: object) -> str:
        found = constant(field.type, to_json_value(replace(field, optional=False), given))
        return f"{found}::text" if field.type in _TEXT else found

    def _column(self, wire: str) -> tuple[Field, str]:
        field = self._fields.get(wire)
        if field is None:
            raise unknown_field(f"there is no field {str(wire)[:60]!r}", self._fields)
        column = self._columns.get(wire)
        if column is None:
            reason = f"the column of {wire} is of an enum type or an array of the database"
            raise Refused(reason, "leave it out: what compares such a column is not immutable")
        return field, f"{column}::text" if field.type in _TEXT else column

    def _operand(self, node: Any, depth: int) -> tuple[str, Operand]:
        if depth > DEEPEST:
            raise Refused("it is too deep", f"nest at most {DEEPEST} levels")
        if "field" in node:
            field, column = self._column(node["field"])
            kind = field_operand(field)
            sql_type = _KINDS[kind.kind]
            # Of an adopted column: an integer or a timestamp of another width.
            plain = kind.kind in ("text", "json", "boolean", "date", "uuid")
            return (column if plain else f"{column}::{sql_type}"), kind
        if "decimal" in node:
            found = literal_operand(Decimal(str(to_json_value(_DECIMAL, node["decimal"]))))
            return _literal_sql(found, "decimal"), found
        if "value" in node:
            found = literal_operand(node["value"])
            return _literal_sql(found, found.kind), found
        if "seconds" in node:
            seconds = node["seconds"]
            if isinstance(seconds, bool) or not isinstance(seconds, int) or abs(seconds) > 10**10:
                raise Refused("it is not an interval", "pass whole seconds")
            return f"make_interval(secs => {seconds})", Operand(node, "interval")
        if "now" in node:
            raise Refused(*CLOCK)
        parts = [self._operand(one, depth + 1) for one in _listed(node["args"])]
        name = str(node["call"])
        made = call(name, [one for _, one in parts])
        return _called(name, [sql for sql, _ in parts], [one for _, one in parts], made.kind), made

    def _compared(self, word: str, left: tuple[str, Operand], right: tuple[str, Operand]) -> str:
        if word not in _COMPARE:
            raise Refused(f"there is no comparison {word[:20]}", "use = <> < <= > >=")
        one, other = comparable(left[1], right[1])
        kinds = {one.kind, other.kind}
        kind = one.kind
        if len(kinds) > 1:
            kind = "number" if "number" in kinds else "decimal"
        if kind == "boolean" and word not in ("=", "<>"):
            raise Refused("booleans have no order", "use = or <>")
        sides = [
            _literal_sql(side, kind) if side.literal is not None else sql
            for sql, side in ((left[0], one), (right[0], other))
        ]
        if kind == "text" and word in ("=", "<>") and (_is_actor(one) or _is_actor(other)):
            return f"({sides[0]} {word} {sides[1]})"  # so that an index of the column serves it
        if kind == "text":
            return f'({sides[0]} collate "C" {word} {sides[1]} collate "C")'
        return f"({sides[0]}::{_KINDS[kind]} {word} {sides[1]}::{_KINDS[kind]})"


def _is_actor(operand: Operand) -> bool:
    return str(operand.json.get("field", "")).startswith("actor.")


_DECIMAL: Final = Field("", "", "", FieldType.DECIMAL)


def _literal_sql(operand: Operand, kind: str) -> str:
    value = operand.json.get("value", operand.json.get("decimal"))
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"{literal(text)}::{_KINDS[kind]}"


def _called(name: str, args: Sequence[str], given: Sequence[Operand], kind: str) -> str:
    first, *others = args
    match name:
        case "lower" | "upper":
            return f'{name}({first} collate "default")'
        case "length":
            return f"length({first})::bigint"
        case "coalesce":
            return f"coalesce({', '.join(f'{one}::{_KINDS[kind]}' for one in args)})"
        case "abs":
            return f"abs({first}::{_KINDS[kind]})"
        case "/":
            return f"div({first}::numeric, nullif({others[0]}, 0)::numeric)"
        case "%":
            return f"({first}::numeric % nullif({others[0]}, 0)::numeric)"
        case "->>" if isinstance(given[1].literal, str):
            return f"({first} ->> {literal(given[1].literal)})"
        case "+" | "-" if kind == "datetime":  # what adds to a timestamptz depends on a session
            return f"(({first} at time zone 'UTC' {name} {others[0]}) at time zone 'UTC')"
        case "+" | "-" | "*":
            return f"({first}::numeric {name} {others[0]}::numeric)"
    raise Refused(f"{name} is not allowed here", "->> takes the name of a key")


def _matched(word: str, left: tuple[str, Operand], pattern: object) -> str:
    if left[1].kind != "text" or not isinstance(pattern, str):
        raise Refused("patterns match text", "pass text and a pattern")
    if (len(pattern) - len(pattern.rstrip("\\"))) % 2:
        raise Refused("the pattern ends in an escape character", "double the last backslash")
    collation = "C" if word == "like" else "default"
    return f'({left[0]} collate "{collation}" {word} {literal(pattern)})'


def _list_test(form: str, left: tuple[str, Operand], values: Sequence[object]) -> str:
    if left[1].kind != "json" or not all(isinstance(one, str | int) for one in values):
        raise Refused("lists are compared with texts, whole numbers and booleans", "list such")
    sql = left[0]
    if form == "contains":
        return f"({sql} @> {json_literal(list(values))}::jsonb)"
    parts = [f"{sql} @> {json_literal([one])}::jsonb" for one in values]
    any_of = f"({' or '.join(parts)})" if parts else "false"
    return f"(case when {sql} is not null then jsonb_typeof({sql}) = 'array' and {any_of} end)"


def _listed(value: object) -> Sequence[Any]:
    if not isinstance(value, list | tuple):
        raise Refused("it is not a list", "pass a list")
    return value
