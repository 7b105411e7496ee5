"""Hot routines read by index: the plans of the statements that they really ran, on a long log.

auto_explain reports the nested statements of a call with the rows they touched, so no statement is
repeated here that could drift from its routine. A log in which few rows make up most is the hard
one: there the planner likes to walk an organization's history by primary key.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, LiteralString

import psycopg
import pytest

from ablo_pg import Model, belongs_to, define_schema
from ablo_pg.cluster import Server
from ablo_pg.db.audit import DELTAS, ORGANIZATIONS
from ablo_pg.testing import DatabaseHandle, make_database

from .plan_reader import nodes, pages_read, plans, rows_read, run


class Project(Model):
    name: str


class Task(Model):
    title: str
    project_id: str | None = None
    project = belongs_to("projects", parent=True, fk=True)


class Note(Model):
    body: str
    task_id: str | None = None
    task = belongs_to("tasks", parent=True, fk=True)


SCHEMA: Final = define_schema(projects=Project, tasks=Task, notes=Note)

# 5,000 notes of two organizations without their deltas; then the log's 50,000, over %s rows.
# What is never analyzed, autovacuum must not analyze meanwhile.
NOTES: Final = """
alter table notes set (autovacuum_enabled = off);
alter table ablo.delta_p000000 set (autovacuum_enabled = off);
alter table notes disable trigger user;
insert into notes (organization_id, id, body)
select case n %% 2 when 0 then 'acme' else 'globex' end, 'n' || n, 'x'
  from generate_series(1, 5000) n;
alter table notes enable always trigger zz_ablo_capture;
insert into ablo.delta
  (sync_id, organization_id, model, row_id, op, groups, "row", xid, created_at)
select nextval('ablo.sync_id'), case n %% 2 when 0 then 'acme' else 'globex' end, 'notes',
       'n' || n %% %s, 'U', array['org:acme'], '{}', pg_current_xact_id(), now()
  from generate_series(1, 50000) n;
insert into ablo.receipt
  (organization_id, participant, key, request_hash, response, sync_id, created_at)
select 'acme', 'user:u', 'k' || n, 0, '{}', -n, now() - n * interval '1 second'
  from generate_series(1, 5000) n"""
SHAPES: Final = {"spread": 5000, "two rows": 4}

COMMIT: Final[LiteralString] = """
select ablo.commit('acme', 'user:u', 'new', '{"operations": [
    {"action": "update", "model": "notes", "id": "n4000", "data": {"body": "y"}, "readAt": 50000}],
  "reads": [{"model": "notes", "id": "n3998", "readAt": 50000, "fields": ["body"]},
    {"model": "notes", "id": "nowhere", "absent": true},
    {"group": "notes:n2", "readAt": 49980}]}')"""
HOT: Final[LiteralString] = """
select ablo.commit('acme', 'user:u', 'new', '{"operations": [
    {"action": "update", "model": "notes", "id": "n2", "data": {"body": "y"}, "readAt": 50000}],
  "reads": [{"model": "notes", "id": "n2", "readAt": 50000, "fields": ["body"]}]}')"""
# The call, and how many rows it may read of the log. Half of the ids are the other organization's.
CALLS: Final[dict[str, tuple[LiteralString, int]]] = {
    "log_head": ("select ablo.log_head('acme')", 1),
    "delta_read": ("select * from ablo.delta_read('acme', 20000, 50)", 50),
    "delta_tail": ("select * from ablo.delta_tail('acme', 40000, 50)", 50),
    "row_get": ("select ablo.row_get('acme', 'user:u', 'notes', 'n2')", 2),
    "row_get of a rare row": ("select ablo.row_get('acme', 'user:u', 'notes', 'n3998')", 2),
    "row_list": ("select ablo.row_list('acme', 'user:u', 'notes', '{\"limit\": 20}')", 45),
    "row_at": ("select ablo.row_at('acme', 'user:u', 'notes', 'n2', 30000)", 3),
    "row_at of a rare row": ("select ablo.row_at('acme', 'user:u', 'notes', 'n3998', 49999)", 4),
    "row_at of a row that did not change": (
        # Neither probe may walk the log.
        "select ablo.row_at('acme', 'user:u', 'notes', 'n4990', 49999)",
        4,
    ),
    "row_history": ("select ablo.row_history('acme', 'user:u', 'notes', 'n2', 20, 40000)", 25),
    "row_history of a rare row": (
        "select ablo.row_history('acme', 'user:u', 'notes', 'n3998')",
        15,
    ),
    "audit: deltas": (DELTAS % ("'acme'", 20000, 9000000, 50), 50),
    "audit: organizations": (ORGANIZATIONS % ("''", 100), 4),
    "snapshot_read": (
        """select ablo.snapshot_read('acme', 'user:u',
             '[{"model": "notes", "id": "n2"}, {"model": "notes", "id": "n3998"}]')""",
        5,
    ),
    "commit with premises": (COMMIT, 20),
    "commit with premises on a hot row": (HOT, 20),
    "capture of a delete": (
        "delete from notes where organization_id = 'acme' and id = 'n3998';"
        "set constraints all immediate",
        2,
    ),
}


