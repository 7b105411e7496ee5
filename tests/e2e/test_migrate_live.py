"""Changes of a schema over many rows while others write: applied beside them, or refused by name.

For each change: no writer fails but by a typed refusal (none at all where the change is additive),
none waits longer than the lock timeout and a margin, a subscriber on the WAL gets every delta, and
afterwards the log still adds up to the tables.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import psycopg
import pytest

from ablo_pg.cluster import Server
from ablo_pg.compile.migration import MigrateOptions
from ablo_pg.errors import AbloConflictError
from ablo_pg.kernel import admin_connection, migrate
from ablo_pg.schema import EntityRole, Field, FieldType, Relation, SchemaSpec, Tenancy
from ablo_pg.testing import DatabaseHandle, make_database, template_database

from .migrate_site import (
    COUNT,
    FIRST,
    NAME,
    NOTE,
    PROJECT,
    PROJECTS,
    REF,
    STATUS,
    TASKS,
    TITLE,
    fill,
    schema,
    swapped,
    tasks,
)
from .migrate_stream import Follower, heads, untold
from .migrate_watch import Watch, Writers

# The lock timeout is 0.4 s; the rest is for a machine that has other things to do.
LONGEST_WAIT = 1.0
OWNER = Field("ownerId", "ownerId", "owner_id", FieldType.STRING)
PRIO = Field("prio", "prio", "prio", FieldType.INTEGER, default=3)
TO_PROJECT = Relation("project", "belongsTo", "projects", "projectId")
# What a writer who knows the first schema may be told, by change.
NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Case:
    """One change: schema after it, options, what old writers may be told, or its refusal.

    refused, refused_large: the field that is named, on any table or on one too large to rewrite.
    """

    name: str
    after: SchemaSpec
    options: MigrateOptions = field(default_factory=MigrateOptions)
    told: frozenset[str] = NOTHING
    refused: str | None = None
    refused_large: str | None = None


def backfill(name: str, value: Any) -> MigrateOptions:
    return MigrateOptions(backfills={("tasks", name): value})


def case(name: str, *fields: Field, **more: Any) -> Case:
    relations = more.pop("relations", ())
    model = more.pop("model", {})
    return Case(name, tasks(*fields, relations=relations, **model), **more)


# A commit under way when a column goes has the old function and the new table: nothing is written.
MOVED = frozenset({"model_not_provisioned", "column_type_mismatch"})
UNKNOWN = frozenset({"unknown_field"})
WITHOUT_NOTE = tuple(each for each in TASKS.fields if each is not NOTE)
CASES = [
    case("add optional", *TASKS.fields, replace(OWNER, optional=True)),
    case("add with default", *TASKS.fields, PRIO),
    case("add optional with default", *TASKS.fields, replace(PRIO, optional=True)),
    case("add indexed", *TASKS.fields, replace(PRIO, indexed=True)),
    case("add enum with default", *TASKS.fields, Field(
        "kind", "kind", "kind", FieldType.ENUM, enum_values=("bug", "idea"), default="bug")),
    case("add number with default", *TASKS.fields, Field(
        "score", "score", "score", FieldType.NUMBER, default=0.5)),
    case("add required without value", *TASKS.fields, OWNER, refused="tasks.ownerId"),
    case("add required with backfill", *TASKS.fields, OWNER, options=backfill("ownerId", "ann"),
         told=frozenset({"not_null_violation"})),
    case("require, rows stand against it", *swapped(NOTE, replace(NOTE, optional=False)),
         refused="tasks.note"),
    case("require with backfill", *swapped(NOTE, replace(NOTE, optional=False)),
         options=backfill("note", "none")),
    case("make optional", *swapped(TITLE, replace(TITLE, optional=True))),
    case("change default", *swapped(COUNT, replace(COUNT, default=7))),
    case("drop", *WITHOUT_NOTE, told=UNKNOWN),
    case("drop required", *(f for f in TASKS.fields if f is not TITLE), told=UNKNOWN),
    case("drop for good", *WITHOUT_NOTE, options=MigrateOptions(drop=True),
         told=UNKNOWN | MOVED),
    case("rename", *swapped(NOTE, Field("memo", "memo", "memo", FieldType.STRING, optional=True)),
         options=MigrateOptions(renames=(("tasks.note", "tasks.memo"),)), told=UNKNOWN | MOVED),
    case("rename required", *swapped(TITLE, Field("name", "name", "name", FieldType.STRING)),
         options=MigrateOptions(renames=(("tasks.title", "tasks.name"),)), told=UNKNOWN | MOVED),
    case("rename the column alone", *swapped(NOTE, replace(NOTE, column="memo")), told=MOVED),
    case("retype enum to string", *swapped(STATUS, replace(
        STATUS, type=FieldType.STRING, enum_values=()))),
    case("retype uuid to string", *swapped(REF, replace(REF, type=FieldType.STRING)), told=MOVED,
         refused_large="tasks.ref"),
    case("retype to integer, values do not convert", *swapped(
        NOTE, replace(NOTE, type=FieldType.INTEGER)), refused="tasks.note"),
    case("retype to json", *swapped(NOTE, replace(NOTE, type=FieldType.JSON)),
         refused="tasks.note"),
    case("enum grows", *swapped(STATUS, replace(
        STATUS, enum_values=(*STATUS.enum_values, "late")))),
    case("enum shrinks, rows stand against it", *swapped(STATUS, replace(
        STATUS, enum_values=("todo", "doing", "done"))), refused="tasks.status"),
    case("enum shrinks with backfill", *swapped(STATUS, replace(
        STATUS, enum_values=("todo", "doing", "done"))), options=backfill("status", "todo")),
    case("enum grows and shrinks", *swapped(STATUS, replace(
        STATUS, enum_values=("todo", "doing", "done", "gone"))),
        options=backfill("status", "gone")),
    case("index", *swapped(NOTE, replace(NOTE, indexed=True))),
    case("foreign key", relations=(replace(TO_PROJECT, fk=True),)),
    case("foreign key that leads nowhere", *swapped(PROJECT, replace(PROJECT, wire="note2",
         name="note2", column="note")), relations=(replace(
             TO_PROJECT, foreign_key="note2", fk=True),), refused="tasks.note2"),
    case("owner", relations=(replace(TO_PROJECT, parent=True, index=True),)),
    case("group of another kind", model={"scope": "job", "is_scope_root": True}),
    case("groups from a field", model={"entity_roles": (EntityRole("ref", "projectId"),)}),
    case("tenancy through the parent", relations=(TO_PROJECT,), model={
        "tenancy": Tenancy("parent", local_key="project_id", parent_table="projects")}),
    case("tenancy of nobody", model={"tenancy": Tenancy("none")}, refused="tasks"),
    case("typename", model={"typename": "Job"}, refused="tasks"),
    Case("add a model", schema(PROJECTS, TASKS, replace(
        PROJECTS, key="notes", typename="Note", table="notes"))),
    Case("drop a model", schema(TASKS), refused=None),
    Case("change both", schema(
        replace(PROJECTS, fields=(NAME, replace(PRIO, indexed=True))),
        replace(TASKS, fields=(*TASKS.fields, PRIO)))),
]  # fmt: skip


@pytest.fixture(scope="module")
def filled(cluster: Server) -> Iterator[str]:
    """A database with the first schema and rows for every writer, to be cloned."""
    with template_database(cluster, FIRST) as name:
        with psycopg.connect(cluster.url(name), autocommit=True) as conn:
            fill(conn, 5_000)
        yield name


@pytest.fixture
def site(cluster: Server, filled: str) -> Iterator[DatabaseHandle]:
    with make_database(server=cluster, template=filled) as handle:
        yield handle


@pytest.fixture(scope="module")
def large(cluster: Server) -> Iterator[str]:
    """As `filled`, with a million rows."""
    with template_database(cluster, FIRST) as name:
        with psycopg.connect(cluster.url(name), autocommit=True) as conn:
            fill(conn, 1_000_000)
        yield name


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_change_beside_writers(site: DatabaseHandle, case: Case) -> None:
    change_beside_writers(site, case)


@pytest.mark.long
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_change_of_a_million_rows(cluster: Server, large: str, case: Case) -> None:
    """The same. With -s it prints change, seconds, longest wait and statement (ms), outcome."""
    case = replace(case, refused=case.refused or case.refused_large)
    with make_database(server=cluster, template=large) as handle:
        seen, seconds, reason = change_beside_writers(handle, case)
    waits = f"{seen.longest_wait * 1000:.0f} | {seen.longest_write * 1000:.0f}"
    print(f"\n| {case.name} | {seconds:.1f} | {waits} | {reason or 'applied'} |")


def change_beside_writers(site: DatabaseHandle, case: Case) -> tuple[Watch, float, str | None]:
    """Make the change while others write; compare what all of them saw with the tables.

    Returns what the writers saw, how many seconds the change took, and why it was refused if so.
    """
    with psycopg.connect(site.admin_url, autocommit=True) as conn:
        follower, writers = Follower(site, heads(conn)), Writers(site)
        with follower.following():
            with writers.running() as seen, admin_connection(site.admin_url) as admin:
                began = time.monotonic()
                reason = run(admin, case)
                seconds = time.monotonic() - began
            check_writers(seen, case)
            assert follower.missed(conn) == {}
        for model in FIRST.models if case.refused else case.after.models:
            assert untold(conn, model) == []
        for question in UNFINISHED:
            assert conn.execute(question).fetchone() == (0,)
    return seen, seconds, reason


UNFINISHED = (
    "select count(*) from ablo.migration_debt",
    "select count(*) from pg_constraint where not convalidated",
    "select count(*) from pg_index where not indisvalid",
)


def run(conn: psycopg.Connection[Any], case: Case) -> str | None:
    """Apply the change, or see it refused and return the reason."""
    if case.refused is None:
        migrate(conn, case.after, case.options)
        assert migrate(conn, case.after).unchanged
        return None
    with pytest.raises(AbloConflictError) as caught:
        migrate(conn, case.after, case.options)
    assert f"  - {case.refused}:" in caught.value.message
    row = conn.execute("select hash from ablo.schema_version where active").fetchone()
    assert row == (FIRST.hash,)
    return "refused: " + "; ".join(p["message"] for p in caught.value.details["problems"])


def check_writers(seen: Watch, case: Case) -> None:
    """Nobody failed, nobody waited for long, and they were at work all along."""
    assert not seen.failures
    assert seen.refused.keys() <= case.told
    assert seen.longest_wait < LONGEST_WAIT
    assert seen.writes > 20


def test_a_table_lock_of_a_second_is_seen(site: DatabaseHandle) -> None:
    """What the watcher is for: it catches a change that holds its lock for too long."""
    with Writers(site).running() as seen, psycopg.connect(site.admin_url) as conn:
        conn.execute("lock table tasks in access exclusive mode")
        conn.execute("select pg_sleep(1.2)")
        conn.rollback()
    assert seen.longest_wait > LONGEST_WAIT


def test_a_change_without_its_delta_is_seen(site: DatabaseHandle) -> None:
    """What the comparison of log and table is for: a backfill that the log does not tell of."""
    with psycopg.connect(site.admin_url, autocommit=True) as conn:
        assert untold(conn, TASKS) == []
        conn.execute("alter table tasks disable trigger zz_ablo_capture")
        conn.execute("update tasks set note = 'x' where id = 'r1'")
        (stray,) = untold(conn, TASKS)
        assert stray[0] == "r1"


def test_a_delta_that_the_stream_lost_is_seen(site: DatabaseHandle) -> None:
    """What the follower is for: it catches a stream with a gap."""
    with psycopg.connect(site.admin_url, autocommit=True) as conn:
        follower = Follower(site, heads(conn))
        with follower.following():
            conn.execute("update tasks set note = 'x' where id in ('r0', 'r3', 'r6')")
            assert follower.missed(conn) == {}
            lost = follower.taken["o0"].pop(0)
            follower.patience = 0.1
            assert follower.missed(conn) == {"o0": [lost]}
