"""What calls cost as a database grows: each curve over its range, and by how much it grew.

python -m bench.growth [--rows 200000] [--partitions 128] [--models 128] [--calls 20]

CPU of the backend (of this process, for migrate), from /proc: the clock of a busy machine says
little. Buffers from EXPLAIN, which are the same in each run. A curve should grow at most twofold
over its range. `--rows 20000 --partitions 32 --models 32` runs in a minute, `--rows 5000000` in
half an hour.
"""

from __future__ import annotations

import argparse
import base64
import datetime as dt
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import psycopg

from ablo_pg import Model, define_schema
from ablo_pg.cluster import Cluster, ClusterSettings
from ablo_pg.compile.migration import NO_OPTIONS
from ablo_pg.kernel.migrate import plan
from ablo_pg.schema import parse_schema_json
from ablo_pg.testing import DatabaseHandle, apply_schema, make_database

from .compile import pushed
from .figures import figure


class Note(Model):
    body: str
    made: dt.datetime


SCHEMA: Final = define_schema(notes=Note)
STEPS: Final = (16, 4, 1)  # the parts of the full size that are measured
ORGANIZATIONS: Final = 100
DELTA: Final = """
insert into ablo.delta
  (sync_id, organization_id, model, row_id, op, groups, "row", changed, actor, xid, created_at)
select nextval('ablo.sync_id'), {org}, 'notes', {row}, 'U', array['org:o1'], '{{"body": "x"}}',
       array['made'], 'user:u', pg_current_xact_id(), now()
  from generate_series({first}, {last}) n"""
NOTES: Final = """
alter table notes disable trigger user;
insert into notes (organization_id, id, body, made)
select 'o1', 'n' || lpad(n::text, 9, '0'), 'x', timestamptz '2026-01-01Z' + n * interval '1 s'
  from generate_series({first}, {last}) n;
alter table notes enable always trigger zz_ablo_capture"""
RECEIPTS: Final = """
insert into ablo.receipt
  (organization_id, participant, key, request_hash, response, sync_id, created_at)
select 'o' || n % 100, 'user:u', 'k' || n, 0, '{{}}', n, now() - n * interval '1 ms'
  from generate_series({first}, {last}) n"""
HOT: Final = """
select ablo.commit('o1', 'user:me', gen_random_uuid()::text, '{"operations": [
    {"action": "update", "model": "notes", "id": "n000000002", "data": {"body": "y"}}],
  "reads": [{"model": "notes", "id": "hot", "readAt": %s, "fields": ["body"]}]}')"""

Point = tuple[int, float, int]  # size, us of CPU, buffers
Curves = dict[str, list[Point]]


