"""Rules, checks, indexes, permissions out of the comments on what the compiler made of them.

Used by `pull`. Pure. What does not fit the model any more stays in the table, and is noted there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from ablo_pg.compile.predicates import predicate_sql
from ablo_pg.db.tables import TableFacts
from ablo_pg.errors import AbloError
from ablo_pg.predicate.operands import Fields, Refused
from ablo_pg.predicate.permission import permission_fields, renamed, require_judged
from ablo_pg.predicate.text import parse
from ablo_pg.schema.identifiers import shorten
from ablo_pg.schema.neutral import Check, Field, Index, ModelSpec, named_fields
from ablo_pg.schema.parse import parse_listed
from ablo_pg.schema.rules import index_name, parse_rules, rules_name

# The guard of a model without permissions.
_UNLIMITED: Final = re.compile("ablo_pg [0-9a-f]{8}")


def recover(model: ModelSpec, table: TableFacts) -> ModelSpec:
    """Return a model with what the comments on its table's constraints and indexes record."""
    found = {one.name: _recorded(one.comment) for one in table.constraints}
    found |= {one.name: _recorded(one.comment) for one in table.marked}
    checks = parse_listed([one for one in found.values() if "test" in one], Check)
    indexes = parse_listed([one for one in found.values() if "fields" in one], Index)
    model = replace(model, fields=tuple(_field(model, field, found) for field in model.fields))
    wires = named_fields(model).keys()
    return replace(
        model,
        checks=tuple(
            replace(one, text=_text(model, one.text, one.test, named_fields(model)))
            for one in checks
            if _fits(one.test, named_fields(model))
        ),
        indexes=tuple(
            replace(one, text=_text(model, one.text, one.where, named_fields(model)))
            for one in indexes
            if wires >= {*one.fields}
            and (one.where is None or _fits(one.where, named_fields(model)))
        ),
        permissions=tuple(one for one in _permissions(model, table) if one.test is not None),
    )


def unrecovered(model: ModelSpec, table: TableFacts) -> tuple[str, ...]:
    """Return the permissions that a table's rows have, and its model as recovered has not."""
    if table.guard is None or _UNLIMITED.fullmatch(table.guard):
        return ()
    found = tuple(_permissions(model, table))
    if not found:
        return ("the comment on its trigger zz_ablo_guard, which records them, cannot be read",)
    return tuple(f"{one.name}: {one.text}" for one in found if one.test is None)


def _permissions(model: ModelSpec, table: TableFacts) -> Iterator[Check]:
    """Yield what was permitted; without a test what the model's fields do not express any more."""
    found = _recorded(table.guard)
    columns = found.get("columns")
    wires = {field.column: field.wire for field in model.fields}
    names = {
        prefix + wire: prefix + wires.get(column, "?")
        for wire, column in (columns.items() if isinstance(columns, Mapping) else ())
        for prefix in ("", "old.", "new.")
    }
    for one in parse_listed(found.get("permissions"), Check):
        word, dot, wire = one.name.partition(".")
        if dot:
            one = replace(one, name=f"{word}.{names.get(wire, '?')}")
        fields = permission_fields(named_fields(model), one.name)
        test = renamed(one.test, names)
        if _fits(test, fields) and _judged(test, fields):
            yield replace(one, test=test, text=_text(model, one.text, test, fields))
        else:
            yield replace(one, test=None, text=one.text or json.dumps(one.test))


def _judged(test: object, fields: Fields) -> bool:
    try:
        require_judged(test, {field.wire: field for field in fields.values()})
    except Refused:
        return False
    return True


def _recorded(comment: str | None) -> dict[str, Any]:
    mark, _, text = (comment or "").partition(" {")
    try:
        found = json.loads("{" + text) if mark.startswith("ablo_pg ") else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _field(model: ModelSpec, field: Field, found: dict[str, dict[str, Any]]) -> Field:
    rules = found.get(shorten(rules_name(model.table, field.column)), {})
    unique = found.get(shorten(index_name(model.table, field.column, unique=True)), {})
    return parse_rules(field, rules | unique)


def _fits(test: object, fields: Fields) -> bool:
    """Whether the model still has the fields of a condition, with types that it can compare."""
    by_wire = {field.wire: field for field in fields.values()}
    try:
        return bool(predicate_sql(test, by_wire, dict.fromkeys(by_wire, "x")))
    except Refused:
        return False


def _text(model: ModelSpec, text: str, test: object, fields: Fields) -> str:
    """Return the author's text if it still means that; the test itself is written otherwise."""
    try:
        return text if text and parse(model.key, text, (), fields) == test else ""
    except AbloError:
        return ""
