"""Permissions of a model: every interface shows an actor the same rows, refuses the same writes."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from typing import Literal

import psycopg
import pytest

from ablo_pg import AbloError, Model, define_schema
from ablo_pg.cluster import Server
from ablo_pg.testing import DatabaseHandle, apply_schema, make_database, template_database

from .permission_scene import (
    ACTORS,
    DOORS,
    ORG,
    SCHEMA,
    Note,
    Row,
    Scene,
    Sight,
    by_history,
    by_hub,
    by_list,
    by_sql,
    deltas,
    expected,
    may_read,
)

IDS = [f"t{number}" for number in range(12)]


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
        for conn in (admin, runtime):  # rows are compared as JSON, which the kernel writes in UTC
            conn.execute("set timezone = 'UTC'")
        yield made


def written(scene: Scene, seed: int = 7, rounds: int = 25) -> Scene:
    chance = random.Random(seed)
    for _ in range(rounds):
        scene.write(chance, IDS)
    for name, row in scene.rows().items():  # whoever sees a row may claim it
        claimers = [actor for actor in ACTORS if may_read(row, actor)]
        if claimers:
            claim(scene, claimers[0], name)
    return scene


def claim(scene: Scene, actor: str, name: str) -> Row:
    request = json.dumps({"ttlMs": 60000})
    found: Row = scene.call("claim_acquire", ORG, actor, "tasks", name, request)
    return found


def differences(
    scene: Scene, doors: tuple[Callable[[Scene, str], Sight], ...] = DOORS
) -> list[str]:
    """Return what an interface shows an actor otherwise than the oracle."""
    found = []
    for actor in ACTORS:
        wanted = expected(scene, actor)
        claimed = {name: row for name, row in wanted.items() if name in claims(scene)}
        for door in doors:
            sight = door(scene, actor)
            right = claimed if door.__name__ == "by_claims" else wanted
            if sight != right:
                odd = sorted(n for n in sight.keys() | right.keys() if sight.get(n) != right.get(n))
                found.append(f"{door.__name__} as {actor}: {', '.join(odd)}")
    return found


def claims(scene: Scene) -> set[str]:
    return {row[0] for row in scene.admin.execute("select row_id from ablo.claim").fetchall()}


@pytest.mark.parametrize("seed", range(3))
def test_every_interface_shows_an_actor_the_same_rows(scene: Scene, seed: int) -> None:
    assert differences(written(scene, seed)) == []


def test_a_build_whose_hub_ignores_permissions_is_caught(scene: Scene) -> None:
    written(scene).permissions.guarded = {}
    assert any(one.startswith("by_hub") for one in differences(scene, (by_hub,)))


def test_a_build_without_the_policy_is_caught(scene: Scene) -> None:
    written(scene).admin.execute("drop policy tasks_readers on tasks")
    assert any(one.startswith("by_sql") for one in differences(scene, (by_sql,)))
    drift = [row[0] for row in scene.admin.execute("select ablo.drift_check()")]
    assert any("tasks" in one and "may not be read" in one for one in drift)


def test_what_leaves_sight_is_a_removal_and_what_enters_has_no_past(scene: Scene) -> None:
    key = scene.key("user:ann")
    make = "insert into tasks (id, organization_id, owner_id, title) values ('x', 'acme', %s, %s)"
    scene.admin.execute(make, ["bob", "secret of bob"])
    scene.admin.execute("update tasks set owner_id = 'ann', title = 'given' where id = 'x'")
    scene.admin.execute("update tasks set owner_id = 'bob', title = 'taken back' where id = 'x'")
    scene.admin.execute("delete from tasks where id = 'x'")
    query = (
        "select op, row, before from ablo.delta_read(%s, 0, 99, null, %s, true) order by sync_id"
    )
    (entered, left) = scene.runtime.execute(query, (ORG, key)).fetchall()
    assert (entered[0], entered[1]["title"], entered[2]) == ("U", "given", None)
    assert left == ("D", None, None)
    history = scene.call("row_history", ORG, "user:ann", "tasks", "x")["entries"]
    assert [(one["op"], one["before"]) for one in history] == [("D", None), ("U", None)]
    assert "secret" not in json.dumps(history)
    assert "taken" not in json.dumps(history)
    assert len(deltas(scene)) == 4


WRITES = [
    # actor, action, data, of the row that the test describes; what happens
    ("user:ann", "update", {"title": "n"}, "done"),
    ("user:ann", "update", {"level": None}, "permission_denied"),  # not as the new row must be
    ("user:ann", "update", {"ownerId": "bob"}, "permission_denied"),  # it would leave her sight
    ("user:bob", "update", {"title": "n"}, "entity_not_found"),
    ("agent:ann", "update", {"title": "n"}, "permission_denied"),  # seen, and not her own
    ("user:bob", "delete", None, "missing"),
    ("agent:ann", "delete", None, "permission_denied"),
    ("user:ann", "archive", None, "done"),
    ("user:ann", "delete", None, "done"),
]


@pytest.mark.parametrize(("actor", "action", "data", "outcome"), WRITES)
def test_who_may_write_what(
    scene: Scene, actor: str, action: str, data: Row | None, outcome: str
) -> None:
    ann = {"ownerId": "ann", "level": 5, "title": "t"}
    scene.commit("user:ann", op("create", "x", ann))
    before = scene.rows()["x"]
    assert commit(scene, actor, op(action, "x", data)) == outcome
    assert (scene.rows().get("x") == before) is (outcome != "done")
    if outcome != "done":  # plain SQL is judged likewise
        with scene.acting(actor) as conn:
            if action == "delete":
                statement = "delete from tasks where id = 'x'"
            else:
                column, value = next((COLUMNS[n], v) for n, v in (data or {}).items())
                statement = (
                    f"update tasks set {column} = {'null' if value is None else repr(value)}"
                )
            if outcome == "permission_denied":
                with pytest.raises(psycopg.Error, match="permissions do not let"):
                    conn.execute(statement)
            else:
                assert conn.execute(statement).rowcount == 0


COLUMNS = {"title": "title", "level": "level", "ownerId": "owner_id"}


def test_a_build_that_judges_only_the_new_row_is_caught(scene: Scene) -> None:
    source = scene.admin.execute(
        "select pg_get_functiondef('ablo_model.tasks__guard()'::regprocedure)"
    ).fetchone()
    assert source is not None
    broken = source[0].replace('old."owner_id"', 'new."owner_id"')
    assert broken != source[0]
    scene.admin.execute(broken)
    scene.commit("user:ann", op("create", "x", {"ownerId": "ann", "level": 5}))
    # An agent sees the row by its level; nothing that it writes makes its owner a user's.
    assert commit(scene, "agent:ann", op("update", "x", {"title": "n"})) == "permission_denied"
    # Bob sees it once it is public, and takes it over: judged by the old row, he may not.
    scene.commit("user:ann", op("update", "x", {"status": "public"}))
    assert commit(scene, "user:bob", op("update", "x", {"ownerId": "bob"})) == "done"


def test_taking_over_a_row_of_another_is_refused(scene: Scene) -> None:
    scene.commit("user:ann", op("create", "x", {"ownerId": "ann", "level": 5, "status": "public"}))
    taken = commit(scene, "user:bob", op("update", "x", {"ownerId": "bob"}))
    assert taken == "permission_denied"


def test_creates_are_judged(scene: Scene) -> None:
    assert commit(scene, "user:ann", op("create", "y", {"ownerId": "bob"})) == "permission_denied"
    assert commit(scene, "agent:ann", op("create", "y", {"ownerId": "ann"})) == "done"
    assert scene.call("row_get", ORG, "agent:ann", "tasks", "y")["row"] is None
    with scene.acting("user:ann") as conn:
        insert = "insert into tasks (id, organization_id, owner_id) values ('z', 'acme', %s)"
        assert conn.execute(insert, ["ann"]).rowcount == 1
        with pytest.raises(psycopg.Error, match="permissions do not let"):
            conn.execute(insert.replace("'z'", "'w'"), ["bob"])


def test_hidden_and_missing_rows_look_alike(scene: Scene) -> None:
    """Whatever an actor asks about a hidden row, it gets the answer for one that does not exist."""
    scene.commit("user:bob", op("create", "hidden", {"ownerId": "bob", "title": "secret"}))
    claim(scene, "user:bob", "hidden")
    scene.commit("user:bob", op("update", "hidden", {"level": 1, "title": "secret 2"}))
    head = scene.call("log_head", ORG)
    asked: list[Callable[[str], object]] = [
        lambda name: scene.call("row_get", ORG, "user:ann", "tasks", name),
        lambda name: scene.call("row_at", ORG, "user:ann", "tasks", name, head),
        lambda name: scene.call("row_history", ORG, "user:ann", "tasks", name),
        lambda name: scene.call("claim_list", ORG, "user:ann", "tasks", name),
        lambda name: claim(scene, "user:ann", name),
        lambda name: scene.commit("user:ann", op("update", name, {"title": "n"})),
        lambda name: scene.commit(
            "user:ann", op("update", name, {"title": "n"}, readAt=1, onStale="notify")
        ),
        lambda name: scene.commit("user:ann", op("update", name, {"title": "n"}, readAt=1)),
        lambda name: scene.commit("user:ann", op("archive", name)),
        lambda name: refusal(scene, op("update", name, {"title": "n"}, readAt=1)),
        lambda name: premise(scene, {"model": "tasks", "id": name, "readAt": 1}),
        lambda name: premise(scene, {"model": "tasks", "id": name, "readAt": 1, "absent": True}),
        lambda name: premise(
            scene, {"model": "tasks", "where": [["id", "=", name]], "ids": [name], "readAt": 1}
        ),
    ]
    assert premise(scene, {"group": "default", "readAt": 0}) is None
    for number, ask in enumerate(asked):
        assert answer(ask, "hidden") == answer(ask, "absent"), number
    listed = scene.call("commit_list", ORG, "user:ann", "{}")["data"]
    assert {one["participant"] for one in listed} == {"user:ann"}


def answer(ask: Callable[[str], object], name: str) -> str:
    """Return what is answered, with the row's name and times taken out."""
    try:
        found = json.dumps(ask(name), default=str, sort_keys=True)
    except AbloError as exc:
        found = json.dumps([exc.code, exc.message, exc.details], default=str, sort_keys=True)
    return found.replace(name, "ROW")


