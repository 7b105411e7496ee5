"""A list that a permission limits reads by index, no more than under the same policy by hand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal, LiteralString

import psycopg
import pytest

from ablo_pg import Model, allow, define_schema, field
from ablo_pg.cluster import Server
from ablo_pg.testing import DatabaseHandle, make_database

from .plan_reader import is_scan, nodes, pages_read, plans, rows_read, run


class Task(Model):
    owner_id: str = field(indexed=True)
    status: Literal["draft", "public"] = field(indexed=True)
    permissions = allow(read="owner_id = actor.user_id or status = 'public'")


SCHEMA: Final = define_schema(tasks=Task)
ROWS: Final = """
alter table tasks disable trigger user;
insert into tasks (organization_id, id, owner_id, status)
select 'acme', 't' || n, 'u' || n %% 4000, case n %% 5000 when 0 then 'public' else 'draft' end
  from generate_series(1, 40000) n;
alter table tasks enable always trigger zz_ablo_capture;
alter table tasks enable always trigger zz_ablo_guard;
analyze tasks"""
SEEN: Final = 18  # ten of u1, eight that are public
LIST: Final[LiteralString] = """
select ablo.row_list('acme', 'user:u1', 'tasks', '{"limit": 100}')"""
PLAIN: Final[LiteralString] = """
do $$
begin
  set local role ablo_runtime;
  perform set_config('app.current_org_id', 'acme', true);
  perform set_config('app.current_participant_id', 'user:u1', true);
  perform id from tasks;
end
$$"""
BY_HAND: Final[LiteralString] = """
drop policy tasks_readers on tasks;
create policy tasks_readers on tasks as restrictive for select to ablo_runtime using (
  organization_id = (select current_setting('app.current_org_id')) and (
    owner_id = (select split_part(current_setting('app.current_participant_id'), ':', 2))
    or status = 'public'))"""


@pytest.fixture(scope="module")
def rows(cluster: Server) -> Iterator[DatabaseHandle]:
    with make_database(SCHEMA, server=cluster) as handle:
        with psycopg.connect(handle.admin_url, autocommit=True) as conn:
            conn.execute(ROWS.replace("%%", "%"))
        yield handle


def read_of_tasks(handle: DatabaseHandle, call: LiteralString) -> tuple[int, int, set[str]]:
    """Return the rows and the pages that a call has read of the table, and how."""
    scans = [one for one in run(handle, call) if one["Relation Name"] == "tasks"]
    assert scans
    kinds = {one["Node Type"] for one in scans}
    return sum(map(rows_read, scans)), sum(map(pages_read, scans)), kinds


def test_a_list_reads_the_rows_that_it_shows(rows: DatabaseHandle) -> None:
    read, _, kinds = read_of_tasks(rows, LIST)
    assert "Seq Scan" not in kinds
    assert read <= SEEN


def test_plain_sql_reads_them_by_index_as_under_a_policy_by_hand(rows: DatabaseHandle) -> None:
    read, pages, kinds = read_of_tasks(rows, PLAIN)
    assert "Seq Scan" not in kinds
    assert read <= SEEN
    with psycopg.connect(rows.admin_url, autocommit=True) as conn:
        (kept,) = conn.execute(POLICY).fetchone() or ("",)
        conn.execute(BY_HAND)
        try:
            by_hand = read_of_tasks(rows, PLAIN)
        finally:
            conn.execute("drop policy tasks_readers on tasks")
            conn.execute(kept)
    assert (read, kinds) == (by_hand[0], by_hand[2])
    assert pages <= by_hand[1] * 1.1


POLICY: Final = """
select format('create policy tasks_readers on tasks as restrictive for all to ablo_runtime'
              ' using (%s) with check (true)', pg_get_expr(p.polqual, p.polrelid))
  from pg_policy p where p.polname = 'tasks_readers'"""


def test_who_acts_is_read_once_a_statement(rows: DatabaseHandle) -> None:
    """Settings are in subselects without the row, so the planner makes them init plans."""
    (plan,) = [one for one in plans(rows, PLAIN) if any(map(is_scan, nodes(one)))]
    initial = [one for one in nodes(plan) if one.get("Parent Relationship") == "InitPlan"]
    assert len(initial) == 2  # the organization and the actor
    assert {one["Actual Loops"] for one in initial} == {1}
