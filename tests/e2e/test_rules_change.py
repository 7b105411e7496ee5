"""A rule, check or index that comes, changes or goes, on a table with rows: by push and migrate."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, LiteralString

import psycopg
import pytest

from ablo_pg import Model, check, define_schema, field, index
from ablo_pg.cluster import Server
from ablo_pg.compile.migration import MigrateOptions
from ablo_pg.errors import AbloConflictError, AbloValidationError
from ablo_pg.kernel import admin_connection, migrate
from ablo_pg.kernel.drift import kernel_state
from ablo_pg.kernel.fit import fit
from ablo_pg.kernel.schema_push import push
from ablo_pg.schema import SchemaSpec, dump_schema_json, parse_schema_json
from ablo_pg.schema.pushing import Backfill, PushOptions
from ablo_pg.testing import DatabaseHandle, make_database, template_database

Apply = Callable[..., None]
# Every CHECK and index of ours that a schema's author asked for, and whether it holds for all rows.
HELD = """
select conname::text, convalidated, pg_get_constraintdef(oid) from pg_constraint
 where conrelid = 'tasks'::regclass and contype = 'c' and obj_description(oid) like 'ablo_pg %{%'
union all
select c.relname::text, i.indisvalid, pg_get_indexdef(c.oid)
  from pg_index i join pg_class c on c.oid = i.indexrelid
 where i.indrelid = 'tasks'::regclass and obj_description(c.oid, 'pg_class') like 'ablo_pg %'
