"""Rows of an adopted table that belong to nobody: lived with, told of, and given to somebody.

Whatever a command prints as the way out is taken here as it was printed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ablo_pg.cli.main import run
from ablo_pg.cluster import Server
from ablo_pg.testing import DatabaseHandle, make_database

Captured = pytest.CaptureFixture[str]
ITEMS = """
create table items (id int primary key, name text);
insert into items values (1, 'a'), (2, 'b'), (3, 'c')"""
UNOWNED = "select count(*)::int from items where organization_id is null"
DELTAS = """
select op, organization_id, row_id, "row" ->> 'name' from ablo.delta where model <> 'ablo_canary'
order by sync_id"""
PARENTS = """
create table people (id text primary key, name text);
create table animals (id int primary key, name text, owner text references people);
insert into people values ('p', 'Ann'), ('q', 'Ben');
insert into animals values (1, 'Rex', 'p'), (2, 'Tom', 'q')"""
SCHEMA = """
from ablo_pg import Model, Tenancy, define_schema

class Person(Model):
    name: str{more}

OWNED = Tenancy("parent", local_key="owner", parent_table="people")

class Animal(Model, tenancy=OWNED):
    name: str
    owner: str

schema = define_schema(people=Person, animals=Animal)
"""


class Adopted:
    """A database with one schema file pulled from it, and the commands on both."""

    def __init__(self, handle: DatabaseHandle, folder: Path, capsys: Captured) -> None:
        self.admin = psycopg.connect(handle.admin_url, autocommit=True)
        self.runtime_url, self.url = handle.database_url, handle.admin_url
        self.file, self._capsys = folder / "schema.py", capsys

    def pull(self, tables: str) -> str:
        """Make tables, and pull their schema."""
        self.admin.execute(tables.encode())
        assert run(["pull", "--database-url", self.url, "--out", str(self.file)]) == 0
        return self.file.read_text()

    def command(self, name: str, *options: str, fails: int = 0) -> Any:
        """Run a command on the schema file; return what it shows."""
        url = "--database-url" if name in ("check", "compile") else "--admin-url"
        self._capsys.readouterr()
        code = run([name, str(self.file), url, self.url, "--json", *options])
        told = self._capsys.readouterr()
        assert code == fails, told
        return json.loads((told.out or told.err).splitlines()[-1])

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Run a query as the administrator."""
        return self.admin.execute(query.encode()).fetchall()

    def seen(self, organization: str, table: str = "items") -> int:
        """Count what the runtime login sees."""
        with psycopg.connect(self.runtime_url) as conn:
            conn.execute("select set_config('app.current_org_id', %s, true)", [organization])
            row = conn.execute(f"select count(*)::int from {table}".encode()).fetchone()
        assert row is not None
        return int(row[0])

    def printed_by_check(self, table: str = "items") -> str:
        """Return the SQL that `check` prints for rows without an organization, for acme."""
        (model,) = (m for m in self.command("check")["models"] if m["table"] == f"public.{table}")
        (sql,) = (
            f["sql"] for f in model["findings"] if f["field"] == "organizationId" and f["sql"]
        )
        (same,) = (
            c["sql"]
            for c in self.command("compile", "--diff", "tables")["changes"]
            if c["model"] == model["model"] and c.get("field") == "organizationId" and "sql" in c
        )
        assert same == sql
        return str(sql).replace("ORGANIZATION", "acme")


@pytest.fixture
def adopted(
    cluster: Server, kernel_template: str, tmp_path: Path, capsys: Captured
) -> Iterator[Adopted]:
    with make_database(server=cluster, template=kernel_template) as handle:
        site = Adopted(handle, tmp_path, capsys)
        with site.admin:
            yield site


def test_who_writes_plain_sql_and_knows_no_organization_goes_on(adopted: Adopted) -> None:
    adopted.pull(ITEMS)
    adopted.command("push")
    with adopted.admin.transaction():
        adopted.admin.execute("insert into items (id, name) values (4, 'd')")
        adopted.admin.execute("update items set name = upper(name) where id < 4")
        adopted.admin.execute("delete from items where id = 1")
    assert adopted.rows("select id, name from items order by id") == [(2, "B"), (3, "C"), (4, "d")]
    assert adopted.rows(DELTAS) == []
    adopted.admin.execute("update items set organization_id = 'acme' where id = 3")
    assert adopted.rows(DELTAS) == [("I", "acme", "3", "C")]
    assert (adopted.seen("acme"), adopted.seen("other")) == (1, 0)
    for other in ("null", "'other'"):
        adopted.admin.execute(f"update items set organization_id = {other} where id = 3")
    changes = [(op, organization) for op, organization, *_ in adopted.rows(DELTAS)]
    assert changes == [("I", "acme"), ("D", "acme"), ("I", "other")]
    assert (adopted.seen("acme"), adopted.seen("other")) == (0, 1)


def test_a_login_that_is_bound_to_an_organization_takes_none_of_them(adopted: Adopted) -> None:
    adopted.pull(ITEMS)
    adopted.command("push")
    with psycopg.connect(adopted.runtime_url) as conn:
        conn.execute("select set_config('app.current_org_id', 'acme', true)")
        assert conn.execute("update items set organization_id = 'acme'").rowcount == 0
        upsert = """insert into items (organization_id, id, name) values ('acme', 1, 'mine')
                    on conflict (id) do update set organization_id = 'acme'"""
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute(upsert)
    assert adopted.rows(UNOWNED) == [(3,)]


