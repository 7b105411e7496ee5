"""What a permission may name, what is refused and why, and how schemas carry it."""

from __future__ import annotations

import datetime as dt
import sys
from decimal import Decimal
from types import ModuleType
from typing import Any

import pytest

from ablo_pg import (
    AbloError,
    AbloValidationError,
    Model,
    actor,
    allow,
    col,
    define_schema,
    field,
    new,
    old,
)
from ablo_pg.compile import compile_schema
from ablo_pg.schema import SchemaSpec, parse_schema_json
from ablo_pg.schema.diff import diff
from ablo_pg.schema.source import write_source
from ablo_pg.schema.unenforced import require_enforced


class Task(Model):
    owner_id: str
    level: int = 0
    price: Decimal | None = None
    due: dt.datetime | None = None
    permissions = allow(
        read="owner_id = actor.user_id or due is null",
        update="old.owner_id = actor.id and new.owner_id = old.owner_id",
    )


SCHEMA = define_schema(tasks=Task)


def refused(**tests: Any) -> str:
    class Other(Model):
        owner_id: str
        level: int = 0
        price: Decimal | None = None
        due: dt.datetime | None = None
        tags: list[str]
        permissions = allow(**tests)

    with pytest.raises(AbloValidationError) as raised:
        define_schema(others=Other)
    return raised.value.message


@pytest.mark.parametrize(
    ("test", "reason"),
    [
        ("owner_id = lower(actor.id)", "locale"),
        ("owner_id ilike 'a%'", "locale"),
        ("due < now()", "compare otherwise"),
        ("due > '2026-01-01T00:00:00Z'", "compare otherwise"),
        ("price > 3", "compare otherwise"),
        ("tags @> array['a']", "compare otherwise"),
        ("owner_id = any_of(actor.id)", "not allowed"),
        ("actor.groups = 'x'", "no field 'actor.groups'"),
        ("actor.meta.team = 'x'", "not allowed"),
        ("old.owner_id = actor.id", "no field 'old.owner_id'"),
        ("other.owner_id = actor.id", "no field 'other.owner_id'"),
        ("level = actor.id", "do not compare"),
    ],
)
def test_what_the_stream_could_judge_otherwise_is_refused(test: str, reason: str) -> None:
    assert reason in refused(read=test)


class Doc(Model):
    owner_id: str
    level: int = 0
    done: bool = False
    note: str | None = None
    permissions = allow(
        read=lambda: (actor.user_id == Doc.owner_id) | col(Doc.done) & col(Doc.note).is_null(),
        create=lambda: (col(Doc.owner_id) == actor.id) & (actor.kind != "agent"),
        update=lambda: (old(Doc.level) < new(Doc.level)) & actor.user_id.is_not_null(),
        delete=actor.kind.in_(["user", "system"]) & actor.id.like("a%"),
    )


class DocText(Model):
    owner_id: str
    level: int = 0
    done: bool = False
    note: str | None = None
    permissions = allow(
        read="actor.user_id = owner_id or done and note is null",
        create="owner_id = actor.id and actor.kind <> 'agent'",
        update="old.level < new.level and actor.user_id is not null",
        delete="actor.kind in ('user', 'system') and actor.id like 'a%'",
    )


def test_expressions_are_the_same_permissions_as_sql() -> None:
    typed, text = (define_schema(docs=one).spec.models[0].permissions for one in (Doc, DocText))
    assert [(one.name, one.test) for one in typed] == [(one.name, one.test) for one in text]
    assert len(typed) == 4


def test_expressions_are_inherited_and_pulled() -> None:
    class Special(Doc):
        extra: int = 0

    spec = define_schema(docs=Special).spec
    assert spec.models[0].permissions == define_schema(docs=Doc).spec.models[0].permissions
    assert again(spec).models[0].permissions == spec.models[0].permissions


def test_a_class_takes_permissions_after_its_body() -> None:
    class Late(Model):
        owner_id: str

    Late.permissions = allow(read=Late.owner_id == actor.id)  # type: ignore[attr-defined,arg-type]
    (read,) = define_schema(docs=Late).spec.models[0].permissions
    sides = {"left": {"field": "ownerId"}, "right": {"field": "actor.id"}}
    assert read.test == {"compare": "=", **sides}


