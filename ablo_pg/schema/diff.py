"""The differences between two schemas, as data, and whether they affect rows and readers.

A change is additive if every stored row still fits and clients of the old schema can continue to
read and write. `migrate` applies additive changes; the others need a flag.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, replace
from typing import Any, Final

from ablo_pg.errors import AbloValidationError
from ablo_pg.json_text import same
from ablo_pg.schema.neutral import (
    MISSING,
    VERBS,
    Check,
    EntityRole,
    Field,
    FieldType,
    Index,
    ModelSpec,
    Relation,
    SchemaSpec,
    Tenancy,
)
from ablo_pg.schema.rules import looser_rule
from ablo_pg.schema.wire_json import dump_tenancy


@dataclass(frozen=True, slots=True)
class Change:
    """One difference.

    `kind` is stable (`field_added`, `enum_value_removed`, ...); `model` is the new schema's key and
    `field` the new field's JSON name (of a dropped one: the old). `old` and `new` are JSON values.
    """

    kind: str
    model: str | None
    field: str | None
    additive: bool
    reason: str
    old: Any = None
    new: Any = None

    def __str__(self) -> str:
        where = ".".join(part for part in (self.model, self.field) if part is not None)
        values = ""
        if self.old is not None or self.new is not None:
            values = f" {self.old!r} -> {self.new!r}"
        return f"{self.kind} {where}{values}: {self.reason}".replace("  ", " ")


# A field under another name, which its clients lose, or which is still available too.
FIELD_MOVED: Final = ("field_renamed", "field_also_named")
# Of what is no longer declared; only `migrate --drop` removes it.
_TABLE_STAYS: Final = "clients no longer find it; its table stays, with its rows"
_CLOSED: Final = " and policy; its past in the log is shown to no participant"
_COLUMN_STAYS: Final = "clients no longer find it; its column stays, with its values"
_MAY_BREAK: Final = "stored rows may break it: correct them first"
_MAY_REPEAT: Final = "stored rows may have the same values: correct them first"
# Retypings under which every stored value keeps its JSON.
_WIDENINGS: Final = {
    (FieldType.ENUM, FieldType.STRING): "the values stay; the list of allowed values is removed",
    (FieldType.UUID, FieldType.STRING): "the values stay, as text; the table is rewritten",
    (FieldType.DATE, FieldType.STRING): "the values stay, as text; the table is rewritten",
}


def diff(
    old: SchemaSpec, new: SchemaSpec, *, renames: Sequence[tuple[str, str]] = ()
) -> tuple[Change, ...]:
    """Return what changed from `old` to `new`, model by model in key order.

    Args:
        renames: pairs (from, to) of model keys (`tasks`, `todos`), or of fields by model key and
            name (`tasks.title`, `tasks.name`; the new model key in both, or the old in the first).
            What is not named here is a drop and an add.

    Raises:
        AbloValidationError: a rename names something that is not there.
    """
    moved = _Renames(old, new, renames)
    before = {model.key: model for model in old.models}
    changes: list[Change] = []
    for model in new.models:
        origin = before.pop(moved.models.get(model.key, model.key), None)
        if origin is None:
            changes.append(Change("model_added", model.key, None, True, "nothing refers to it yet"))
        else:
            changes += _diff_model(origin, model, moved.fields.get(model.key, {}))
    places = {(model.table_schema, model.table): model for model in new.models}
    for key, gone in before.items():
        reason = _TABLE_STAYS + (_CLOSED if gone.permission("read") is not None else "")
        changes.append(Change("model_dropped", key, None, False, reason))
        changes += _diff_permissions(gone, places.get((gone.table_schema, gone.table)))
    return (*changes, *_diff_settings(old, new))


class _Renames:
    """The given pairs, resolved: new model key -> old, and per new model new field -> old."""

    def __init__(self, old: SchemaSpec, new: SchemaSpec, pairs: Sequence[tuple[str, str]]) -> None:
        self.models: dict[str, str] = {}
        self.fields: dict[str, dict[str, str]] = {}
        olds = {model.key: model for model in old.models}
        news = {model.key: model for model in new.models}
        rest = []
        for source, target in pairs:
            if source in olds and target in news:
                if source in news or target in olds:
                    raise _bad_rename(source, target, "both schemas have that model")
                self.models[target] = source
            else:
                rest.append((source, target))
        for source, target in rest:
            new_key, new_wire = _split(news, target) or (None, "")
            if new_key is None:
                raise _bad_rename(source, target, f"the new schema has no {target!r}")
            origin = self.models.get(new_key, new_key)
            names = [f"{key}." for key in (origin, new_key) if source.startswith(f"{key}.")]
            old_wire = _wire(olds.get(origin), source[len(names[0]) :]) if names else None
            if old_wire is None:
                raise _bad_rename(source, target, f"the old schema has no {source!r}")
            self.fields.setdefault(new_key, {})[new_wire] = old_wire


def _split(models: Mapping[str, ModelSpec], path: str) -> tuple[str, str] | None:
    """Find the model and field that `model.field` names; either name may hold dots."""
    for key, model in models.items():
        wire = _wire(model, path[len(key) + 1 :]) if path.startswith(f"{key}.") else None
        if wire is not None:
            return key, wire
    return None


def _wire(model: ModelSpec | None, name: str) -> str | None:
    """Find a field by its JSON name, else as its author or its column spells it: due_date."""
    fields = model.fields if model is not None else ()
    spelt = [field.wire for field in fields if name in (field.name, field.column)]
    return name if any(field.wire == name for field in fields) else next(iter(spelt), None)


def _bad_rename(source: str, target: str, reason: str) -> AbloValidationError:
    return AbloValidationError(
        f"the rename {source[:80]!r} -> {target[:80]!r} does not fit: {reason[:200]}",
        code="invalid_request",
        remedy="name an old and a new model, or an old and a new field as model.field",
    )


def _diff_model(old: ModelSpec, new: ModelSpec, renamed: Mapping[str, str]) -> list[Change]:
    changes: list[Change] = []
    if old.key != new.key:
        changes.append(
            Change(
                "model_renamed",
                new.key,
                None,
                False,
                "clients that use the old key no longer find it",
                old.key,
                new.key,
            )
        )
    changes += _diff_options(old, new)
    before = {field.wire: field for field in old.fields}
    moved = {source: before.pop(source) for source in renamed.values() if source in before}
    for field in new.fields:
        source = renamed.get(field.wire)
        origin = before.pop(field.wire, None) if source is None else moved.get(source)
        former = next((name for name in field.formerly if name in before), None)
        if origin is None and former is not None:
            origin = before.pop(former)
        if origin is None:
            changes.append(_added(new.key, field))
        else:
            changes += _diff_field(new.key, origin, field)
    changes += [Change("field_dropped", new.key, wire, False, _COLUMN_STAYS) for wire in before]
    changes += _diff_permissions(old, new)
    return [*changes, *_diff_conditions(old, new), *_diff_relations(old, new)]


def _added(model: str, field: Field) -> Change:
    if field.optional:
        return Change("field_added", model, field.wire, True, "rows without it read as null")
    if field.default is not MISSING:
        return Change("field_added", model, field.wire, True, "rows without it get its default")
    reason = (
        "stored rows have no value for it: give it a default or a backfill, or make it `| None`"
    )
    return Change("field_added", model, field.wire, False, reason)


def _diff_field(model: str, old: Field, new: Field) -> Iterator[Change]:
    wire = new.wire
    if old.wire in new.formerly:
        reason = "clients that use the old name can still read and write it"
        yield Change("field_also_named", model, wire, True, reason, old.wire, wire)
    elif old.wire != wire:
        reason = "clients that use the old name no longer find it"
        yield Change("field_renamed", model, wire, False, reason, old.wire, wire)
    if gone := [name for name in old.formerly if name not in (*new.formerly, wire)]:
        reason = "clients that use the former name no longer find it"
        yield Change("former_name_dropped", model, wire, False, reason, gone, list(new.formerly))
    if old.column != new.column:
        reason = "the column is renamed; SQL that names it breaks"
        yield Change("column_changed", model, wire, False, reason, old.column, new.column)
    if old.type is not new.type:
        why = _WIDENINGS.get((old.type, new.type))
        reason = why or "stored values would change their JSON, or may not convert"
        yield Change(
            "field_retyped", model, wire, why is not None, reason, old.type.value, new.type.value
        )
    elif old.enum_values != new.enum_values:
        yield from _diff_enum(model, old, new)
    if new.optional and not old.optional:
        yield Change("field_made_optional", model, wire, True, "every stored value still fits")
    if old.optional and not new.optional:
        reason = "stored rows may have no value for it: backfill them first"
        yield Change("field_made_required", model, wire, False, reason)
    yield from _diff_rules(model, old, new)
    if new.indexed != old.indexed:
        kind = "index_added" if new.indexed else "index_dropped"
        yield Change(kind, model, wire, True, "rows stay as they are")
    if not same(old.default, new.default):
        yield Change(
            "default_changed",
            model,
            wire,
            True,
            "it applies to later rows only",
            None if old.default is MISSING else old.default,
            None if new.default is MISSING else new.default,
        )


def _diff_rules(model: str, old: Field, new: Field) -> Iterator[Change]:
    before, after = dict(old.rules), dict(new.rules)
    if before != after:
        looser = all(
            word in before and looser_rule(word, before[word], after[word]) for word in after
        )
        kind, reason = "rules_tightened", _MAY_BREAK
        if looser:
            kind, reason = "rules_loosened", "every stored value still fits"
        yield Change(kind, model, new.wire, looser, reason, before, after)
    if new.unique and not old.unique:
        yield Change("unique_added", model, new.wire, False, _MAY_REPEAT)
    elif old.unique and not new.unique:
        yield Change("unique_dropped", model, new.wire, True, "rows stay as they are")


def _diff_conditions(old: ModelSpec, new: ModelSpec) -> Iterator[Change]:
    """Compare checks and indexes by name; one that another word for the same is, is the same."""
    for kind, listed, others, breaks in (
        ("check", new.checks, old.checks, _MAY_BREAK),
        ("index", new.indexes, old.indexes, _MAY_REPEAT),
    ):
        before = {one.name: one for one in others}
        for one in listed:
            origin = before.pop(one.name, None)
            if origin is not None and same(_meant(origin), _meant(one)):
                continue
            calm = isinstance(one, Index) and not one.unique
            does = "added" if origin is None else "changed"
            reason = "rows stay as they are" if calm else breaks
            yield Change(f"{kind}_{does}", new.key, one.name, calm, reason)
        for name in before:
            yield Change(f"{kind}_dropped", new.key, name, True, "rows stay as they are")


def _meant(one: Check | Index) -> tuple[object, ...]:
    return astuple(replace(one, text=""))


def _diff_enum(model: str, old: Field, new: Field) -> Iterator[Change]:
    for value in new.enum_values:
        if value not in old.enum_values:
            reason = "every stored value still fits"
            yield Change("enum_value_added", model, new.wire, True, reason, None, value)
    for value in old.enum_values:
        if value not in new.enum_values:
            reason = "stored rows may have it: change them first"
            yield Change("enum_value_removed", model, new.wire, False, reason, value, None)
    if set(old.enum_values) == set(new.enum_values):
        reason = "the order of the values has no meaning"
        yield Change("enum_reordered", model, new.wire, True, reason)


# Attribute of ModelSpec, kind of change, additive, reason.
_OPTIONS: Final = (
    ("typename", "typename_changed", False, "subscribers know the model by its old typename"),
    ("table", "table_changed", False, "the rows are in the old table"),
    ("table_schema", "table_changed", False, "the rows are in the old Postgres schema"),
    ("id_column", "id_column_changed", False, "subscribers know each row by its old id"),
    ("tenancy", "tenancy_changed", False, "it decides which organization sees which row"),
    ("group_kind", "scope_changed", False, "subscribers know its sync groups by the old kind"),
    ("is_scope_root", "scope_changed", False, "it decides which sync groups exist"),
    ("grants", "grants_changed", False, "it decides who sees which row"),
    ("entity_roles", "entity_roles_changed", False, "it decides who receives which row's changes"),
    ("plane", "plane_changed", False, "it decides who may reach the model"),
    ("mutable", "mutable_changed", False, "it decides whether clients may write"),
    ("conflict", "conflict_changed", True, "it applies to later writes only"),
    ("claims_bind_sql", "claims_bind_sql_changed", True, "it applies to later writes only"),
    ("before", "before_changed", True, "it applies to later writes only"),
    ("load", "load_changed", True, "rows stay as they are"),
    ("options", "options_changed", True, "clients interpret it"),
)


def _diff_options(old: ModelSpec, new: ModelSpec) -> Iterator[Change]:
    for name, kind, additive, reason in _OPTIONS:
        before, after = getattr(old, name), getattr(new, name)
        if name == "conflict":
            before, after = dict(before), dict(after)
        if not same(before, after):
            # A model that becomes writable breaks no client.
            fine = additive or (name == "mutable" and after)
            yield Change(kind, new.key, None, fine, reason, _plain(before), _plain(after))


def _diff_permissions(old: ModelSpec, new: ModelSpec | None) -> Iterator[Change]:
    """Compare by verb. new: the model of the same rows; None: no model has them any more."""
    before, after = (
        {one.name: one for one in (model.permissions if model else ())} for model in (old, new)
    )
    for verb in [*VERBS, *sorted((before.keys() | after.keys()) - set(VERBS))]:
        was, now = before.get(verb), after.get(verb)
        if same(was and was.test, now and now.test):
            continue
        key = new.key if new else old.key
        none = "no row" if new is None and verb == "read" else "every row"
        values = ((one.text or one.test) if one else none for one in (was, now))
        reason = f"it decides which rows an actor may {verb.replace('.', ' ')}"
        yield Change("permissions_changed", key, verb, False, reason, *values)


def _diff_relations(old: ModelSpec, new: ModelSpec) -> Iterator[Change]:
    before = {relation.name: relation for relation in old.relations}
    for relation in new.relations:
        origin = before.pop(relation.name, None)
        if origin is None:
            calm = not relation.fk
            reason = "rows stay as they are" if calm else "stored keys may refer to missing rows"
            yield Change("relation_added", new.key, relation.name, calm, reason)
        elif _edge(origin) != _edge(relation):
            reason = "it may decide sync groups and foreign keys"
            yield Change("relation_changed", new.key, relation.name, False, reason)
        elif not same(astuple(replace(origin, extra=())), astuple(replace(relation, extra=()))):
            yield Change("relation_changed", new.key, relation.name, True, "rows stay as they are")
    for name, relation in before.items():
        calm = not relation.parent
        reason = "rows stay as they are" if calm else "the owner's group would miss its changes"
        yield Change("relation_dropped", new.key, name, calm, reason)


def _edge(relation: Relation) -> tuple[object, ...]:
    """The part of a relation that affects rows and groups."""
    key = relation.foreign_key, relation.foreign_key_column
    return relation.kind, relation.target, key, relation.parent, relation.fk


def _plain(value: object) -> object:
    """Turn an option's value into JSON."""
    if isinstance(value, Tenancy):
        return dump_tenancy(value)
    if isinstance(value, tuple):
        if all(isinstance(item, EntityRole) for item in value):
            return [asdict(item) for item in value]
        return {name: item for name, item in value if item is not MISSING}
    return value


def _diff_settings(old: SchemaSpec, new: SchemaSpec) -> Iterator[Change]:
    if old.models and old.identity_roles != new.identity_roles:
        reason = "it decides who receives which row's changes"
        yield Change("identity_roles_changed", None, None, False, reason)
    if old.models and old.session_settings != new.session_settings:
        reason = "your own policies and triggers may read them"
        yield Change("session_settings_changed", None, None, False, reason)