@pytest.fixture(
    scope="module",
    params=[(shape, fresh) for shape in SHAPES for fresh in (True, False)],
    ids=lambda param: f"{param[0]}, {'analyzed' if param[1] else 'never analyzed'}",
)
def filled(
    request: pytest.FixtureRequest, cluster: Server, kernel_template: str
) -> Iterator[DatabaseHandle]:
    shape, analyzed = request.param
    with make_database(SCHEMA, server=cluster, template=kernel_template) as handle:
        with psycopg.connect(handle.admin_url, autocommit=True) as admin:
            admin.execute((NOTES % SHAPES[shape]).encode())
            if analyzed:
                admin.execute("analyze")
        yield handle


@pytest.mark.parametrize("generic", [False, True], ids=["first call", "later call"])
@pytest.mark.parametrize("name", CALLS)
def test_the_log_is_read_by_index(filled: DatabaseHandle, name: str, generic: bool) -> None:
    call, most = CALLS[name]
    found = run(filled, call, generic=generic)
    scans = [scan for scan in found if scan["Relation Name"] == "delta_p000000"]
    assert scans, "the call reads the log"
    assert {scan["Node Type"] for scan in scans} <= {"Index Scan", "Index Only Scan"}
    assert sum(rows_read(scan) for scan in scans) <= most
    probes = sum(int(scan["Actual Loops"]) for scan in scans)
    assert sum(pages_read(scan) for scan in scans) <= most + 5 * probes


@pytest.mark.parametrize("name", ["row_get", "commit with premises", "capture of a delete"])
def test_rows_and_receipts_are_found_by_key(filled: DatabaseHandle, name: str) -> None:
    scans = [s for s in run(filled, CALLS[name][0]) if s["Relation Name"] in ("notes", "receipt")]
    assert {scan["Relation Name"] for scan in scans} >= {"notes"}
    assert {scan.get("Index Name") for scan in scans} <= {"notes_pkey", "receipt_pkey"}
    assert all(rows_read(scan) <= 1 for scan in scans)


@pytest.mark.parametrize(
    ("call", "most"),
    [
        ("select ablo.receipt_sweep('24 hours')", 0),
        ("select ablo.receipt_sweep('80 minutes', 100)", 200),
        ("select ablo.commit_list('acme', 'user:u', '{}')", 100),
    ],
    ids=["nothing to sweep", "some to sweep", "a page of commits"],
)
def test_receipts_are_found_by_time(filled: DatabaseHandle, call: LiteralString, most: int) -> None:
    """A sweep that finds nothing reads nothing, however many receipts are kept."""
    with psycopg.connect(filled.admin_url, autocommit=True) as admin:
        admin.execute("analyze ablo.receipt")
    for generic in (False, True):
        found = run(filled, call, generic=generic)
        scans = [s for s in found if s["Relation Name"] == "receipt"]
        assert scans
        assert sum(rows_read(scan) for scan in scans) <= most


def test_a_list_builds_the_json_of_its_page_only(filled: DatabaseHandle) -> None:
    """No index has this order: all the notes are sorted, and 20 of them become JSON."""
    call: LiteralString = """select ablo.row_list('acme', 'user:u', 'notes',
        '{"orderBy": [["body", "desc"]], "limit": 20}')"""
    (plan,) = [
        made
        for made in plans(filled, call)
        if any(node.get("Relation Name") == "notes" for node in nodes(made))
    ]
    chain = []
    while plan["Node Type"] != "Sort":
        chain.append((plan["Node Type"], plan["Actual Rows"]))
        plan = plan["Plans"][-1]  # before it, what row-level security asks once
    assert chain == [("Limit", 21), ("Result", 21)]
    assert plan["Plans"][0]["Actual Rows"] == 2500
