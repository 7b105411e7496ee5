"""Permissions and what is past: the log keeps the names of the time when it was written.

A participant is shown no row of the log unless the active schema tells that it may read it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from ablo_pg import Model, Schema, allow, define_schema, field
from ablo_pg.changefeed.permissions import Permissions
from ablo_pg.changefeed.view import View, seen
from ablo_pg.cluster import Server
from ablo_pg.schema import parse_schema_json
from ablo_pg.testing import apply_schema, make_database, template_database

from .permission_scene import ORG, Scene, deltas

OLD = "hid is null or owner_id = actor.user_id"
READERS = ("user:ann", "user:bob")


class Other(Model):
    name: str = ""


class Task(Model):
    owner_id: str
    hid: str | None = None
    permissions = allow(read=OLD)


class Also(Model, table="tasks", typename="tasks"):
    owner_id: str
    concealed: str | None = field(default=None, formerly="hid")
    permissions = allow(read=OLD.replace("hid", "concealed"))


class Moved(Model, table="tasks", typename="tasks"):
    owner_id: str
    concealed: str | None = field(default=None, column="hid")
    permissions = allow(read=OLD.replace("hid", "concealed"))


class Added(Model, table="tasks", typename="tasks"):
    owner_id: str
    hid: str | None = None
    level: int | None = None
    permissions = allow(read=f"({OLD}) and (level is null or owner_id = actor.user_id)")


class Retyped(Model, table="tasks", typename="tasks"):
    owner_id: str
    hid: int | None = field(default=None, column="hid_number")
    permissions = allow(read=OLD)


class Opened(Model, table="tasks", typename="tasks"):
    owner_id: str
    hid: str | None = None


def schema(model: type[Model] | None) -> Schema:
    return (
        define_schema(others=Other) if model is None else define_schema(tasks=model, others=Other)
    )


FIRST = schema(Task)


@pytest.fixture(scope="module")
def template(cluster: Server) -> Iterator[str]:
    with template_database(cluster, FIRST) as name:
        yield name


@pytest.fixture
def scene(cluster: Server, template: str) -> Iterator[Scene]:
    """Ann's rows in the log: h was always hidden, and is deleted; f until it was shown; o never."""
    with (
        make_database(server=cluster, template=template) as handle,
        psycopg.connect(handle.admin_url, autocommit=True) as admin,
        psycopg.connect(handle.database_url, autocommit=True) as runtime,
    ):
        admin.execute("""
            insert into tasks (id, organization_id, owner_id, hid)
            values ('h', 'acme', 'ann', 'y'), ('o', 'acme', 'ann', null), ('f', 'acme', 'ann', 'y');
            update tasks set hid = 'z' where id = 'h';
            update tasks set hid = null where id = 'f';
            delete from tasks where id = 'h'""")
        yield Scene(handle, admin, runtime)


def shown(scene: Scene, actor: str) -> set[str]:
    """Return each change of a task that an actor is shown, as both sides show it."""
    scene.permissions = learned(scene)
    view = View(frozenset([f"org:{ORG}"]), None, actor)
    by_hub = {
        text(one.op, one.row_id, one.row, one.before)
        for delta in deltas(scene)
        if (one := seen((view,), delta, scene.permissions)) and one.model == "tasks"
    }
    query = "select op, row_id, row, before from ablo.delta_read(%s, 0, 99, null, %s, true)"
    query += " where model = 'tasks'"
    rows = scene.runtime.execute(query, (ORG, scene.key(actor))).fetchall()
    by_kernel = {text(op, name, row, before) for op, name, row, before in rows}
    assert by_hub == by_kernel
    return by_hub


def text(op: str, name: str, row: Any, before: Any) -> str:
    """Write a change as its op, its row, and whether it tells what hid that now (1), before (0)."""
    now, then = (json.loads(one) if isinstance(one, bytes) else one for one in (row, before))
    told = [n for n, one in ((1, now), (0, then)) if hidden(one)]
    return " ".join(map(str, (op, name, *told)))


def hidden(row: dict[str, Any] | None) -> bool:
    return row is not None and bool(row.get("hid") or row.get("concealed"))


def learned(scene: Scene) -> Permissions:
    """Return the permissions as a service learns them from the database."""
    found, active = Permissions(), scene.call("schema_active")
    found.learn(parse_schema_json(active["schema"]), active["closed"])
    return found