@pytest.mark.parametrize("with_", ["push", "migrate"])
def test_the_update_that_is_printed_gives_them_one(adopted: Adopted, with_: str) -> None:
    comment = adopted.pull(ITEMS)
    (pulled,) = (line.strip(" #") for line in comment.splitlines() if "  update " in line)
    assert "--backfill items.organizationId=ORGANIZATION" in comment
    adopted.command(with_)
    adopted.admin.execute("insert into items (id, name, organization_id) values (9, 'n', 'other')")
    printed = adopted.printed_by_check()
    with adopted.admin.transaction(force_rollback=True):
        adopted.admin.execute(pulled.replace("ORGANIZATION", "acme").encode())
        assert adopted.rows(UNOWNED) == [(0,)]
    adopted.admin.execute(printed.encode())
    assert (adopted.seen("acme"), adopted.seen("other")) == (3, 1)
    assert [delta[:3] for delta in adopted.rows(DELTAS)] == [
        ("I", "other", "9"),
        *(("I", "acme", n) for n in "123"),
    ]
    findings = adopted.command("check")["models"][0]["findings"]
    assert [one for one in findings if one["field"] == "organizationId"] == []
    assert adopted.command("migrate")["unchanged"]
    adopted.admin.execute("insert into items (id) values (10)")  # as it could before
    assert adopted.rows(UNOWNED) == [(1,)]


def test_what_check_prints_before_there_is_a_column_works(adopted: Adopted) -> None:
    adopted.pull(ITEMS)
    adopted.admin.execute(adopted.printed_by_check().encode())
    adopted.command("migrate")
    assert adopted.seen("acme") == 3
    assert adopted.command("migrate")["unchanged"]


def test_a_later_backfill_gives_them_one_and_tells_of_each(adopted: Adopted) -> None:
    adopted.pull(ITEMS)
    _, note = adopted.command("migrate")["notes"]
    (flag,) = (word for word in note.split() if word.startswith("items.organizationId="))
    for _ in range(2):
        again = adopted.command("migrate")
        assert (again["unchanged"], again["notes"]) == (True, [note])
    done = adopted.command("migrate", "--backfill", flag.replace("NAME", "acme"))
    assert (done["unchanged"], done["written"]) == (False, 3)
    assert adopted.rows(DELTAS) == [
        ("I", "acme", row_id, name) for row_id, name in zip("123", "abc", strict=True)
    ]
    actors = "select distinct actor from ablo.delta where organization_id = 'acme'"
    assert adopted.rows(actors) == [("system:migrate",)]
    assert adopted.seen("acme") == 3
    done = adopted.command("migrate")
    assert (done["unchanged"], done["notes"]) == (True, [])


def test_push_says_that_nobody_sees_them_and_what_helps(adopted: Adopted) -> None:
    adopted.pull(ITEMS)
    flag = ["--backfill", "items.organizationId=acme"]
    refused = adopted.command("push", *flag, fails=1)["error"]
    assert "`ablo-pg migrate --backfill items.organizationId=acme`" in refused["remedy"]
    (warning,) = adopted.command("push")["warnings"]
    assert (warning["kind"], warning["field"]) == ("rows_unowned", "organizationId")
    assert "3 rows belong to no organization" in warning["detail"]
    assert "`migrate --backfill items.organizationId=NAME`" in warning["detail"]
    assert adopted.command("migrate", *flag)["written"] == 3
    assert adopted.seen("acme") == 3


@pytest.fixture
def family(adopted: Adopted) -> Adopted:
    """Tables of parents and children, adopted with nobody's rows in both."""
    adopted.admin.execute(PARENTS.encode())
    adopted.file.write_text(SCHEMA.format(more=""))
    adopted.command("migrate")
    adopted.admin.execute("insert into animals values (3, 'Lea', 'q')")
    adopted.admin.execute("update animals set name = 'Max', owner = 'q' where id = 2")
    assert adopted.command("migrate")["unchanged"]
    return adopted


def test_rows_take_the_organization_that_their_parents_are_given(family: Adopted) -> None:
    family.admin.execute(family.printed_by_check("animals").encode())  # none to take yet
    flag = ["--backfill", "animals.organizationId=acme"]
    (problem,) = family.command("migrate", *flag, fails=3)["error"]["details"]["problems"]
    assert problem["remedy"].startswith("leave it out")
    assert family.command("migrate", "--backfill", "people.organizationId=acme")["written"] == 5
    assert (family.seen("acme", "people"), family.seen("acme", "animals")) == (2, 3)
    assert family.rows("select op, count(*) from ablo.delta where op <> 'x' group by 1") == [
        ("I", 5)
    ]
    assert family.command("migrate")["unchanged"]


@pytest.mark.parametrize("way", ["check", "migrate", "push"])
def test_rows_follow_parents_that_plain_sql_gave_one(family: Adopted, way: str) -> None:
    family.admin.execute("update people set organization_id = 'acme' where id = 'q'")
    if way == "check":
        family.admin.execute(family.printed_by_check("animals").encode())
    elif way == "migrate":
        assert family.command("migrate")["written"] == 2
    else:
        family.file.write_text(SCHEMA.format(more="\n    age: int | None = None"))
        warnings = {one["model"]: one["detail"] for one in family.command("push")["warnings"]}
        assert warnings["animals"].endswith("`migrate` assigns that of their rows in people")
        assert "--backfill people.organizationId=NAME" in warnings["people"]
    assert family.seen("acme", "animals") == 2
    told = [delta[:3] for delta in family.rows(DELTAS)]
    assert sorted(told) == [("I", "acme", row_id) for row_id in ("2", "3", "q")]
    with pytest.raises(psycopg.Error, match="no parent row"):
        family.rows(
            "insert into animals (id, name, owner, organization_id) values (9, 'x', 'p', 'acme')"
        )