def main() -> None:
    """Fill, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--partitions", type=int, default=128)
    parser.add_argument("--models", type=int, default=128)
    parser.add_argument("--calls", type=int, default=20)
    options = parser.parse_args()
    curves: Curves = {}
    settings = ClusterSettings(durable=False, extra={"max_locks_per_transaction": "1024"})
    with Cluster(settings=settings, prefer="system") as server:
        with make_database(SCHEMA, server=server) as handle, opened(handle) as conn:
            grow_rows(conn, curves, options.rows, options.calls)
            grow_log(conn, curves, options.partitions, options.calls)
        for models in (options.models // part for part in STEPS):
            with make_database(server=server) as handle:
                grow_models(handle, curves, models)
    for name, points in curves.items():
        report(name, points)


@contextmanager
def opened(handle: DatabaseHandle) -> Iterator[psycopg.Connection[Any]]:
    """Connect as the superuser."""
    with psycopg.connect(handle.admin_url, autocommit=True) as conn:
        conn.execute("create index on notes (organization_id, made)")
        yield conn


def grow_rows(conn: psycopg.Connection[Any], curves: Curves, rows: int, calls: int) -> None:
    """Rows, deltas of many organizations and of one hot row, receipts: up to `rows` of each."""
    start = head(conn)
    first = 1
    for last in (rows // part for part in STEPS):
        span = {"first": first, "last": last}
        conn.execute(NOTES.format(**span).encode())
        conn.execute(RECEIPTS.format(**span).encode())
        org = f"'o' || n % {ORGANIZATIONS}"
        conn.execute(DELTA.format(org=org, row="'n' || n", **span).encode())
        before = head(conn)
        conn.execute(DELTA.format(org="'o1'", row="'hot'", **span).encode())
        conn.execute("analyze notes; analyze ablo.receipt; analyze ablo.delta")
        middle = last // 2
        moment = str(dt.datetime(2026, 1, 1, tzinfo=dt.UTC) + dt.timedelta(seconds=middle))
        row = f"n{middle:09}"
        measured = {
            "a page in the middle, by id": page([], [row]),
            "a page in the middle, by an indexed moment": page([["made", "desc"]], [moment, row]),
            "a page of missed deltas, early": f"select ablo.delta_read('o7', {start}, 10)",
            "a receipt sweep that finds nothing": "select ablo.receipt_sweep('24 hours')",
            "a premise on fields of a hot row": HOT % max(before, head(conn) - 9_900),
        }
        for name, call in measured.items():
            curves.setdefault(name, []).append(measure(conn, last, call, calls))
        first = last + 1


def grow_log(conn: psycopg.Connection[Any], curves: Curves, most: int, calls: int) -> None:
    """Partitions of the log; the rows that are read changed in the newest one, and long ago."""
    made = 2
    for count in (most // part for part in STEPS):
        for part in range(made, count + 1):
            conn.execute(
                f"create table if not exists ablo.delta_p{part:06} partition of ablo.delta"
                f" for values from ({part * 10**7}) to ({(part + 1) * 10**7})".encode()
            )
        made = count + 1
        conn.execute("select setval('ablo.sync_id', %s)", (count * 10**7,))
        span = {"first": 1, "last": 50}
        conn.execute(DELTA.format(org="'o1'", row="'n' || lpad(n::text, 9, '0')", **span).encode())
        measured = {
            "a list of 100": "select ablo.row_list('o1', 'user:u', 'notes', '{}')",
            "a row": "select ablo.row_get('o1', 'user:u', 'notes', 'n000000001')",
            "an older row": "select ablo.row_get('o1', 'user:u', 'notes', 'n000000999')",
            "the end of the log": "select ablo.log_head('o1')",
            "the end of a log that rests": "select ablo.log_head('o7')",
            "a page of missed deltas": "select ablo.delta_read('o7', 1000, 100)",
            "a row's history": "select ablo.row_history('o1', 'user:u', 'notes', 'n000000001')",
        }
        for name, call in measured.items():
            name = f"{name}, by partitions"
            curves.setdefault(name, []).append(measure(conn, count, call, calls))


def grow_models(handle: DatabaseHandle, curves: Curves, models: int) -> None:
    """A migration that has nothing to do."""
    spec = parse_schema_json(pushed(models, 8))
    apply_schema(handle.admin_url, spec)
    with psycopg.connect(handle.admin_url, autocommit=True) as conn:
        begin = time.process_time()
        plan(conn, spec, NO_OPTIONS)
        used = (time.process_time() - begin) * 1e6
    curves.setdefault("planning a migration without a change, by models", []).append(
        (models, used, 0)
    )


def page(order: list[list[str]], after: list[str]) -> str:
    """Return the call that lists the rows after these values."""
    cursor = base64.b64encode(json.dumps(after).encode()).decode()
    query = json.dumps({"limit": 50, "orderBy": order, "after": cursor})
    return f"select ablo.row_list('o1', 'user:u', 'notes', '{query}')"


def head(conn: psycopg.Connection[Any]) -> int:
    """Return the last sync id."""
    row = conn.execute("select last_value from ablo.sync_id").fetchone()
    assert row is not None
    return int(row[0])


def measure(conn: psycopg.Connection[Any], size: int, call: str, calls: int) -> Point:
    """Return what a call costs a session that has made it before."""
    cpu = Path(f"/proc/{conn.info.backend_pid}/schedstat")
    for _ in range(7):  # from the sixth on Postgres may use a generic plan
        conn.execute(call.encode(), prepare=False)
    begin = int(cpu.read_text().split()[0])
    for _ in range(calls):
        conn.execute(call.encode(), prepare=False)
    used = (int(cpu.read_text().split()[0]) - begin) / calls / 1000
    explain = f"explain (analyze, buffers, timing off, format json) {call}"
    row = conn.execute(explain.encode()).fetchone()
    assert row is not None
    top = row[0][0]["Plan"]
    return size, used, int(top["Shared Hit Blocks"]) + int(top["Shared Read Blocks"])


def report(name: str, points: list[Point]) -> None:
    """Print a curve: its last value, and by how much it grew while its size did."""
    (small, least, few), (large, most, many) = points[0], points[-1]
    figure(
        name,
        most,
        "us of CPU",
        ratio=most / least,
        yardstick=f"at {small:,} instead of {large:,}",
        buffers=many,
        buffers_ratio=many / few if few else None,
        curve=[f"{size:,}: {used:.0f} us, {pages} buffers" for size, used, pages in points],
    )


if __name__ == "__main__":
    main()
