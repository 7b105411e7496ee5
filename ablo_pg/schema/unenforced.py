"""Declarations that this release does not enforce: refused by push and migrate. Pure.

A restriction that is read and ignored leaves rows open that its author believes closed. Reading a
schema still accepts it, so that versions pushed by earlier releases can be read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ablo_pg.schema.grants import check_grants
from ablo_pg.schema.neutral import MISSING, Field, IdentityRole, SchemaSpec
from ablo_pg.schema.problems import Problem, schema_error
from ablo_pg.schema.rules import WORDS, require_rules
from ablo_pg.schema.values import BadValueError, shape

CODE: Final = "not_enforced"
# Model options of the wire form that the server would have to enforce; others concern only clients.
_OPTIONS: Final = {
    "autoFill": "leave it out; send the field, or declare a default",
    "requiredFields": "leave it out; make the fields not optional",
    "checks": 'push [{"name": "...", "test": {...}}] with a predicate each',
    "permissions": 'push [{"name": "read", "test": {...}}] with a predicate a verb',
    "indexes": 'push [{"name": "...", "fields": [...]}]',
}
_DOCUMENTED: Final = "leave it out, or push a rule that the documentation lists for the type"
# Attributes of a field that restrict its values. Rules that are enforced are read as such.
_RESTRICT: Final = frozenset(
    {*WORDS, "unique", "minItems", "maxItems", "uniqueItems", "minProperties", "maxProperties"}
    | {"const", "enum", "not"}
)


def require_enforced(spec: SchemaSpec) -> None:
    """Raise schema_definition_invalid with each declaration that would have no effect here."""
    problems = list(_problems(spec))
    if problems:
        raise schema_error(problems, code="schema_definition_invalid")


def _problems(spec: SchemaSpec) -> Iterator[Problem]:
    for role in spec.identity_roles:
        yield from _unread_role(role)
    for name, source in spec.session_settings:
        if source not in ("orgId", "participantId", "participantKind"):
            remedy = "leave it out: a database here is one project in one environment"
            yield _problem(None, "sessionSettings", f" ({name} from {source})", remedy)
    for model in spec.models:
        yield from check_grants(model, spec)
        for name, value in model.options:
            if name in _OPTIONS and value and not getattr(model, name, ()):
                yield _problem(model.key, name, "", _OPTIONS[name])
        for field in model.fields:
            yield from _unread_rules(model.key, field)
        ruled = [field.wire for field in model.fields if field.rules or field.unique]
        ruled += [one.name for one in model.checks] + [one.name for one in model.indexes]
        if model.permissions and model.tenancy.kind not in ("column", "parent"):
            remedy = "leave it out, or give the model a tenancy column"
            yield _problem(model.key, "permissions", ": its rows belong to no organization", remedy)
        if model.tenancy.kind == "source" and ruled:
            remedy = "leave it out; require it where the rows are"
            yield _problem(model.key, ruled[0], ": its rows are behind a data source", remedy)


def _unread_role(role: IdentityRole) -> Iterator[Problem]:
    """Yield what a role says beyond its kind and the field it reads."""
    options = dict(role.options)
    source = options.pop("source", {"field": role.source})
    named = source if isinstance(source, dict) else {}
    field, multi = named.get("field"), named.get("multi", False)
    if options or set(named) - {"field", "multi"} or not (isinstance(multi, bool) and field):
        more = f" (the role {role.kind!r})"
        remedy = 'push {"kind": "team", "source": {"field": "teamIds", "multi": true}}'
        yield _problem(None, "identityRoles", more, remedy)


def _unread_rules(model: str, field: Field) -> Iterator[Problem]:
    """Yield the pushed rules of a field that were not read as such, and a default that breaks them.

    A pushed default is a problem only here: a schema that is active must stay readable.
    """
    try:
        require_rules(field, None if field.default is MISSING else field.default)
    except BadValueError as exc:
        reason = f"its default: {exc.reason}"
        yield Problem("invalid_default", model, field.wire, reason, exc.remedy)
    read = {*dict(field.rules), *(["unique"] if field.unique else [])}
    for name, value in field.extra:
        off = value is None or value is False or value is MISSING
        if name in _RESTRICT - read and not off:
            more = f": {shape(value)} on a field of type {field.type}"
            yield _problem(model, field.wire, more, _DOCUMENTED, name)


def _problem(
    model: str | None, field: str, more: str, remedy: str, name: str | None = None
) -> Problem:
    return Problem(CODE, model, field, f"{name or field} is not enforced here{more}", remedy)