ALL = {"I h 1", "I o", "I f 1", "U h 1 0", "U f 0", "D h 0"}


@pytest.mark.parametrize(
    ("model", "bob"),
    [
        (Task, {"I o", "U f"}),
        (Also, {"I o", "U f"}),
        (Moved, set[str]()),  # the name is gone, and with it what says that a row was not hidden
        (Added, set[str]()),
        (Retyped, {"I o", "U f"}),
        (Opened, ALL),
    ],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_what_was_hidden_stays_so_when_a_field_changes(
    scene: Scene, model: type[Model], bob: set[str]
) -> None:
    apply_schema(scene.handle.admin_url, schema(model))
    assert [shown(scene, one) for one in READERS] == [ALL, bob]


def test_what_a_dropped_model_hid_is_shown_to_no_participant(scene: Scene) -> None:
    """Its table keeps the policy. A schema that has the model again decides, whatever it says."""
    closed, none = {"o"}, set[str]()
    scene.admin.execute(
        "alter table tasks disable trigger user; update tasks set hid = 'y' where id = 'f'"
    )
    for model, ann, bob, rows in (
        (None, none, none, closed),
        (Task, ALL, {"I o", "U f"}, closed),
        (None, none, none, closed),
        (Opened, ALL, ALL, closed | {"f"}),
        (None, ALL, ALL, closed | {"f"}),
    ):
        apply_schema(scene.handle.admin_url, schema(model))
        assert [shown(scene, one) for one in READERS] == [ann, bob]
        with scene.acting("user:bob") as conn:
            assert {name for (name,) in conn.execute("select id from tasks").fetchall()} == rows


def test_plain_sql_reads_the_log_of_what_it_may_read(scene: Scene) -> None:
    """A row of it whose past or present is hidden is left out whole: a policy hides no column."""
    for model, visible in (
        (Task, {"I o"}),
        (Opened, ALL),
        (None, ALL),
        (Task, {"I o"}),
        (None, set()),
    ):
        apply_schema(scene.handle.admin_url, schema(model))
        for actor, wanted in (("user:ann", ALL if visible else set()), ("user:bob", visible)):
            with scene.acting(actor) as conn:
                query = "select op, row_id, row, before from ablo.delta where model = 'tasks'"
                rows = conn.execute(query).fetchall()
            assert {text(*row) for row in rows} == wanted, (model, actor)


def test_a_schema_without_permissions_does_not_pay_for_that(scene: Scene) -> None:
    """The planner drops the policy, even of a plan that was made before."""
    query = "explain (costs off) select * from ablo.delta where sync_id > 7"
    found = []
    for model in (Task, Opened):
        apply_schema(scene.handle.admin_url, schema(model))
        with scene.acting("user:bob") as conn:
            found.append("".join(line for (line,) in conn.execute(query).fetchall()))
    limited, free = found
    assert "delta_readable" in limited
    scene.admin.execute("drop policy delta_readers on ablo.delta")
    with scene.acting("user:bob") as conn:
        assert free == "".join(line for (line,) in conn.execute(query).fetchall())


def test_a_build_without_the_policy_of_the_log_is_caught(scene: Scene) -> None:
    scene.admin.execute("drop policy delta_readers on ablo.delta")
    with pytest.raises(AssertionError):
        test_plain_sql_reads_the_log_of_what_it_may_read(scene)


def test_a_build_that_judges_a_missing_field_as_null_is_caught(scene: Scene) -> None:
    apply_schema(scene.handle.admin_url, schema(Moved))
    scene.admin.execute("""
        create or replace function ablo_model.tasks__sees(p_row json, p_before json, p_actor text)
        returns boolean language sql stable as $$
          select coalesce(p_before -> 'concealed', p_row -> 'concealed') #>> '{}' is null
            or p_row ->> 'ownerId' = split_part(p_actor, ':', 2) $$""")
    with pytest.raises(AssertionError):
        shown(scene, "user:bob")


def test_a_build_that_opens_the_past_of_a_dropped_model_is_caught(scene: Scene) -> None:
    scene.admin.execute("""
        create or replace function ablo.models_closed() returns text[]
        language sql stable as $$ select '{}'::text[] $$""")
    apply_schema(scene.handle.admin_url, schema(None))
    assert shown(scene, "user:bob") == ALL