def premise(scene: Scene, read: Row) -> object:
    """Return how a commit of ann's with this premise is refused; None: it lands."""
    note = {"action": "create", "model": "notes", "id": f"n{random.random()}", "data": {}}
    try:
        scene.commit("user:ann", note, reads=[read])
    except AbloError as exc:
        return [exc.code, exc.details]
    return None


def refusal(scene: Scene, operation: Row) -> object:
    return scene.call("commit_refusal", ORG, "user:ann", json.dumps({"operations": [operation]}))


def op(action: str, name: str, data: Row | None = None, **more: object) -> Row:
    return {"action": action, "model": "tasks", "id": name, "data": data or {}, **more}


def commit(scene: Scene, actor: str, operation: Row) -> str:
    """Return what becomes of a commit: done, missing, or the code of its error."""
    try:
        receipt = scene.commit(actor, operation)
    except AbloError as exc:
        return str(exc.code)
    return "done" if receipt["ops"] else "missing"


def test_a_reader_that_does_not_apply_permissions_is_refused(scene: Scene) -> None:
    """As one of an earlier release, which would pass on every row."""
    for call in ("delta_read('acme', 0, 10, null, null, true)", "delta_tail('acme', null, 10)"):
        with pytest.raises(psycopg.Error, match="does not apply that"):
            scene.runtime.execute(f"select * from ablo.{call}".encode())


