"""What an author writes besides annotations: `field()`, `indexed`, relations, model options.

    class Task(Model, table="Tasks", conflict={"agent": "reject"}):
        title: str = field(max_length=200)
        due_date: datetime | None = field(default=None, indexed=True, column="due")
        project_id: str
        project = belongs_to("projects", parent=True)   # the key is in project_id

`rows.Model` stores these on the class and `lowering` turns them into the neutral form.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import Any, Final, Literal, Self, TypeAlias, TypedDict, overload

from pydantic import Field as PydanticField
from pydantic_core import PydanticUndefined

from ablo_pg.errors import error_for
from ablo_pg.json_text import Json
from ablo_pg.schema.columns import Column, Condition
from ablo_pg.schema.neutral import Disposition, EntityRole, Field, ParticipantKind, Tenancy

Permission: TypeAlias = (
    str | Mapping[str, object] | Condition | Column[bool] | Callable[[], Condition | Column[bool]]
)
"""SQL, the JSON form of a predicate, an expression, or a function of nothing that returns one."""

PermissionReader: TypeAlias = Callable[[str, type, str, object, Mapping[str, Field]], Json]
"""`predicate.declare`: of a model's key, its row class, a verb, what it says, fields by name."""


@dataclass(frozen=True, slots=True)
class PermissionDeclaration:
    """Permissions as their author wrote them, by verb."""

    read: PermissionReader | None
    tests: Mapping[str, Permission]


@dataclass(frozen=True, slots=True)
class FieldMarker:
    """What `field()` and `indexed` store in a field's metadata."""

    indexed: bool = False
    column: str | None = None
    formerly: tuple[str, ...] = ()
    unique: bool = False
    permissions: PermissionDeclaration | None = None


indexed: Final = FieldMarker(indexed=True)
"""Marks a field as indexed: `owner: Annotated[str, indexed]`. Same as `field(indexed=True)`."""


def field(
    *,
    default: Any = PydanticUndefined,
    default_factory: Callable[[], Any] | None = None,
    indexed: bool = False,
    column: str | None = None,
    wire: str | None = None,
    formerly: str | Sequence[str] = (),
    unique: bool = False,
    read: Permission | None = None,
    write: Permission | None = None,
    permission_reader: PermissionReader | None = None,
    **constraints: Any,
) -> Any:
    """Declare more about a field than its type.

        title: str = field(indexed=True, column="ttl", default="untitled", max_length=200)

    Args:
        default, default_factory: what `create` fills in. A constant default also reaches the
            database, for writers that leave the field out.
        indexed: make an index on (organization, column).
        column: the column's name, where it is not the snake_case of the field's.
        wire: the name in JSON, where it is not the camelCase of the field's.
        formerly: JSON names that it had. Rows carry its value under these too, and writes may use
            them: clients of both names live side by side. Its column stays that of the first.
        unique: no two rows of an organization have the same value. Rows with null may repeat.
        write: who may write it: a condition over the row and the actor, as for `allow`, which holds
            before and after the change. Without it, a create may leave the field at its default.
        read: who may read it: a condition over the actor. For the others it is None, by every
            client, in the stream and the log, so it must be optional; they cannot filter by it.
        permission_reader: reads these two; `ablo_pg.field` brings its own.
        constraints: as for `pydantic.Field`. ge, gt, le, lt, multiple_of, min_length, max_length
            and pattern are also CHECKs of the table, for every writer. null passes them.
    """
    if wire is not None:
        constraints["alias"] = wire
    if default_factory is not None:
        constraints["default_factory"] = default_factory
    elif default is not PydanticUndefined:
        constraints["default"] = default
    info: Any = PydanticField(**constraints)
    tests = {word: one for word, one in (("read", read), ("write", write)) if one is not None}
    permits = PermissionDeclaration(permission_reader, tests) if tests else None
    former = (formerly,) if isinstance(formerly, str) else tuple(formerly)
    info.metadata.append(FieldMarker(indexed, column, former, unique, permits))
    return info


