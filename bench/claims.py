"""What claims cost, and how soon the next in line runs.

    python -m bench.claims [--seconds 5] [--grants 400] [--postgres system|embedded]

- acquire + release of a row that nobody wants, 1 and 8 clients of pgbench, against the round trips
  that it cannot do without: INSERT then DELETE of one row, in the same run, taking turns; and the
  CPU that the backend takes for both, from /proc, call by call in turn
- guard: commits with readAt on rows that nobody claims, against the same kernel without the look
  for claims, taking turns, one client of pgbench
- grant latency: from the call of release to the moment the next holder's `claim` has returned with
  the row, 1 waiter on 1 row and 500 waiters on 100 rows, released at an even pace; against what it
  cannot do without, in psycopg loops: a commit that notifies, the notification, a read of the row.
  Waiters are clients of the library that share a pool. `backend_us`: the CPU of all backends, from
  /proc; that of a hand-over includes the acquire of the next one in line
"""

from __future__ import annotations

import argparse
import re
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import psycopg

from ablo_pg.client.claims.claims import ModelClaims
from ablo_pg.client.claims.handle import Claim
from ablo_pg.client.direct.transport import DirectTransport
from ablo_pg.client.gate import SchemaGate
from ablo_pg.client.live.background import Background
from ablo_pg.client.live.stream import StreamSource
from ablo_pg.client.registry import Registry
from ablo_pg.client.session import Session
from ablo_pg.cluster import Cluster, ClusterSettings
from ablo_pg.db.pool import Database, PoolOptions
from ablo_pg.testing import DatabaseHandle, make_database
from examples.tasks import schema

from .figures import figure, percentile, rates

ROWS = 1000
PAIR = "pgbench INSERT then DELETE of one row"
NOTIFY = "commit with NOTIFY, then row_get, in psycopg loops"

SETUP = f"""
select set_config('app.current_org_id', '', false);
insert into tasks (organization_id, id, title, status)
select 'acme', 'r' || i, 'x', 'todo' from generate_series(1, {ROWS}) i;
create table bench_row (n int);
insert into bench_row values (0);
grant select, update on bench_row to public;
create table pair (organization_id text, id text, holder text, expires_at timestamptz,
                   primary key (organization_id, id));
grant select, insert, delete on pair to public;
"""
SCRIPTS = {
    PAIR: f"""
\\set i random(1, {ROWS})
insert into pair values ('acme', 'r' || :i || '-' || :client_id, 'a', now() + interval '1 minute');
delete from pair where organization_id = 'acme' and id = 'r' || :i || '-' || :client_id;
""",
    "acquire and release": f"""
\\set i random(1, {ROWS})
\\set n random(1, 1000000000000000)
select ablo.claim_acquire('acme', 'agent:a' || :client_id, 'tasks', 'r' || (:i * 8 + :client_id),
  json_build_object('claimId', 'c' || :n)::jsonb);
select ablo.claim_release('acme', 'agent:a' || :client_id, 'c' || :n);
""",
}


CALLS = {
    "insert": "insert into pair values ('acme', %(row)s, 'a', now() + interval '1 minute')",
    "delete": "delete from pair where organization_id = 'acme' and id = %(row)s",
    "acquire": "select ablo.claim_acquire('acme', 'agent:cpu', 'tasks', %(row)s, %(request)s)",
    "release": "select ablo.claim_release('acme', 'agent:cpu', %(claim)s)",
}
WARM = 50  # calls of each that are not measured


def cpu_of(pid: int) -> float:
    """Return the microseconds of CPU that a process has taken so far."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1000


def backends(db: DatabaseHandle) -> dict[int, float]:
    """Return the CPU of each of the database's backends so far, in microseconds."""
    query = "select pid from pg_stat_activity where datname = %s and pid <> pg_backend_pid()"
    with psycopg.connect(db.admin_url, autocommit=True) as admin:
        return {pid: cpu_of(pid) for (pid,) in admin.execute(query, [db.name])}


def spent(before: dict[int, float], after: dict[int, float]) -> float:
    """Return the microseconds between two looks at the backends, of those that are in both."""
    return sum(after[pid] - before[pid] for pid in before.keys() & after.keys())