def test_a_column_that_sql_compares_otherwise_is_refused(
    cluster: Server, kernel_template: str
) -> None:
    table = """
        create collation nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
        create table tasks (id text primary key, organization_id text not null,
          created_at timestamptz not null default now(),
          updated_at timestamptz not null default now(),
          created_by text, archived_at timestamptz, owner_id text collate nocase,
          status text not null default 'draft', level bigint, urgent boolean not null default false,
          title text not null default '')"""
    with make_database(server=cluster, template=kernel_template) as handle:
        with psycopg.connect(handle.admin_url, autocommit=True) as conn:
            try:
                conn.execute(table)
            except psycopg.errors.FeatureNotSupported:
                pytest.skip("needs a server that is built with ICU")
        with pytest.raises(AbloError, match="nondeterministic"):
            apply_schema(handle.admin_url, SCHEMA)


def test_a_schema_without_permissions_ends_them(scene: Scene) -> None:
    scene.commit("user:bob", op("create", "x", {"ownerId": "bob"}))

    class Plain(Model, table="tasks", typename="tasks"):
        owner_id: str | None = None
        status: Literal["draft", "public"] = "draft"
        level: int | None = None
        urgent: bool = False
        title: str = ""

    for schema, shown in ((define_schema(tasks=Plain, notes=Note), {"x"}), (SCHEMA, set[str]())):
        apply_schema(scene.handle.admin_url, schema)
        assert by_sql(scene, "user:ann").keys() == shown
        assert by_list(scene, "user:ann").keys() == shown
        assert by_history(scene, "user:ann").keys() == shown
        assert list(scene.admin.execute("select ablo.drift_check()")) == []


def test_claims_end_with_the_sight_of_their_row(scene: Scene) -> None:
    """A holder that may no longer read the row has lost it, a waiter is not granted it."""
    shown = {"ownerId": "ann", "level": 1, "status": "public"}
    scene.commit("user:ann", op("create", "c", shown))
    held = claim(scene, "user:bob", "c")
    hide = op("update", "c", {"status": "draft"})
    assert commit(scene, "user:ann", hide) == "entity_claimed", "hiding it is a write as any other"
    scene.admin.execute("update tasks set status = 'draft' where id = 'c'")
    assert commit(scene, "user:ann", op("update", "c", {"title": "mine again"})) == "done"
    with pytest.raises(AbloError) as lost:
        scene.call("claim_heartbeat", ORG, "user:bob", held["claim"]["id"])
    assert lost.value.code in ("claim_lost", "claim_not_found")

    scene.admin.execute("update tasks set status = 'public' where id = 'c'")
    first, second = claim(scene, "user:ann", "c"), claim(scene, "user:bob", "c")
    third = claim(scene, "agent:ann", "c")
    assert [one["claim"]["status"] for one in (second, third)] == ["queued", "queued"]
    scene.commit("user:ann", op("update", "c", {"status": "draft", "level": 9}))
    scene.call("claim_release", ORG, "user:ann", first["claim"]["id"])
    (row,) = scene.admin.execute(
        "select array_agg(participant order by participant) from ablo.claim"
        " where row_id = 'c' and status = 'active'"
    ).fetchall()
    assert row == (["agent:ann"],)
