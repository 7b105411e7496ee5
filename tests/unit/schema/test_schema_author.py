"""Schemas declared in Python: both forms, options, relations, and one error for all problems."""

from __future__ import annotations

import datetime as dt
import enum
import sys
import uuid
from decimal import Decimal
from typing import Annotated, Any, Literal, NewType

import pytest
from pydantic import AwareDatetime, BaseModel, JsonValue, PositiveInt
from pydantic import Field as PydanticField
from typing_extensions import TypedDict

from ablo_pg.errors import AbloValidationError
from ablo_pg.schema import (
    MISSING,
    EntityRole,
    Field,
    FieldType,
    IdentityRole,
    Model,
    ModelOptions,
    Tenancy,
    belongs_to,
    define_schema,
    dump_schema_json,
    field,
    has_many,
    has_one,
    indexed,
    model,
    model_hash,
    schema_hash,
)


class Task(Model):
    title: str
    status: Literal["todo", "doing", "done"]


class Inner(BaseModel):
    a: int


class Odd:
    pass


class Shape(TypedDict):
    a: int


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Size(enum.StrEnum):
    S = "s"


Slug = NewType("Slug", str)


def problems_of(**models: Any) -> list[dict[str, Any]]:
    with pytest.raises(AbloValidationError) as caught:
        define_schema(**models)
    assert caught.value.code == "schema_definition_invalid"
    found: list[dict[str, Any]] = caught.value.details["problems"]
    assert all(problem["remedy"] and problem["message"] for problem in found)
    return found


def only_field(declared: Any) -> Field:
    return define_schema(things=model(it=declared)).spec.model("things").fields[0]


def test_both_forms_have_the_hash_that_other_languages_compute() -> None:
    by_class = define_schema(tasks=Task)
    by_call = define_schema(tasks=model(title=str, status=Literal["todo", "doing", "done"]))
    assert by_class.hash == by_call.hash == schema_hash(by_class.spec) == "5f48d2df"
    assert by_class.spec == by_call.spec
    assert model_hash(by_class.model(Task)) == "14133cbb"


def test_a_schema_finds_models_by_key_and_by_class() -> None:
    schema = define_schema({"any key": Task}, projects=model(name=str))
    assert schema.key_of(Task) == schema.key_of("any key") == "any key"
    assert list(schema) == ["any key", "projects"]
    assert [spec.key for spec in schema.spec.models] == ["any key", "projects"]
    assert schema.models["projects"].__name__ == "projects"
    with pytest.raises(AbloValidationError) as caught:
        schema.key_of("taks")
    assert caught.value.code == "server_execute_unknown_model"
    with pytest.raises(TypeError):
        schema.models["x"] = Task  # type: ignore[index]


@pytest.mark.parametrize(
    ("declared", "kind", "optional"),
    [
        (str, FieldType.STRING, False),
        (Slug, FieldType.STRING, False),
        (str | None, FieldType.STRING, True),
        (int, FieldType.INTEGER, False),
        (PositiveInt, FieldType.INTEGER, False),
        (float, FieldType.NUMBER, False),
        (bool, FieldType.BOOLEAN, False),
        (Decimal, FieldType.DECIMAL, False),
        (dt.datetime, FieldType.DATETIME, False),
        (AwareDatetime, FieldType.DATETIME, False),
        (dt.date, FieldType.DATE, False),
        (uuid.UUID, FieldType.UUID, False),
        (Color, FieldType.ENUM, False),
        (Size | None, FieldType.ENUM, True),
        (Literal["a", None], FieldType.ENUM, True),
        (list[int], FieldType.JSON, False),
        (dict[str, Any], FieldType.JSON, False),
        (list, FieldType.JSON, False),
        (Inner | None, FieldType.JSON, True),
        (Shape, FieldType.JSON, False),
        (JsonValue, FieldType.JSON, False),
        (Inner | list[int], FieldType.JSON, False),
        (Annotated[str, indexed] | None, FieldType.STRING, True),
    ],
)
def test_types(declared: Any, kind: FieldType, optional: bool) -> None:
    lowered = only_field(declared)
    assert (lowered.type, lowered.optional) == (kind, optional)