def backend_cost(db: DatabaseHandle, options: argparse.Namespace) -> None:
    """Measure the backend's CPU of each call, all in turn on one connection."""
    found: dict[str, list[float]] = {name: [] for name in CALLS}
    with psycopg.connect(db.database_url, autocommit=True, prepare_threshold=0) as conn:
        pid = conn.info.backend_pid
        for turn in range(options.grants + WARM):
            given = {
                "row": f"r{turn % ROWS + 1}",
                "claim": f"cpu{turn}",
                "request": f'{{"claimId": "cpu{turn}"}}',
            }
            for name, call in CALLS.items():
                before = cpu_of(pid)
                conn.execute(call.encode(), given)
                found[name].append(cpu_of(pid) - before)
    each = {name: statistics.median(samples[WARM:]) for name, samples in found.items()}
    bare, pair = each["insert"] + each["delete"], each["acquire"] + each["release"]
    figure(
        "claims, backend CPU of acquire and release",
        pair,
        "us",
        ratio=bare / pair,
        yardstick=f"INSERT then DELETE of one row: {bare:.0f} us",
        samples=options.grants,
        **each,
    )


def pairs_a_second(url: str, script: str, clients: int, seconds: float) -> float:
    """Run a script with pgbench; return how often a second it ran."""
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(script)
        file.flush()
        command = ["pgbench", "-n", "-f", file.name, "-c", str(clients), "-j", str(min(clients, 2))]
        done = subprocess.run(
            [*command, "-T", str(round(seconds)), url],
            capture_output=True,
            text=True,
            check=False,
        )
    match = re.search(r"tps = ([\d.]+)", done.stdout)
    if done.returncode or match is None:
        raise RuntimeError(done.stdout + done.stderr)
    return float(match[1])


def uncontended(db: DatabaseHandle, options: argparse.Namespace) -> None:
    """Measure both scripts in turn, with 1 and with 8 clients."""
    for clients in (1, 8):
        found: dict[str, list[float]] = {name: [] for name in SCRIPTS}
        for _ in range(options.rounds):
            for name, script in SCRIPTS.items():
                found[name].append(
                    pairs_a_second(db.database_url, script, clients, options.seconds)
                )
        yardstick = statistics.median(found[PAIR])
        for name, samples in found.items():
            value = statistics.median(samples)
            figure(
                f"claims, {clients} clients: {name}",
                value,
                "1/s",
                ratio=value / yardstick,
                yardstick=PAIR,
                **rates(samples),
            )


COMMIT = f"""
\\set i random(1, {ROWS})
\\set n random(1, 1000000000000000)
select ablo.commit('acme', 'agent:a', 'k' || :n, json_build_object('operations', json_build_array(
  json_build_object('action', 'update', 'model', 'tasks', 'id', 'r' || :i, 'readAt',
    ablo.log_head('acme'), 'data', json_build_object('title', 'y' || :n))))::jsonb);
"""
PROBE = r"select true into v_claimed from ablo\.claim .*?limit 1;"


def guard_cost(db: DatabaseHandle, unguarded: DatabaseHandle, options: argparse.Namespace) -> None:
    """Measure commits with and without the look for claims, in turn."""
    with psycopg.connect(unguarded.admin_url, autocommit=True) as admin:
        query = "select pg_get_functiondef('ablo.commit_apply'::regproc)"
        (definition,) = admin.execute(query).fetchone() or ("",)
        without, found = re.subn(PROBE, "v_claimed := false;", definition, flags=re.DOTALL)
        if found != 1:
            raise RuntimeError("commit_apply does not look for claims as it used to")
        admin.execute(without.encode())
    samples: dict[str, list[float]] = {"unguarded": [], "guarded": []}
    for _ in range(options.rounds * 2):
        for name, handle in (("unguarded", unguarded), ("guarded", db)):
            samples[name].append(pairs_a_second(handle.database_url, COMMIT, 1, options.seconds))
    yardstick, value = (statistics.median(samples[name]) for name in ("unguarded", "guarded"))
    figure(
        "claims, commits on rows that nobody claims",
        value,
        "commits/s",
        ratio=value / yardstick,
        yardstick="the same kernel without the look for claims",
        **rates(samples["guarded"]),
    )


