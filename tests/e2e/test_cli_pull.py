"""pull: tables become a schema that imports, that check accepts, and that means the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from psycopg import sql

from ablo_pg.cli.main import run
from ablo_pg.cli.target import load_target
from ablo_pg.cluster import Server
from ablo_pg.db.tables import read_tables
from ablo_pg.kernel.pull import pull_schema
from ablo_pg.schema import ModelSpec, SchemaSpec
from ablo_pg.schema.source import write_source
from ablo_pg.testing import apply_schema

Captured = pytest.CaptureFixture[str]
RICH = """
import datetime as dt
import decimal
import uuid
from typing import Literal
from pydantic import JsonValue
from ablo_pg import Model, Tenancy, allow, belongs_to, check, define_schema, field
from ablo_pg import index as index_


class Project(Model):
    name: str = field(default="it's", min_length=2, max_length=20, pattern="^[^\\\\n]+$")
    budget: decimal.Decimal | None = field(default=None, multiple_of=decimal.Decimal("0.05"))
    code: str | None = field(default=None, unique=True)
    index: int = 3
    meta: JsonValue = field(default={"a": [1, None]})
    named = check("lower(name) <> 'it''s' or budget is null")
    by_name = index_("name", "budget", unique=True, where="index > 0")
    permissions = allow(create="code = actor.id or name = 'it''s'")


class Task(Model, table="Odd Table", tenancy=Tenancy("column", column="org")):
    title: str
    status: Literal["todo", "it's", "a,b"] = "todo"
    weight: float = field(default=0.5, gt=0, le=1.5)
    points: int | None = field(default=3, write="owner = actor.user_id or actor.kind = 'system'")
    done: bool = False
    due: dt.date | None = field(default=None, ge=dt.date(2020, 1, 1))
    seen: dt.datetime | None = field(default=None, column="seenAt", write="actor.kind = 'system'")
    token: uuid.UUID | None = None
    owner: str | None = field(default=None, indexed=True)
    project_id: str
    project = belongs_to("projects", parent=True, fk=True)
    parent_id: str | None = None
    parent = belongs_to("tasks", fk=True)
    permissions = allow(
        read="owner = actor.user_id or status = 'it''s' and done",
        update="old.owner = actor.user_id and new.points >= old.points",
        delete={"not": {"null": {"field": "seen"}}},
    )


schema = define_schema(projects=Project, tasks=Task)
"""


@pytest.fixture
def url(cluster: Server, kernel_template: str) -> Iterator[str]:
    """The administrative URL of a database with the kernel."""
    name = cluster.create_database(template=kernel_template)
    yield cluster.url(name)
    cluster.drop_database(name)


def meaning(spec: SchemaSpec) -> dict[str, Any]:
    """What tables can say of a schema, by table: all but keys, and what edges make implicit."""
    return {
        model.table: (
            model.table_schema,
            model.tenancy,
            {
                each.column: (each.type, each.optional, set(each.enum_values), each.default)
                for each in model.fields
            },
            {each.column: (each.rules, each.unique) for each in model.fields},
            (model.checks, model.indexes, [verb_of(model, one.name) for one in model.permissions]),
            {
                (
                    spec.model(relation.target).table,
                    column_of(model, relation.foreign_key),
                    relation.parent,
                    relation.fk,
                )
                for relation in model.relations
            },
        )
        for model in spec.models
    }


def verb_of(model: ModelSpec, name: str) -> str:
    """Return a verb, or of a field's permission its column."""
    wire = name.removeprefix("write.")
    return name if wire == name else column_of(model, wire)


def column_of(model: ModelSpec, wire: str) -> str:
    return next(each.column for each in model.fields if each.wire == wire)


def test_schema_to_tables_and_back(url: str, tmp_path: Path, capsys: Captured) -> None:
    declared, written = tmp_path / "declared.py", tmp_path / "written.py"
    declared.write_text(RICH)
    before = load_target(str(declared))
    apply_schema(url, before)
    assert run(["pull", "--database-url", url, "--out", str(written), "--table", "projects"]) == 0
    written.unlink()
    arguments = ["pull", "--database-url", url, "--organization-column", "org"]
    assert run([*arguments, "--out", str(written)]) == 0
    after = load_target(str(written))
    expected = meaning(before)
    assert meaning(after) == expected
    owner = next(f for f in after.model("Odd_Table").fields if f.column == "owner")
    assert owner.indexed
    code = next(f for f in after.model("projects").fields if f.column == "code")
    assert code.unique
    assert not code.indexed
    assert after.model("projects").permissions == before.model("projects").permissions
    was, now = before.model("tasks").permissions, after.model("Odd_Table").permissions
    assert now[:2] == was[:2]
    assert (now[2].name, now[2].test) == ("delete", {"not": {"null": {"field": "seenAt"}}})
    assert run(["check", str(written), "--database-url", url]) == 0
    # Only the field that its column names now has another name in a permission.
    capsys.readouterr()
    assert run(["migrate", str(written), "--admin-url", url, "--dry-run"]) == 3
    refused = [line for line in capsys.readouterr().err.splitlines() if "may" in line]
    assert [line.split(":")[0].strip(" -") for line in refused] == [
        "Odd_Table.delete", "Odd_Table.write.seen", "Odd_Table.write.seenAt"
    ]  # fmt: skip
    # It never overwrites, and says so.
    assert run([*arguments, "--out", str(written)]) == 1
    assert "name a new file" in capsys.readouterr().err


