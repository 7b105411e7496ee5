"""Each check of the neutral form, and that legal names pass."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ablo_pg.client.async_client import AsyncAblo
from ablo_pg.schema import (
    EntityRole,
    Field,
    FieldType,
    ModelSpec,
    Relation,
    SchemaSpec,
    Tenancy,
    check,
)
from ablo_pg.schema.checks import CLIENT_NAMES, MAX_MODELS


def text(name: str, /, **more: Any) -> Field:
    return dataclasses.replace(Field(name, name, name, FieldType.STRING), **more)


def spec(key: str = "tasks", *fields: Field, **more: Any) -> ModelSpec:
    made = ModelSpec(key, key, key, fields or (text("title"),))
    return dataclasses.replace(made, **more)


def codes(*models: ModelSpec, **more: Any) -> set[tuple[str, str | None, str | None]]:
    return {(p.code, p.model, p.field) for p in check(SchemaSpec(models, **more))}


def owner(target: str, key: str = "ref", **more: Any) -> Relation:
    relation = Relation("up", "belongsTo", target, key, parent=True)
    return dataclasses.replace(relation, **more)


@pytest.mark.parametrize(
    "second",
    [
        spec("TASKS"),
        spec("others", typename="Tasks"),
        spec("others", table="tAsKs"),
        spec("others", table="tasks", table_schema="app"),
        spec("others", scope="tasks"),
    ],
)
def test_model_names_clash_whatever_the_case(second: ModelSpec) -> None:
    assert ("name_clash", second.key, None) in codes(spec("tasks"), second)


def test_one_model_may_use_a_name_thrice() -> None:
    assert not codes(spec("tasks", typename="Tasks", table="TASKS"), spec("tasks2"))


@pytest.mark.parametrize(
    "field",
    [
        text("title"),
        text("other", wire="title"),
        text("other", column="title"),
        text("other", column="created_at"),
        text("other", column="organization_id"),
        text("other", column="archived_at"),
    ],
)
def test_field_names_clash(field: Field) -> None:
    first = text("title", wire="headline")
    second = dataclasses.replace(field, name="second")
    assert codes(spec("tasks", first, second)) == {("name_clash", "tasks", "second")}


def test_a_name_that_is_another_fields_json_name_clashes() -> None:
    crossed = (text("a", wire="b", column="a"), text("b", wire="c", column="b"))
    assert codes(spec("tasks", *crossed)) == {("name_clash", "tasks", "b")}


def test_the_tenancy_column_is_taken() -> None:
    model = spec("tasks", text("org"), tenancy=Tenancy(column="org"))
    assert codes(model) == {("name_clash", "tasks", "org")}
    assert not codes(spec("tasks", text("organization_id_"), text("org")))


@pytest.mark.parametrize("name", ["", "a\0b", "\ud800", "x" * 1001])
def test_what_no_name_can_be(name: str) -> None:
    assert ("invalid_name", name, None) in codes(spec(name))
    assert ("invalid_name", "tasks", None) in codes(spec(table=name))
    assert ("invalid_name", "tasks", name) in codes(spec("tasks", text(name)))


@given(st.text(min_size=1, max_size=100).filter(lambda s: "\0" not in s and s.isprintable()))
def test_any_other_name_is_legal(name: str) -> None:
    taken = {"id", "createdAt", "updatedAt", "organizationId", "createdBy", "archivedAt"}
    field = text(name, column=name + "_")
    if name not in taken and not name.endswith(("_at", "_by", "_id")):
        assert not codes(spec("tasks", field, typename="tasks"))
        assert not codes(spec(name, typename="tasks", table="T" + name, scope="s"))


@pytest.mark.parametrize("name", ["id", "createdAt", "organization_id", "created_by"])
def test_base_fields_are_reserved(name: str) -> None:
    assert ("reserved_field", "tasks", name) in codes(spec("tasks", text(name)))


def test_system_columns_are_reserved() -> None:
    assert codes(spec("tasks", text("xmin"))) == {("reserved_name", "tasks", "xmin")}
    assert not codes(spec("tasks", text("xmin", column="xmin_")))


@pytest.mark.parametrize("values", [(), ("a", "a"), ("a\0",)])
def test_enums(values: tuple[str, ...]) -> None:
    field = text("status", type=FieldType.ENUM, enum_values=values)
    assert codes(spec("tasks", field)) == {("invalid_enum", "tasks", "status")}


@pytest.mark.parametrize("kind", ["org", "default", "a:b"])
def test_group_kinds_that_would_be_misread(kind: str) -> None:
    assert codes(spec(scope=kind)) == {("invalid_name", "tasks", None)}
    assert codes(spec(key=kind, scope="fine")) == set()
    role = EntityRole(kind, "title")
    assert codes(spec(entity_roles=(role,))) == {("invalid_name", "tasks", None)}


@pytest.mark.parametrize(
    "tenancy",
    [
        Tenancy("weird"),  # type: ignore[arg-type]
        Tenancy("parent"),
        Tenancy("parent", local_key="nope", parent_table="decks"),
        Tenancy("parent", local_key="title", parent_table="tasks"),
    ],
)
def test_tenancy(tenancy: Tenancy) -> None:
    assert codes(spec(tenancy=tenancy)) == {("invalid_tenancy", "tasks", None)}


def test_policy_and_roles() -> None:
    bad: Any = (("robot", "reject"), ("agent", "explode"))
    assert codes(spec(conflict=bad)) == {("invalid_conflict", "tasks", None)}
    wrong = {("invalid_role", "tasks", None)}
    assert codes(spec(entity_roles=(EntityRole("team", "nope"),))) == wrong
    assert codes(spec(entity_roles=(EntityRole("team", "title", multi=True),))) == wrong
    assert codes(spec(entity_roles=(EntityRole("team", "updatedAt"),))) == wrong
    for good in ("title", "id", "createdBy"):
        assert codes(spec(entity_roles=(EntityRole("team", good),))) == set()


@pytest.mark.parametrize(
    ("relation", "code"),
    [
        (owner("nobody"), "unknown_target"),
        (owner("decks", "nope"), "missing_foreign_key"),
        (owner("decks", "createdBy"), "missing_foreign_key"),
        (owner("decks", "n"), "invalid_foreign_key"),
        (owner("decks", "u", fk=True), "invalid_foreign_key"),
        (owner("shared", fk=True), "invalid_foreign_key"),
        (owner("remote"), "invalid_owner"),
        (owner("decks", name="ref"), "name_clash"),
        (owner("decks", name=""), "invalid_name"),
        (Relation("many", "hasMany", "decks", "nope"), "missing_foreign_key"),
        (Relation("many", "hasMany", "decks", "title", fk=True), "invalid_relation"),
    ],
)
def test_relations(relation: Relation, code: str) -> None:
    number, unique = text("n", type=FieldType.NUMBER), text("u", type=FieldType.UUID)
    model = spec("tasks", text("ref"), number, unique, relations=(relation,))
    shared = spec("shared", tenancy=Tenancy("none"))
    remote = spec("remote", tenancy=Tenancy("source"))
    assert codes(model, spec("decks"), shared, remote) == {(code, "tasks", relation.name)}


def test_good_relations_pass() -> None:
    relations = (
        owner("decks", fk=True, index=True),
        Relation("author", "belongsTo", "decks", "createdBy"),
        Relation("legacy", "belongsTo", "decks", "nope", foreign_key_column="nope"),
        Relation("self", "belongsTo", "tasks", "ref"),
    )
    back = Relation("tasks", "hasMany", "tasks", "ref")
    decks = spec("decks", relations=(back,))
    assert not codes(spec("tasks", text("ref"), relations=relations), decks)


def _ring(size: int) -> list[ModelSpec]:
    return [
        spec(f"m{i}", text("ref"), relations=(owner(f"m{(i + 1) % size}"),)) for i in range(size)
    ]


@pytest.mark.parametrize("size", [1, 2, 5, 900])
def test_ownership_cycles(size: int) -> None:
    found = codes(*_ring(size))
    assert [code for code, _, _ in found] == ["ownership_cycle"]


def test_ownership_without_a_cycle_passes() -> None:
    diamond = [
        spec("a", text("ref"), text("two"), relations=(owner("b"), owner("c", "two", name="x"))),
        spec("b", text("ref"), relations=(owner("d"),)),
        spec("c", text("ref"), relations=(owner("d"),)),
        spec("d"),
    ]
    assert not codes(*diamond)


def test_limits() -> None:
    wide = spec("tasks", *(text(f"f{i}") for i in range(1595)))
    assert codes(wide) == {("too_many_fields", "tasks", None)}
    many = [spec(f"m{i}") for i in range(MAX_MODELS + 1)]
    assert codes(*many) == {("too_many_models", None, None)}


def test_postgres_schemas_that_are_not_for_tables() -> None:
    for name in ("ablo", "ablo_model", "pg_catalog"):
        assert codes(spec(table_schema=name)) == {("invalid_name", "tasks", None)}


def test_every_name_of_the_client_is_kept_from_models() -> None:
    assert {name for name in dir(AsyncAblo) if not name.startswith("_")} <= CLIENT_NAMES