class Stage:
    """Agents of the library on one pool, each in line for one row, and what their grants took."""

    def __init__(
        self,
        database: Database,
        rows: int,
        waiters: int,
        backends: Callable[[], dict[int, float]],
    ) -> None:
        self.background = Background()
        self.backends = backends
        self.backend_us = 0.0  # of one turn
        self.rows = rows
        self.held: dict[int, tuple[int, Claim[Any]]] = {}
        self.released_at: dict[int, float] = {}
        self.took: list[float] = []
        self.granted = anyio.Event()
        registry = Registry(schema)
        self.agents = [
            ModelClaims[Any](
                Session(
                    registry,
                    DirectTransport(
                        database,
                        "acme",
                        f"agent:w{rows}-{number}",
                        StreamSource(database, None, self.background),
                    ),
                    30.0,
                    self.background,
                    SchemaGate(schema.spec),
                ),
                registry.entry("tasks"),
            )
            for number in range(rows + waiters)
        ]

    async def stand_in_line(self, number: int) -> None:
        """Wait for the agent's row, note how long after its release that was, and keep it."""
        row = number % self.rows
        claim = await self.agents[number](f"r{row + 1}", ttl="1h")
        now = time.perf_counter()
        if row in self.released_at:
            self.took.append((now - self.released_at.pop(row)) * 1000)
        self.held[row] = number, claim
        granted, self.granted = self.granted, anyio.Event()
        granted.set()

    async def holds(self, row: int) -> None:
        """Wait until somebody holds the row."""
        while row not in self.held:
            await self.granted.wait()

    async def run(self, grants: int, rate: float) -> list[float]:
        """Release row after row at an even pace; return the milliseconds that each grant took."""
        async with anyio.create_task_group() as group:
            for number in range(len(self.agents)):
                group.start_soon(self.stand_in_line, number)
            for row in range(self.rows):
                await self.holds(row)
            await anyio.sleep(2)  # the lines have formed
            before, begin = self.backends(), time.perf_counter()
            for turn in range(grants):
                await anyio.sleep(max(0.0, begin + turn / rate - time.perf_counter()))
                row = turn % self.rows
                await self.holds(row)
                number, claim = self.held.pop(row)
                self.released_at[row] = time.perf_counter()
                await claim.release()
                group.start_soon(self.stand_in_line, number)
            await anyio.sleep(1)
            self.backend_us = spent(before, self.backends()) / grants
            group.cancel_scope.cancel()
        for _, claim in self.held.values():
            await claim.release()
        await self.background.close()
        return self.took


async def notified(db: DatabaseHandle, count: int, rate: float) -> tuple[list[float], float]:
    """The yardstick: the milliseconds from a commit's call to the row in the other's hand.

    Also returns the backends' CPU of one, in microseconds.
    """
    connect = psycopg.AsyncConnection.connect
    commit = "with w as (update bench_row set n = n + 1) select pg_notify('bench', 'x')"
    took: list[float] = []
    async with (
        await connect(db.database_url, autocommit=True) as listener,
        await connect(db.database_url, autocommit=True) as reader,
        await connect(db.database_url, autocommit=True) as caller,
    ):
        await listener.execute("listen bench")
        arrivals = listener.notifies()
        before, begin = backends(db), time.perf_counter()
        for turn in range(count):
            await anyio.sleep(max(0.0, begin + turn / rate - time.perf_counter()))
            called = time.perf_counter()
            async with anyio.create_task_group() as group:
                group.start_soon(caller.execute, commit)
                await anext(arrivals)
                row = await reader.execute("select ablo.row_get('acme', 'agent:y', 'tasks', 'r1')")
                await row.fetchone()
                took.append((time.perf_counter() - called) * 1000)
        used = spent(before, backends(db)) / count
        await arrivals.aclose()
    return took, used


async def contended(db: DatabaseHandle, options: argparse.Namespace) -> None:
    """Measure grants with a short line and with many long ones, and the yardstick before each."""
    for rows, waiters in ((1, 1), (100, 500)):
        bare, bare_cpu = await notified(db, options.grants, options.rate)
        database = Database(db.database_url, PoolOptions(min_size=4, max_size=8))
        try:
            stage = Stage(database, rows, waiters, lambda: backends(db))
            took = await stage.run(options.grants, options.rate)
        finally:
            await database.close()
        for part in (0.5, 0.99):
            value, yardstick = percentile(took, part), percentile(bare, part)
            line = f"{waiters} waiters on {rows} rows"
            figure(
                f"claims, release to next holder, {line}, p{part * 100:.0f}",
                value,
                "ms",
                ratio=value / yardstick,
                yardstick=f"{NOTIFY}: {yardstick:.3g} ms",
                samples=len(took),
                rate=options.rate,
                backend_us=stage.backend_us,
                yardstick_backend_us=bare_cpu,
            )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--grants", type=int, default=400)
    parser.add_argument("--rate", type=float, default=20)
    parser.add_argument("--postgres", choices=["system", "embedded"], default="system")
    options = parser.parse_args()
    with (
        Cluster(prefer=options.postgres, settings=ClusterSettings()) as server,
        make_database(schema, server=server) as db,
        make_database(schema, server=server) as unguarded,
    ):
        for handle in (db, unguarded):
            with psycopg.connect(handle.admin_url, autocommit=True) as admin:
                admin.execute(SETUP.encode())
                admin.execute("vacuum analyze")
        guard_cost(db, unguarded, options)
        uncontended(db, options)
        backend_cost(db, options)
        anyio.run(contended, db, options)


if __name__ == "__main__":
    main()
