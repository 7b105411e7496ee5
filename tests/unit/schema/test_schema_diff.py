"""Differences between schemas, and which of them are additive."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from ablo_pg.errors import AbloValidationError
from ablo_pg.schema import (
    EntityRole,
    Field,
    FieldType,
    IdentityRole,
    ModelSpec,
    Relation,
    SchemaSpec,
    Tenancy,
    diff,
)
from ablo_pg.schema.neutral import MISSING


def text(name: str, /, **more: Any) -> Field:
    return dataclasses.replace(Field(name, name, name, FieldType.STRING), **more)


def schema(*fields: Field, **more: Any) -> SchemaSpec:
    model = ModelSpec("tasks", "tasks", "tasks", fields or (text("title"),))
    return SchemaSpec((dataclasses.replace(model, **more),))


def kinds(
    old: SchemaSpec, new: SchemaSpec, *renames: tuple[str, str]
) -> list[tuple[str, str | None, bool]]:
    changes = diff(old, new, renames=renames)
    for change in changes:
        assert change.reason
        json.dumps([change.old, change.new])
        assert change.kind in str(change)
    return [(change.kind, change.field, change.additive) for change in changes]


def test_equal_schemas_do_not_differ() -> None:
    assert diff(schema(), schema()) == ()


def test_models_come_and_go() -> None:
    assert kinds(SchemaSpec(()), schema()) == [("model_added", None, True)]
    assert kinds(schema(), SchemaSpec(())) == [("model_dropped", None, False)]


@pytest.mark.parametrize(
    ("field", "additive"),
    [
        (text("n", optional=True), True),
        (text("n", default="x"), True),
        (text("n"), False),
    ],
)
def test_fields_come_and_go(field: Field, additive: bool) -> None:
    wide = schema(text("title"), field)
    assert kinds(schema(), wide) == [("field_added", "n", additive)]
    assert kinds(wide, schema()) == [("field_dropped", "n", False)]


def enum_of(*values: str) -> Field:
    return text("f", type=FieldType.ENUM, enum_values=values)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (text("f"), text("f", type=FieldType.INTEGER), [("field_retyped", False)]),
        (enum_of("a"), text("f"), [("field_retyped", True)]),
        (enum_of("a"), enum_of("a", "b"), [("enum_value_added", True)]),
        (enum_of("a", "b"), enum_of("a"), [("enum_value_removed", False)]),
        (enum_of("a", "b"), enum_of("b", "a"), [("enum_reordered", True)]),
        (
            enum_of("a", "b"),
            enum_of("b", "c"),
            [("enum_value_added", True), ("enum_value_removed", False)],
        ),
        (text("f"), text("f", optional=True), [("field_made_optional", True)]),
        (text("f", optional=True), text("f"), [("field_made_required", False)]),
        (text("f"), text("f", indexed=True), [("index_added", True)]),
        (text("f", indexed=True), text("f"), [("index_dropped", True)]),
        (text("f"), text("f", column="g"), [("column_changed", False)]),
        (text("f"), text("f", default="x"), [("default_changed", True)]),
        (text("f", name="old"), text("f", name="new"), []),
        (text("f", extra=(("note", 1),)), text("f", extra=(("isIndexed", MISSING),)), []),
    ],
)
def test_a_field_changes(before: Field, after: Field, expected: list[tuple[str, bool]]) -> None:
    found = kinds(schema(before), schema(after))
    assert [(kind, additive) for kind, _, additive in found] == expected


@pytest.mark.parametrize(
    ("option", "value", "kind", "additive"),
    [
        ("typename", "Task", "typename_changed", False),
        ("table", "Tasks", "table_changed", False),
        ("table_schema", "app", "table_changed", False),
        ("tenancy", Tenancy(column="org"), "tenancy_changed", False),
        ("scope", "work", "scope_changed", False),
        ("is_scope_root", True, "scope_changed", False),
        ("grants", (("subject", "a"),), "grants_changed", False),
        ("entity_roles", (EntityRole("team", "title"),), "entity_roles_changed", False),
        ("plane", "control", "plane_changed", False),
        ("mutable", False, "mutable_changed", False),
        ("conflict", (("agent", "reject"),), "conflict_changed", True),
        ("claims_bind_sql", True, "claims_bind_sql_changed", True),
        ("before", False, "before_changed", True),
        ("load", "lazy", "load_changed", True),
        ("options", (("bootstrapLimit", 3),), "options_changed", True),
    ],
)
def test_an_option_changes(option: str, value: Any, kind: str, additive: bool) -> None:
    changed = schema(**{option: value})
    if option == "typename":
        changed = schema(typename=value, scope="tasks")
    assert kinds(schema(), changed) == [(kind, None, additive)]


def test_a_model_that_becomes_writable_is_additive() -> None:
    assert kinds(schema(mutable=False), schema()) == [("mutable_changed", None, True)]


def test_relations() -> None:
    edge = Relation("up", "belongsTo", "decks", "title")
    owned = dataclasses.replace(edge, parent=True)
    keyed = dataclasses.replace(edge, fk=True)
    listed = dataclasses.replace(edge, index=True)
    plain = schema(relations=(edge,))
    assert kinds(schema(), plain) == [("relation_added", "up", True)]
    assert kinds(schema(), schema(relations=(keyed,))) == [("relation_added", "up", False)]
    assert kinds(plain, schema()) == [("relation_dropped", "up", True)]
    assert kinds(schema(relations=(owned,)), schema()) == [("relation_dropped", "up", False)]
    assert kinds(plain, schema(relations=(owned,))) == [("relation_changed", "up", False)]
    assert kinds(plain, schema(relations=(listed,))) == [("relation_changed", "up", True)]


def test_settings_of_the_whole_schema() -> None:
    more = dataclasses.replace(
        schema(),
        identity_roles=(IdentityRole("team", "x"),),
        session_settings=(("app.x", "orgId"),),
    )
    assert kinds(schema(), more) == [
        ("identity_roles_changed", None, False),
        ("session_settings_changed", None, False),
    ]


def test_renames_are_only_those_that_were_named() -> None:
    old, new = schema(text("title")), schema(text("name"))
    assert kinds(old, new) == [("field_added", "name", False), ("field_dropped", "title", False)]
    assert kinds(old, new, ("tasks.title", "tasks.name")) == [
        ("field_renamed", "name", False),
        ("column_changed", "name", False),
    ]


def test_fields_may_swap_names() -> None:
    old = schema(text("a"), text("b", type=FieldType.UUID))
    new = schema(text("a", type=FieldType.UUID, column="b"), text("b", column="a"))
    pairs = (("tasks.a", "tasks.b"), ("tasks.b", "tasks.a"))
    assert kinds(old, new, *pairs) == [
        ("field_renamed", "a", False),
        ("field_renamed", "b", False),
    ]


def test_a_field_may_take_the_name_of_one_that_moved() -> None:
    old, new = schema(text("a")), schema(text("a"), text("b"))
    assert kinds(old, new, ("tasks.a", "tasks.b")) == [
        ("field_added", "a", False),
        ("field_renamed", "b", False),
        ("column_changed", "b", False),
    ]


def test_models_and_their_fields_are_renamed_together() -> None:
    old = schema(text("a.b"))
    new = SchemaSpec((ModelSpec("to.dos", "tasks", "tasks", (text("c.d", column="a.b"),)),))
    pairs = (("tasks", "to.dos"), ("tasks.a.b", "to.dos.c.d"))
    assert kinds(old, new, *pairs) == [
        ("model_renamed", None, False),
        ("field_renamed", "c.d", False),
    ]


@pytest.mark.parametrize(
    "pair",
    [
        ("tasks", "tasks"),
        ("tasks.nope", "tasks.title"),
        ("tasks.title", "tasks.nope"),
        ("nope", "tasks"),
        ("", ""),
    ],
)
def test_renames_of_what_is_not_there_are_refused(pair: tuple[str, str]) -> None:
    with pytest.raises(AbloValidationError) as caught:
        diff(schema(), schema(), renames=[pair])
    assert caught.value.code == "invalid_request"
