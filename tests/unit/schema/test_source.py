"""A written schema imports, and means what it was written from: whatever the names."""

from __future__ import annotations

import string
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from ablo_pg.schema import (
    MISSING,
    Field,
    FieldType,
    ModelSpec,
    Relation,
    SchemaSpec,
    Tenancy,
    check,
)
from ablo_pg.schema.names import column_name, wire_name
from ablo_pg.schema.neutral import Check, Index
from ablo_pg.schema.source import Notes, class_names, usable_key, write_source

WORDS = [
    "class",
    "def",
    "None",
    "dt",
    "uuid",
    "str",
    "field",
    "json",
    "copy",
    "schema",
    "model_dump",
]
WORDS += [
    "created",
    "updated_by",
    "x",
    "Literal",
    "JsonValue",
    "due_date",
    "dueDate",
    "a b",
    "é",
    "1st",
]
names = st.one_of(
    st.sampled_from(WORDS),
    st.text(string.ascii_letters + string.digits + "_", min_size=1, max_size=12),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8),
)
DEFAULTS: dict[FieldType, list[Any]] = {
    FieldType.STRING: ["", 'it\'s \\ "x"\n', "é\u2028"],
    FieldType.INTEGER: [0, -3],
    FieldType.NUMBER: [0.5, 1e300],
    FieldType.BOOLEAN: [True, False],
    FieldType.DECIMAL: ["12.50"],
    FieldType.DATETIME: ["2026-01-02T03:04:05Z"],
    FieldType.DATE: ["2026-01-02"],
    FieldType.UUID: ["12345678-1234-5678-1234-567812345678"],
    FieldType.ENUM: ["a'b"],
    FieldType.JSON: [{"a": [1, None]}, "text", 3],
}
# Of fields without a default, which might break them.
RULES: dict[FieldType, tuple[tuple[str, Any], ...]] = {
    FieldType.STRING: (("maxLength", 9), ("pattern", "^[a-z\\\\]'\"é$")),
    FieldType.INTEGER: (("minimum", -3), ("multipleOf", 2)),
    FieldType.NUMBER: (("exclusiveMaximum", 0.5), ("minimum", 0)),
    FieldType.DECIMAL: (("multipleOf", "0.05"),),
    FieldType.DATETIME: (("minimum", "2026-01-02T03:04:05+00:00"),),
    FieldType.DATE: (("exclusiveMinimum", "2026-01-02"),),
}


@st.composite
def fields(draw: st.DrawFn, name: str) -> Field:
    kind = draw(st.sampled_from(FieldType))
    given_default = draw(st.booleans())
    return Field(
        name=name,
        wire=draw(st.sampled_from([name, wire_name(name)])),
        column=draw(st.sampled_from([name, column_name(name)])),
        type=kind,
        optional=draw(st.booleans()),
        indexed=draw(st.booleans()),
        enum_values=("a'b", "todo", "\\") if kind is FieldType.ENUM else (),
        default=draw(st.sampled_from(DEFAULTS[kind])) if given_default else MISSING,
        rules=() if given_default else draw(st.sampled_from([(), RULES.get(kind, ())])),
        unique=kind is not FieldType.JSON and draw(st.booleans()),
    )


@st.composite
def models(draw: st.DrawFn, key: str) -> ModelSpec:
    listed = draw(st.lists(names, max_size=5, unique=True))
    chosen = tuple(draw(fields(name)) for name in listed)
    relations: tuple[Relation, ...] = ()
    keys = [one for one in chosen if one.type is FieldType.STRING]
    if keys and draw(st.booleans()):  # type: ignore[arg-type]
        relations = (Relation("owner", "belongsTo", key, keys[0].wire),)
    tested = [one.wire for one in chosen if one.type is not FieldType.JSON]
    null: Any = {"null": {"field": tested[0]}} if tested else {"and": []}
    return ModelSpec(
        checks=draw(st.sampled_from([(), (Check("some_check", {"not": null}),)])),
        indexes=(Index("some_index", tuple(tested), unique=True, where=null),) if tested else (),
        key=key,
        typename=draw(st.sampled_from([key, key.title()])),
        table=draw(st.sampled_from([key, f"{key} t"])),
        fields=chosen,
        relations=relations,
        tenancy=draw(st.sampled_from([Tenancy(), Tenancy(column="org"), Tenancy("none")])),
        mutable=draw(st.booleans()),
        before=draw(st.booleans()),
        conflict=draw(st.sampled_from([(), (("agent", "notify"),)])),
    )


