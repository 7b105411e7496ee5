"""What a read costs does not grow with the rows before its page, nor with the log before it."""

from __future__ import annotations

import base64
import datetime as dt
import json
from collections.abc import Iterator
from typing import Any, Final

import psycopg
import pytest

from ablo_pg import Model, define_schema
from ablo_pg.cluster import Server
from ablo_pg.errors import AbloError
from ablo_pg.testing import DatabaseHandle, make_database

from .board import Caller, op
from .plan_reader import rows_read, run


class Note(Model):
    body: str
    created: dt.datetime
    due_at: dt.datetime | None = None


SCHEMA: Final = define_schema(notes=Note)
PARTITIONS: Final = 30
NEWEST: Final = PARTITIONS * 10_000_000
FLOOR: Final = NEWEST - 10_000_000 - 1

# 4,000 notes, one of three without due_at; a delta each in the log's first partition; then a log
# of 30 partitions, in whose newest only one note has a delta.
FILL: Final = f"""
alter table notes disable trigger user;
insert into notes (organization_id, id, body, created, due_at)
select 'acme', 'n' || lpad(n::text, 4, '0'), 'x', timestamptz '2026-01-01Z' + n * interval '1 s',
       case when n % 3 > 0 then timestamptz '2026-01-01Z' + n * interval '1 s' end
  from generate_series(1, 4000) n;
alter table notes enable always trigger zz_ablo_capture;
create index on notes (organization_id, created);
create index on notes (organization_id, due_at);
insert into ablo.delta
  (sync_id, organization_id, model, row_id, op, groups, "row", xid, created_at)
select nextval('ablo.sync_id'), 'acme', 'notes', 'n' || lpad(n::text, 4, '0'), 'U',
       array['org:acme'], '{{}}', pg_current_xact_id(), now()
  from generate_series(1, 4000) n;
do $$ begin
  for v_part in 1 .. {PARTITIONS} loop
    execute format('create table if not exists ablo.%I partition of ablo.delta
      for values from (%s) to (%s)', 'delta_p' || lpad(v_part::text, 6, '0'),
      v_part * 10000000::bigint, (v_part + 1) * 10000000::bigint);
  end loop;
end $$;
select setval('ablo.sync_id', {NEWEST});
insert into ablo.delta
  (sync_id, organization_id, model, row_id, op, groups, "row", xid, created_at)
select nextval('ablo.sync_id'), 'acme', 'notes', 'n0002', 'U', array['org:acme'], '{{}}',
       pg_current_xact_id(), now();
analyze notes"""


@pytest.fixture(scope="module")
def filled(cluster: Server, kernel_template: str) -> Iterator[DatabaseHandle]:
    with make_database(SCHEMA, server=cluster, template=kernel_template) as handle:
        with psycopg.connect(handle.admin_url, autocommit=True) as admin:
            admin.execute(FILL.encode())
        yield handle


@pytest.fixture
def caller(filled: DatabaseHandle) -> Iterator[Caller]:
    with psycopg.connect(filled.database_url, autocommit=True) as conn:
        yield Caller(conn, "acme", "user:u")


MIDDLE: Final = "2026-01-01 00:33:20+00"  # of n2000
# The order, and the values of n2000 in it.
ORDERS: Final = {
    "by id": ([], ["n2000"]),
    "by id, backwards": ([["id", "desc"]], ["n2000"]),
    "by a moment": ([["created", "asc"]], [MIDDLE, "n2000"]),
    "by a moment, newest first": ([["created", "desc"]], [MIDDLE, "n2000"]),
    "by a moment that may be missing": ([["dueAt", "asc"]], [MIDDLE, "n2000"]),
    "by one that may be missing, newest first": ([["dueAt", "desc"]], [MIDDLE, "n2000"]),
    "from the start, newest first": ([["dueAt", "desc"]], None),
}