@dataclass(frozen=True, slots=True)
class RelationDeclaration:
    """A relation as its author wrote it; names are Python names or wire names."""

    kind: Literal["belongsTo", "hasMany", "hasOne"]
    target: str | type
    field: str | None = None
    parent: bool = False
    fk: bool = False
    index: bool = False
    order_by: str | None = None
    options: tuple[tuple[str, object], ...] = ()
    attribute: str = dataclass_field(default="", init=False, compare=False, repr=False)

    def __set_name__(self, owner: type, name: str) -> None:
        object.__setattr__(self, "attribute", name)

    @overload
    def __get__(self, row: None, owner: type) -> Self: ...

    @overload
    def __get__(self, row: object, owner: type) -> Any: ...

    def __get__(self, row: object | None, owner: type) -> object:
        """Of a row: the related rows that were read with it, a list or one or None."""
        if row is None:
            return self
        related = getattr(row, "_ablo_related", {})
        if self.attribute not in related:
            raise error_for(
                "relation_not_included",
                f"this {owner.__name__} was read without its {self.attribute}",
                field=self.attribute,
                remedy=f'pass include=["{self.attribute}"] to retrieve or list',
            )
        return related[self.attribute]


Reader: TypeAlias = Callable[[str, str, Sequence[object], Mapping[str, Field]], Json]
"""`predicate.text.parse`: of a model's key, SQL text, no parameters, its fields by each name."""


@dataclass(frozen=True, slots=True)
class ConditionDeclaration:
    """A `check()` or an `index()` as its author wrote it; fields and text use Python or JSON names.

    text: SQL, or the JSON form of a predicate. `predicate.declare` makes them.
    """

    kind: Literal["check", "index"]
    read: Reader
    text: str | Mapping[str, object] | None
    fields: tuple[str, ...] = ()
    unique: bool = False


def belongs_to(
    target: str | type,
    *,
    field: str | None = None,
    parent: bool = False,
    fk: bool = False,
    index: bool = False,
    options: Mapping[str, object] | None = None,
) -> RelationDeclaration:
    """Declare that a field of this model holds the id of a row of another.

        project_id: str
        project = belongs_to("projects", parent=True, fk=True, index=True)

    Args:
        target: the other model's key in `define_schema`, or its class.
        field: the field with the id; default: the relation's name and `_id`.
        parent: the target owns the row, so its sync group also receives the row's changes.
        fk: also make a FOREIGN KEY (deferrable; ON DELETE CASCADE when `parent`).
        index: make an index on the field.
        options: other options, passed on unchanged.
    """
    extra = tuple((options or {}).items())
    return RelationDeclaration("belongsTo", target, field, parent, fk, index, options=extra)


def has_many(
    target: str | type,
    *,
    field: str | None = None,
    order_by: str | None = None,
    options: Mapping[str, object] | None = None,
) -> RelationDeclaration:
    """Declare the other end of a `belongs_to`: many rows of `target` name this row.

    Args:
        field: the target's field with this row's id; default: that of the one `belongs_to` back.
        order_by: a field of the target.
    """
    extra = tuple((options or {}).items())
    return RelationDeclaration("hasMany", target, field, order_by=order_by, options=extra)


def has_one(
    target: str | type, *, field: str | None = None, options: Mapping[str, object] | None = None
) -> RelationDeclaration:
    """Declare the other end of a `belongs_to` where at most one row of `target` names this row."""
    return RelationDeclaration("hasOne", target, field, options=tuple((options or {}).items()))


class ModelOptions(TypedDict, total=False):
    """The options of a model: class keyword arguments, or the first argument of `model()`.

        class Task(Model, table="Tasks", load="lazy"): ...
        model(ModelOptions(table="Tasks", load="lazy"), title=str)

    A subclass inherits all but `table`, `id_column` and `typename`.
    """

    table: str  # table name; default: the schema key
    table_schema: str  # Postgres schema of the table; default: public
    id_column: str  # column that identifies a row, in an existing table; default: id
    typename: str  # name in deltas; default: the schema key
    tenancy: Tenancy | Literal["none", "source"]  # default: column organization_id
    load: Literal["instant", "lazy"]  # whether replicas load the model at once
    plane: Literal["tenant", "control"]
    mutable: bool  # False: the API refuses writes
    scope: str | bool  # sync group root: True, or the group's kind
    grants: Mapping[str, object]
    entity_roles: Sequence[EntityRole]  # sync groups granted by fields
    conflict: Mapping[ParticipantKind, Disposition]  # what happens to a stale write of that kind
    claims_bind_sql: bool  # a claim also refuses plain SQL writers (psql, ORM, COPY)
    before: bool  # False: the log does not keep what each change replaced
    options: Mapping[str, object]  # other options of the pushed JSON, passed on unchanged