@st.composite
def schemas(draw: st.DrawFn) -> SchemaSpec:
    keys = draw(st.lists(names, max_size=3, unique=True))
    return SchemaSpec(tuple(draw(models(key)) for key in sorted(keys)))


def meaning(spec: SchemaSpec) -> SchemaSpec:
    """A schema without what Python calls its fields."""
    return replace(
        spec,
        models=tuple(
            replace(
                model,
                fields=tuple(
                    replace(each, name=each.wire, default=plain(each)) for each in model.fields
                ),
            )
            for model in spec.models
        ),
    )


def plain(each: Field) -> Any:
    """A default as it is compared: one moment has several spellings."""
    if each.type is FieldType.DATETIME and each.default is not MISSING:
        return each.default[:19]  # type: ignore[index]
    return each.default


def load(source: str) -> SchemaSpec:
    """Run a written file and return its schema."""
    namespace: dict[str, Any] = {"__name__": "written"}
    exec(compile(source, "written.py", "exec", dont_inherit=True), namespace)
    spec: SchemaSpec = namespace["schema"].spec
    return spec


@settings(  # each example runs the file that it writes
    max_examples=50,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
@given(schemas())
def test_what_is_written_means_the_same(spec: SchemaSpec) -> None:
    assume(not check(spec) and all(usable_key(model.key) for model in spec.models))
    assert meaning(load(write_source(spec))) == meaning(spec)


@pytest.mark.parametrize(
    "name", ["x = 1 / 0; y", "class", "a b", "title", "project", "check", "index", "id", "", "\n"]
)
def test_conditions_of_any_name_are_written(name: str) -> None:
    """Their names come from pushed JSON, or from a comment on a table that is pulled."""
    test, fields = ["title", "<>", "z"], (Field("title", "title", "title", FieldType.STRING),)
    spec = ModelSpec("tasks", "tasks", "tasks", fields)
    spec = replace(spec, relations=(Relation("project", "belongsTo", "tasks", "title"),))
    spec = replace(spec, checks=(Check(name, test), Check("last", test)))
    spec = replace(spec, indexes=(Index(name, ("title",), where=test), Index("end", ("title",))))
    (found,) = load(write_source(SchemaSpec((spec,)))).models
    assert [field.name for field in found.fields] == ["title"]
    assert [relation.name for relation in found.relations] == ["project"]
    assert [one.test for one in found.checks] == [test, test]
    assert [(one.fields, one.where) for one in found.indexes] == [
        (("title",), test), (("title",), None)
    ]  # fmt: skip


@given(st.lists(st.text(max_size=20), max_size=4))
def test_no_comment_breaks_the_file(lines: list[str]) -> None:
    spec = SchemaSpec((ModelSpec("tasks", "tasks", "tasks", ()),))
    told = tuple(lines)
    notes = Notes(told, {"tasks": told}, {"tasks": told}, told)
    source = write_source(spec, notes).encode("utf-8", "replace").decode()
    assert load(source).models == spec.models


@given(st.lists(names, unique=True, max_size=6))
def test_class_names_are_names_and_differ(keys: list[str]) -> None:
    found = class_names(keys)
    assert len(set(found.values())) == len(keys)
    assert all(name.isidentifier() for name in found.values())
