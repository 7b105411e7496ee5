"""Memory of the reader over one transaction of a million rows, and catch-up speed after it.

Its process runs the WAL reader, a hub, a subscriber that keeps up as well as it can and one that
takes nothing until the end. The peak of resident memory is the operating system's own figure
(VmHWM). Then the idle subscriber, a million deltas behind, catches up from the log. Yardstick of
that: psycopg reading the same rows through a server-side cursor.

    python -m bench.memory [--rows 1000000]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

import anyio
import anyio.lowlevel
import psycopg

from ablo_pg.changefeed import Hub, WalReader
from ablo_pg.changefeed.subscription import Subscription
from ablo_pg.db.log import PostgresLog
from ablo_pg.db.pool import Database

from .figures import figure
from .wal import wal_source

BARE = """
declare bare no scroll cursor for
select * from ablo.delta where organization_id = 'org-1' and sync_id > 0 order by sync_id"""


def memory(field: str) -> float:
    """Return a field of this process's status in MB: VmRSS (now), VmHWM (peak)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) / 1024
    raise LookupError(field)


async def take(subscription: Subscription, count: int) -> float:
    """Take so many deltas; return the seconds it took."""
    begin = time.perf_counter()
    while count > 0:
        count -= len(await subscription.batch(min(count, 1000)))
    return time.perf_counter() - begin


async def measure(database_url: str, replication_url: str, rows: int) -> None:
    """Follow one big transaction, then catch up."""
    database = Database(database_url)
    hub, reader = Hub(PostgresLog(database)), WalReader(replication_url)
    async with anyio.create_task_group() as group:
        group.start_soon(reader.run, hub)
        async with hub.subscribe("org-1", cursor=0) as idle, hub.subscribe("org-1") as busy:
            while reader.status.kind != "wal":
                await anyio.lowlevel.checkpoint()
            before = memory("VmRSS")
            print("ready", flush=True)
            seconds = await take(busy, rows)
            peak = memory("VmHWM")
            figure(
                f"memory, peak over one transaction of {rows} rows",
                peak,
                "MB",
                before=before,
                limit_wanted=100,
                disconnected=busy.times_cut,
            )
            live = rows / seconds
            caught_up = rows / await take(idle, rows)
        group.cancel_scope.cancel()
    await database.close()
    bare = rows / read_bare(database_url)
    figure("big transaction, written to taken by a subscriber", live, "deltas/s")
    figure(
        f"catch-up from {rows} deltas behind",
        caught_up,
        "deltas/s",
        ratio=caught_up / bare,
        yardstick="psycopg server-side cursor",
        yardstick_value=bare,
        peak_mb=memory("VmHWM"),
    )


def read_bare(url: str) -> float:
    """Read the same rows with nothing but psycopg, 2000 at a time; return the seconds."""
    begin = time.perf_counter()
    with psycopg.connect(url) as conn:
        conn.execute("select set_config('app.current_org_id', 'org-1', true)")
        conn.execute(BARE)
        while conn.execute("fetch 2000 from bare").fetchall():
            pass
    return time.perf_counter() - begin


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--follow", nargs=2, metavar=("DATABASE_URL", "REPLICATION_URL"))
    options = parser.parse_args()
    if options.follow:
        anyio.run(measure, *options.follow, options.rows)
        return
    with wal_source("embedded", wal_sender_timeout="60s") as source:
        url = source.urls["unix"]
        command = [sys.executable, "-m", "bench.memory", "--follow", url, url]
        command += ["--rows", str(options.rows)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            source.write(1, options.rows)
            print(process.communicate()[0], end="")


if __name__ == "__main__":
    main()