order by 1"""
LAST = "select d.row from ablo.delta d where row_id = '{}' order by sync_id desc limit 1"


class Task(Model):
    title: str
    count: int | None = None
    other: int | None = None
    email: str | None = None


FIRST = define_schema(tasks=Task)


def having(**changed: Any) -> SchemaSpec:
    """The first schema with some fields declared otherwise, and with checks and indexes."""
    fields = {"title": str, "count": int | None, "other": int | None, "email": str | None}
    annotations = {name: kind for name, kind in fields.items() if name in changed}
    return define_schema(
        tasks=type("Task", (Task,), {"__annotations__": annotations, **changed})
    ).spec


@pytest.fixture(params=["push", "migrate"])
def apply(request: pytest.FixtureRequest, db: DatabaseHandle) -> Apply:
    """Make a schema the active one; with renames and backfills."""

    def pushed(spec: SchemaSpec, renames: Any = (), backfills: Any = ()) -> None:
        given = tuple(
            Backfill(model, name, value) for (model, name), value in dict(backfills).items()
        )
        with admin_connection(db.admin_url) as conn:
            push(conn, spec, PushOptions(renames=tuple(renames), backfills=given))

    def migrated(spec: SchemaSpec, renames: Any = (), backfills: Any = ()) -> None:
        options = MigrateOptions(renames=tuple(renames), backfills=dict(backfills))
        with admin_connection(db.admin_url) as conn:
            migrate(conn, spec, options)

    return pushed if request.param == "push" else migrated


ROWS: LiteralString = """
insert into tasks (organization_id, id, title, count, other, email) values
  ('acme', 'a', 'A', 1, 2, 'x'), ('acme', 'b', 'B', 50, 3, 'x'),
  ('acme', 'c', 'C', null, null, null), ('other', 'a', 'A', 1, 2, 'x')"""


@pytest.fixture(scope="module")
def first(cluster: Server) -> Iterator[str]:
    """The first schema, and three rows: counts 1, 50 and null, two of one address."""
    with template_database(cluster, FIRST) as name:
        with psycopg.connect(cluster.url(name), autocommit=True) as conn:
            conn.execute(ROWS)
        yield name


@pytest.fixture
def db(cluster: Server, first: str) -> Iterator[DatabaseHandle]:
    with make_database(server=cluster, template=first) as handle:
        yield handle


def execute(db: DatabaseHandle, query: str) -> list[Any]:
    with psycopg.connect(db.admin_url, autocommit=True) as conn:
        done = conn.execute(query.encode())
        return done.fetchall() if done.description else []


def held(db: DatabaseHandle) -> list[str]:
    found = execute(db, HELD)
    assert all(valid for _, valid, _ in found)
    return [name for name, _, _ in found]


LE = field(default=None, le=5)
IN_ORDER = check("other > count")
# What comes, the place that a refusal names, and the SQL after which the rows fit.
COMING: dict[str, tuple[dict[str, Any], str, str, str]] = {
    "a rule": ({"count": LE}, "count", "update tasks set count = 5 where count > 5", "count_rules"),
    "a check": (
        {"in_order": IN_ORDER},
        "in_order",
        "update tasks set other = 99",
        "in_order_holds",
    ),
    "a unique field": (
        {"email": field(default=None, unique=True)},
        "email",
        "update tasks set email = id",
        "email_unique",
    ),
    "a unique index": (
        {"single": index("title", "email", unique=True, where="email = 'y' or count > 0")},
        "single",
        "update tasks set email = id",
        "single_unique",
    ),
}


@pytest.mark.parametrize("name", COMING)
def test_stored_rows_must_fit(db: DatabaseHandle, apply: Apply, name: str) -> None:
    changed, part, fix, made = COMING[name]
    if name == "a unique index":
        execute(db, "update tasks set title = 'same'")
    with pytest.raises(AbloConflictError) as caught:
        apply(having(**changed))
    assert caught.value.code == "incompatible_change"
    assert f"tasks.{part}" in str(caught.value)
    assert held(db) == []
    execute(db, fix)
    apply(having(**changed))
    assert held(db) == [f"tasks_{made}"]
    apply(having(**changed))
    apply(FIRST.spec)
    assert held(db) == []


def test_a_backfill_mends_rows_under_a_rule(db: DatabaseHandle, apply: Apply) -> None:
    apply(having(count=field(default=None, le=60)))
    apply(having(count=LE), backfills={("tasks", "count"): 4})
    assert held(db) == ["tasks_count_rules"]
    rows = execute(db, "select count from tasks where organization_id = 'acme' order by id")
    assert [row[0] for row in rows][:2] == [1, 4]
    (delta,) = execute(db, LAST.format("b"))
    assert delta[0]["count"] == 4


def test_a_rule_follows_its_field_under_another_name(db: DatabaseHandle, apply: Apply) -> None:
    apply(having(count=field(default=None, le=60), in_order=check("other > 0")))
    renamed = having(count=field(default=None, le=60), in_order=check("other > 0"))
    text = json.dumps(dump_schema_json(renamed)).replace('"other"', '"rest"')
    apply(parse_schema_json(text), renames=[("tasks.other", "tasks.rest")])
    assert held(db) == ["tasks_count_rules", "tasks_in_order_holds"]
    text = text.replace('"count"', '"amount"')
    apply(parse_schema_json(text), renames=[("tasks.count", "tasks.amount")])
    assert held(db) == ["tasks_amount_rules", "tasks_in_order_holds"]
    with pytest.raises(psycopg.errors.CheckViolation):
        execute(db, "update tasks set amount = 61")


def test_an_index_is_made_again_when_its_rows_change(db: DatabaseHandle, apply: Apply) -> None:
    apply(having(busy=index("count", where="other > 0")))
    apply(having(busy=index("count", where="other > 1")))
    assert held(db) == ["tasks_busy_idx"]
    ((_, _, definition),) = execute(db, HELD)
    assert "(organization_id, count) WHERE (other > '1'::bigint)" in definition


def test_what_is_looser_needs_no_row(db: DatabaseHandle, apply: Apply) -> None:
    apply(having(count=field(default=None, le=50)))
    apply(having(count=field(default=None, le=51)))
    ((_, _, definition),) = execute(db, HELD)
    assert "51" in definition


def test_a_constraint_that_was_dropped_is_reported_and_made_again(
    db: DatabaseHandle, apply: Apply
) -> None:
    spec = having(count=field(default=None, le=50))
    apply(spec)
    execute(db, "alter table tasks drop constraint tasks_count_rules")
    with admin_connection(db.admin_url) as conn:
        assert kernel_state(conn).sound is False
        (told,) = kernel_state(conn).drift
        assert "tasks_count_rules is missing (must be at most 50): `migrate` adds it" in told
        (found,) = fit(conn, spec)
        assert [(one.level, one.field) for one in found.findings] == [("addition", "count")]
        migrate(conn, spec)
        assert kernel_state(conn).drift == ()
    assert held(db) == ["tasks_count_rules"]


def test_a_constraint_that_was_not_validated_is_reported_and_validated(db: DatabaseHandle) -> None:
    """As a migration leaves it that ended early, because a row broke it just before the switch."""
    execute(db, "update tasks set count = 5 where count > 5")
    spec = having(count=LE)
    name = "constraint tasks_count_rules"
    with admin_connection(db.admin_url) as conn:
        migrate(conn, spec)
        ((mark, definition),) = execute(
            db,
            "select obj_description(oid), pg_get_constraintdef(oid) from pg_constraint"
            " where conname = 'tasks_count_rules'",
        )
        execute(db, f"alter table tasks drop {name}, add {name} {definition} not valid")
        execute(db, f"comment on {name} on tasks is '{mark}'")
        (told,) = kernel_state(conn).drift
        assert "tasks_count_rules may not hold for every row" in told
        (found,) = fit(conn, spec)
        assert [(one.level, one.field) for one in found.findings] == [("addition", "count")]
        migrate(conn, spec)
        assert kernel_state(conn).drift == ()
        assert held(db) == ["tasks_count_rules"]
        execute(db, f"alter table tasks drop {name}")
        execute(db, "update tasks set count = 6 where count = 5")
        execute(db, f"alter table tasks add {name} {definition} not valid")
        execute(db, f"comment on {name} on tasks is '{mark}'")
        with pytest.raises(AbloConflictError, match="1 rows break the rule"):
            migrate(conn, spec)
        migrate(conn, spec, MigrateOptions(backfills={("tasks", "count"): 4}))
        assert kernel_state(conn).drift == ()
    assert held(db) == ["tasks_count_rules"]


def test_a_table_whose_rules_stand_is_left_alone(db: DatabaseHandle) -> None:
    held_too = having(count=field(default=None, le=60), in_order=check("other > 0"))
    found = []
    with admin_connection(db.admin_url) as conn:
        for spec in (FIRST.spec, held_too):
            migrate(conn, spec)
            steps = migrate(conn, spec).plan.steps
            found.append([(one.phase, getattr(one, "short_from", None)) for one in steps])
    assert found[0] == found[1]


def test_rules_of_a_model_that_was_dropped_do_not_come_back(
    db: DatabaseHandle, apply: Apply
) -> None:
    first = having(
        count=field(default=None, le=60), in_order=check("other > 0"), busy=index("count")
    )
    apply(first)
    without = define_schema(others=type("Other", (Model,), {})).spec
    both = replace(FIRST.spec, models=(*FIRST.spec.models, *without.models), hash="00000001")
    with admin_connection(db.admin_url) as conn:
        push(conn, without, PushOptions(force=True))
    assert len(held(db)) == 3
    apply(both)
    assert held(db) == []
    execute(db, "update tasks set count = 61")


BAD: dict[str, Any] = {
    "an unknown field": {"null": {"field": "amount"}},
    "SQL": "count > 1",
    "a field of another type": {"compare": "<", "left": {"field": "title"}, "right": {"value": 1}},
    "the time": {"compare": "=", "left": {"now": True}, "right": {"now": True}},
    "an injection": ["count; drop table tasks", "=", 1],
}


@pytest.mark.parametrize("name", BAD)
def test_a_pushed_condition_that_cannot_be_read_changes_nothing(
    db: DatabaseHandle, apply: Apply, name: str
) -> None:
    document = json.loads(json.dumps(dump_schema_json(FIRST.spec)))
    document["models"]["tasks"]["checks"] = [{"name": "bad", "test": BAD[name]}]
    with pytest.raises(AbloValidationError) as caught:
        apply(parse_schema_json(document))
    assert (caught.value.code, caught.value.field) == ("schema_definition_invalid", "bad")
    assert execute(db, "select count(*) from ablo.schema_version") == [(1,)]


def test_check_counts_the_rows_that_would_break_a_rule(db: DatabaseHandle) -> None:
    spec = having(count=LE, in_order=IN_ORDER, email=field(default=None, unique=True))
    with admin_connection(db.admin_url) as conn:
        (found,) = fit(conn, spec)
    problems = {one.field: one.message for one in found.findings if one.level == "problem"}
    assert problems.keys() == {"count", "in_order", "email"}
    assert problems["count"].startswith("1 row")


def test_an_applications_table_is_restricted_only_if_asked(
    make_database_of: Callable[[str], DatabaseHandle],
) -> None:
    db = make_database_of("create table tasks (id text primary key, title text, count int)")
    restricted = having(
        count=LE,
        other=field(default=None, ge=0),
        email=field(default=None, unique=True),
        plain=index("title"),
    )
    with admin_connection(db.admin_url) as conn:
        for refusing in (push, migrate):
            with pytest.raises(AbloConflictError) as caught:
                refusing(conn, restricted)
            assert "has no constraint or index for it: must be at most 5" in str(caught.value)
            assert held(db) == []
        migrate(conn, having(other=field(default=None, ge=0), plain=index("title")))
        assert held(db) == ["tasks_other_rules", "tasks_plain_idx"]  # on a column of our own
        migrate(conn, restricted, MigrateOptions(alter_adopted=True))
        assert len(held(db)) == 4
        push(conn, replace(restricted, hash="00000000"))
    with pytest.raises(psycopg.errors.CheckViolation):
        execute(db, "insert into tasks (id, title, count) values ('x', '', 6)")


@pytest.fixture
def make_database_of(cluster: Server, kernel_template: str) -> Iterator[Any]:
    """Make a database whose tables are an application's."""
    with ExitStack() as stack:

        def make(tables: str) -> DatabaseHandle:
            made = stack.enter_context(make_database(server=cluster, template=kernel_template))
            execute(made, tables)
            return made

        yield make


