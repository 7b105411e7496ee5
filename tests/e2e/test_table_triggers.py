"""A table's own triggers under writes through the API: as under plain SQL, or told beforehand."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ablo_pg import Ablo, AbloConflictError, AbloError, Model, define_schema
from ablo_pg.cli.main import run
from ablo_pg.cluster import Server
from ablo_pg.kernel.fit import fit
from ablo_pg.testing import DatabaseHandle, apply_schema, make_database

Connection = psycopg.Connection[Any]


class Item(Model, table="items", table_schema="shop"):
    name: str
    deleted: str | None = None


class Other(Model, table="others"):
    what: str | None = None


SCHEMA = define_schema(items=Item, others=Other)
OWNER = "test_trigger_owner"
# The application's tables, functions and triggers, as its owner made them, names unqualified.
TABLES = """
create schema shop;
create table shop.items (id text primary key, organization_id text not null, name text not null,
  deleted text);
create table others (id text primary key, organization_id text not null, what text);
create table shop.counters (k text primary key, n int not null default 0);
create table shop.audit_log (id bigserial primary key, what text);
create index audit_log_what on shop.audit_log (what);
insert into shop.counters values ('items', 0);
insert into shop.items select n::text, 'acme', 'x' from generate_series(1, 9) n;
"""
BODY = "create function shop.{0} returns trigger language plpgsql as $$ begin {1} end $$;"
FIRE = "create {0} on shop.items {1} execute function shop.{2}();"


def added(name: str, body: str, when: str, each: str = "for each row", kind: str = "") -> str:
    """Write a function of the owner's and its trigger."""
    made = BODY.format(f"{name}()", body)
    return made + FIRE.format(f"{kind or 'trigger'} {name} {when}", each, name)


@pytest.fixture(scope="module")
def template(cluster: Server, kernel_template: str) -> Iterator[DatabaseHandle]:
    """A database with the application's tables, of a role with a search_path of its own."""
    with psycopg.connect(cluster.url("postgres"), autocommit=True) as conn:
        conn.execute(f"drop role if exists {OWNER}".encode())
        conn.execute(f"create role {OWNER}".encode())
    with make_database(server=cluster, template=kernel_template) as handle:
        with psycopg.connect(handle.admin_url, autocommit=True) as conn:
            conn.execute(TABLES)
            conn.execute(f"alter schema shop owner to {OWNER}".encode())
            for table in ("items", "counters", "audit_log"):
                conn.execute(f"alter table shop.{table} owner to {OWNER}".encode())
            path = f"alter role {OWNER} in database {conn.info.dbname} set search_path = shop"
            conn.execute(path.encode())
            for table in ("items", "counters"):
                conn.execute(f"grant all on shop.{table} to public".encode())
        yield handle
    with psycopg.connect(cluster.url("postgres"), autocommit=True) as conn:
        conn.execute(f"drop role {OWNER}".encode())


@pytest.fixture
def site(cluster: Server, template: DatabaseHandle) -> Iterator[DatabaseHandle]:
    """A copy of it, of the test's own."""
    name = psycopg.conninfo.conninfo_to_dict(template.admin_url)["dbname"]
    with make_database(server=cluster, template=str(name)) as handle:
        with psycopg.connect(handle.admin_url, autocommit=True) as conn:
            path = f"alter role {OWNER} in database {conn.info.dbname} set search_path = shop"
            conn.execute(path.encode())
        yield handle


def adopt(site: DatabaseHandle, *statements: str) -> list[str]:
    """Make the triggers as their owner, migrate; return what `check` says of items by then."""
    with psycopg.connect(site.admin_url, autocommit=True) as conn:
        conn.execute(f"set role {OWNER}".encode())
        conn.execute("set search_path = shop")
        for statement in statements:
            conn.execute(statement.encode())
    apply_schema(site.admin_url, SCHEMA)
    with psycopg.connect(site.admin_url, autocommit=True) as conn:
        found = {one.model: one for one in fit(conn, SCHEMA.spec)}["items"]
        return [f"{one.message}\n{one.sql}" for one in found.findings if "trigger" in one.message]


def ablo(site: DatabaseHandle) -> Ablo:
    """Open a client of organization acme."""
    return Ablo(
        schema=SCHEMA, database_url=site.database_url, organization="acme", participant="user:a"
    )


def rows(site: DatabaseHandle, query: str) -> list[tuple[Any, ...]]:
    """Ask the database."""
    with psycopg.connect(site.admin_url, autocommit=True) as conn:
        return conn.execute(query.encode()).fetchall()


BUMP = "update counters set n = n + 1 where k = 'items'; return null;"
SET_BASED = (
    "update counters set n = n + (select count(*) from changed where name <> '') where k = 'items';"
    " return null;"
)


