"""Rules, checks and indexes out of the comments on the constraints that the compiler made of them.

Used by `pull`. Pure. What does not fit the model any more stays in the table, and is noted there.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from ablo_pg.compile.predicates import predicate_sql
from ablo_pg.db.tables import TableFacts
from ablo_pg.errors import AbloError
from ablo_pg.predicate.operands import Refused
from ablo_pg.predicate.text import parse
from ablo_pg.schema.identifiers import shorten
from ablo_pg.schema.neutral import Check, Field, Index, ModelSpec, named_fields
from ablo_pg.schema.parse import parse_listed
from ablo_pg.schema.rules import index_name, parse_rules, rules_name


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
            replace(one, text=_text(model, one.text, one.test))
            for one in checks
            if _fits(model, one.test)
        ),
        indexes=tuple(
            replace(one, text=_text(model, one.text, one.where))
            for one in indexes
            if wires >= {*one.fields} and (one.where is None or _fits(model, one.where))
        ),
    )


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


def _fits(model: ModelSpec, test: object) -> bool:
    """Whether the model still has the fields of a condition, with types that it can compare."""
    fields = named_fields(model)
    try:
        return bool(predicate_sql(test, fields, dict.fromkeys(fields, "x")))
    except Refused:
        return False


def _text(model: ModelSpec, text: str, test: object) -> str:
    """Return the author's text if it still means that; the test itself is written otherwise."""
    try:
        return text if text and parse(model.key, text, (), named_fields(model)) == test else ""
    except AbloError:
        return ""
