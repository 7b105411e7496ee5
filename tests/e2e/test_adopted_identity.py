"""An application gives rows of its own table another id or organization: a delete and a create."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from ablo_pg import Ablo, Model, Tenancy, define_schema, field
from ablo_pg.cluster import Server
from ablo_pg.kernel import admin_connection, migrate
from ablo_pg.kernel.drift import kernel_state
from ablo_pg.testing import DatabaseHandle, make_database

DDL = """
create table people (name text primary key, organization_id text, text text);
create table posts (
  id int primary key, organization_id text, text text,
  author text references people on update cascade on delete set null);
insert into people values ('ann', 'acme', 'A'), ('bob', 'acme', 'B'), ('cleo', 'other', 'C');
insert into posts values (1, 'acme', 'p', 'ann')
"""
LOG = "select organization_id, model, op, row_id, changed from ablo.delta order by sync_id"


class Person(Model, table="people", id_column="name"):
    text: str | None = None


class Post(Model, claims_bind_sql=True):
    text: str | None = None
    author: str | None = field(default=None, column="author")


SCHEMA = define_schema(people=Person, posts=Post)


@pytest.fixture
def site(cluster: Server, kernel_template: str) -> Iterator[DatabaseHandle]:
    """A database with two tables of an application, adopted."""
    with make_database(server=cluster, template=kernel_template) as handle:
        with admin_connection(handle.admin_url) as admin:
            admin.execute(DDL)
            migrate(admin, SCHEMA.spec)
        yield handle


def run(url: str, *statements: str) -> list[tuple[Any, ...]]:
    """Run statements in one transaction; return what the last one answers."""
    with psycopg.connect(url) as conn:
        for statement in statements:
            cursor = conn.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def client(site: DatabaseHandle) -> Ablo:
    """Open a client of organization acme."""
    return Ablo(
        schema=SCHEMA, database_url=site.database_url, organization="acme", participant="user:a"
    )


def test_another_id_with_what_refers_to_it(site: DatabaseHandle) -> None:
    run(site.admin_url, "update people set name = 'anna', text = 'AA' where name = 'ann'")
    assert run(site.admin_url, LOG) == [
        ("acme", "people", "D", "ann", None),
        ("acme", "people", "I", "anna", None),
        ("acme", "posts", "U", "1", ["updatedAt", "author"]),
    ]
    with client(site) as ablo:
        assert ablo.people.retrieve("anna").text == "AA"
        assert ablo.people.retrieve("ann") is None
        assert ablo.posts.retrieve("1").author == "anna"
    with admin_connection(site.admin_url) as admin:
        assert kernel_state(admin).sound


def test_ids_that_change_places(site: DatabaseHandle) -> None:
    swap = "update people set name = %r where name = %r"
    names = (("x", "ann"), ("ann", "bob"), ("bob", "x"))
    run(site.admin_url, *(swap % pair for pair in names))
    told = [(op, id_) for _, model, op, id_, _ in run(site.admin_url, LOG) if model == "people"]
    assert told == [("D", "ann"), ("I", "x"), ("D", "bob"), ("I", "ann"), ("D", "x"), ("I", "bob")]
    rows = "select row_id, row ->> 'text' from ablo.delta where op = 'I' order by sync_id"
    assert run(site.admin_url, rows) == [("x", "A"), ("ann", "B"), ("bob", "A")]


def test_another_organization_and_none(site: DatabaseHandle) -> None:
    run(site.admin_url, "update people set organization_id = 'other' where name = 'bob'")
    run(site.admin_url, "update people set organization_id = null where name = 'bob'")
    run(site.admin_url, "update people set organization_id = 'acme' where name = 'bob'")
    assert [(org, op) for org, _, op, _, _ in run(site.admin_url, LOG)] == [
        *(("acme", "D"), ("other", "I"), ("other", "D"), ("acme", "I"))
    ]


def test_two_that_move_rows_the_opposite_way_do_not_deadlock(site: DatabaseHandle) -> None:
    """Each takes the order locks of both organizations at once, in one order."""
    one, two, admin = (psycopg.connect(site.admin_url) for _ in range(3))
    with one, two, admin, ThreadPoolExecutor() as pool:
        one.execute("update people set organization_id = 'other' where name = 'ann'")
        two.execute("update people set organization_id = 'acme' where name = 'cleo'")
        one.execute("set constraints all immediate")
        waiting = pool.submit(two.execute, "set constraints all immediate")
        blocked = "select %s = any (pg_blocking_pids(%s))"
        while not waiting.done():
            pids = [one.info.backend_pid, two.info.backend_pid]
            if admin.execute(blocked, pids).fetchone() == (True,):
                break
        one.commit()
        waiting.result()
        two.commit()
    told = [(org, op, id_) for org, _, op, id_, _ in run(site.admin_url, LOG)]
    assert told == [
        *(("acme", "D", "ann"), ("other", "I", "ann")),
        *(("other", "D", "cleo"), ("acme", "I", "cleo")),
    ]


def test_a_claim_that_binds_sql_holds_the_old_row(site: DatabaseHandle) -> None:
    locked = pytest.raises(psycopg.errors.LockNotAvailable)
    with client(site) as ablo, ablo.posts.claim(id="1", action="edit"), locked:
        run(site.admin_url, "update posts set id = 2")
    run(site.admin_url, "update posts set id = 2")


def test_programs_of_ours_do_not(site: DatabaseHandle) -> None:
    for change in ("name = 'x'", "organization_id = 'other'"):
        with pytest.raises(psycopg.Error) as caught:
            run(
                site.database_url,
                "select set_config('app.current_org_id', 'acme', true)",
                f"update people set {change} where name = 'bob'",
            )
        assert caught.value.sqlstate in ("AB030", "42501")


class Pet(
    Model, tenancy=Tenancy("parent", local_key="owner", parent_table="people", parent_key="name")
):
    owner: str | None = None


def test_not_the_organization_from_which_others_take_theirs(site: DatabaseHandle) -> None:
    run(site.admin_url, "create table pets (id int primary key, owner text)")
    with admin_connection(site.admin_url) as admin:
        migrate(admin, define_schema(people=Person, posts=Post, pets=Pet).spec)
    with pytest.raises(psycopg.DatabaseError, match=r"of public\.people cannot change"):
        run(site.admin_url, "update people set organization_id = 'other' where name = 'bob'")
    run(site.admin_url, "update people set name = 'bo' where name = 'bob'")