@pytest.mark.parametrize(
    "statement",
    [
        added("bump", BUMP, "after update"),
        added("bump", BUMP, "after insert or update", "for each statement"),
        added("bump", SET_BASED, "after update", "referencing new table as changed"),
        added(
            "bump", BUMP, "after update", "deferrable initially deferred for each row",
            "constraint trigger",
        ),
    ],
    ids=["row", "statement", "transition", "deferred"],
)  # fmt: skip
def test_names_are_found_as_by_a_session_of_the_owner(site: DatabaseHandle, statement: str) -> None:
    assert adopt(site, statement) == []
    with ablo(site) as client:
        client.items.update("1", {"name": "new"})
    assert rows(site, "select n from shop.counters") == [(1,)]


def test_a_commit_of_a_batch_fires_them_too(site: DatabaseHandle) -> None:
    adopt(site, added("bump", BUMP, "after update"))
    operation = '{"operations": [{"action": "update", "model": "items", "id": "%s", "data": {}}]}'
    commits = [
        {"participant": "user:a", "key": k, "request": json.loads(operation % k)} for k in "12"
    ]
    with psycopg.connect(site.database_url, autocommit=True) as conn:
        query = "select error from ablo.commit_batch('acme', %s::jsonb)"
        assert conn.execute(query, [json.dumps(commits)]).fetchall() == [(None,), (None,)]
    assert rows(site, "select n from shop.counters") == [(2,)]


AUDIT = "insert into audit_log (what) values (new.name); return null;"


def test_rights_that_are_missing_are_listed_and_named_by_the_error(
    site: DatabaseHandle, capsys: pytest.CaptureFixture[str]
) -> None:
    (told,) = adopt(site, added("audit", AUDIT, "after update"))
    assert "trigger audit calls shop.audit()" in told
    with ablo(site) as client:
        with pytest.raises(AbloError, match=r"audit\(\).*items.*audit_log") as caught:
            client.items.update("1", {"name": "new"})
        assert caught.value.code == "trigger_failed"
        assert "check" in str(caught.value.remedy)
        grants = re.findall(r"^grant .*;$", told, re.MULTILINE)
        assert grants == [
            "grant insert on table shop.audit_log to ablo_owner;",
            "grant usage on sequence shop.audit_log_id_seq to ablo_owner;",
        ]
        with psycopg.connect(site.admin_url, autocommit=True) as conn:
            conn.execute("\n".join(grants).encode())
        client.items.update("1", {"name": "newer"})
    assert rows(site, "select what from shop.audit_log") == [("newer",)]
    assert adopt(site) == []


