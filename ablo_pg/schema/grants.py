"""A model whose rows grant groups: `grants={"subject": "user", "scope": "project"}`. Pure.

subject names a belongsTo whose foreign key holds a user's id, or that field itself; scope names a
belongsTo to the model whose groups are granted, or its foreign key.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from ablo_pg.schema.neutral import FieldType, ModelSpec, Relation, SchemaSpec
from ablo_pg.schema.problems import Problem

_TYPES: Final = (FieldType.STRING, FieldType.UUID, FieldType.INTEGER)
_EXAMPLE: Final = 'write grants={"subject": "user", "scope": "project"}, two relations'


class Ends(NamedTuple):
    """What a model's grants refer to. subject: the field (wire name) that holds the user's id."""

    subject: str
    scope: Relation


def grant_ends(model: ModelSpec) -> Ends | None:
    """Return both ends of a model's grants; None if it has none, or they are not declared."""
    named = dict(model.grants)
    subject, scope = _relation(model, named.get("subject")), _relation(model, named.get("scope"))
    field = named.get("subject") if subject is None else subject.foreign_key
    known = {field.wire for field in model.fields if field.type in _TYPES}
    if scope is None or not isinstance(field, str) or field not in known:
        return None
    return Ends(field, scope)


def check_grants(model: ModelSpec, spec: SchemaSpec) -> Iterator[Problem]:
    """Yield what is wrong with a model's grants."""
    if not model.grants:
        return
    ends, named = grant_ends(model), dict(model.grants)
    if set(named) != {"subject", "scope"} or ends is None:
        reason = f"its grants {named!r:.120} do not name two of its relations"
        yield Problem("not_enforced", model.key, "grants", reason, _EXAMPLE)
        return
    target = next((other for other in spec.models if other.key == ends.scope.target), None)
    stored = ("column", "parent")
    if model.tenancy.kind not in stored or (target and target.tenancy.kind not in stored):
        reason = "its rows, or those of its scope, belong to no organization here"
        yield Problem("not_enforced", model.key, "grants", reason, "leave it out")


def _relation(model: ModelSpec, name: object) -> Relation | None:
    """Return the belongsTo with this name, or on this field."""
    for relation in model.relations:
        if relation.kind == "belongsTo" and name in (relation.name, relation.foreign_key):
            return relation
    return None