@pytest.mark.parametrize("name", ORDERS)
def test_a_page_in_the_middle_reads_its_own_rows(filled: DatabaseHandle, name: str) -> None:
    order, values = ORDERS[name]
    query: dict[str, Any] = {"orderBy": order, "limit": 20}
    if values is not None:
        query["after"] = base64.b64encode(json.dumps(values).encode()).decode()
    call = f"select ablo.row_list('acme', 'user:u', 'notes', '{json.dumps(query)}')"
    scans = [scan for scan in run(filled, call) if scan["Relation Name"] == "notes"]
    assert scans
    assert {scan["Node Type"] for scan in scans} == {"Index Scan"}
    assert sum(rows_read(scan) for scan in scans) <= 24


LIST: Final = "select ablo.row_list('acme', 'user:u', 'notes', '{\"limit\": 50}')"
# The call, and how many partitions it may look into: two, and the empty default partition.
CALLS: Final = {
    "log_head": ("select ablo.log_head('acme')", 4),
    "row_get": ("select ablo.row_get('acme', 'user:u', 'notes', 'n0002')", 4),
    "row_get of an old row": ("select ablo.row_get('acme', 'user:u', 'notes', 'n0001')", 4),
    "row_list": (LIST, 4),
    "delta_read of the start": ("select * from ablo.delta_read('acme', 100, 50)", 3),
    "delta_read of the end": (f"select * from ablo.delta_read('acme', {NEWEST - 5}, 50)", 4),
    "delta_tail": ("select * from ablo.delta_tail('acme', null, 1)", 4),
}


@pytest.mark.parametrize("generic", [False, True], ids=["first call", "later call"])
@pytest.mark.parametrize("name", CALLS)
def test_a_read_looks_into_few_partitions(filled: DatabaseHandle, name: str, generic: bool) -> None:
    call, most = CALLS[name]
    scans = run(filled, call, generic=generic)
    read = {s["Relation Name"] for s in scans if s["Relation Name"].startswith("delta_p")}
    assert read
    assert len(read) <= most


def test_a_row_that_is_old_has_the_stamp_of_what_was_looked_at(caller: Caller) -> None:
    stamps = {one["id"]: one["stamp"] for one in caller.list("notes", {"limit": 3})["evidence"]}
    assert stamps == {"n0001": FLOOR, "n0002": NEWEST + 1, "n0003": FLOOR}
    assert {key: caller.get("notes", key)["stamp"] for key in stamps} == stamps


def test_such_a_stamp_is_a_premise(caller: Caller) -> None:
    stamp = caller.get("notes", "n0004")["stamp"]
    assert stamp == FLOOR
    caller.commit(op("update", "notes", "n0004", {"body": "y"}, readAt=stamp))
    with pytest.raises(AbloError, match="has changed since it was read"):
        caller.commit(op("update", "notes", "n0004", {"body": "z"}, readAt=stamp))


def test_a_stamp_is_never_above_the_watermark(filled: DatabaseHandle) -> None:
    """A transaction that is still open may hold any id above that."""
    with psycopg.connect(filled.admin_url, autocommit=True) as admin:
        admin.execute(
            "insert into notes (organization_id, id, body, created)"
            " values ('idle', 'i', 'x', now())"
        )
        admin.execute(
            """delete from ablo.delta where organization_id = 'idle';
               insert into ablo.delta
                 (sync_id, organization_id, model, row_id, op, groups, "row", xid, created_at)
               values (9000, 'idle', 'notes', 'i', 'I', '{}', '{}', pg_current_xact_id(), now())"""
        )
        caller = Caller(admin, "idle", "user:u")
        assert caller.get("notes", "i")["stamp"] == 9000
        assert [one["stamp"] for one in caller.list("notes", {})["evidence"]] == [9000]


def test_a_stamp_is_never_below_what_was_dropped(filled: DatabaseHandle) -> None:
    with psycopg.connect(filled.admin_url, autocommit=True) as admin, admin.transaction() as undone:
        admin.execute("update ablo.log_state set dropped_through = %s", (FLOOR + 5,))
        assert Caller(admin, "acme", "user:u").get("notes", "n0001")["stamp"] == FLOOR + 5
        raise psycopg.Rollback(undone)
