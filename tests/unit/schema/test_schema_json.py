"""Pushed schema JSON: both ways without loss, and every problem of a bad one."""

from __future__ import annotations

import contextlib
import copy
import datetime as dt
import json
from dataclasses import replace
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ablo_pg.errors import AbloValidationError
from ablo_pg.schema import (
    FieldType,
    Model,
    SchemaSpec,
    Tenancy,
    belongs_to,
    define_schema,
    dump_schema_json,
    field,
    model,
    model_hash,
    parse_schema_json,
    schema_hash,
)
from ablo_pg.schema.hashing import json_hash

PUSHED: dict[str, Any] = {
    "v": 3,
    "models": {
        "tasks": {
            "fields": {
                "title": {"type": "string", "isOptional": False, "isIndexed": False},
                "status": {
                    "type": "enum",
                    "isOptional": False,
                    "isIndexed": False,
                    "enumValues": ["todo", "doing", "done"],
                },
            },
            "relations": {},
            "load": "instant",
            "typename": "tasks",
            "tableName": "tasks",
            "tenancy": {"kind": "column", "column": "organization_id"},
            "plane": "tenant",
            "mutable": True,
        }
    },
    "identityRoles": [],
}

RICH: dict[str, Any] = {
    "v": 3,
    "models": {
        "slideDecks": {
            "fields": {"name": {"type": "string", "isOptional": False, "isIndexed": True}},
            "relations": {
                "slides": {"type": "hasMany", "target": "slides", "foreignKey": "deckId"}
            },
            "load": "lazy",
            "typename": "SlideDeck",
            "tableName": "SlideDecks",
            "tenancy": {"kind": "column", "column": "org"},
            "plane": "control",
            "mutable": False,
            "scope": "deck",
            "bootstrapLimit": 10,
            "persist": {"store": "idb"},
            "conflict": {"agent": "reject", "user": "overwrite"},
            "claimsBindSql": True,
            "before": False,
        },
        "slides": {
            "fields": {
                "deckId": {"type": "string", "column": "deck"},
                "body": {
                    "type": "json",
                    "isOptional": True,
                    "isIndexed": False,
                    "x-note": [1, 2.5],
                },
                "at": {"type": "date", "isOptional": False, "isIndexed": False, "default": None},
                "n": {"type": "number", "format": "int64"},
            },
            "relations": {
                "deck": {
                    "type": "belongsTo",
                    "target": "slideDecks",
                    "foreignKey": "deckId",
                    "options": {"parent": True, "fk": False, "enrich": True},
                    "orderBy": None,
                }
            },
            "tenancy": {
                "kind": "parent",
                "via": {"localKey": "deckId", "parentTable": "SlideDecks", "parentKey": "id"},
            },
            "scope": False,
            "grants": {"subject": "userId", "scope": "deckId"},
            "entityRoles": [{"kind": "deck", "source": {"field": "deckId"}}],
        },
    },
    "identityRoles": [{"kind": "team", "source": {"claim": "teams"}, "extra": 1}],
    "sessionSettings": {"app.project": "projectId"},
    "generator": "9.9",
}


def test_the_vectors_hold_for_pushed_json() -> None:
    spec = parse_schema_json(PUSHED)
    assert spec.hash == schema_hash(spec) == "5f48d2df"
    assert model_hash(spec.model("tasks")) == "14133cbb"
    assert (
        spec
        == parse_schema_json(json.dumps(PUSHED))
        == parse_schema_json(json.dumps(PUSHED).encode())
    )


def test_a_declared_schema_equals_the_pushed_one() -> None:
    declared = define_schema(tasks=model(title=str, status=Literal["todo", "doing", "done"]))
    assert declared.spec == parse_schema_json(PUSHED)
    assert declared.to_json() == PUSHED


def test_unknown_keys_and_other_spellings_survive() -> None:
    spec = parse_schema_json(RICH)
    assert dump_schema_json(spec) == RICH
    assert spec.hash == schema_hash(spec) == json_hash(RICH)
    slides = spec.model("slides")
    assert slides.tenancy == Tenancy("parent", local_key="deck", parent_table="SlideDecks")
    assert (slides.typename, slides.table, slides.group_kind) == ("slides", "slides", "slides")
    assert slides.fields[3].type is FieldType.NUMBER
    assert spec.model("slideDecks").group_kind == "deck"
    assert parse_schema_json(dump_schema_json(spec)) == spec


def test_python_types_come_back_from_json() -> None:
    class Everything(Model):
        a: str
        b: int = 3
        c: float | None
        d: bool = True
        e: Decimal = Decimal("1.5")
        f: dt.datetime = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
        g: dt.date
        h: UUID
        i: Literal["x", "y"] = "x"
        j: list[int] = field(default=[1])
        parent_id: str = field(column="p")
        parent = belongs_to("others", parent=True, options={"enrich": True})

    schema = define_schema(everything=Everything, others=model(x=str))
    parsed = parse_schema_json(schema.to_json())
    assert parsed.hash == schema.hash
    assert _wire_named(schema.spec) == parsed