LIMITED = """
from ablo_pg import Model, allow, define_schema


class Task(Model):
    owner: str | None = None
    level: int | None = None
    permissions = allow(read="owner = actor.user_id or level > 2", delete="actor.kind = 'user'")


schema = define_schema(tasks=Task)
"""


@pytest.mark.parametrize("altered", [
    "alter table tasks drop column level cascade",
    "alter table tasks alter level type numeric",
    "comment on trigger zz_ablo_guard on tasks is 'ablo_pg 12345678 {}'",
    "comment on trigger zz_ablo_guard on tasks is null",
])  # fmt: skip
def test_permissions_that_cannot_be_recovered_are_named(
    altered: str, url: str, tmp_path: Path, capsys: Captured
) -> None:
    declared, written = tmp_path / "declared.py", tmp_path / "written.py"
    declared.write_text(LIMITED)
    apply_schema(url, load_target(str(declared)))
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("drop policy tasks_readers on tasks")
        conn.execute(altered)
    arguments = ["pull", "--database-url", url]
    assert run([*arguments, "--out", str(written), "--json"]) == 0
    (lost,) = json.loads(capsys.readouterr().out)["permissionsLeftOut"]["tasks"]
    assert f"PERMISSION LEFT OUT: {lost}" in written.read_text()
    kept = [one.name for one in load_target(str(written)).model("tasks").permissions]
    by_column = altered.startswith("alter")
    assert kept == (["delete"] if by_column else [])
    assert (lost == "read: owner = actor.user_id or level > 2") is by_column
    assert run(arguments) == 0
    assert "tasks: add these permissions to the file, or migrating ends them" in (
        capsys.readouterr().err
    )


FOREIGN = """
create type mood as enum ('sad', 'ok');
create table customers (
  id serial primary key, name varchar(100) not null, email text unique, active boolean default true,
  kind text check (kind in ('a', 'b''c')), mood mood not null default 'ok', tags text[], extra json,
  made_at timestamp default now(), "class" int, "Weird Name" text, due_date date, "dueDate" date,
  n int generated always as identity, search tsvector, price numeric(10, 2) default 1.5);
create table orders (
  id uuid primary key, customer_id int not null references customers on delete cascade,
  note text check (length(note) < 10), unique (customer_id, note));
create table film (film_id serial primary key, title text);
create table film_actor (
  film_id int references film, actor_id int, primary key (film_id, actor_id));
create view busy as select 1 as id;
create table days (id int, d date) partition by range (d);
create table "import" (id text primary key, "from" text, _private text);
"""


