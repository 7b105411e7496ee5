"""Pushed schema JSON, version 3, to the neutral form; the reverse of `wire_json.dump`.

Flow: a client's push or a .json file -> here -> `checks` -> `neutral.SchemaSpec`. Unknown keys and
other spellings are kept (see `wire_json`); invalid parts are problems, and all problems are raised
together.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, Final, Literal, TypeVar

import msgspec

from ablo_pg.schema.checks import check
from ablo_pg.schema.hashing import json_hash
from ablo_pg.schema.kinds import KINDS
from ablo_pg.schema.names import column_name
from ablo_pg.schema.neutral import (
    MISSING,
    PARTICIPANT_KINDS,
    Check,
    Disposition,
    EntityRole,
    Field,
    FieldType,
    IdentityRole,
    Index,
    ModelSpec,
    ParticipantKind,
    Relation,
    SchemaSpec,
    Tenancy,
)
from ablo_pg.schema.problems import Problem, schema_error
from ablo_pg.schema.reading import Reading
from ablo_pg.schema.rules import parse_rules
from ablo_pg.schema.values import BadValueError, shape, to_json_value
from ablo_pg.schema.wire_json import (
    COLUMNS,
    VERSION,
    dump_field,
    dump_model,
    dump_relation,
    dump_schema_json,
    find_extra,
)

_TYPES: Final = {kind.pushed: one for one, kind in KINDS.items()}
_PLAIN_TYPES: Final = [spelling for spelling, form in _TYPES if form is None]
_LOADS: Final[tuple[Literal["instant", "lazy"], ...]] = ("instant", "lazy")
_PLANES: Final[tuple[Literal["tenant", "control"], ...]] = ("tenant", "control")
_KINDS: Final[tuple[Literal["belongsTo", "hasMany", "hasOne"], ...]] = (
    "belongsTo",
    "hasMany",
    "hasOne",
)
_TENANCIES: Final[tuple[Literal["column", "parent", "none", "source"], ...]] = (
    "column",
    "parent",
    "none",
    "source",
)
_DISPOSITIONS: Final[tuple[Disposition, ...]] = ("reject", "overwrite", "notify")
_RELATION_FLAGS: Final = ("parent", "fk", "index")

SpecT = TypeVar("SpecT", Field, Relation)
ConditionT = TypeVar("ConditionT", Check, Index)


def parse_schema_json(source: Mapping[str, object] | str | bytes) -> SchemaSpec:
    """Read a schema as another language pushes it (JSON text, or the values in it).

    `spec.hash` is the hash of what was pushed, and `dump_schema_json(spec)` gives it back.

    Raises:
        AbloValidationError: code `invalid_schema`; lists every problem.
    """
    try:
        document = json.loads(source) if isinstance(source, str | bytes) else source
        spec, problems = _parse_document(document)
    except RecursionError:
        raise schema_error(
            [_unreadable("it is nested too deeply")], code="invalid_schema"
        ) from None
    except ValueError as exc:
        raise schema_error([_unreadable(str(exc)[:200])], code="invalid_schema") from exc
    problems = problems or check(spec)
    if problems:
        raise schema_error(problems, code="invalid_schema")
    return spec


def _unreadable(reason: str) -> Problem:
    return Problem("invalid_json", None, None, reason, "push the JSON that the schema tools write")


def _parse_document(document: Any) -> tuple[SchemaSpec, list[Problem]]:
    problems: list[Problem] = []
    top = Reading(document, problems)
    if top.data.get("v", VERSION) not in (VERSION, None):
        top.problem(
            "unsupported_version",
            f"it is of version {str(top.data['v'])[:20]}, only {VERSION} is supported",
            "push it with a client of this generation",
        )
    nullable = top.data.get(COLUMNS) == "nullable"
    models = [
        _parse_model(str(key), Reading(value, problems, str(key)), nullable)
        for key, value in top.mapping("models").items()
    ]
    spec = SchemaSpec(
        tuple(sorted(models, key=lambda model: model.key)),
        identity_roles=tuple(
            _parse_identity_role(Reading(value, problems))
            for value in top.sequence("identityRoles")
        ),
        session_settings=tuple(
            sorted((str(k), str(v)) for k, v in top.mapping("sessionSettings").items())
        ),
    )
    if problems:
        return spec, problems
    spec = replace(spec, extra=find_extra(dump_schema_json(spec), dict(top.data)))
    hashed = {name: value for name, value in top.data.items() if name != COLUMNS}
    return replace(spec, hash=json_hash(hashed)), problems


def _parse_model(key: str, top: Reading, nullable: bool) -> ModelSpec:
    scope = top.data.get("scope")
    if scope is not None and not isinstance(scope, str | bool):
        top.problem("invalid_option", "scope must be true or a name", "push true or a string")
        scope = None
    fields = tuple(
        _parse_field(str(wire), top.inside(str(wire), value), nullable)
        for wire, value in top.mapping("fields").items()
    )
    spec = ModelSpec(
        key=key,
        typename=top.text("typename", key),
        table=top.text("tableName", key),
        table_schema=top.text("tableSchema", "public"),
        id_column=top.text("idColumn", "id"),
        fields=fields,
        relations=tuple(
            _parse_relation(str(name), top.inside(str(name), value))
            for name, value in top.mapping("relations").items()
        ),
        tenancy=_parse_tenancy(top, fields),
        load=top.choice("load", _LOADS, "instant"),
        plane=top.choice("plane", _PLANES, "tenant"),
        mutable=top.flag("mutable", True),
        scope=scope if isinstance(scope, str) else None,
        is_scope_root=bool(scope) or isinstance(scope, str),
        grants=tuple(sorted(top.mapping("grants").items())),
        entity_roles=tuple(_parse_entity_role(top, v) for v in top.sequence("entityRoles")),
        conflict=_parse_conflict(top),
        claims_bind_sql=top.flag("claimsBindSql", False),
        before=top.flag("before", True),
        checks=parse_listed(top.data.get("checks"), Check),
        indexes=parse_listed(top.data.get("indexes"), Index),
        permissions=parse_listed(top.data.get("permissions"), Check),
    )
    if top.problems:
        return spec
    return replace(spec, options=find_extra(dump_model(spec), dict(top.data)))


def parse_listed(value: Any, kind: type[ConditionT]) -> tuple[ConditionT, ...]:
    """Read checks or indexes; other values under their name stay unread, and `unenforced`."""
    try:
        found = tuple(msgspec.convert(value, tuple[kind, ...]))  # type: ignore[valid-type]
    except msgspec.ValidationError:
        return ()
    known = {one.name for one in fields(kind)}
    return () if any(one.keys() - known for one in value) else found


def _parse_field(wire: str, top: Reading, nullable: bool) -> Field:
    """Read a field. nullable: one without a default is optional, however it is spelled.

    The TypeScript SDK pushes a field with a default as a required one without: its clients leave
    such a field out, and its own tables have no NOT NULL.
    """
    spelling = top.text("type", "")
    form = top.data.get("format")
    kind = _TYPES.get((spelling, form if isinstance(form, str) else None))
    kind = kind or _TYPES.get((spelling, None))
    if kind is None:
        top.problem(
            "unsupported_type",
            f"{spelling[:40]!r} is not a type",
            f"use one of: {', '.join(_PLAIN_TYPES)}",
        )
        kind = FieldType.JSON
    values = [value for value in top.sequence("enumValues") if isinstance(value, str)]
    if len(values) != len(top.sequence("enumValues")):
        top.problem("invalid_enum", "its values must be strings", "push each value as a string")
    field = Field(
        name=wire,
        wire=wire,
        column=top.text("column", column_name(wire)),
        type=kind,
        optional=top.flag("isOptional", False) or (nullable and top.data.get("default") is None),
        indexed=top.flag("isIndexed", False),
        enum_values=tuple(values) if kind is FieldType.ENUM else (),
        formerly=tuple(str(name) for name in top.sequence("formerly")),
    )
    field = parse_rules(field, top.data)
    if top.data.get("default") is not None:
        field = replace(field, default=_parse_default(field, top))
    return _with_extra(field, dump_field(field), top)


def _parse_default(field: Field, top: Reading) -> Any:
    try:
        return to_json_value(field, top.data["default"])
    except BadValueError as exc:
        top.problem("invalid_default", f"its default: {exc.reason}", exc.remedy)
        return MISSING


def _parse_relation(name: str, top: Reading) -> Relation:
    options = Reading(top.mapping("options"), top.problems, top.model, name)
    relation = Relation(
        name=name,
        kind=top.choice("type", _KINDS, "belongsTo", required=True),
        target=top.text("target", ""),
        foreign_key=top.text("foreignKey", ""),
        foreign_key_column=top.maybe_text("foreignKeyColumn"),
        parent=options.flag("parent", False),
        fk=options.flag("fk", False),
        index=options.flag("index", False),
        options=tuple((k, v) for k, v in sorted(options.data.items()) if k not in _RELATION_FLAGS),
        order_by=top.maybe_text("orderBy"),
    )
    return _with_extra(relation, dump_relation(relation), top)


def _with_extra(spec: SpecT, document: dict[str, object], top: Reading) -> SpecT:
    return spec if top.problems else replace(spec, extra=find_extra(document, dict(top.data)))


def _parse_tenancy(top: Reading, fields: tuple[Field, ...]) -> Tenancy:
    """Read a tenancy; a local key given by its JSON name is turned into its column."""
    tenancy = Reading(top.mapping("tenancy"), top.problems, top.model)
    kind = tenancy.choice("kind", _TENANCIES, "column")
    via = Reading(tenancy.mapping("via"), top.problems, top.model)
    local_key = via.maybe_text("localKey")
    if local_key is not None and local_key not in {field.column for field in fields}:
        named = (field.column for field in fields if field.wire == local_key)
        local_key = next(named, local_key)
    return Tenancy(
        kind=kind,
        column=tenancy.text("column", "organization_id"),
        local_key=local_key,
        parent_table=via.maybe_text("parentTable"),
        parent_key=via.text("parentKey", "id"),
        parent_org_column=via.text("parentOrgColumn", "organization_id"),
    )


def _parse_conflict(top: Reading) -> tuple[tuple[ParticipantKind, Disposition], ...]:
    policy = Reading(top.mapping("conflict"), top.problems, top.model)
    kinds = {kind: kind for kind in PARTICIPANT_KINDS}
    for name in sorted(policy.data):
        if name not in kinds:
            policy.problem(
                "invalid_conflict",
                f"conflict policy: {shape(name)} is not a participant kind",
                f"use one of: {', '.join(kinds)}",
            )
    return tuple(
        (kinds[name], policy.choice(name, _DISPOSITIONS, "reject"))
        for name, value in sorted(policy.data.items())
        if name in kinds and value is not None
    )


def _parse_entity_role(top: Reading, value: Any) -> EntityRole:
    role = Reading(value, top.problems, top.model)
    if isinstance(role.data.get("source"), str):  # the short spelling of {"field": ..}
        return EntityRole(role.text("kind", ""), role.text("source", ""))
    source = Reading(role.mapping("source"), top.problems, top.model)
    return EntityRole(role.text("kind", ""), source.text("field", ""), source.flag("multi", False))


def _parse_identity_role(top: Reading) -> IdentityRole:
    source = top.data.get("source")
    rest = {name: value for name, value in top.data.items() if name not in ("kind", "source")}
    if not isinstance(source, str):  # kept unchanged; the spelling of another generation
        rest["source"] = source if "source" in top.data else MISSING
    return IdentityRole(
        top.text("kind", ""), source if isinstance(source, str) else "", tuple(rest.items())
    )
