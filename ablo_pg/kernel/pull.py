"""From existing tables to a schema that fits them, and notes on what no schema can express.

Flow: `db.tables` (facts) -> `pull_schema` -> `schema.source` writes the file. Pure. What cannot be
recovered reliably becomes a comment in its place, with the SQL that would change that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from ablo_pg.compile.checks import finite_checks
from ablo_pg.compile.names import ident, qualified
from ablo_pg.compile.values import STORED_AS
from ablo_pg.db.tables import ColumnFacts, ConstraintFacts, TableFacts
from ablo_pg.kernel.altered import types_of
from ablo_pg.kernel.bookkeeping import tool_of
from ablo_pg.kernel.recover import recover, unrecovered
from ablo_pg.kernel.table_reasons import WHOLE_NUMBERS, base_reason, find_id, table_reasons
from ablo_pg.kernel.table_values import constant, empty_array, listed_values
from ablo_pg.kernel.trees import compare_checks
from ablo_pg.schema import Field, FieldType, ModelSpec, Relation, SchemaSpec, Tenancy, check
from ablo_pg.schema.identifiers import shorten
from ablo_pg.schema.names import lookup_key, wire_name
from ablo_pg.schema.neutral import ARCHIVED_FIELD, BASE_FIELDS, MISSING
from ablo_pg.schema.rules import required
from ablo_pg.schema.source import Notes, usable_key

# The type that a column's own type maps to; text with a list of values is an ENUM.
_PULLED: Final = tuple(kind for kind in FieldType if kind is not FieldType.ENUM)
_BASE: Final = {column: kind for _, wire, column, kind in BASE_FIELDS if wire != "id"} | {
    ARCHIVED_FIELD[2]: ARCHIVED_FIELD[3]
}
_PARENT_TYPES: Final = (FieldType.STRING, FieldType.UUID)


@dataclass(frozen=True, slots=True)
class Pulled:
    """The recovered schema, and notes about it.

    left_out: names of tables, and why they are in no schema. opened: keys of models, and their
    permissions that could not be recovered.
    """

    spec: SchemaSpec
    notes: Notes
    left_out: Mapping[str, tuple[str, ...]]
    opened: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(slots=True)
class _Draft:
    """A model under construction, and its notes."""

    table: TableFacts
    key: str
    model: ModelSpec
    inside: list[str] = field(default_factory=list)
    opened: tuple[str, ...] = ()


def pull_schema(
    tables: Sequence[TableFacts], *, organization_column: str = "organization_id"
) -> Pulled:
    """Return the schema of these tables.

    Args: organization_column, the column that holds a row's organization, if a table has it.
    """
    drafts: list[_Draft] = []
    tail: list[str] = []
    left: dict[str, tuple[str, ...]] = {}
    taken: set[str] = set()
    for table in tables:
        id_column = find_id(table, organization_column)
        tool = tool_of(table)
        found: list[tuple[str, str | None]] = []
        if tool is not None:
            found.append((f"{tool} keeps its own records in it", None))
        else:
            found += table_reasons(table, id_column, organization_column)
            found += _base_reasons(table, {id_column, organization_column})
        reasons = [part for reason in found for part in reason if part]
        if not reasons and lookup_key(table.name) in taken:
            reasons = ["another table has that name, ignoring case, and it identifies a model"]
        if reasons:
            left[f"{table.schema}.{table.name}"] = tuple(reasons)
            tail += [f"{table.schema}.{table.name} is left out:", *(f"  {r}" for r in reasons)]
            continue
        key = _key(table.name, taken)
        drafts.append(_draft(table, key, id_column, organization_column))
    for draft in drafts:
        _relate(draft, drafts)
    spec = _without_cycles(SchemaSpec(tuple(sorted((d.model for d in drafts), key=_by_key))))
    inside = {draft.key: tuple(draft.inside) for draft in drafts if draft.inside}
    before = {
        draft.key: tuple(draft.table.comment.splitlines())
        for draft in drafts
        if draft.table.comment
    }
    opened = {draft.key: draft.opened for draft in drafts if draft.opened}
    return Pulled(spec, Notes((), before, inside, tuple(tail)), left, opened)


def _by_key(model: ModelSpec) -> str:
    return model.key


def _base_reasons(table: TableFacts, known: set[str]) -> Iterator[tuple[str, str]]:
    for name, kind in _BASE.items():
        if name not in known and name != "organization_id":
            reason = base_reason(table, name, kind)
            if reason is not None:
                yield reason


def _key(table: str, taken: set[str]) -> str:
    """Choose a model's key: the table's name if Python and the client can use it."""
    cleaned = "".join(char if char.isascii() and char.isalnum() else "_" for char in table)
    cleaned = cleaned.strip("_") or "table"
    cleaned = cleaned if cleaned[0].isalpha() else f"t_{cleaned}"
    key = table if usable_key(table) else cleaned
    key = key if usable_key(key) else f"{key}_rows"
    free, number = key, 1
    while lookup_key(free) in taken:
        number += 1
        free = f"{key}_{number}"
    taken |= {lookup_key(free), lookup_key(table)}
    return free


def _draft(table: TableFacts, key: str, id_column: str, organization_column: str) -> _Draft:
    organization = table.column(organization_column)
    tenancy = Tenancy(column=organization_column) if organization else Tenancy()
    model = ModelSpec(
        key, key, table.name, (), table_schema=table.schema, id_column=id_column, tenancy=tenancy
    )
    draft = _Draft(table, key, model)
    draft.inside += _id_to_pass(table, id_column)
    if organization is None and table.column(tenancy.column) is None:
        draft.inside += [
            f"It has no {tenancy.column}: `migrate` adds one; assign the rows' organization with",
            f"  --backfill {key}.organizationId=ORGANIZATION",
            "or do so afterwards:",
            f"  update {qualified(table.schema, table.name)} "
            f"set {ident(tenancy.column)} = 'ORGANIZATION' where {ident(tenancy.column)} is null;",
        ]
    fields: list[Field] = []
    names: set[str] = set()
    for column in table.columns:
        if column.name == tenancy.column or _is_base(column, draft):
            continue
        found = _field(column, draft, names)
        if found is not None:
            fields.append(found)
    draft.model = recover(replace(model, fields=tuple(fields)), table)
    draft.opened = unrecovered(draft.model, table)
    draft.inside += [f"PERMISSION LEFT OUT: {one}" for one in draft.opened]
    _say_rest(draft)
    return draft


def _id_to_pass(table: TableFacts, id_column: str) -> Iterator[str]:
    column = table.column(id_column)
    if column is not None and column.base in WHOLE_NUMBERS:
        if column.identity or "nextval(" in (column.default or ""):
            yield f"A create without id= gets the next number of {id_column}."
        else:
            yield f"A create passes id=, a whole number as text: {id_column} is not numbered."


def _is_base(column: ColumnFacts, draft: _Draft) -> bool:
    return column.name == draft.model.id_column or column.name in _BASE


def _field(column: ColumnFacts, draft: _Draft, names: set[str]) -> Field | None:
    kind: FieldType | None
    kind = next((one for one in _PULLED if column.base in STORED_AS[one]), None)
    if column.native:
        kind = FieldType.ENUM if column.labels else FieldType.JSON
    reason = None
    if column.generated:
        reason = "its value is generated and cannot be written"
    elif kind is None:
        fix = f": {_retyped(column, draft)}" if column.base == "json" else ""
        reason = f"there is no field type for {column.type}{fix}"
    if reason is not None or kind is None:
        draft.inside.append(f"{column.name}: left out, {reason}")
        return None
    wire = _free_wire(column.name, names)
    found = Field(column.name, wire, column.name, kind, optional=not column.not_null)
    values = _enum(column, draft.table) if column.exact else None
    if column.labels:
        found = replace(found, enum_values=column.labels)
    elif values and kind is FieldType.STRING:
        found = replace(found, type=FieldType.ENUM, enum_values=values)
    array = column.native and not column.labels
    found = replace(
        found,
        indexed=_indexed(draft, column.name),
        default=_array_default(column) if array else constant(column.default, found),
    )
    if column.default is not None and found.default is MISSING:
        create = "passes a value" if column.not_null else "that leaves it out writes null"
        draft.inside.append(
            f"{column.name}: the database's default stays for plain SQL, {column.default}; "
            f"a create through the API {create}"
        )
    if column.comment:
        draft.inside.append(f"{column.name}: {column.comment}")
    return found


def _array_default(column: ColumnFacts) -> object:
    return [] if empty_array(column.default, column.base) else MISSING


def _retyped(column: ColumnFacts, draft: _Draft) -> str:
    name = ident(column.name)
    table = qualified(draft.table.schema, draft.table.name)
    return f"alter table {table} alter column {name} type jsonb using {name}::jsonb;"


def _free_wire(column: str, names: set[str]) -> str:
    """Choose a JSON name that no other field and no base field has."""
    taken = names | {wire for _, wire, _, _ in BASE_FIELDS} | {ARCHIVED_FIELD[1]}
    wire, number = wire_name(column), 1
    base = wire
    while wire in taken or column in names:
        number += 1
        wire = f"{base}{number}"
        column = wire
    names |= {wire, column}
    return wire


def _enum(column: ColumnFacts, table: TableFacts) -> tuple[str, ...] | None:
    for one in table.constraints:
        if one.kind == "c" and one.columns == (column.name,):
            values = listed_values(one.definition, column.name)
            if values:
                return values
    return None


def _indexed(draft: _Draft, column: str) -> bool:
    org = draft.model.tenancy.column
    named = {one.name for one in draft.table.marked if one.comment.startswith("ablo_pg ")}
    return any(
        index.columns == (org, column) and index.name not in named for index in draft.table.indexes
    )


def _say_rest(draft: _Draft) -> None:
    """Name what stays in the table and not in the schema: other CHECKs, keys, indexes."""
    for one in draft.table.constraints:
        if one.kind == "c" and not _ours(one, draft):
            draft.inside.append(f"the table also checks {one.name}: {one.definition}")
        elif one.kind == "u":
            draft.inside.append(f"the table also keeps unique: ({', '.join(one.columns)})")


def _ours(one: ConstraintFacts, draft: _Draft) -> bool:
    spec = draft.model
    if one.name in {shorten(name) for name, _ in required(spec)}:
        return True
    column = one.columns[0] if len(one.columns) == 1 else None
    if column is None:
        return False
    types = types_of(draft.table)
    finite = finite_checks(ident(column)) if one.name.endswith("_finite") else ()
    if any(compare_checks(each, one.definition, types) == "equal" for each in finite):
        return True
    return bool(listed_values(one.definition, column))


def _relate(draft: _Draft, drafts: Sequence[_Draft]) -> None:
    """Turn foreign keys into relations."""
    by_place = {(one.table.schema, one.table.name): one for one in drafts}
    fields = {one.column: one for one in draft.model.fields}
    names = {one.wire for one in draft.model.fields} | {one.name for one in draft.model.fields}
    relations: list[Relation] = []
    for one in draft.table.constraints:
        if one.kind != "f":
            continue
        target = by_place.get((one.target_schema or "", one.target or ""))
        pairs = dict(zip(one.columns, one.target_columns, strict=True))
        columns = [c for c in pairs if target and pairs[c] == target.model.id_column]
        key = fields.get(columns[0]) if len(columns) == 1 else None
        if target is None or key is None:
            draft.inside.append(f"a foreign key that cannot be a relation here: {one.definition}")
            continue
        tenant = {draft.model.tenancy.column: target.model.tenancy.column}
        own = {key.column: target.model.id_column}
        ours = pairs == own | tenant and key.type is FieldType.STRING
        owns = one.cascades and key.type in _PARENT_TYPES and target is not draft and ours
        name = _relation_name(key, names)
        names.add(name)
        relations.append(Relation(name, "belongsTo", target.key, key.wire, parent=owns, fk=ours))
        if not ours:
            draft.inside.append(f"{key.column}: its foreign key stays: {one.definition}")
    draft.model = replace(draft.model, relations=tuple(relations))


def _relation_name(key: Field, names: set[str]) -> str:
    short = key.column.removesuffix("_id")
    name = wire_name(short if short != key.column and short else f"{key.column}_row")
    free, number = name, 1
    while free in names:
        number += 1
        free = f"{name}{number}"
    return free


def _without_cycles(spec: SchemaSpec) -> SchemaSpec:
    """Remove ownership from relations until no model owns itself."""
    while True:
        ring = next((one for one in check(spec) if one.code == "ownership_cycle"), None)
        if ring is None:
            return spec
        models = []
        for model in spec.models:
            freed = [replace(r, parent=r.parent and r.name != ring.field) for r in model.relations]
            own = model.key == ring.model
            models.append(replace(model, relations=tuple(freed)) if own else model)
        spec = replace(spec, models=tuple(models))