def _wire_named(spec: SchemaSpec) -> SchemaSpec:
    models = tuple(
        replace(m, fields=tuple(replace(f, name=f.wire) for f in m.fields)) for m in spec.models
    )
    return replace(spec, models=models)


def _change(path: str, value: Any) -> dict[str, Any]:
    document = copy.deepcopy(PUSHED)
    *steps, last = path.split("/")
    node = document
    for step in steps:
        node = node[step]
    node[last] = value
    return document


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ("{", "invalid_json"),
        ([], "invalid_json"),
        ('{"models":' + "[" * 100_000, "invalid_json"),
        (_change("v", 2), "unsupported_version"),
        (_change("models", []), "invalid_json"),
        (_change("models/tasks", 3), "invalid_json"),
        (_change("models/tasks/fields/title", None), "invalid_json"),
        (_change("models/tasks/fields/title/type", "text"), "unsupported_type"),
        (_change("models/tasks/fields/title/isOptional", 1), "invalid_json"),
        (_change("models/tasks/fields/title/default", 1), "invalid_default"),
        (_change("models/tasks/fields/status/enumValues", []), "invalid_enum"),
        (_change("models/tasks/fields/status/enumValues", ["a", "a"]), "invalid_enum"),
        (_change("models/tasks/fields/status/enumValues", [1]), "invalid_enum"),
        (_change("models/tasks/fields/status/enumValues", "todo"), "invalid_json"),
        (_change("models/tasks/fields/id", {"type": "string"}), "reserved_field"),
        (_change("models/tasks/load", "eager"), "invalid_json"),
        (_change("models/tasks/scope", 3), "invalid_option"),
        (_change("models/tasks/tenancy", {"kind": "row"}), "invalid_json"),
        (_change("models/tasks/tenancy", {"kind": "parent"}), "invalid_tenancy"),
        (_change("models/tasks/conflict", {"robot": "reject"}), "invalid_conflict"),
        (_change("models/tasks/conflict", {"agent": "explode"}), "invalid_json"),
        (_change("models/tasks/typename", "a\0b"), "invalid_name"),
        (_change("models/tasks/tableName", ""), "invalid_name"),
        (_change("models/tasks/relations/x", {"type": "hasMany"}), "unknown_target"),
        (_change("sessionSettings", {"app.current_org_id": "orgId"}), "invalid_setting"),
        (_change("sessionSettings", {"app.x": "moon"}), "invalid_setting"),
        (_change("identityRoles", [{"kind": ""}]), "invalid_name"),
    ],
)
def test_bad_json_is_refused_with_its_problems(document: Any, code: str) -> None:
    with pytest.raises(AbloValidationError) as caught:
        parse_schema_json(document)
    assert caught.value.code == "invalid_schema"
    assert code in {problem["code"] for problem in caught.value.details["problems"]}


names = st.text(min_size=1, max_size=12)
junk: st.SearchStrategy[Any] = (
    st.none() | st.booleans() | st.integers() | st.text(max_size=4) | st.just({}) | st.just([1])
)
fields = st.fixed_dictionaries(
    {"type": st.sampled_from(["string", "number", "boolean", "date", "json"])},
    optional={
        "isOptional": st.booleans(),
        "isIndexed": st.booleans() | st.none(),
        "column": names,
        "format": st.sampled_from(["integer", "decimal", "date", "uuid", "odd"]),
        "later": junk,
    },
)
models = st.fixed_dictionaries(
    {"fields": st.dictionaries(names, fields, max_size=4)},
    optional={
        "relations": st.just({}),
        "load": st.sampled_from(["instant", "lazy"]),
        "typename": names,
        "tableName": names,
        "mutable": st.booleans(),
        "before": st.booleans(),
        "scope": st.booleans() | names,
        "tenancy": st.just({"kind": "none"}) | st.just({"kind": "column", "column": "o", "x": 1}),
        "later": junk,
    },
)
documents = st.fixed_dictionaries(
    {"models": st.dictionaries(names, models, max_size=3)},
    optional={"v": st.just(3), "identityRoles": st.just([]), "later": junk},
)


@settings(max_examples=60)
@given(documents)
def test_parse_then_dump_is_the_identity(document: dict[str, Any]) -> None:
    try:
        spec = parse_schema_json(document)
    except AbloValidationError:
        return
    dumped = dump_schema_json(spec)
    assert json_hash(dumped) == json_hash(document) == spec.hash
    assert parse_schema_json(dumped) == spec


@settings(max_examples=60)
@given(st.recursive(junk, lambda x: st.dictionaries(names, x) | st.lists(x), max_leaves=8))
def test_no_json_makes_parse_fail_in_another_way(value: Any) -> None:
    for document in (value, {"models": value}, {"models": {"a": value}}):
        with contextlib.suppress(AbloValidationError):
            parse_schema_json(document)
