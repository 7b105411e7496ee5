"""What every pass needs to know about a model, computed once: columns, names, groups, ownership.

Flow: `compile_schema` builds one `SchemaPlan` from the neutral form; the passes read it and write
SQL. Pure. A model whose tenancy is `parent` also has a separate organization column, filled from
the parent row by a trigger: isolation, order and indexes work as for any other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, TypeAlias

from ablo_pg.compile.names import ident, literal, qualified, regclass, shorten
from ablo_pg.schema.grants import grant_ends
from ablo_pg.schema.neutral import (
    ARCHIVED_FIELD,
    BASE_FIELDS,
    MISSING,
    EntityRole,
    Field,
    FieldType,
    ModelSpec,
    SchemaSpec,
)
from ablo_pg.schema.wire_json import schema_hash

# By (schema, table): names of columns whose type is an enum or an array.
Native: TypeAlias = Mapping[tuple[str, str], Collection[str]]
NO_NATIVE: Final[Native] = MappingProxyType({})
BASE_WIRES: Final = tuple(wire for _, wire, _, _ in BASE_FIELDS)


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a model's table, and the JSON key under which it travels.

    native: an enum type of the database, or an array, if the field is an enum or JSON.
    """

    wire: str
    name: str  # as the table stores it, at most 63 bytes
    type: FieldType
    required: bool = False
    default: object = MISSING
    enum_values: tuple[str, ...] = ()
    formerly: tuple[str, ...] = ()  # other keys for it
    native: bool = False

    @property
    def sql(self) -> str:
        """The quoted column name."""
        return ident(self.name)

    @property
    def key(self) -> str:
        """The JSON key as a string constant."""
        return literal(self.wire)

    @property
    def keys(self) -> tuple[str, ...]:
        """All JSON keys, its former ones too, as string constants."""
        return tuple(literal(wire) for wire in (self.wire, *self.formerly))

    @property
    def has_default(self) -> bool:
        """Whether a create may leave it out although it is required."""
        return self.default is not MISSING


@dataclass(frozen=True, slots=True)
class Edge:
    """One belongsTo with `parent=True` or a foreign key: the column, and the model it points at."""

    column: Column
    target: ModelPlan
    parent: bool
    fk: bool
    index: bool


@dataclass(frozen=True, slots=True)
class Role:
    """A sync group kind that the row grants through one of its columns."""

    kind: str
    column: Column
    multi: bool


@dataclass(frozen=True, slots=True)
class Grant:
    """What a granting model's row gives the user in `subject`: the group `<kind>:<scope>`."""

    subject: Column
    scope: Column
    kind: str


@dataclass(frozen=True, slots=True)
class ParentTable:
    """The source of the organization for a model of tenancy `parent`; columns are quoted."""

    schema: str
    table: str
    key: str
    org: str
    local_key: str
    compiled: bool


@dataclass(eq=False, slots=True)
class ModelPlan:
    """One model, with everything resolved. `edges` is filled once all models are known."""

    spec: ModelSpec
    fields: tuple[Column, ...]  # declared ones
    base: tuple[Column, ...]  # id, createdAt, updatedAt, organizationId, createdBy
    archived: Column
    archived_declared: bool
    roles: tuple[Role, ...] = ()
    edges: tuple[Edge, ...] = ()
    parent_table: ParentTable | None = None
    grant: Grant | None = None

    @property
    def title(self) -> str:
        """The model's key: its name in messages."""
        return self.spec.key

    @property
    def typename(self) -> str:
        """The typename as a string constant."""
        return literal(self.spec.typename)

    @property
    def table(self) -> str:
        """The quoted table, with its schema."""
        return qualified(self.spec.table_schema, self.spec.table)

    @property
    def regclass(self) -> str:
        """The table as a regclass constant."""
        return regclass(self.spec.table_schema, self.spec.table)

    @property
    def synced(self) -> bool:
        """Whether rows belong to organizations: isolated, captured, writable."""
        return self.spec.tenancy.kind in ("column", "parent")

    @property
    def id(self) -> Column:
        """The column that identifies a row."""
        return self.base[0]

    @property
    def org(self) -> Column:
        """The column that holds the organization."""
        return self.base[3]

    @property
    def stored_base(self) -> tuple[Column, ...]:
        """The base columns that the table has; rows without a tenant have no organization."""
        return tuple(c for c in self.base if c is not self.org or self.synced)

    @property
    def parents(self) -> tuple[Edge, ...]:
        """The ownership edges."""
        return tuple(edge for edge in self.edges if edge.parent)

    @property
    def row_columns(self) -> tuple[Column, ...]:
        """Everything that a row's JSON holds, in its order."""
        middle = () if self.archived_declared else (self.archived,)
        return (*self.base, *middle, *self.fields)

    def function(self, suffix: str) -> str:
        """Return the quoted name of one of the model's functions, such as `write`."""
        return qualified("ablo_model", f"{self.spec.key}__{suffix}")

    def function_name(self, suffix: str) -> str:
        """Return the bare name of one of the model's functions, as the catalogue has it."""
        return shorten(f"{self.spec.key}__{suffix}")

    def group(self, column: str) -> str:
        """Return the expression of this model's own sync group for the row id in `column`."""
        return f"{literal(self.spec.group_kind + ':')} || {column}"


