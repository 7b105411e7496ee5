"""How long after COMMIT was sent does a subscriber have the delta.

The writer is a process of its own. Its statement runs in a transaction, and it notes the monotonic
clock (one for the whole machine) just before it sends COMMIT; the subscriber notes the clock when
it has the delta. That COMMIT has returned is no reference point: a notification may be there first.
Yardstick in the same run: a bare psycopg loop on LISTEN, whose writer calls pg_notify.

    python -m bench.latency [--commits 1000] [--rate 200]
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import AsyncIterator, Callable

import anyio
import anyio.lowlevel
import psycopg

from ablo_pg.changefeed import Hub, ListenReader, Reader, WalReader
from ablo_pg.db.log import PostgresLog
from ablo_pg.db.pool import Database
from ablo_pg.testing import DatabaseHandle, make_database, throwaway_cluster
from examples.tasks import schema

from .figures import figure, percentile

COMMIT = """
select ablo.commit('acme', 'user:bench', key,
         jsonb_build_object('operations', jsonb_build_array(jsonb_build_object(
           'action', 'create', 'model', 'tasks', 'id', key,
           'data', jsonb_build_object('title', 'x', 'status', 'todo')))))
  from (values (%s::text)) v (key)"""
NOTIFY = "select pg_notify('bench', %s)"
YARDSTICK = "psycopg LISTEN"


def write(url: str, statement: str, prefix: str, commits: int, rate: float) -> None:
    """Commit at an even pace; print each one's key and when its COMMIT was sent, in ns."""
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("select set_config('ablo.notify', 'on', false)")  # as the library's pool does
        begin = time.monotonic()
        for number in range(commits):
            time.sleep(max(0.0, begin + number / rate - time.monotonic()))
            key = f"{prefix}{number}"
            with conn.transaction():
                conn.execute(statement.encode(), (key,))
                sent = time.monotonic_ns()
            print(key, sent)


async def collect(
    keys: AsyncIterator[str], url: str, statement: str, prefix: str, options: argparse.Namespace
) -> list[float]:
    """Run a writer and follow `keys`; return the milliseconds from COMMIT to arrival."""
    command = [sys.executable, "-m", "bench.latency", "--write", url, statement, prefix]
    command += ["--commits", str(options.commits), "--rate", str(options.rate)]
    arrived: dict[str, int] = {}
    printed = b""

    async def run_writer() -> None:
        nonlocal printed
        printed = (await anyio.run_process(command, stderr=None)).stdout

    async with anyio.create_task_group() as group:
        group.start_soon(run_writer)
        while len(arrived) < options.commits:
            key = await anext(keys)
            arrived[key] = time.monotonic_ns()
    sent = dict(line.split() for line in printed.decode().splitlines())
    return [(arrived[key] - int(at)) / 1e6 for key, at in sent.items()]


async def measure_listen(db: DatabaseHandle, options: argparse.Namespace) -> list[float]:
    """The yardstick: nothing but psycopg between the server and the loop."""
    connect = psycopg.AsyncConnection.connect
    async with await connect(db.database_url, autocommit=True) as conn:
        await conn.execute("listen bench")

        async def keys() -> AsyncIterator[str]:
            async for notification in conn.notifies():
                yield notification.payload

        return await collect(keys(), db.admin_url, NOTIFY, "n", options)


async def measure_reader(
    db: DatabaseHandle, reader: Reader, prefix: str, options: argparse.Namespace
) -> list[float]:
    """A reader, the hub, and one subscriber."""
    database = Database(db.database_url)
    hub = Hub(PostgresLog(database))
    try:
        async with anyio.create_task_group() as group:
            group.start_soon(reader.run, hub)
            async with hub.subscribe("acme") as changes:
                while reader.status.kind == "none":
                    await anyio.lowlevel.checkpoint()

                async def keys() -> AsyncIterator[str]:
                    async for delta in changes:
                        yield delta.row_id

                found = await collect(keys(), db.database_url, COMMIT, prefix, options)
            group.cancel_scope.cancel()
        return found
    finally:
        await database.close()


async def measure(db: DatabaseHandle, options: argparse.Namespace) -> None:
    """Measure all in turn, twice, and print both percentiles of each."""
    found: dict[str, list[float]] = {}
    readers: dict[str, Callable[[], Reader]] = {
        "WAL reader": lambda: WalReader(db.replication_url),
        "LISTEN reader": lambda: ListenReader(db.database_url),
    }
    for turn in range(2):
        found.setdefault(YARDSTICK, []).extend(await measure_listen(db, options))
        for name, make in readers.items():
            samples = await measure_reader(db, make(), f"{turn}{name.split()[0]}-", options)
            found.setdefault(name, []).extend(samples)
    for part in (0.5, 0.99):
        yardstick = percentile(found[YARDSTICK], part)
        for name, samples in found.items():
            value = percentile(samples, part)
            figure(
                f"latency, COMMIT sent to subscriber, p{part * 100:.0f}: {name}",
                value,
                "ms",
                ratio=value / yardstick,
                yardstick=YARDSTICK,
                samples=len(samples),
                rate=options.rate,
            )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--commits", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=200)
    parser.add_argument("--write", nargs=3, metavar=("URL", "STATEMENT", "PREFIX"))
    options = parser.parse_args()
    if options.write:
        write(*options.write, options.commits, options.rate)
        return
    with throwaway_cluster() as server, make_database(schema, server=server) as db:
        anyio.run(measure, db, options)


if __name__ == "__main__":
    main()