def test_the_plan_of_a_migration_tells_of_them(
    site: DatabaseHandle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    adopt(site, added("audit", AUDIT, "after update"))
    target = f"{__name__}:SCHEMA"
    arguments = ["migrate", target, "--admin-url", site.admin_url]
    assert run([*arguments, "--dry-run"]) == 0
    assert "grant insert on table shop.audit_log to ablo_owner;" in capsys.readouterr().err
    plan = tmp_path / "plan.sql"
    assert run([*arguments, "--output", str(plan)]) == 0
    lines = [line for line in plan.read_text().splitlines() if "audit_log" in line]
    assert lines
    assert all(line.startswith("--") for line in lines)


def test_a_function_that_another_calls_is_looked_at(site: DatabaseHandle) -> None:
    inner = "create function shop.note(t text) returns void language sql as "
    inner += "$$ insert into shop.audit_log (what) values (t) $$;"
    (told,) = adopt(
        site, inner, added("audit", "perform note(new.name); return null;", "after update")
    )
    assert "grant insert on table shop.audit_log" in told


def test_security_definer_runs_as_its_owner(site: DatabaseHandle) -> None:
    audit = added("audit", AUDIT, "after update")
    assert adopt(site, audit, "alter function audit() security definer") == []
    with ablo(site) as client:
        client.items.update("2", {"name": "new"})
    assert rows(site, "select what from shop.audit_log") == [("new",)]


def test_a_trigger_that_asks_who_writes_is_told_of(site: DatabaseHandle) -> None:
    (told,) = adopt(site, added("who", "new.name := session_user; return new;", "before update"))
    assert "reads session_user" in told
    assert "app.current_participant_id" in told


def test_what_a_trigger_makes_of_a_row_is_what_the_log_has(site: DatabaseHandle) -> None:
    body = "new.name := upper(new.name); return new;"
    assert adopt(site, added("loud", body, "before insert or update")) == []
    with ablo(site) as client:
        assert client.items.update("3", {"name": "quiet"}).name == "QUIET"
    assert rows(site, "select \"row\" ->> 'name' from ablo.delta where op = 'U'") == [("QUIET",)]


def test_a_row_of_another_model_that_a_trigger_writes_is_in_the_log(site: DatabaseHandle) -> None:
    body = "insert into public.others (id, organization_id, what) values (new.id, 'acme', 'm');"
    assert adopt(site, added("mirror", body + " return null;", "after update")) == []
    with ablo(site) as client:
        client.items.update("4", {"name": "new"})
        assert client.others.retrieve("4").what == "m"
    found = rows(site, "select op, row_id, actor from ablo.delta where op in ('I', 'U') order by 1")
    assert found == [("I", "4", "user:a"), ("U", "4", "user:a")]


def test_a_trigger_that_raises_is_quoted_with_its_function(site: DatabaseHandle) -> None:
    adopt(site, added("closed", "raise exception 'closed on sundays';", "before update"))
    with (
        ablo(site) as client,
        pytest.raises(AbloConflictError, match="closed on sundays") as caught,
    ):
        client.items.update("1", {"name": "new"})
    assert caught.value.code == "constraint_violation"
    assert caught.value.details["function"] == "closed()"


def test_a_fault_of_a_trigger_is_not_taken_for_a_fault_of_the_data(site: DatabaseHandle) -> None:
    adopt(site, added("odd", "perform 1 / length(new.name); return new;", "before update"))
    with ablo(site) as client, pytest.raises(AbloError, match=r"odd\(\).*22012") as caught:
        client.items.update("1", {"name": ""})
    assert caught.value.code == "trigger_failed"


def test_a_schema_that_others_create_in_is_not_searched(site: DatabaseHandle) -> None:
    """Else whoever may create a table or function there would have it run with our rights."""
    statement = added("bump", BUMP, "after update")
    with psycopg.connect(site.admin_url, autocommit=True) as conn:
        conn.execute("grant create on schema shop to public")
        (told,) = adopt(site, statement)
        assert "names counters" in told
        assert "alter function shop.bump() set search_path = SCHEMAS;" in told
        with ablo(site) as client, pytest.raises(AbloError, match=r"shop\.bump|bump\(\)"):
            client.items.update("1", {"name": "new"})
        conn.execute("alter function shop.bump() set search_path = shop")
        with ablo(site) as client:
            client.items.update("1", {"name": "new"})
    assert rows(site, "select n from shop.counters") == [(1,)]


KEPT = "return null;"
SOFT = "update shop.items set deleted = 'yes' where id = old.id; return null;"
SUPPRESSED = [
    (added("keep", KEPT, "before delete"), "delete"),
    (added("keep", KEPT, "before update"), "update"),
    (added("keep", KEPT, "before insert"), "create"),
    ("create rule keep as on delete to shop.items do instead nothing;", "delete"),
    ("create rule keep as on update to shop.items do instead nothing;", "update"),
]


@pytest.mark.parametrize(("statement", "action"), SUPPRESSED)
def test_a_write_that_the_table_suppresses_is_refused(
    site: DatabaseHandle, statement: str, action: str
) -> None:
    adopt(site, statement)
    row = "new" if action == "create" else "5"
    operation = {"action": action, "model": "items", "id": row, "data": {"name": "new"}}
    if action == "delete":
        del operation["data"]
    with ablo(site) as client:
        with pytest.raises(AbloConflictError, match=f"'{row}'.*suppressed the {action}") as caught:
            client.commits.create([operation])
        assert caught.value.code == "write_suppressed"
        assert (caught.value.model, caught.value.row_id) == ("items", row)
    request = json.dumps(
        [{"participant": "user:a", "key": "k", "request": {"operations": [operation]}}]
    )
    with psycopg.connect(site.database_url, autocommit=True) as conn:
        query = "select error ->> 'sqlstate' from ablo.commit_batch('acme', %s::jsonb)"
        assert conn.execute(query, [request]).fetchall() == [("AB042",)]
    assert rows(site, "select count(*) from ablo.delta where op <> 'x'") == [(0,)]
    assert rows(site, "select name from shop.items where id = '5'") == [("x",)]


@pytest.mark.parametrize(
    "statement",
    [
        added("soft", SOFT, "before delete"),
        added("soft", SOFT.replace("set ", "set updated_at = now(), "), "before delete"),
        "create rule soft as on delete to shop.items do instead "
        "update shop.items set deleted = 'yes' where id = old.id;",
    ],
)
def test_a_soft_delete_is_confirmed_and_told_as_what_it_is(
    site: DatabaseHandle, statement: str
) -> None:
    late = "updated_at" in statement  # the column is the migration's
    adopt(site, *([] if late else [statement]))
    if late:
        adopt(site, statement)
    with ablo(site) as client:
        receipt = client.items.delete("6")
        assert receipt.missing_ids == ()
        assert client.items.retrieve("6").deleted == "yes"
        assert client.items.delete("none").missing_ids == ("none",)
    assert rows(site, "select op, row_id from ablo.delta where op <> 'x'") == [("U", "6")]