def test_a_field_may_be_retyped_and_restricted_at_once(db: DatabaseHandle) -> None:
    first = having(email=field(default=None))
    text = json.dumps(dump_schema_json(first)).replace(EMAIL, f'{RANK}, "maximum": 5')
    spec = parse_schema_json(text)
    with admin_connection(db.admin_url) as conn:
        for email, fits_now in (("x", False), ("9", False), ("3", True)):
            execute(db, f"update tasks set email = '{email}' where email is not null")
            (found,) = fit(conn, spec)
            assert found.state == "misfits"
            if fits_now:
                push(conn, spec, PushOptions(force=True))
            else:
                with pytest.raises(AbloConflictError, match=r"tasks\.email"):
                    push(conn, spec, PushOptions(force=True))
    assert held(db) == ["tasks_email_rules"]


def test_times_without_a_zone_take_no_conditions(
    make_database_of: Callable[[str], DatabaseHandle],
) -> None:
    """Sessions in two time zones would disagree about whether a row may stay."""
    db = make_database_of("create table tasks (id text primary key, title text, at timestamp)")
    first = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    annotations = {"title": str, "at": dt.datetime | None}
    declared = {
        "at": field(default=None, ge=first),
        "late": index("title", where="at > '2026-01-01T00:00:00Z'"),
        "known": check("at is not null"),
        "open": index("title", where="at is null"),
    }
    spec = define_schema(tasks=type("Task", (Model,), {"__annotations__": annotations} | declared))
    with admin_connection(db.admin_url) as conn, pytest.raises(AbloConflictError) as caught:
        migrate(conn, spec.spec, MigrateOptions(alter_adopted=True))
    assert "tasks.at: it compares a column of type timestamp" in str(caught.value)
    assert "tasks.late: it compares a column of type timestamp" in str(caught.value)
    del declared["at"], declared["late"]
    spec = define_schema(tasks=type("Task", (Model,), {"__annotations__": annotations} | declared))
    with admin_connection(db.admin_url) as conn:
        migrate(conn, spec.spec, MigrateOptions(alter_adopted=True))
    assert held(db) == ["tasks_known_holds", "tasks_open_idx"]


EMAIL = '"email": {"type": "string"'
RANK = '"email": {"format": "integer", "type": "number"'