def test_enum_values_come_from_literals_and_enums() -> None:
    assert only_field(Color).enum_values == ("red", "blue")
    assert only_field(Literal["a", "b"] | Literal["b", "c"]).enum_values == ("a", "b", "c")


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the type statement is newer")
def test_type_statements() -> None:
    names: dict[str, Any] = {}
    exec("type Name = str | None", names)
    assert only_field(names["Name"]).optional


@pytest.mark.parametrize(
    "declared",
    [
        complex,
        bytes,
        object,
        Any,
        set[int],
        tuple[int, int],
        str | int,
        Literal[1, 2],
        Literal["a", True],
        dt.timedelta,
        list[Odd],
        enum.IntEnum("Level", "LOW HIGH"),
        Odd,
    ],
)
def test_other_types_are_refused_by_name(declared: Any) -> None:
    (problem,) = problems_of(things=model(it=declared))
    assert (problem["code"], problem["model"], problem["field"]) == (
        "unsupported_type",
        "things",
        "it",
    )


def test_every_way_to_say_more_about_a_field() -> None:
    class Rich(Model):
        plain: str = "x"
        named: str = field(wire="other", column="ttl", indexed=True, max_length=5)
        marked: Annotated[str, indexed]
        made: list[str] = field(default_factory=list)
        listed: list[str] = field(default=["a"])
        nothing: str | None = None
        price: Decimal = Decimal("1.50")
        color: Color = Color.RED
        native: str = PydanticField(default="y", max_length=3)

    fields = {f.name: f for f in define_schema(rich=Rich).spec.model("rich").fields}
    named = fields["named"]
    assert (named.wire, named.column, named.indexed) == ("other", "ttl", True)
    assert fields["marked"].indexed
    defaults = {name: f.default for name, f in fields.items() if f.default is not MISSING}
    assert defaults == {
        "plain": "x",
        "made": [],
        "listed": ["a"],
        "price": "1.50",
        "color": "red",
        "native": "y",
    }


def test_relations_resolve_to_wire_names() -> None:
    class Project(Model, scope=True):
        name: str
        tasks = has_many("tasks", order_by="due_date")
        lead_task = has_one("tasks", field="project_id")

    class Work(Model):
        project_id: str
        due_date: dt.datetime | None = None
        project = belongs_to(Project, parent=True, fk=True, index=True)

    spec = define_schema(tasks=Work, projects=Project).spec
    (project,) = spec.model("tasks").relations
    assert (project.name, project.target, project.foreign_key) == (
        "project",
        "projects",
        "projectId",
    )
    assert project.parent
    assert project.fk
    assert project.index
    many, one = spec.model("projects").relations
    assert (many.foreign_key, many.order_by) == ("projectId", "dueDate")
    assert (one.name, one.kind, one.foreign_key) == ("leadTask", "hasOne", "projectId")
    assert spec.model("projects").group_kind == "projects"


def test_options_of_a_class_are_inherited_but_for_its_names() -> None:
    class Base(Model, table="B", typename="B", load="lazy", conflict={"agent": "reject"}):
        team_id: str

    class Derived(Base, scope="team", entity_roles=[EntityRole("team", "team_id")]):
        deck_id: str

    spec = define_schema(derived=Derived).spec.model("derived")
    assert (spec.table, spec.typename, spec.load) == ("derived", "derived", "lazy")
    assert spec.conflict == (("agent", "reject"),)
    assert (spec.scope, spec.is_scope_root, spec.group_kind) == ("team", True, "team")
    assert spec.entity_roles == (EntityRole("team", "teamId"),)
    assert [f.name for f in spec.fields] == ["team_id", "deck_id"]


