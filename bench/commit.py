"""How fast commits land: guarded, idempotent and captured, against the bare UPDATE they protect.

Yardstick in the same run: pgbench doing `update ... where primary key` over 16 clients, on a table
without triggers. The rounds of all figures take turns, so that a noisy machine disturbs all alike.

    python -m bench.commit [--seconds 6] [--rounds 3] [--postgres system|embedded]

- 16 organizations: one client each, one statement a commit, every commit guarded by readAt
- batch: ablo.commit_batch for ONE organization from pgbench on one connection, 50 commits a call
- python: 64 concurrent callers of one AsyncAblo, one organization
"""

from __future__ import annotations

import argparse
import asyncio
import re
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psycopg

from ablo_pg import AsyncAblo
from ablo_pg.cluster import Cluster, ClusterSettings
from ablo_pg.testing import DatabaseHandle, make_database
from examples.tasks import schema

from .figures import figure, rates

ROWS = 1000
CLIENTS = 16
CALLERS = 64
YARDSTICK = "pgbench bare UPDATE, 16 clients"

SETUP = f"""
select set_config('app.current_org_id', '', false);
insert into tasks (organization_id, id, title, status)
select 'org' || o, 'r' || i, 'x', 'todo'
  from generate_series(0, 15) o, generate_series(1, {ROWS}) i;
create table bare (organization_id text, id text, title text, updated_at timestamptz,
                   primary key (organization_id, id));
insert into bare select organization_id, id, title, updated_at from tasks;
grant select, update on bare to public;
"""

BARE = f"""
\\set o random(0, 15)
\\set i random(1, {ROWS})
update bare set title = 'y' || :i::int, updated_at = clock_timestamp()
 where organization_id = 'org' || :o::int and id = 'r' || :i::int;
"""

REQUEST = (
    '{"operations": [{"action": "update", "model": "tasks", "id": "r%s", "readAt": %s,'
    ' "data": {"title": "y%s"}}]}'
)
# pgbench takes any :name for a variable, in literals too; hence chr(58).
SINGLE = f"""
\\set o :client_id % 16
\\set i random(1, {ROWS})
\\set k random(1, 9000000000000000)
select ablo.commit('org' || :o::int, 'agent' || chr(58) || 'bench', 'k' || :k::bigint, format(
  '{REQUEST}',
  :i::int, :stamp::bigint, :i::int)::jsonb) ->> 'lastSyncId' as stamp \\gset
"""

BATCH = f"""
\\set i random(1, {ROWS})
select max((receipt ->> 'lastSyncId')::bigint) as stamp, 1 / (count(receipt) / 50) as all_applied
  from ablo.commit_batch('org1', (select jsonb_agg(jsonb_build_object(
    'participant', 'agent' || chr(58) || 'bench', 'key', gen_random_uuid(), 'request', format(
    '{REQUEST}',
    1 + (:i::int + n) % {ROWS}, :stamp::bigint, n)::jsonb)) from generate_series(1, 50) n)) \\gset
"""


def pgbench(
    bin_folder: Path, url: str, script: str, clients: int, seconds: float, stamp: int
) -> float:
    """Run a script; return its transactions a second. Raises when any transaction failed."""
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(script)
        file.flush()
        command = [str(bin_folder / "pgbench"), "-n", "-M", "prepared", "-f", file.name]
        command += [
            "-c",
            str(clients),
            "-j",
            "2",
            "-T",
            str(round(seconds)),
            "-D",
            f"stamp={stamp}",
        ]
        done = subprocess.run([*command, url], capture_output=True, text=True, check=False)
    found = re.search(r"tps = ([\d.]+)", done.stdout)
    if done.returncode or found is None or "aborted" in done.stderr:
        raise SystemExit(f"pgbench failed:\n{done.stderr[-2000:]}")
    return float(found[1])


async def python_callers(db: DatabaseHandle, seconds: float) -> float:
    """Let 64 callers commit at once; return commits a second."""
    done = 0

    async with AsyncAblo(
        schema=schema, database_url=db.database_url, organization="org1", participant="agent:bench"
    ) as ablo:

        async def caller(number: int, end: float) -> None:
            nonlocal done
            row = f"r{number + 1}"
            stamp: int | None = (await ablo.snapshot(tasks=row)).stamp
            while time.monotonic() < end:
                operation = {"action": "update", "model": "tasks", "id": row, "read_at": stamp}
                receipt = await ablo.commits.create([operation | {"data": {"title": f"z{done}"}}])
                stamp = receipt.last_sync_id
                done += 1

        begin = time.monotonic()
        async with asyncio.TaskGroup() as callers:
            for number in range(CALLERS):
                callers.create_task(caller(number, begin + seconds))
        return done / (time.monotonic() - begin)


def head(db: DatabaseHandle) -> int:
    """Return the highest sync id there is: nothing has been read later than this."""
    with psycopg.connect(db.admin_url) as conn:
        row = conn.execute("select last_value from ablo.sync_id").fetchone()
        assert row is not None
        return int(row[0])


def main() -> None:
    """Take turns, then print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--postgres", choices=["system", "embedded"], default="system")
    options = parser.parse_args()
    settings = ClusterSettings(extra={"shared_buffers": "512MB", "max_wal_size": "8GB"})
    with (
        Cluster(settings=settings, prefer=options.postgres) as cluster,
        make_database(schema, server=cluster) as db,
    ):
        with psycopg.connect(db.admin_url, autocommit=True) as conn:
            conn.execute(SETUP.encode())
            conn.execute("vacuum analyze tasks")
            conn.execute("vacuum analyze bare")
        run(db, cluster.binaries.bin, options.seconds, options.rounds)


def run(db: DatabaseHandle, bin_folder: Path, seconds: float, rounds: int) -> None:
    """Measure and print."""

    def bench(script: str, clients: int) -> float:
        return pgbench(bin_folder, db.database_url, script, clients, seconds, head(db))

    kinds: dict[str, Callable[[], float]] = {
        "bare": lambda: bench(BARE, CLIENTS),
        "single": lambda: bench(SINGLE, CLIENTS),
        "batch": lambda: bench(BATCH, 1) * 50,
        "python": lambda: asyncio.run(python_callers(db, seconds)),
    }
    samples: dict[str, list[float]] = {kind: [] for kind in kinds}
    for _ in range(rounds):
        for kind, measure in kinds.items():
            samples[kind].append(measure())
    bare = statistics.median(samples["bare"])
    figure("bare UPDATE, 16 clients", bare, "tx/s", **rates(samples["bare"]))
    for kind, name, limit in (
        ("single", "commit, 16 organizations, one statement each", "CPU of the backends"),
        ("batch", "commit_batch, 1 organization, 1 connection", "CPU of the one backend"),
        ("python", "AsyncAblo, 1 organization, 64 callers", "CPU of the one backend"),
    ):
        value = statistics.median(samples[kind])
        figure(
            name,
            value,
            "commits/s",
            ratio=value / bare,
            yardstick=YARDSTICK,
            limit=limit,
            **rates(samples[kind]),
        )


if __name__ == "__main__":
    main()