def test_tables_of_others(url: str, tmp_path: Path, capsys: Captured) -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(FOREIGN)
        conn.execute("insert into customers (name) values ('x')")
    written = tmp_path / "written.py"
    assert run(["pull", "--database-url", url, "--out", str(written), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["models"] == ["customers", "film", "import_rows", "orders"]
    assert told["leftOut"] == ["public.busy", "public.days", "public.film_actor"]
    text = written.read_text()
    assert 'mood: Literal["sad", "ok"] = "ok"' in text
    assert "tags: JsonValue | None" in text
    assert 'class Film(Model, id_column="film_id")' in text
    assert "public.film_actor is left out:\n#   its key is (film_id, actor_id), and one" in text
    assert "the table also keeps unique: (customer_id, note)" in text
    spec = load_target(str(written))
    kind = next(f for f in spec.model("customers").fields if f.wire == "kind")
    assert kind.enum_values == ("a", "b'c")
    (customer,) = spec.model("orders").relations
    assert (customer.target, customer.parent, customer.fk) == ("customers", False, False)
    # What was pulled fits, and migrates.
    assert run(["check", str(written), "--database-url", url]) == 0
    assert run(["migrate", str(written), "--admin-url", url]) == 0
    assert run(["check", str(written), "--database-url", url]) == 0


UNFIT = """
create type mood as enum ('sad', 'ok', 'it''s');
create table b1 (id text primary key, created_at text not null default 'x', name text);
create table b2 (id text primary key, archived_at boolean);
create table b3 (id text primary key, created_by uuid);
create table b4 (id text, name text); create unique index on b4 (id);
create table child0 (id text primary key); create table kid (primary key (id)) inherits (child0);
create table fits (id int primary key, mood mood default 'it''s',
  status text check (status in ('a', 'b') or status is null));
insert into b1 values ('1'); insert into fits (id) values (1);
"""
LEFT = ("b1", "b2", "b3", "b4", "child0")


def test_tables_that_cannot_be_used_are_left_out_until_their_sql_has_run(
    url: str, tmp_path: Path, capsys: Captured
) -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(UNFIT)
    first, second = tmp_path / "first.py", tmp_path / "second.py"
    assert run(["pull", "--database-url", url, "--out", str(first), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["leftOut"] == [f"public.{table}" for table in LEFT]
    text = first.read_text()
    assert "column created_at is text; every row needs one of type timestamptz" in text
    assert "whole number as text: id is not numbered" in text
    mood, status = load_target(str(first)).model("fits").fields
    assert (mood.enum_values, mood.default) == (("sad", "ok", "it's"), "it's")
    assert (status.enum_values, status.optional) == (("a", "b"), True)
    assert run(["check", str(first), "--database-url", url]) == 0
    lines = [line.strip("# ") for line in text.splitlines()]
    statements = [line[line.find("alter table") :] for line in lines if "alter table" in line]
    assert len(statements) == len(LEFT)
    with psycopg.connect(url, autocommit=True) as conn:
        for statement in statements:
            conn.execute(statement)
        row = conn.execute("insert into fits (id) values (2) returning mood").fetchone()
        assert row == ("it's",)
    capsys.readouterr()
    assert run(["pull", "--database-url", url, "--out", str(second), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["leftOut"], len(told["models"])) == ([], 7)
    assert {f.column for f in load_target(str(second)).model("fits").fields} == {"mood", "status"}
    assert run(["check", str(second), "--database-url", url]) == 0
    assert run(["migrate", str(second), "--admin-url", url]) == 0


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--table", "nope"], ("no table nope", "pets")),
        (["--table", "pets", "--table", "nope"], ("no table nope", "pets")),
        (["--schema", "nope"], ("no schema nope", "public")),
    ],
)
def test_what_is_not_there_is_named_beside_what_is(
    flags: list[str], said: tuple[str, str], url: str, tmp_path: Path, capsys: Captured
) -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("create table pets (id text primary key)")
    out = tmp_path / "s.py"
    assert run(["pull", "--database-url", url, "--out", str(out), "--json", *flags]) == 1
    error = json.loads(capsys.readouterr().err)["error"]
    assert error["code"] == "invalid_options"
    assert said[0] in error["message"]
    assert said[1] in error["remedy"]
    assert not out.exists()


def test_to_stdout_without_a_terminal(url: str, capsys: Captured) -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("create table t (id text primary key)")
    assert run(["pull", "--database-url", url]) == 0
    told = capsys.readouterr()
    assert "class T(Model):" in told.out
    assert "1 models; left out: none" in told.err


def test_an_empty_database_gives_an_empty_schema_that_imports(
    url: str, tmp_path: Path, capsys: Captured
) -> None:
    assert run(["pull", "--database-url", url, "--out", str(tmp_path / "s.py")]) == 0
    assert load_target(str(tmp_path / "s.py")).models == ()


@pytest.mark.parametrize("url_text", ["postgresql://[bad", "postgresql://x@/y?host=/no/such"])
def test_a_database_that_is_not_there(url_text: str, capsys: Captured) -> None:
    assert run(["pull", "--database-url", url_text, "--json"]) == 1
    assert json.loads(capsys.readouterr().err)["error"]["remedy"]


NAMES = st.one_of(
    st.sampled_from(
        ["class", "id2", "created", "schema", "json", "dueDate", "due_date", "Ü", "a b"]
    ),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=10),
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(NAMES, min_size=1, max_size=3, unique=True), st.lists(NAMES, max_size=4, unique=True)
)
def test_whatever_tables_and_columns_are_called(
    url: str, tables: list[str], columns: list[str]
) -> None:
    """Every name comes back as the column or table that it was."""
    assume(not {"id", "organization_id", "created_at", "ctid"} & set(columns))
    with psycopg.connect(url) as conn:
        for table in tables:
            listed = sql.SQL("").join(
                sql.SQL(", {} text").format(sql.Identifier(name)) for name in columns
            )
            query = sql.SQL("create table {} (id text primary key{})")
            conn.execute(query.format(sql.Identifier(table), listed))
        pulled = pull_schema(read_tables(conn, ["public"]))
        conn.rollback()
    namespace: dict[str, Any] = {"__name__": "written"}
    source = write_source(pulled.spec, pulled.notes)
    exec(compile(source, "written.py", "exec", dont_inherit=True), namespace)
    spec = namespace["schema"].spec
    known = [*pulled.left_out, *(f"public.{model.table}" for model in spec.models)]
    assert sorted(known) == sorted(f"public.{table}" for table in tables)
    for model in spec.models:
        assert {each.column for each in model.fields} == set(columns)


def test_the_checker_of_meanings_sees_a_difference(tmp_path: Path) -> None:
    (tmp_path / "declared.py").write_text(RICH)
    spec = load_target(str(tmp_path / "declared.py"))
    first, *rest = spec.models
    field, *others = first.fields
    changed = replace(first, fields=(replace(field, optional=not field.optional), *others))
    assert meaning(replace(spec, models=(changed, *rest))) != meaning(spec)
