"""`field(read=...)`: a field that an actor may not read is null by every interface, and unknown."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from ablo_pg import AbloError, AbloValidationError, Model, allow, define_schema, field
from ablo_pg.changefeed.filters import Filters
from ablo_pg.changefeed.sight import shown_of
from ablo_pg.changefeed.view import View, seen
from ablo_pg.cluster import Server
from ablo_pg.delta import Delta
from ablo_pg.schema.neutral import named_fields
from ablo_pg.testing import DatabaseHandle, make_database, template_database

from .permission_scene import (
    ORG,
    Scene,
    Sight,
    by_at,
    by_get,
    by_history,
    by_hub,
    by_list,
    by_log_of_a_key,
    by_snapshot,
    deltas,
)

SECRET = "s3cret"
DOORS = (by_list, by_get, by_snapshot, by_at, by_history, by_log_of_a_key, by_hub)


class Task(Model):
    title: str = ""
    owner_id: str | None = None
    wage: str | None = field(
        default=None,
        read="actor.kind = 'user' and actor.id in ('ann', 'boss')",
        formerly="pay",
        indexed=True,
    )
    note: str | None = field(default=None, read="actor.kind <> 'agent'", write="actor.id = 'ann'")


class Memo(Model):
    title: str = ""
    wage: str | None = field(default=None, read="actor.id = 'ann'")
    permissions = allow(read="title <> 'hidden'")


SCHEMA = define_schema(tasks=Task, memos=Memo)
HIDDEN = {
    "user:ann": (),
    "user:bob": ("wage", "pay"),
    "agent:ann": ("wage", "pay", "note"),
    "system:ann": ("wage", "pay"),
}


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
        made = Scene(handle, admin, runtime)
        made.permissions.learn(SCHEMA.spec)
        for conn in (admin, runtime):
            conn.execute("set timezone = 'UTC'")
        for name in ("t1", "t2", "t3"):
            admin.execute(
                "insert into tasks (id, organization_id, title, pay, note)"
                " values (%s, 'acme', 'x', %s, %s)",
                [name, f"{SECRET} w", f"{SECRET} n"],
            )
        admin.execute("update tasks set title = 'y', pay = %s where id = 't1'", [f"{SECRET} 2"])
        admin.execute("update tasks set note = %s where id = 't2'", [f"{SECRET} 3"])
        admin.execute("update tasks set archived_at = now() where id = 't3'")
        admin.execute("delete from tasks where id = 't3'")
        yield made


def masked(row: dict[str, Any], actor: str) -> dict[str, Any]:
    return row | dict.fromkeys(HIDDEN[actor])


def expected(scene: Scene, actor: str) -> Sight:
    return {name: masked(row, actor) for name, row in scene.rows().items()}


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)
@pytest.mark.parametrize("actor", HIDDEN)
def test_every_interface_hides_it(
    scene: Scene, actor: str, door: Callable[[Scene, str], Sight]
) -> None:
    assert door(scene, actor) == expected(scene, actor)


def shown_to(scene: Scene, actor: str) -> list[tuple[Any, Any, Any]]:
    """What the stream shows of each change: row, before and changed."""
    view = View(frozenset([f"org:{ORG}"]), None, actor)
    found = [seen((view,), delta, scene.permissions) for delta in deltas(scene)]
    return [
        (one.row and json.loads(one.row), one.before and json.loads(one.before), set(one.changed))
        for one in found
        if one is not None
    ]


@pytest.mark.parametrize("actor", HIDDEN)
def test_log_and_stream_tell_the_same_and_not_what_it_was(scene: Scene, actor: str) -> None:
    stream = shown_to(scene, actor)
    key = scene.key(actor)
    query = "select row, before, changed from ablo.delta_read(%s, 0, 99, null, %s, true) d"
    rows = scene.runtime.execute(query, (ORG, key)).fetchall()
    assert [(row, before, set(changed or ())) for row, before, changed in rows] == stream
    assert len(stream) == len(deltas(scene))
    hidden = set(HIDDEN[actor])
    for row, before, changed in stream:
        assert not hidden & changed
        assert not hidden & set(before or ())
        assert all(row[name] is None for name in hidden if row)
    entries = scene.call("row_history", ORG, actor, "tasks", "t1")["entries"]
    told = json.dumps([entries, stream], default=list)
    wages = {f"{SECRET} w", f"{SECRET} 2"}
    assert {one for one in wages if one in told} == (set() if "wage" in hidden else wages)


QUERIES: list[dict[str, Any]] = [
    {"where": [["wage", "=", "x"]]},
    {"where": [["pay", "=", "x"]]},
    {"where": [{"or": [["title", "=", "x"], ["wage", "is", None]]}]},
    {"where": [{"not": {"null": {"field": "wage"}}}]},
    {"where": [["wage", "like", "s%"]]},
    {"orderBy": [["wage", "asc"]]},
]


@pytest.mark.parametrize("query", QUERIES, ids=json.dumps)
def test_it_cannot_be_asked_for(scene: Scene, query: dict[str, Any]) -> None:
    def refused(call: Callable[[], object], field: str = "wage") -> None:
        with pytest.raises(AbloError) as told:
            call()
        assert (told.value.code, told.value.field) in [
            ("permission_denied", field), ("permission_denied", "pay")
        ]  # fmt: skip
        assert SECRET not in str(told.value)

    text = json.dumps(query)
    refused(lambda: scene.call("row_list", ORG, "user:bob", "tasks", text))
    scene.call("row_list", ORG, "user:ann", "tasks", text)
    if "where" in query:
        premise = {"model": "tasks", "where": query["where"], "readAt": 1}
        operation = {"action": "create", "model": "tasks", "id": "n", "data": {}}
        refused(lambda: scene.commit("user:bob", operation, reads=[premise]))


@pytest.mark.parametrize(
    "query",
    [{"groupBy": "wage"}, {"min": ["wage"]}, {"max": ["pay"]}, {"where": [["wage", "=", "x"]]}],
    ids=json.dumps,
)
def test_totals_do_not_tell_it(scene: Scene, query: dict[str, Any]) -> None:
    assert scene.call("row_aggregate", ORG, "user:ann", "tasks", json.dumps(query))
    with pytest.raises(AbloError) as told:
        scene.call("row_aggregate", ORG, "user:bob", "tasks", json.dumps(query))
    assert told.value.code == "permission_denied"


def test_a_claim_and_a_commit_hand_over_what_may_be_read(scene: Scene) -> None:
    for actor, wage in (("user:bob", None), ("user:ann", f"{SECRET} 2")):
        found = scene.call("claim_acquire", ORG, actor, "tasks", "t1", '{"ttlMs": 60000}')
        assert found["data"]["wage"] == wage
        scene.call("claim_release", ORG, actor, found["claim"]["id"])
    update = {"action": "update", "model": "tasks", "id": "t1", "data": {"title": "z"}}
    for operations in ([update], [update, {**update, "id": "t2"}]):
        answer = scene.commit("user:bob", *operations, returning=True)
        assert all(one["row"]["wage"] is None for one in answer["rows"])
        answer = scene.commit("user:ann", *operations, returning=True)
        assert all(SECRET in one["row"]["wage"] for one in answer["rows"])


def test_a_notification_shows_what_may_be_read(scene: Scene) -> None:
    scene.admin.execute("update tasks set title = 'now' where id = 't1'")
    update = {"action": "update", "model": "tasks", "id": "t1", "data": {"title": "z"}}
    told = scene.commit("user:bob", {**update, "readAt": 1, "onStale": "notify"})
    (one,) = told["notifications"]
    assert one["currentValues"]["title"] == "now"
    assert one["currentValues"]["wage"] is None
    scene.call("claim_acquire", ORG, "user:ann", "tasks", "t1", '{"ttlMs": 60000}')
    read = {"model": "tasks", "id": "t1", "readAt": 1, "onStale": "notify"}
    other = {"action": "create", "model": "memos", "id": "m", "data": {}}
    told = scene.commit("user:bob", other, reads=[read])
    assert SECRET not in json.dumps(told).replace(f"{SECRET} n", "")


def test_an_undo_does_not_tell_it(scene: Scene) -> None:
    choice = json.dumps({"model": "tasks", "id": "t1", "after": 1})
    plan = scene.call("undo_plan", ORG, "user:bob", choice)
    assert "w" not in [name for one in plan["operations"] for name in one["data"]]
    assert SECRET not in json.dumps(plan)
    assert SECRET in json.dumps(scene.call("undo_plan", ORG, "user:ann", choice))


def test_plain_sql_reads_the_other_columns(scene: Scene) -> None:
    with scene.acting("user:ann") as conn:
        assert conn.execute("select id, title from tasks where id = 't1'").fetchone() == ("t1", "y")
    for query in (
        "select * from tasks",
        "select pay from tasks",
        "select 1 from tasks where pay is null",
    ):
        with (
            pytest.raises(psycopg.errors.InsufficientPrivilege),
            scene.acting("user:ann") as conn,
        ):
            conn.execute(query)
    with scene.acting("user:bob") as conn:
        conn.execute("update tasks set pay = 'blind' where id = 't1'")
        conn.execute("insert into tasks (id, organization_id, pay) values ('t9', 'acme', 'blind')")
    with scene.acting("user:bob") as conn:
        told = conn.execute("select count(*) from ablo.delta where model = 'tasks'").fetchone()
    assert told == (0,)


def test_it_is_explained(scene: Scene) -> None:
    told = scene.call("access_explain", ORG, "user:bob", "tasks", "t1")["access"]
    assert (told["read"]["allowed"], told["update"]["allowed"]) == (True, True)
    assert told["read"]["fields"] == {"wage": False, "note": True}
    assert told["update"]["fields"] == {"note": False}


def test_rows_and_fields_are_hidden_together(scene: Scene) -> None:
    scene.admin.execute(
        "insert into memos (id, organization_id, title, wage) values"
        " ('m1', 'acme', 'hidden', 'a'), ('m2', 'acme', 'open', 'b')"
    )
    page = scene.call("row_list", ORG, "user:bob", "memos", "{}")
    assert [(one["id"], one["wage"]) for one in page["data"]] == [("m2", None)]
    page = scene.call("row_list", ORG, "user:ann", "memos", "{}")
    assert [(one["id"], one["wage"]) for one in page["data"]] == [("m2", "b")]


def test_what_a_participant_may_read_follows_a_push(scene: Scene) -> None:
    class Task(Model):
        title: str = ""
        owner_id: str | None = None
        wage: str | None = field(default=None, formerly="pay", indexed=True)
        note: str | None = None

    from ablo_pg.compile import compile_schema
    from ablo_pg.kernel import apply

    apply(scene.admin, compile_schema(define_schema(tasks=Task, memos=Memo).spec))
    assert by_get(scene, "user:bob") == scene.rows()
    with scene.acting("user:bob") as conn:
        assert conn.execute("select pay from tasks where id = 't1'").fetchone() == (f"{SECRET} 2",)
    apply(scene.admin, compile_schema(define_schema(tasks=Task).spec))
    value = scene.admin.execute("select ablo_model.closed()").fetchone()
    assert value == (["memos"],)  # what was hidden stays hidden with the model gone


MUTANTS = {
    "row_read": ("ablo.row_shown(p_model.typename, ablo_model.read", "(ablo_model.read", by_get),
    "row_list": ("v_hidden is null then", "true then", by_list),
    "delta_seen": ("v_hidden is not null then", "false then", by_history),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_door_that_forgets_it_is_caught(scene: Scene, name: str) -> None:
    words, others, door = MUTANTS[name]
    body = scene.admin.execute(
        "select pg_get_functiondef(p.oid) from pg_proc p where p.proname = %s"
        " and p.pronamespace = 'ablo'::regnamespace", [name]
    ).fetchone()  # fmt: skip
    assert body is not None
    assert words in body[0]
    scene.admin.execute(body[0].replace(words, others, 1))
    assert door(scene, "user:bob") != expected(scene, "user:bob")


def test_a_hub_that_forgets_it_is_caught(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def forgets(self: object, delta: Delta, participants: object) -> Delta:
        return delta

    monkeypatch.setattr(type(scene.permissions), "shown", forgets)
    assert by_hub(scene, "user:bob") != expected(scene, "user:bob")


def test_a_filter_on_a_field_that_a_push_hides_ends(scene: Scene) -> None:
    fields = named_fields(SCHEMA.spec.model("tasks"))
    made = Filters().get("tasks", [["note", "is_not", None]], fields, {})
    for actor in ("user:ann", "agent:ann"):
        view = View(frozenset([f"org:{ORG}"]), None, actor)
        if actor == "user:ann":
            assert shown_of(deltas(scene), [view], scene.permissions, [], made)
        else:
            with pytest.raises(AbloError) as told:
                shown_of(deltas(scene), [view], scene.permissions, [], made)
            assert (told.value.code, told.value.field) == ("permission_denied", "note")


def declared(read: str, *, optional: bool = True, before: bool = True) -> type[Model]:
    if optional:

        class Task(Model, before=before):
            owner: str | None = None
            wage: int | None = field(default=None, read=read)

        return Task

    class Other(Model):
        wage: int = field(default=1, read=read)

    return Other


def test_what_cannot_be_hidden_is_refused() -> None:
    for made, words in (
        (declared("owner = actor.id"), "owner"),
        (declared("actor.groups = 'x'"), "actor.groups"),
        (declared("actor.kind = 'user'", optional=False), "None"),
        (declared("actor.kind = 'user'", before=False), "before=False"),
    ):
        with pytest.raises(AbloValidationError) as told:
            define_schema(tasks=made)
        assert told.value.code == "schema_definition_invalid"
        assert words in str(told.value)
