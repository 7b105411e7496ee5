"""`field(write=...)`: who may write a field, by any client and plain SQL."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import product
from typing import Any, Literal

import psycopg
import pytest

from ablo_pg import AbloError, AbloValidationError, Model, Schema, allow, define_schema, field
from ablo_pg.cluster import Server
from ablo_pg.compile import compile_schema
from ablo_pg.db.errors import translate
from ablo_pg.schema import field as plain_field
from ablo_pg.schema import parse_schema_json
from ablo_pg.schema.diff import diff
from ablo_pg.schema.source import write_source
from ablo_pg.testing import DatabaseHandle, make_database, template_database

from .permission_scene import ORG, Scene

MINE = "owner_id = actor.user_id"
NOBODYS_BUT = "actor.kind = 'system' or owner_id = actor.user_id and status = 'draft'"


class Task(Model):
    owner_id: str | None = None
    status: Literal["draft", "done"] = "draft"
    title: str = ""
    price: int | None = field(default=None, write=NOBODYS_BUT)
    urgent: bool = field(default=True, write=MINE)
    tags: list[str] = field(default_factory=list, write="actor.kind = 'user'")


SCHEMA = define_schema(tasks=Task)
ACTORS = ("user:ann", "user:bob", "system:ann")


@pytest.fixture(scope="module")
def template(cluster: Server) -> Iterator[str]:
    with template_database(cluster, SCHEMA) as name:
        yield name


@pytest.fixture
def handle(cluster: Server, template: str) -> Iterator[DatabaseHandle]:
    with make_database(server=cluster, template=template) as made:
        yield made


@pytest.fixture
def scene(handle: DatabaseHandle) -> Iterator[Scene]:
    with (
        psycopg.connect(handle.admin_url, autocommit=True) as admin,
        psycopg.connect(handle.database_url, autocommit=True) as runtime,
    ):
        yield Scene(handle, admin, runtime)


def row(**values: Any) -> dict[str, Any]:
    start: dict[str, Any] = {"ownerId": None, "status": "draft", "price": None, "urgent": True}
    return {**start, "tags": [], **values}


def may(actor: str, name: str, row: dict[str, Any]) -> bool:
    kind, _, who = actor.partition(":")
    mine = kind == "user" and row["ownerId"] == who
    if name == "price":
        return kind == "system" or (mine and row["status"] == "draft")
    return mine if name == "urgent" else kind == "user"


def refused(actor: str, old: dict[str, Any] | None, new: dict[str, Any]) -> str | None:
    """Return the first field that the actor may not write so."""
    for name in ("price", "urgent", "tags"):
        if new[name] != (old or row())[name] and not all(
            may(actor, name, one) for one in (old, new) if one is not None
        ):
            return name
    return None


STATES = [row(), row(ownerId="ann"), row(ownerId="ann", status="done", price=5, urgent=False)]
CHANGES: list[dict[str, Any]] = [
    {"title": "x"},
    {"price": 7},
    {"urgent": False},
    {"tags": ["a"]},
    {"price": 5, "status": "done"},
    {"ownerId": "bob", "price": 1},
    {"ownerId": "bob"},
    {"price": None, "urgent": True, "tags": []},
]


@pytest.mark.parametrize("door", ["commit", "batch", "sql"])
def test_every_door_lets_the_same_be_written(scene: Scene, door: str) -> None:
    for number, (actor, old, change) in enumerate(product(ACTORS, [None, *STATES], CHANGES)):
        name = f"t{number}"
        if old is not None:
            insert(scene.admin, name, old)
        wanted = refused(actor, old, {**(old or row()), **change})
        told: AbloError | None = None
        try:
            WRITES[door](scene, actor, "create" if old is None else "update", name, change)
        except AbloError as error:
            told = error
        assert (told and told.field) == wanted, (actor, old, change)
        if told is not None:
            assert (told.code, told.model) == ("permission_denied", "tasks")


def insert(conn: psycopg.Connection[Any], name: str, values: dict[str, Any]) -> None:
    conn.execute(
        "insert into tasks (id, organization_id, owner_id, status, price, urgent, tags)"
        " values (%s, 'acme', %s, %s, %s, %s, %s)",
        [name, *(values[one] for one in ("ownerId", "status", "price", "urgent")),
         json.dumps(values["tags"])],
    )  # fmt: skip


def by_commit(scene: Scene, actor: str, action: str, name: str, data: dict[str, Any]) -> None:
    scene.commit(actor, {"action": action, "model": "tasks", "id": name, "data": data})


def by_batch(scene: Scene, actor: str, action: str, name: str, data: dict[str, Any]) -> None:
    operation = {"action": action, "model": "tasks", "id": name, "data": data}
    other = {"action": "create", "model": "tasks", "id": f"{name} other", "data": {}}
    items = [
        {"participant": actor, "key": f"{name} {one['id']}", "request": {"operations": [one]}}
        for one in (other, operation)
    ]
    query = "select error from ablo.commit_batch(%s, %s) order by ordinal"
    (first,), (error,) = scene.runtime.execute(query, (ORG, json.dumps(items))).fetchall()
    assert first is None
    if error is not None:
        told = json.loads(error["detail"])
        raise AbloError(
            error["message"], code=told["code"], model=told["model"], field=told.get("field")
        )


def by_sql(scene: Scene, actor: str, action: str, name: str, data: dict[str, Any]) -> None:
    columns = {"ownerId": "owner_id"}
    names = [columns.get(one, one) for one in data]
    values = [json.dumps(one) if isinstance(one, list) else one for one in data.values()]
    with scene.acting(actor) as conn:
        try:
            if action == "update":
                pairs = ", ".join(f"{one} = %s" for one in names)
                conn.execute(f"update tasks set {pairs} where id = %s", [*values, name])
            else:
                listed = ", ".join(["id", "organization_id", *names])
                places = ", ".join(["%s"] * (len(names) + 2))
                conn.execute(
                    f"insert into tasks ({listed}) values ({places})", [name, ORG, *values]
                )
        except psycopg.Error as exc:
            raise translate(exc) from exc


WRITES = {"commit": by_commit, "batch": by_batch, "sql": by_sql}


def test_a_build_whose_guard_forgets_the_field_is_caught(scene: Scene) -> None:
    body = scene.admin.execute(
        "select pg_get_functiondef('ablo_model.tasks__guard()'::regprocedure)"
    ).fetchone()
    assert body is not None
    scene.admin.execute(body[0].replace("if v_field is not null then", "if false then"))
    with pytest.raises(AssertionError):
        test_every_door_lets_the_same_be_written(scene, "commit")


def test_an_administrator_and_a_cascade_are_not_bound(scene: Scene) -> None:
    insert(scene.admin, "t1", row(price=3))
    scene.admin.execute("update tasks set price = 4 where id = 't1'")
    found = scene.admin.execute("select price from tasks").fetchone()
    assert found == (4,)


def test_an_update_is_explained_by_field(scene: Scene) -> None:
    insert(scene.admin, "t1", row(ownerId="ann", status="done"))
    told = scene.call("access_explain", ORG, "user:ann", "tasks", "t1")["access"]
    assert told["update"]["allowed"] is True
    assert told["update"]["fields"] == {"price": False, "urgent": True, "tags": True}
    assert all("fields" not in told[verb] for verb in ("read", "create", "delete"))
    told = scene.call("access_explain", ORG, "user:ann", "tasks", "none")["access"]
    assert "fields" not in told["update"]


def test_it_is_part_of_the_schema_in_every_form() -> None:
    spec = SCHEMA.spec
    names = [one.name for one in spec.model("tasks").permissions]
    assert names == ["write.price", "write.tags", "write.urgent"]
    pushed = parse_schema_json(json.loads(json.dumps(SCHEMA.to_json())))
    assert pushed.hash == spec.hash
    assert sql(pushed) == sql(spec)
    source: dict[str, Any] = {"__name__": "written"}
    exec(compile(write_source(spec), "written.py", "exec", dont_inherit=True), source)
    again: Schema = source["schema"]
    assert again.hash == spec.hash
    open_ = define_schema(tasks=declared(None)).spec
    (change,) = diff(define_schema(tasks=declared("actor.kind = 'user'")).spec, open_)
    assert (change.kind, change.field, change.additive) == (
        "permissions_changed", "write.price", False
    )  # fmt: skip


def sql(spec: Any) -> str:
    return str(compile_schema(spec))


def declared(write: str | None) -> type[Model]:
    class Task(Model):
        price: int | None = field(default=None, write=write)

    return Task


@pytest.mark.parametrize(
    ("write", "words"),
    [
        ("old.price = 1", "old"),
        ("nope = 1", "nope"),
        ("now() > created_at", "now"),
        ("price = 'x'", "price"),
    ],
)
def test_what_cannot_be_judged_is_refused(write: str, words: str) -> None:
    with pytest.raises(AbloValidationError) as told:
        define_schema(tasks=declared(write))
    assert told.value.code == "schema_definition_invalid"
    assert words in str(told.value)


def test_a_field_without_a_reader_says_where_to_import_it() -> None:
    class Task(Model):
        price: int | None = plain_field(default=None, write="actor.kind = 'user'")

    with pytest.raises(AbloValidationError, match="from ablo_pg import field"):
        define_schema(tasks=Task)


def test_a_pushed_schema_names_a_field_that_it_has() -> None:
    document = json.loads(json.dumps(SCHEMA.to_json()))
    document["models"]["tasks"]["permissions"][0]["name"] = "write.nope"
    with pytest.raises(AbloValidationError, match=r"write\.nope"):
        parse_schema_json(document)


def test_it_goes_with_the_model_s_own_permissions() -> None:
    class Task(Model):
        owner_id: str | None = None
        price: int | None = field(default=None, write=MINE)
        permissions = allow(read=MINE, update=MINE)

    names = [one.name for one in define_schema(tasks=Task).spec.model("tasks").permissions]
    assert names == ["read", "update", "write.price"]