@dataclass(frozen=True, slots=True)
class SchemaPlan:
    """All models, ordered by key, and the index names that more than one of them would take."""

    spec: SchemaSpec
    hash: str
    models: tuple[ModelPlan, ...]
    taken: frozenset[tuple[str, str]]

    @property
    def stored(self) -> Iterator[ModelPlan]:
        """The models that have a table here."""
        return (model for model in self.models if model.spec.tenancy.kind != "source")

    @property
    def synced(self) -> Iterator[ModelPlan]:
        """The models whose rows belong to organizations."""
        return (model for model in self.models if model.synced)

    def index_name(self, model: ModelPlan, column: Column) -> str:
        """Return `<table>_<column>_idx`, with a hash if another table derives the same name."""
        plain = f"{model.spec.table}_{column.name}_idx"
        if (model.spec.table_schema, plain) not in self.taken:
            return shorten(plain)
        return shorten(f"{model.spec.table}\x1f{column.name}", force=True).replace("\x1f", "_")


def plan_schema(spec: SchemaSpec, native: Native = NO_NATIVE) -> SchemaPlan:
    """Resolve a schema. A relation whose field or target is not declared makes no edge.

    Args: native, columns of existing tables whose types are enums or arrays.
    """
    ordered = sorted(spec.models, key=lambda m: m.key)
    models = tuple(_plan_model(model, native) for model in ordered)
    by_key = {model.spec.key: model for model in models}
    for model in models:
        model.edges = tuple(_edges(model, by_key))
        model.parent_table = _parent_table(model, models)
        model.grant = _grant(model, by_key)
    return SchemaPlan(spec, spec.hash or schema_hash(spec), models, _taken_names(models))


def _plan_model(spec: ModelSpec, native: Native) -> ModelPlan:
    typed = native.get((shorten(spec.table_schema), shorten(spec.table)), frozenset())
    fields = tuple(_column(field, typed) for field in spec.fields)
    own = {"id": shorten(spec.id_column), "organizationId": spec.tenancy.column}
    base = tuple(
        Column(wire, own.get(wire, column), type_) for _, wire, column, type_ in BASE_FIELDS
    )
    _, wire, column, type_ = ARCHIVED_FIELD
    declared = next((c for c in fields if c.wire == wire or c.name == column), None)
    model = ModelPlan(spec, fields, base, declared or Column(wire, column, type_), bool(declared))
    model.roles = tuple(_role(model, role) for role in spec.entity_roles)
    return model


def _role(model: ModelPlan, role: EntityRole) -> Role:
    """Resolve what a role reads: a declared field, the row's id, or who created it."""
    column = find_column(model, role.source_field)
    if column is None:
        column = next(c for c in model.base if c.wire == role.source_field)
    return Role(role.kind, column, role.multi)


def _column(field: Field, native: Collection[str]) -> Column:
    return Column(
        wire=field.wire,
        name=shorten(field.column),
        type=field.type,
        required=not field.optional,
        default=field.default,
        enum_values=field.enum_values,
        formerly=field.formerly,
        native=shorten(field.column) in native,
    )


def find_column(model: ModelPlan, name: str) -> Column | None:
    """Find a declared column by its JSON key, its author's name or its column name."""
    for field, column in zip(model.spec.fields, model.fields, strict=True):
        if name in (field.wire, field.name, field.column):
            return column
    return None


def _edges(model: ModelPlan, by_key: dict[str, ModelPlan]) -> Iterator[Edge]:
    for relation in model.spec.relations:
        target = by_key.get(relation.target)
        column = find_column(model, relation.foreign_key)
        if column is None and relation.foreign_key_column:
            column = find_column(model, relation.foreign_key_column)
        if relation.kind != "belongsTo" or target is None or column is None or not target.synced:
            continue
        yield Edge(column, target, relation.parent, relation.fk, relation.index)


def _grant(model: ModelPlan, by_key: dict[str, ModelPlan]) -> Grant | None:
    ends = grant_ends(model.spec)
    if ends is None or not model.synced or ends.scope.target not in by_key:
        return None
    subject, scope = find_column(model, ends.subject), find_column(model, ends.scope.foreign_key)
    if subject is None or scope is None:
        return None
    return Grant(subject, scope, by_key[ends.scope.target].spec.group_kind)


def _parent_table(model: ModelPlan, models: tuple[ModelPlan, ...]) -> ParentTable | None:
    tenancy = model.spec.tenancy
    if tenancy.kind != "parent" or not (tenancy.parent_table and tenancy.local_key):
        return None
    local = find_column(model, tenancy.local_key)
    parent = next((other for other in models if other.spec.table == tenancy.parent_table), None)
    return ParentTable(
        schema=parent.spec.table_schema if parent else model.spec.table_schema,
        table=tenancy.parent_table,
        key=parent.id.sql if parent and tenancy.parent_key == "id" else ident(tenancy.parent_key),
        org=parent.org.sql if parent else ident(tenancy.parent_org_column),
        local_key=local.sql if local else ident(tenancy.local_key),
        compiled=parent is not None,
    )


def _taken_names(models: tuple[ModelPlan, ...]) -> frozenset[tuple[str, str]]:
    names: Counter[tuple[str, str]] = Counter()
    for model in models:
        schema, table = model.spec.table_schema, model.spec.table
        names.update([(schema, table), (schema, f"{table}_pkey")])
        names.update((schema, f"{table}_{column.name}_idx") for column in model.fields)
    return frozenset(name for name, count in names.items() if count > 1)
