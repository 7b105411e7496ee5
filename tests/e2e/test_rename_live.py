"""A field gets another name while clients of both names read and write, without touching a row."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import psycopg
import pytest

from ablo_pg import Ablo, AbloError, Model, define_schema, field
from ablo_pg.cluster import Server
from ablo_pg.kernel import admin_connection, migrate
from ablo_pg.kernel.schema_push import push
from ablo_pg.schema import Schema
from ablo_pg.schema.diff import diff
from ablo_pg.testing import DatabaseHandle, make_database, template_database

ROWS = 40


class Old(Model, table="tasks"):
    note: str
    count: int = 0


class Both(Model, table="tasks"):
    memo: str = field(formerly="note")
    count: int = 0


class New(Model, table="tasks"):
    memo: str = field(column="note")
    count: int = 0


OLD, BOTH, NEW = (define_schema(tasks=model) for model in (Old, Both, New))


@pytest.fixture(scope="module")
def filled(cluster: Server) -> Iterator[str]:
    """A database with the first schema, and rows, to be cloned."""
    with template_database(cluster, OLD) as name:
        with psycopg.connect(cluster.url(name), autocommit=True) as conn:
            conn.execute(
                """insert into tasks (id, organization_id, note, created_at, updated_at)
                   select n::text, 'acme', 'first', '2020-01-01', '2020-01-01'
                     from generate_series(1, %s) n""",
                [ROWS],
            )
        yield name


@pytest.fixture
def site(cluster: Server, filled: str) -> Iterator[DatabaseHandle]:
    with make_database(server=cluster, template=filled) as handle:
        yield handle


def client(site: DatabaseHandle, schema: Schema) -> Ablo:
    """Open a client that is built on that schema."""
    return Ablo(
        schema=schema, database_url=site.database_url, organization="acme", participant="user:a"
    )


def moved(site: DatabaseHandle, schema: Schema, *, by: str = "migrate") -> None:
    """Make the schema the active one, by a migration or a push."""
    with admin_connection(site.admin_url) as conn:
        if by == "push":
            push(conn, schema.spec)
        else:
            migrate(conn, schema.spec)


class Worker:
    """A client that writes and reads in a thread until it is told to stop; counts and errors."""

    def __init__(self, site: DatabaseHandle, schema: Schema, name: str, first: int) -> None:
        self.done, self.errors, self._stop = 0, list[AbloError](), threading.Event()
        self._arguments = (site, schema, name, first)
        self._thread = threading.Thread(target=self._run)
        self.passed = threading.Event()

    def __enter__(self) -> Worker:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def more(self, writes: int) -> None:
        """Wait until it has written that many more times."""
        goal = self.done + writes
        while self.done < goal and self._thread.is_alive():
            self.passed.clear()
            self.passed.wait(5)

    def _run(self) -> None:
        site, schema, name, first = self._arguments
        with client(site, schema) as ablo:
            while not self._stop.is_set():
                row, value = str(first + self.done % 10), f"{name}{self.done}"
                try:
                    ablo.tasks.update(row, {name: value})
                    assert getattr(ablo.tasks.retrieve(row), name) == value
                    found = ablo.tasks.list(where={name: value})
                    assert [one.id for one in found] == [row]
                except AbloError as exc:
                    self.errors.append(exc)
                self.done += 1
                self.passed.set()


@pytest.mark.parametrize("by", ["migrate", "push"])
def test_clients_of_both_names_work_side_by_side(site: DatabaseHandle, by: str) -> None:
    with Worker(site, OLD, "note", 1) as old:
        old.more(5)
        moved(site, BOTH, by=by)
        with Worker(site, BOTH, "memo", 11) as new, client(site, OLD) as before:
            old.more(10)
            new.more(10)
            moved(site, BOTH)
            with client(site, BOTH) as after:
                before.tasks.update("30", {"note": "by note"})
                assert after.tasks.retrieve("30").memo == "by note"
                after.tasks.update("30", {"memo": "by memo"})
                assert before.tasks.retrieve("30").note == "by memo"
                created = (
                    after.tasks.create({"memo": "new"}, id="a"),
                    before.tasks.create({"note": "old"}, id="b"),
                )
                assert (created[0].memo, created[1].note) == ("new", "old")
    assert (old.errors, new.errors) == ([], [])
    untouched = "select count(*) from tasks where updated_at = '2020-01-01' and id::int > 30"
    with psycopg.connect(site.admin_url, autocommit=True) as conn:
        query = untouched.replace("id::int", "nullif(regexp_replace(id, '[a-z]', ''), '')::int")
        assert conn.execute(query.encode()).fetchone() == (ROWS - 30,)
        told = """select "row" ->> 'note', "row" ->> 'memo', changed from ablo.delta
          where row_id = '30' and op = 'U' order by sync_id"""
        assert conn.execute(told.encode()).fetchall() == [
            ("by note", "by note", ["updatedAt", "memo", "note"]),
            ("by memo", "by memo", ["updatedAt", "memo", "note"]),
        ]


def test_the_former_name_ends_with_its_last_client(site: DatabaseHandle) -> None:
    moved(site, BOTH)
    moved(site, NEW)
    with client(site, NEW) as ablo:
        assert ablo.tasks.update("1", {"memo": "x"}).memo == "x"
    with client(site, OLD) as ablo, pytest.raises(AbloError) as caught:
        ablo.tasks.update("1", {"note": "x"})
    assert caught.value.code == "unknown_field"
    with psycopg.connect(site.admin_url, autocommit=True) as conn:
        untouched = "select count(*) from tasks where updated_at = '2020-01-01'"
        assert conn.execute(untouched.encode()).fetchone() == (ROWS - 1,)


def test_a_premise_under_either_name_sees_a_write_under_the_other(site: DatabaseHandle) -> None:
    moved(site, BOTH)
    operation = {"action": "update", "model": "tasks", "id": "2", "data": {"count": 1}}
    with client(site, OLD) as old, client(site, BOTH) as new:
        for reader, writer, name in ((new, old, "memo"), (old, new, "note")):
            stamp = reader.snapshot(tasks="1").stamp
            writer.tasks.update("1", {"note" if writer is old else "memo": f"not {name}"})
            read = {"model": "tasks", "id": "1", "fields": [name], "readAt": stamp}
            with pytest.raises(AbloError) as caught:
                reader.commits.create([operation], reads=[read])
            assert caught.value.code == "stale_context"


class Twice(Old):
    memo: str = field(formerly="note")


class Taken(Old):
    memo: str = field(formerly="id", column="memo")


class Empty(Old):
    memo: str = field(formerly=["text", ""])


@pytest.mark.parametrize("model", [Twice, Taken, Empty])
def test_a_former_name_that_is_another_fields_or_none_is_refused(model: type[Model]) -> None:
    with pytest.raises(AbloError, match="memo"):
        define_schema(tasks=model)


def test_a_former_name_is_an_additive_change_and_its_end_is_not() -> None:
    assert [(c.kind, c.additive) for c in diff(OLD.spec, BOTH.spec)] == [("field_also_named", True)]
    assert [(c.kind, c.additive) for c in diff(BOTH.spec, NEW.spec)] == [
        ("former_name_dropped", False)
    ]