def test_options_of_a_functional_model() -> None:
    options = ModelOptions(
        table="Slides",
        table_schema="app",
        tenancy=Tenancy("parent", local_key="deckRef", parent_table="decks"),
        mutable=False,
        plane="control",
        grants={"subject": "userId", "scope": "deckId"},
        options={"bootstrapLimit": 5},
    )
    schema = define_schema(slides=model(options, deck_ref=(str, field(column="deck"))))
    spec = schema.spec.model("slides")
    assert spec.tenancy.local_key == "deck"
    document = dump_schema_json(schema.spec)["models"]["slides"]  # type: ignore[index]
    assert document["bootstrapLimit"] == 5
    assert document["tableSchema"] == "app"
    assert document["grants"] == {"subject": "userId", "scope": "deckId"}


def test_top_level_settings() -> None:
    schema = define_schema(
        tasks=Task,
        identity_roles=[IdentityRole("team", "claims.teams")],
        session_settings={"app.project": "projectId"},
    )
    assert schema.to_json()["identityRoles"] == [{"kind": "team", "source": "claims.teams"}]
    assert schema.to_json()["sessionSettings"] == {"app.project": "projectId"}


def test_all_problems_come_at_once_each_with_its_place() -> None:
    class Bad(Model, load="sometimes", tenancy=3, conflict={"robot": "reject"}):
        id: str
        created_at: dt.datetime
        weird: complex
        flag: Literal["a"] = "b"  # type: ignore[assignment]
        owner = belongs_to("nobody")
        boss = belongs_to("things", field="boss_id")

    found = problems_of(things=Bad, model=model(x=str), subscribe=model(y=str))
    assert {(p["code"], p["model"], p["field"]) for p in found} == {
        ("invalid_option", "things", None),
        ("invalid_conflict", "things", None),
        ("reserved_field", "things", "id"),
        ("reserved_field", "things", "created_at"),
        ("unsupported_type", "things", "weird"),
        ("invalid_default", "things", "flag"),
        ("unknown_target", "things", "owner"),
        ("missing_foreign_key", "things", "boss"),
        ("reserved_name", "model", None),
        ("reserved_name", "subscribe", None),
    }


def test_unknown_options_and_non_models_are_refused() -> None:
    with pytest.raises(AbloValidationError, match="no option 'tabel'"):
        model({"tabel": "x"}, title=str)  # type: ignore[arg-type]
    assert problems_of(things=3)[0]["code"] == "invalid_model"
    assert problems_of(things=Model)[0]["code"] == "invalid_model"
    assert problems_of(a=Task, b=Task)[0]["code"] == "invalid_model"


def test_any_field_name_works_where_python_allows_it() -> None:
    names = ["select", "class", "due date", 'quo"te', "Ünï", "json", "copy", "self", "x" * 80]
    schema = define_schema(things=model(**dict.fromkeys(names, str)))
    assert [f.column for f in schema.spec.model("things").fields][:2] == ["select", "class"]
    assert problems_of(things=model(model_dump=str))[0]["code"] == "reserved_name"
    assert define_schema(things=model(mro=str, register=str))
    with pytest.raises(AbloValidationError, match="starts with an underscore"):
        model(_hidden=str)


def test_attributes_of_every_class_are_not_defaults() -> None:
    with pytest.warns(UserWarning, match="shadows"):

        class Till(Model):
            register: str
            mro: str = field()

    (problem,) = problems_of(tills=Till)
    assert (problem["code"], problem["field"]) == ("reserved_name", "register")


def test_a_declared_archive_mark_is_a_field() -> None:
    schema = define_schema(things=model(archived_at=dt.datetime | None))
    assert [f.wire for f in schema.spec.model("things").fields] == ["archivedAt"]
    assert problems_of(things=model(archived_at=str))[0]["code"] == "reserved_field"


def test_ambiguous_inverse_is_a_problem() -> None:
    tasks = model(a_id=str, b_id=str, a=belongs_to("users"), b=belongs_to("users"))
    found = problems_of(tasks=tasks, users=model(tasks=has_many("tasks")))
    assert "2 belongs_to relations" in found[0]["message"]
