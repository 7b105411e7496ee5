"""Whether a relay stays as small as it was: half an hour of mixed load, watched from outside.

Organizations of agents and people read, list, write, claim and follow through one relay process;
some come and go all the time (clients, sockets, event streams, local copies, minted keys). The
number of rows stays the same. Every ten seconds the relay is looked at: resident memory, open
files, connections to Postgres, WAL that its slot keeps. A line a minute; at the end each figure's
median over the last third against the first third after the warm-up, and whether a subscriber that
stayed all the time was told each confirmed write exactly once, in order.

    python -m bench.soak [--minutes 30] [--organizations 4] [--postgres system|embedded]
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import json
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import psycopg

from ablo_pg import AbloError, AsyncAblo
from ablo_pg.cluster import Cluster, ClusterSettings
from ablo_pg.credentials import new_key
from ablo_pg.db.keys import create_key
from ablo_pg.testing import DatabaseHandle, make_database
from examples.tasks import schema

from .figures import figure

ROWS: Final = 200  # an organization's; created once, then changed, removed and created again
LOOK_SECONDS: Final = 10.0
WARM_UP: Final = 0.1  # the part of the run in which caches and pools may still fill
SETTLE_SECONDS: Final = 5.0  # for the last deltas to arrive
CONNECTIONS: Final = "select count(*) from pg_stat_activity where datname = current_database()"
KEPT: Final = """
    select coalesce(max(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)), 0)
    from pg_replication_slots where database = current_database()"""


@dataclass
class Tally:
    """What was done, and what was told."""

    done: collections.Counter[str] = field(default_factory=collections.Counter)
    refused: collections.Counter[str] = field(default_factory=collections.Counter)
    confirmed: set[int] = field(default_factory=set)  # sync ids of receipts
    told: list[int] = field(default_factory=list)  # sync ids, as the subscriber heard them


@dataclass
class Office:
    """One organization: its key, the clients that stay, and what it did."""

    url: str
    key: str
    tally: Tally = field(default_factory=Tally)
    chance: random.Random = field(default_factory=random.Random)

    def client(self, **options: Any) -> AsyncAblo:
        return AsyncAblo(schema=schema, base_url=self.url, api_key=self.key, **options)

    def row(self) -> str:
        return f"r{self.chance.randrange(ROWS)}"

    async def again(self, name: str, pause: float, work: Callable[[], Awaitable[None]]) -> None:
        """Do it over and over, about every `pause` seconds; refusals are part of the day."""
        while True:
            try:
                await work()
                self.tally.done[name] += 1
            except AbloError as exc:
                self.tally.refused[f"{name}: {exc.code}"] += 1
            await asyncio.sleep(self.chance.uniform(0, 2 * pause))

    def landed(self, receipt: Any) -> None:
        if receipt is not None and receipt.last_sync_id:
            self.tally.confirmed.add(receipt.last_sync_id)


async def follow(office: Office, ablo: AsyncAblo, ready: asyncio.Event) -> None:
    """Be the subscriber that stays."""
    async with ablo.tasks.subscribe() as changes:
        ready.set()
        async for change in changes:
            office.tally.told.append(change.sync_id)


async def write(office: Office, ablo: AsyncAblo) -> None:
    """Change a row; now and then remove it and make it anew."""
    row = office.row()
    if office.chance.random() < 0.1:
        new = {"title": "new", "status": "todo"}
        operations = [
            {"action": "delete", "model": "tasks", "id": row},
            {"action": "create", "model": "tasks", "id": row, "data": new},
        ]
        office.landed(await ablo.commits.create(operations))
    else:
        title = {"title": f"t{office.chance.random()}"}
        operation = {"action": "update", "model": "tasks", "id": row, "data": title}
        office.landed(await ablo.commits.create([operation]))


async def claim(office: Office, ablo: AsyncAblo) -> None:
    """Hold one of a few rows that others want as well, and write it."""
    row = f"r{office.chance.randrange(3)}"
    async with ablo.tasks.claim(id=row, action="soak", timeout=20) as held:
        await asyncio.sleep(office.chance.uniform(0, 0.2))
        await ablo.tasks.update(id=row, data={"title": f"{held.data.title[:20]}!"})


async def read(office: Office, ablo: AsyncAblo) -> None:
    """Read a row, a page and a row's past."""
    await ablo.tasks.retrieve(id=office.row())
    await ablo.tasks.list({"status": "todo"}, limit=50)
    await ablo.tasks.history(id=office.row(), limit=5)


async def visit(office: Office) -> None:
    """Come with a local copy and a subscription, stay a while, go."""
    async with office.client(local=["tasks"]) as ablo:
        await ablo.ready()
        assert ablo.tasks.local.count() <= ROWS
        await asyncio.sleep(office.chance.uniform(0, 3))


async def lend(office: Office, ablo: AsyncAblo) -> None:
    """Mint a key for an agent that writes once, and take it back."""
    minted = await ablo.sessions.create(agent="helper", can={"tasks": ["read", "update"]}, ttl="1m")
    async with AsyncAblo(schema=schema, base_url=office.url, api_key=minted.token) as helper:
        await helper.tasks.update(id=office.row(), data={"title": "lent"})
    await ablo.sessions.revoke(minted.id)


async def peek(office: Office) -> None:
    """Follow over Server-Sent Events for a moment, then hang up."""
    headers = {"authorization": f"Bearer {office.key}"}
    async with (
        httpx.AsyncClient(base_url=office.url, timeout=10) as web,
        web.stream("GET", "/api/v1/stream", headers=headers) as stream,
    ):
        async for _ in stream.aiter_lines():
            if office.chance.random() < 0.2:
                return


