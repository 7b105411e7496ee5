"""What `access_explain` and `access_examine` say is what the kernel does, and tells no more."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any, Literal

import psycopg
import pytest

from ablo_pg import Model, allow, define_schema
from ablo_pg.cluster import Server
from ablo_pg.errors import AbloError
from ablo_pg.testing import DatabaseHandle, make_database

from .permission_scene import ACTORS, ORG, Row, Scene

VERBS = ("read", "create", "update", "delete")


class Task(Model):
    owner_id: str | None = None
    status: Literal["draft", "public"] = "draft"
    level: int | None = None
    urgent: bool = False
    title: str = ""
    permissions = allow(
        read="owner_id = actor.user_id or status = 'public' and not urgent"
        " or actor.kind = 'agent' and level > 2",
        create="owner_id = actor.id",
        update="owner_id = actor.user_id or level > 5",
        delete="owner_id = actor.user_id and status <> 'public'",
    )


class Note(Model):
    title: str = ""


class Fixed(Model, mutable=False):
    title: str = ""


class Plan(Model):
    state: Literal["open", "done"] = "open"
    permissions = allow(update="old.state = 'open' and new.state = 'done'")


SCHEMA = define_schema(tasks=Task, notes=Note, fixed=Fixed, plans=Plan)


@pytest.fixture(scope="module")
def db(cluster: Server) -> Iterator[DatabaseHandle]:
    with make_database(SCHEMA, server=cluster) as handle:
        yield handle


@pytest.fixture
def scene(db: DatabaseHandle) -> Iterator[Scene]:
    with (
        psycopg.connect(db.admin_url, autocommit=True) as admin,
        psycopg.connect(db.database_url, autocommit=True) as runtime,
    ):
        admin.execute("delete from tasks; delete from notes; delete from plans")
        yield Scene(db, admin, runtime)


def explain(scene: Scene, actor: str, name: str, model: str = "tasks", *key: str | None) -> Row:
    found: Row = scene.call("access_explain", ORG, actor, model, name, *key)
    return found


def examine(scene: Scene, actor: str | None, name: str, model: str = "tasks", *key: str) -> Row:
    places = ", ".join(["%s"] * (4 + len(key)))
    row = scene.admin.execute(
        f"select ablo.access_examine({places})".encode(), [ORG, actor, model, name, *key]
    ).fetchone()
    assert row is not None
    found: Row = row[0]
    return found


def verdicts(found: Row) -> dict[str, tuple[bool | None, str | None]]:
    return {verb: (one["allowed"], one["by"]) for verb, one in found["access"].items()}


def tried(scene: Scene, actor: str, name: str, verb: str) -> bool:
    """Whether the kernel lets the actor do it, by trying; nothing is kept."""
    read = scene.call("row_get", ORG, actor, "tasks", name)["row"] is not None
    if verb == "read" or not read:  # deleting nothing succeeds
        return read
    operation: Row = {"action": verb, "model": "tasks", "id": name}
    if verb == "update":
        operation["data"] = {"title": "tried"}
    code = None
    with scene.runtime.transaction(force_rollback=True):
        try:
            scene.commit(actor, operation)
        except AbloError as error:
            code = error.code
    assert code in (None, "permission_denied")
    return code is None


def test_an_explanation_says_what_happens(scene: Scene) -> None:
    chance = random.Random(5)
    ids = [f"t{n}" for n in range(12)]
    for _ in range(30):
        scene.write(chance, ids)
    scene.admin.execute("delete from tasks where id = 't0'")
    both = set()
    for actor in ACTORS:
        for name in ids:
            own, all_ = (verdicts(each(scene, actor, name)) for each in (explain, examine))
            for verb in ("read", "update", "delete"):
                happened = tried(scene, actor, name, verb)
                both.add((verb, happened))
                assert own[verb][0] is happened, (actor, name, verb, own)
                assert all_[verb][0] is happened, (actor, name, verb, all_)
    assert len(both) == 6


def test_a_row_that_may_not_be_read_is_explained_like_a_missing_one(scene: Scene) -> None:
    scene.admin.execute(
        "insert into tasks (organization_id, id, owner_id, level)"
        " values ('acme', 'hidden', 'ann', 9)"
    )
    scene.call("claim_acquire", ORG, "user:ann", "tasks", "hidden")
    there, missing = (explain(scene, "user:bob", name) for name in ("hidden", "gone"))
    text = json.dumps(there).replace("hidden", "gone")
    assert text == json.dumps(missing)
    assert verdicts(there) == {
        "read": (False, "row"),
        "create": (None, "permission"),
        "update": (False, "row"),
        "delete": (False, "row"),
    }
    seen = examine(scene, "user:bob", "hidden")
    assert verdicts(seen)["read"] == (False, "permission")
    assert "owner_id = actor.user_id or status" in seen["access"]["read"]["reason"]
    assert (seen["access"]["read"]["value"], seen["access"]["update"]["value"]) == (False, True)
    assert seen["claims"][0]["heldBy"] == "user:ann"
    assert verdicts(examine(scene, "user:bob", "gone"))["read"] == (False, "row")


def test_the_sql_shows_the_same(scene: Scene) -> None:
    scene.admin.execute(
        "insert into tasks (organization_id, id, owner_id) values ('acme', 't1', 'ann')"
    )
    for actor, expected in (("user:ann", 1), ("user:bob", 0)):
        rows, *tests = examine(scene, actor, "t1")["sql"]
        cursor = scene.admin.execute(rows.encode())
        counts = [cursor.rowcount]
        while cursor.nextset():
            counts.append(cursor.rowcount)
        assert counts[3] == expected  # begin, set, set_config, the row, rollback
        access = examine(scene, actor, "t1")["access"]
        found = [scene.admin.execute(one.encode()).fetchone() for one in tests]
        assert found == [(access[verb]["value"],) for verb in ("delete", "read", "update")]


def test_what_a_key_is_refused_for(scene: Scene) -> None:
    scene.admin.execute(
        "insert into tasks (organization_id, id, owner_id) values ('acme', 't1', 'ann'),"
        " ('other', 't2', 'ann')"
    )
    scene.admin.execute("insert into notes (organization_id, id) values ('acme', 'n1')")

    def key(actor: str = "user:ann", **more: Any) -> str:
        request = {"prefix": "rk", "hash": f"{random.getrandbits(256):064x}", "display": "rk_1"}
        query = "select ablo.key_create(%s, %s, %s) ->> 'id'"
        row = scene.admin.execute(query, (ORG, actor, json.dumps(request | more))).fetchone()
        assert row is not None
        return str(row[0])

    narrow, blind = key(syncGroups=["team:x"]), key(operations=["tasks.update"])
    read = {
        name: verdicts(explain(scene, "user:ann", "t1", "tasks", name)) for name in (narrow, blind)
    }
    assert read[narrow]["read"] == (False, "row")
    assert read[blind] == {
        "read": (False, "operations"),
        "create": (False, "operations"),
        "update": (None, "operations"),
        "delete": (False, "operations"),
    }
    assert verdicts(examine(scene, None, "t1", "tasks", narrow))["read"] == (False, "groups")
    assert verdicts(examine(scene, None, "t1", "tasks", blind))["update"] == (True, "permission")
    assert verdicts(examine(scene, "user:ann", "t2"))["read"] == (False, "organization")
    scene.admin.execute("select ablo.key_revoke(%s, %s)", (ORG, narrow))
    ended = examine(scene, None, "t1", "tasks", narrow)
    assert set(verdicts(ended).values()) == {(False, "key")}
    assert (ended["key"]["status"], ended["access"]["read"]["reason"]) == (
        "revoked",
        "the key is revoked",
    )
    with pytest.raises(psycopg.Error, match="no such key"):
        examine(scene, None, "t1", "tasks", "key_none")


def test_models_and_claims_decide_too(scene: Scene) -> None:
    scene.admin.execute("insert into notes (organization_id, id) values ('acme', 'n1')")
    scene.admin.execute("insert into fixed (organization_id, id) values ('acme', 'f1')")
    scene.admin.execute("insert into plans (organization_id, id) values ('acme', 'p1')")
    free = verdicts(explain(scene, "user:bob", "n1", "notes"))
    others = dict.fromkeys(("read", "update", "delete"), (True, None))
    assert free == {"create": (False, "row")} | others
    assert verdicts(explain(scene, "user:bob", "f1", "fixed"))["update"] == (False, "model")
    assert verdicts(explain(scene, "user:bob", "p1", "plans"))["update"] == (None, "permission")
    scene.admin.execute("update plans set state = 'done' where id = 'p1'")  # whatever the change
    assert verdicts(explain(scene, "user:bob", "p1", "plans"))["update"] == (False, "permission")
    scene.call("claim_acquire", ORG, "user:ann", "notes", "n1")
    claimed = explain(scene, "user:bob", "n1", "notes")
    assert verdicts(claimed)["update"] == (False, "claim")
    assert claimed["access"]["update"]["reason"] == "user:ann has claimed the row"
    assert verdicts(explain(scene, "user:ann", "n1", "notes"))["update"] == (True, None)


def test_a_policy_of_the_database_is_named(scene: Scene) -> None:
    scene.admin.execute("insert into notes (organization_id, id) values ('acme', 'n1')")
    scene.admin.execute("create policy mine on notes as restrictive for all using (false)")
    try:
        found = examine(scene, "user:ann", "n1", "notes")
    finally:
        scene.admin.execute("drop policy mine on notes")
    assert verdicts(found)["read"] == (False, "policy")
    assert found["policies"] == ["mine"]


def test_a_program_may_not_examine(scene: Scene) -> None:
    with pytest.raises(AbloError) as caught:
        scene.call("access_examine", ORG, "user:ann", "tasks", "t1")
    assert caught.value.code == "permission_denied"
