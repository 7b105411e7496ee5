"""How many deltas a second the WAL reader decodes and hands to the hub, and at what CPU.

Yardsticks on the same WAL, over the same transport, in turn: Node's `pg-logical-replication` (from
npm, with its pgoutput decoder), and pg_recvlogical, which decodes nothing. Each reads a copy of one
slot from its beginning to a known number of rows.

    python -m bench.reader [--deltas 100000] [--rounds 3]
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import psycopg

from ablo_pg.changefeed.arrival import Arrival
from ablo_pg.changefeed.hub import Hub
from ablo_pg.changefeed.stream import open_slot
from ablo_pg.db.log import LogSource
from ablo_pg.delta import Delta

from .figures import figure, rates
from .wal import Source, wal_source

NODE = """
const {LogicalReplicationService, PgoutputPlugin} = require('pg-logical-replication')
const [url, slot, count] = [JSON.parse(process.argv[2]), process.argv[3], +process.argv[4]]
const service = new LogicalReplicationService(url, {acknowledge: {auto: true, timeoutSeconds: 10}})
const plugin = new PgoutputPlugin({protoVersion: 1, publicationNames: ['ablo_delta']})
let seen = 0, start = null, cpu = null
service.on('data', (lsn, message) => {
  if (start === null) { start = process.hrtime.bigint(); cpu = process.cpuUsage() }
  if (message.tag === 'insert' && ++seen === count) {
    const used = process.cpuUsage(cpu)
    const seconds = Number(process.hrtime.bigint() - start) / 1e9
    console.log(JSON.stringify({seconds, cpu: (used.user + used.system) / 1e6}))
    process.exit(0)
  }
})
service.on('error', (error) => { console.error(error); process.exit(1) })
service.subscribe(plugin, slot)
"""


class NoLog(LogSource):
    """A log nobody has to read: the subscribers of this measurement begin before the first row."""

    async def read(self, *args: Any, **kwargs: Any) -> list[Delta]:
        return []

    async def head(self, organization: str) -> int:
        return 0

    async def heads(self, organizations: Any) -> dict[str, int]:
        return dict.fromkeys(organizations, 0)


async def consume(url: str, slot: str, count: int, followed: int) -> dict[str, float]:
    """Read `count` deltas into a hub with a subscriber in each of `followed` organizations."""
    hub = Hub(NoLog(), queue_count=10**9, queue_bytes=10**12)
    hub.begin_stream()
    seen, started, cpu = 0, 0.0, 0.0

    def sink(batch: list[Arrival], whole: bool) -> None:
        nonlocal seen, started, cpu
        if not started:
            started, cpu = time.perf_counter(), time.process_time()
        hub.publish(batch, whole)
        seen += len(batch)
        if seen >= count:
            done.set()

    async def follow(subscription: Any) -> None:
        async for delta in subscription:
            assert delta.row

    done = anyio.Event()
    stream = await open_slot(url, slot)
    async with AsyncExitStack() as stack, anyio.create_task_group() as group:
        for number in range(followed):
            subscription = hub.subscribe(f"org-{number}")
            await stack.enter_async_context(subscription)
            group.start_soon(follow, subscription)
        group.start_soon(stream.run, sink)
        await done.wait()
        while any(subscription._queue for channel in hub.channels.values()
                  for subscription in channel._receivers):  # fmt: skip
            await anyio.lowlevel.checkpoint()
        result = {
            "seconds": time.perf_counter() - started,
            "cpu": time.process_time() - cpu,
        }
        group.cancel_scope.cancel()
    await stream.aclose()
    return result


def run_ours(followed: int) -> Callable[[Source, str, str, int], dict[str, float]]:
    """Return a contender that runs `consume` in a process of its own."""

    def run(source: Source, url: str, slot: str, count: int) -> dict[str, float]:
        command = [sys.executable, "-m", "bench.reader", "--consume"]
        return answer([*command, url, slot, str(count), str(followed)])

    return run


def run_node(folder: Path) -> Callable[[Source, str, str, int], dict[str, float]]:
    """Install Node's reader into `folder` and return it as a contender."""
    subprocess.run(
        ["npm", "install", "--silent", "--no-audit", "--no-fund", "pg-logical-replication"],
        cwd=folder, check=True, stdout=sys.stderr,
    )  # fmt: skip
    script = folder / "consume.js"
    script.write_text(NODE)

    def run(source: Source, url: str, slot: str, count: int) -> dict[str, float]:
        known = psycopg.conninfo.conninfo_to_dict(url)
        config = {
            "host": known["host"],
            "port": int(known["port"]),
            "user": known["user"],
            "password": known["password"],
            "database": known["dbname"],
        }
        return answer(["node", str(script), json.dumps(config), slot, str(count)])

    return run


def answer(command: list[str]) -> dict[str, float]:
    """Run a contender and read the one line that it prints."""
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=300)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def run_recvlogical(source: Source, url: str, slot: str, count: int) -> dict[str, float]:
    """Let pg_recvlogical copy the slot's messages, undecoded, to /dev/null."""
    with source.admin_connection() as conn:
        row = conn.execute("select pg_current_wal_flush_lsn()::text").fetchone()
        # One message past what is read, which ends it.
        conn.execute("select pg_logical_emit_message(true, 'end', '')")
    assert row is not None
    command = [f"{source.binaries}/pg_recvlogical", "-d", url, "--start", "--slot", slot]
    command += ["-o", "proto_version=1", "-o", "publication_names=ablo_delta"]
    command += ["--no-loop", "-f", "/dev/null", "--endpos", row[0]]
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"seconds": time.perf_counter() - started, "cpu": cpu}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deltas", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--consume", nargs=4, metavar=("URL", "SLOT", "COUNT", "FOLLOWED"))
    options = parser.parse_args()
    if options.consume:
        url, slot, count, followed = options.consume
        print(json.dumps(anyio.run(consume, url, slot, int(count), int(followed))))
        return
    with tempfile.TemporaryDirectory() as folder, wal_source() as source:
        contenders = {
            "ablo_pg": run_ours(0),
            "ablo_pg, all followed": run_ours(16),
            "pg-logical-replication (node)": run_node(Path(folder)),
            "pg_recvlogical": run_recvlogical,
        }
        for rows in (1, 100):
            slot = f"rows_{rows}"
            source.mark(slot)
            source.write(options.deltas // rows, rows)
            for transport, url in source.urls.items():
                measure(source, contenders, rows, transport, url, options)
            with source.admin_connection() as conn:
                conn.execute("select pg_drop_replication_slot(%s)", (slot,))


def measure(
    source: Source, contenders: dict[str, Any], rows: int, transport: str, url: str, options: Any
) -> None:
    """Let all contenders read the same WAL in turn, and print a figure for each."""
    found: dict[str, list[dict[str, float]]] = defaultdict(list)
    for _ in range(options.rounds):
        for name, run in contenders.items():
            with source.copy_of(f"rows_{rows}") as slot:
                found[name].append(run(source, url, slot, options.deltas))
    node = found["pg-logical-replication (node)"]
    yardstick = statistics.median(options.deltas / one["seconds"] for one in node)
    for name, results in found.items():
        speeds = [options.deltas / one["seconds"] for one in results]
        cpu = statistics.median(one["cpu"] for one in results) / options.deltas * 1e6
        figure(
            f"reader, {rows}-row transactions, {transport}: {name}",
            statistics.median(speeds),
            "deltas/s",
            ratio=statistics.median(speeds) / yardstick,
            yardstick="pg-logical-replication (node)",
            cpu_us_per_delta=cpu,
            **rates(speeds),
        )


if __name__ == "__main__":
    main()