async def work(office: Office, group: asyncio.TaskGroup) -> AsyncAblo:
    """Start everybody of an organization; return the client that stays."""
    ablo = office.client()
    await ablo.ready()
    ready = asyncio.Event()
    for row in range(ROWS):
        await ablo.tasks.create({"title": "first", "status": "todo"}, id=f"r{row}")
    group.create_task(follow(office, ablo, ready))
    await ready.wait()
    jobs: list[tuple[str, float, Callable[[], Awaitable[None]]]] = [
        ("write", 0.2, lambda: write(office, ablo)),
        ("write", 0.2, lambda: write(office, ablo)),
        ("claim", 0.5, lambda: claim(office, ablo)),
        ("claim", 0.5, lambda: claim(office, ablo)),
        ("read", 0.3, lambda: read(office, ablo)),
        ("visit", 2.0, lambda: visit(office)),
        ("lend", 3.0, lambda: lend(office, ablo)),
        ("peek", 2.0, lambda: peek(office)),
    ]
    for name, pause, job in jobs:
        group.create_task(office.again(name, pause, job))
    return ablo


def look(pid: int, conn: psycopg.Connection[Any]) -> dict[str, float]:
    """Return the relay's figures of this moment, and this process's memory."""
    connections = conn.execute(CONNECTIONS).fetchone()
    kept = conn.execute(KEPT).fetchone()
    assert connections is not None
    assert kept is not None
    return {
        "relay_mb": resident(pid),
        "load_mb": resident(os.getpid()),
        "files": float(len(os.listdir(f"/proc/{pid}/fd"))),
        "connections": float(connections[0]),
        "wal_kept_mb": float(kept[0]) / 1e6,
    }


def resident(pid: int) -> float:
    """Return a process's resident memory, in MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1e3


async def soak(url: str, pid: int, db: DatabaseHandle, keys: list[str], minutes: float) -> None:
    """Run the load, look at the relay, print."""
    offices = [Office(url, key, chance=random.Random(n)) for n, key in enumerate(keys)]
    looks: list[dict[str, float]] = []
    with psycopg.connect(db.admin_url, autocommit=True) as conn:
        async with asyncio.TaskGroup() as group:
            clients = [await work(office, group) for office in offices]
            began = time.monotonic()
            while (passed := time.monotonic() - began) < minutes * 60:
                await asyncio.sleep(LOOK_SECONDS)
                looks.append(look(pid, conn))
                if len(looks) % 6 == 0:
                    done = sum((office.tally.done for office in offices), collections.Counter())
                    line = {"minute": round(passed / 60), **looks[-1], "done": done.total()}
                    print(json.dumps(line), flush=True)
            await asyncio.sleep(SETTLE_SECONDS)
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()
        for ablo in clients:
            await ablo.close()
    show(offices, looks[int(len(looks) * WARM_UP) :])


def show(offices: list[Office], looks: list[dict[str, float]]) -> None:
    """Print the figures."""
    third = len(looks) // 3
    for name in looks[0]:
        first = statistics.median(one[name] for one in looks[:third])
        last = statistics.median(one[name] for one in looks[-third:])
        most = max(one[name] for one in looks)
        growth = last / first if first else 1.0
        figure(f"soak: {name}", last, "median of the last third", first_third=first, most=most)
        figure(f"soak: {name} last / first third", growth, "x")
    missed = sum(len(office.tally.confirmed - set(office.tally.told)) for office in offices)
    twice = sum(len(o.tally.told) - len(set(o.tally.told)) for o in offices)
    unordered = sum(office.tally.told != sorted(office.tally.told) for office in offices)
    told = sum(len(office.tally.told) for office in offices)
    figure("soak: told to those who stayed", told, "", missed=missed, twice=twice)
    figure("soak: streams out of order", unordered, "")
    for kind in ("done", "refused"):
        counts = sum((getattr(o.tally, kind) for o in offices), collections.Counter[str]())
        print(json.dumps({kind: dict(counts.most_common())}))


def relay_command(db: DatabaseHandle, *options: str) -> tuple[list[str], dict[str, str]]:
    """Return how a relay is started on a database."""
    environment = os.environ | {
        "DATABASE_URL": db.database_url,
        "ABLO_REPLICATION_URL": db.replication_url,
    }
    command = [sys.executable, "-m", "ablo_pg", "relay", "--port", "0", "--log-level", "warning"]
    return [*command, *options], environment


@contextmanager
def relay(db: DatabaseHandle, *options: str) -> Iterator[tuple[str, int]]:
    """Run a relay process; yield its URL and process id."""
    command, environment = relay_command(db, *options)
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())["url"], process.pid
        finally:
            process.terminate()


def main() -> None:
    """Run everything on a cluster of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--organizations", type=int, default=4)
    parser.add_argument("--postgres", default="system", choices=["system", "embedded"])
    options = parser.parse_args()
    cluster = Cluster(prefer=options.postgres, settings=ClusterSettings(durable=True))
    with cluster as server, make_database(schema, server=server) as db:
        keys = [new_key() for _ in range(options.organizations)]
        with psycopg.connect(db.admin_url, autocommit=True) as conn:
            for number, key in enumerate(keys):
                create_key(conn, f"org{number}", "system:soak", key, {"prefix": "sk"})
        with relay(db) as (url, pid):
            asyncio.run(soak(url, pid, db, keys, options.minutes))


if __name__ == "__main__":
    main()
