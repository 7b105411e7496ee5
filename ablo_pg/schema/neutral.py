"""The neutral form of a schema: the one frozen form of every author's spelling.

Flow: `schema.author` (Python classes) and `schema.parse` (pushed JSON) produce it; `schema.checks`
and `schema.diff` read it; `compile` turns it into SQL. Nothing here does I/O.

A field has three names: `name` as its author wrote it (a Python attribute, snake_case), `wire` as
JSON carries it (camelCase) and `column` as the table stores it. For a pushed schema `name == wire`.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Any, Final, Literal

ParticipantKind = Literal["user", "agent", "system"]
Disposition = Literal["reject", "overwrite", "notify"]

VERBS: Final = ("read", "create", "update", "delete")
READ, WRITE = "read.", "write."  # before a field's JSON name: a permission of that field alone
PARTICIPANT_KINDS: Final[tuple[ParticipantKind, ...]] = ("user", "agent", "system")


class FieldType(enum.StrEnum):
    """The storable types. The comment gives the Postgres column and the JSON form of a value."""

    STRING = "string"  # text, JSON string
    INTEGER = "integer"  # bigint, JSON number
    NUMBER = "number"  # double precision, JSON number
    BOOLEAN = "boolean"  # boolean, JSON true/false
    DECIMAL = "decimal"  # numeric, JSON string ("12.50"), so that no reader rounds it
    DATETIME = "datetime"  # timestamptz, JSON string, ISO 8601 in UTC
    DATE = "date"  # date, JSON string, YYYY-MM-DD
    UUID = "uuid"  # uuid, JSON string
    ENUM = "enum"  # text with a CHECK, JSON string
    JSON = "json"  # jsonb, any JSON value


class Missing(enum.Enum):
    """The default of a field that has none (None is a legal default)."""

    MISSING = "missing"


MISSING: Final = Missing.MISSING


@dataclass(frozen=True, slots=True)
class Field:
    """One declared field of a model; the base fields (`BASE_FIELDS`) are not listed."""

    name: str
    wire: str
    column: str
    type: FieldType
    optional: bool = False
    indexed: bool = False
    enum_values: tuple[str, ...] = ()
    default: object = MISSING  # a JSON value, or MISSING
    extra: tuple[
        tuple[str, object], ...
    ] = ()  # other pushed attributes; MISSING: the key was absent
    formerly: tuple[str, ...] = ()  # other JSON names for reads and writes
    rules: tuple[tuple[str, object], ...] = ()  # `rules.WORDS`, each with its JSON value
    unique: bool = False  # within an organization


@dataclass(frozen=True, slots=True)
class Relation:
    """A declared edge. `parent=True` on a belongsTo makes the target the row's owner."""

    name: str
    kind: Literal["belongsTo", "hasMany", "hasOne"]
    target: str  # model key
    foreign_key: str  # wire name of the field that holds the target's id
    foreign_key_column: str | None = None
    parent: bool = False
    fk: bool = False  # also a FOREIGN KEY constraint
    index: bool = False
    options: tuple[tuple[str, object], ...] = ()  # the rest, as pushed
    order_by: str | None = None
    extra: tuple[tuple[str, object], ...] = ()  # as Field.extra


@dataclass(frozen=True, slots=True)
class Check:
    """A condition that every row fulfils (or that is unknown of it). `test` is a predicate.

    text: as its author wrote it, for messages.
    """

    name: str
    test: Any
    text: str = ""


@dataclass(frozen=True, slots=True)
class Index:
    """An index over fields (JSON names), within an organization; where: of which rows, if not all.

    unique: no two of these rows have the same values.
    """

    name: str
    fields: tuple[str, ...]
    unique: bool = False
    where: Any = None
    text: str = ""  # of `where`, as its author wrote it


@dataclass(frozen=True, slots=True)
class Tenancy:
    """How a row's organization is determined.

    column: its own column. parent: through `local_key` -> `parent_table`.`parent_key`, whose
    `parent_org_column` holds it. none: not tenant data (readable, not writable through the API).
    source: rows live behind a data source; no table is compiled.
    """

    kind: Literal["column", "parent", "none", "source"] = "column"
    column: str = "organization_id"
    local_key: str | None = None
    parent_table: str | None = None
    parent_key: str = "id"
    parent_org_column: str = "organization_id"


