"""Permissions: predicates over a row and the actor, which SQL and the stream judge alike.

The actor is read like a field: `actor.id`, `actor.kind` (user, agent, system), and `actor.user_id`,
the id if the kind is user, else null. In `update`, `old.` and `new.` name the row before and after;
a condition without either holds for both. `declare.allow` reads what authors write; `compile`
makes policies and guards of it; `changefeed.permissions` judges the stream. A value is compared
only where Python and Postgres cannot differ.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from ablo_pg.predicate.operands import CLOCK, Fields, Refused
from ablo_pg.schema.neutral import READ, Field, FieldType

ACTOR: Final = {
    name: Field(name, name, "", FieldType.STRING, optional=True)
    for name in ("actor.id", "actor.kind", "actor.user_id")
}
ROWS: Final = ("old", "new")
_COMPARED: Final = (
    FieldType.STRING,
    FieldType.ENUM,
    FieldType.INTEGER,
    FieldType.BOOLEAN,
    FieldType.UUID,
)
_LOCALE: Final = (
    "which letters are equal depends on the database's locale, which the stream does not have",
    "store the text in one case, and compare it with =",
)
_FOLDS: Final = ("lower", "upper")
_NESTED: Final = ("and", "or", "not", "null", "left", "right", "args")


def permission_fields(fields: Fields, verb: str) -> Fields:
    """Return what a permission may name: the fields, the actor, and in an update old and new.

    Who may read a field is decided by the actor alone: otherwise a row that changes would change
    what of its past may be read.
    """
    if verb.startswith(READ):
        return ACTOR
    found = {**fields, **ACTOR}
    for row in ROWS if verb == "update" else ():
        for name, field in fields.items():
            found[f"{row}.{name}"] = replace(
                field, name=f"{row}.{name}", wire=f"{row}.{field.wire}"
            )
    return found


def actor_of(participant: str | None) -> dict[str, str | None]:
    """Return the actor's values for a participant `kind:id`; all None if there is none."""
    kind, _, name = (participant or "").partition(":")
    return {
        "actor.id": name or None,
        "actor.kind": kind or None,
        "actor.user_id": name if name and kind == "user" else None,
    }


def transition(test: object) -> bool:
    """Whether a permission to update compares the row before with the row after."""
    return any(name.partition(".")[0] in ROWS for name in names_of(test))


def strict(test: object) -> bool:
    """Whether a predicate that is false, if some values are unknown, is so whatever they are."""
    clauses = (part[1] if isinstance(part, list) else "call" in part for part in _parts(test))
    return not any(word in ("is", "is_not", True) for word in clauses)


def names_of(node: object) -> Iterator[str]:
    """Yield the names of fields that a predicate reads."""
    for part in _parts(node):
        if isinstance(part, list):
            yield str(part[0])
        elif "field" in part:
            yield str(part["field"])


def renamed(node: object, names: Mapping[str, str]) -> object:
    """Return a predicate whose fields have other names. names: new by old."""
    if isinstance(node, list | tuple):
        if node and isinstance(node[0], str):
            return [names.get(node[0], node[0]), *node[1:]]
        return [renamed(one, names) for one in node]
    if not isinstance(node, Mapping):
        return node
    if "field" in node:
        return {**node, "field": names.get(str(node["field"]), node["field"])}
    return {word: renamed(one, names) if word in _NESTED else one for word, one in node.items()}


def require_judged(test: object, fields: Fields) -> None:
    """Raise Refused unless the stream judges a row as Postgres does."""
    for part in _parts(test):
        if isinstance(part, list):
            _require_clause(part, fields)
        elif "now" in part or "seconds" in part:
            raise Refused(*CLOCK)
        elif "ilike" in part or part.get("call") in _FOLDS:
            raise Refused(*_LOCALE)
        elif "field" in part:
            _require_type(fields.get(str(part["field"])))
    mixed = {name.partition(".")[0] if "." in name else "" for name in names_of(test)} - {"actor"}
    if "" in mixed and len(mixed) > 1:
        raise Refused("it names fields with and without old. and new.", "write one before each")


def _require_clause(part: Sequence[object], fields: Fields) -> None:
    name, word, *_ = (*part, None, None)
    if word in ("is", "is_not"):
        return
    if word in ("ilike", "not_ilike"):
        raise Refused(*_LOCALE)
    _require_type(fields.get(str(name)))


def _require_type(field: Field | None) -> None:
    if field is not None and field.type not in _COMPARED:
        raise Refused(
            f"{field.name} is of type {field.type}, whose values the stream may compare otherwise "
            "than SQL does (infinities, digits, a session's time zone)",
            "compare text, integer, boolean, enum and uuid fields; any field with is null",
        )


def _parts(node: object) -> Iterator[list[object] | Mapping[str, object]]:
    """Yield the clauses, conditions and operands of a predicate; not the field of `is null`."""
    if isinstance(node, list | tuple):
        if node and isinstance(node[0], str):
            yield list(node)
        else:
            for one in node:
                yield from _parts(one)
    elif isinstance(node, Mapping):
        of = node.get("null")
        if isinstance(of, Mapping) and "field" in of:
            yield [of["field"], "is", None]
            return
        yield node
        for name in _NESTED:
            if name in node:
                yield from _parts(node[name])