@pytest.mark.parametrize(
    ("test", "reason"),
    [
        (lambda: actor.id, "text is not a condition"),
        (lambda: True, "bool is not a condition"),
        (5, "int is not a condition"),
        (actor.id.lower() == "x", "locale"),
        (lambda: Doc.owner_id == actor.id, "Doc, not of"),
        (old(Doc.level) == 1, "Doc, not of"),
        (old(Model.id) == "a", "old(Model.id) cannot be named here"),
        (actor.id == 3, "do not compare"),
    ],
)
def test_what_is_no_permission_is_refused_where_it_is_declared(test: Any, reason: str) -> None:
    assert reason in refused(read=test)


def test_a_field_is_read_by_the_actor_alone() -> None:
    class Veiled(Model):
        owner_id: str
        note: str | None = field(default=None, read=lambda: actor.user_id == Veiled.owner_id)

    with pytest.raises(AbloValidationError, match=r"Veiled\.owner_id cannot be named here"):
        define_schema(docs=Veiled)


def test_rows_before_and_after_are_of_fields() -> None:
    with pytest.raises(AbloError, match="it is not a field"):
        old(col(Doc.owner_id).length())
    with pytest.raises(AbloError, match="a column is expected"):
        new("owner_id")


def test_an_update_names_the_rows_or_not() -> None:
    assert "with and without old." in refused(update="old.level = 1 and level = 2")


def test_a_pushed_permission_is_judged_likewise() -> None:
    pushed = SCHEMA.to_json()
    read = {"name": "read", "test": ["price", ">", "3"]}
    pushed["models"]["tasks"]["permissions"] = [read]  # type: ignore[index]
    with pytest.raises(AbloValidationError, match="compare otherwise"):
        compile_schema(parse_schema_json(pushed))


@pytest.mark.parametrize("odd", [[{"name": "peek", "test": ["level", "=", 1]}], {"read": "x"}])
def test_a_pushed_permission_of_another_shape_is_refused(odd: Any) -> None:
    pushed = SCHEMA.to_json()
    pushed["models"]["tasks"]["permissions"] = odd  # type: ignore[index]
    with pytest.raises(AbloValidationError):
        require_enforced(parse_schema_json(pushed))


def test_a_model_without_organization_takes_none() -> None:
    class Rate(Model, tenancy="none"):
        name: str
        permissions = allow(read="name = actor.id")

    with pytest.raises(AbloValidationError, match="no organization"):
        require_enforced(define_schema(rates=Rate).spec)


def test_reading_needs_what_was_before() -> None:
    class Rate(Model, before=False):
        name: str
        permissions = allow(read="name = actor.id")

    with pytest.raises(AbloValidationError, match="leave an actor's sight"):
        define_schema(rates=Rate)


def again(spec: SchemaSpec) -> SchemaSpec:
    module = ModuleType("again")
    sys.modules["again"] = module  # where pydantic looks types up
    exec(write_source(spec), vars(module))
    found: SchemaSpec = module.schema.spec
    return found


def test_schemas_carry_it() -> None:
    spec = SCHEMA.spec
    pushed = parse_schema_json(SCHEMA.to_json())
    assert (pushed.hash, pushed.models[0].permissions) == (spec.hash, spec.models[0].permissions)
    assert again(spec).models[0].permissions == spec.models[0].permissions
    assert compile_schema(again(spec)).sql == compile_schema(spec).sql


def test_a_change_of_it_is_not_made_by_the_way() -> None:
    class Open(Model):
        owner_id: str
        level: int = 0
        price: Decimal | None = None
        due: dt.datetime | None = None

    changes = diff(SCHEMA.spec, define_schema(tasks=Open).spec)
    assert {(one.kind, one.additive) for one in changes} == {("permissions_changed", False)}
    assert [one.field for one in changes] == [one.name for one in SCHEMA.spec.models[0].permissions]


@pytest.mark.parametrize("verb", ["read", "create", "update", "delete"])
def test_a_pushed_permission_without_a_test_is_refused(verb: str) -> None:
    fields = {"title": {"type": "string"}}
    pushed = {"fields": fields, "permissions": [{"name": verb, "test": None}]}
    with pytest.raises(AbloValidationError, match=f"notes.permissions: {verb}: its test is null"):
        parse_schema_json({"v": 3, "models": {"notes": pushed}})