@dataclass(frozen=True, slots=True)
class EntityRole:
    """A sync group kind that a row grants through one of its fields."""

    kind: str
    source_field: str
    multi: bool = False


@dataclass(frozen=True, slots=True)
class IdentityRole:
    """A membership group kind and where a participant's ids of that kind come from."""

    kind: str
    source: str
    options: tuple[tuple[str, object], ...] = ()


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One model. `key` names it in code and URLs, `typename` in deltas, `table` in Postgres."""

    key: str
    typename: str
    table: str
    fields: tuple[Field, ...]
    table_schema: str = "public"
    id_column: str = "id"  # of a table that identifies its rows by another column
    relations: tuple[Relation, ...] = ()
    tenancy: Tenancy = Tenancy()
    load: Literal["instant", "lazy"] = "instant"
    plane: Literal["tenant", "control"] = "tenant"
    mutable: bool = True
    scope: str | None = None  # sync group kind of the model's rows; default: lower-cased typename
    is_scope_root: bool = False
    grants: tuple[tuple[str, object], ...] = ()
    entity_roles: tuple[EntityRole, ...] = ()
    conflict: tuple[tuple[ParticipantKind, Disposition], ...] = ()
    claims_bind_sql: bool = False  # a claim also refuses plain SQL writers
    before: bool = True  # the log keeps what each change replaced
    checks: tuple[Check, ...] = ()
    indexes: tuple[Index, ...] = ()
    permissions: tuple[Check, ...] = ()  # by verb, or read.FIELD, write.FIELD
    options: tuple[tuple[str, object], ...] = ()  # other pushed model options, kept verbatim

    def permission(self, verb: str) -> object:
        """Return the predicate that permits a verb; None: everyone may who sees the row."""
        return next((one.test for one in self.permissions if one.name == verb), None)

    @property
    def hides_fields(self) -> bool:
        """Whether some actors do not read all fields of a row that they read."""
        return any(one.name.startswith(READ) for one in self.permissions)

    @property
    def group_kind(self) -> str:
        """The `kind` of this model's own sync groups, `<kind>:<row id>`."""
        return self.scope or self.typename.lower()


@dataclass(frozen=True, slots=True)
class SchemaSpec:
    """A whole schema. Models are ordered by key, so that equal schemas compile to equal text."""

    models: tuple[ModelSpec, ...]
    identity_roles: tuple[IdentityRole, ...] = ()
    session_settings: tuple[tuple[str, str], ...] = ()
    extra: tuple[tuple[str, object], ...] = ()  # as Field.extra
    hash: str = field(default="", compare=False)  # 8 hex digits, set by `wire_json.schema_hash`

    def model(self, key: str) -> ModelSpec:
        """Return the model with that key. KeyError if it is not declared."""
        for spec in self.models:
            if spec.key == key:
                return spec
        raise KeyError(key)


# Base columns of every table that we create: (python name, wire name, column, type).
BASE_FIELDS: Final[tuple[tuple[str, str, str, FieldType], ...]] = (
    ("id", "id", "id", FieldType.STRING),
    ("created_at", "createdAt", "created_at", FieldType.DATETIME),
    ("updated_at", "updatedAt", "updated_at", FieldType.DATETIME),
    ("organization_id", "organizationId", "organization_id", FieldType.STRING),
    ("created_by", "createdBy", "created_by", FieldType.STRING),
)
# ARCHIVE sets this column and UNARCHIVE clears it; a model may declare the field itself.
ARCHIVED_FIELD: Final = ("archived_at", "archivedAt", "archived_at", FieldType.DATETIME)


def named_fields(spec: ModelSpec) -> dict[str, Field]:
    """Return a model's fields, base fields included, under their Python and their wire names."""
    base = [Field(name, wire, column, kind) for name, wire, column, kind in BASE_FIELDS]
    archived = Field(*ARCHIVED_FIELD[:3], ARCHIVED_FIELD[3], optional=True)
    fields: dict[str, Field] = {}
    for one in (archived, *base, *spec.fields):
        fields[one.wire] = one
        fields[one.name] = one
    return fields
