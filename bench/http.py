"""How fast commits land over HTTP, against the same server answering a constant, and directly.

Yardsticks in the same run: GET /live of the same relay (its server, routes and layers, no
database), and the Python client on the database itself. The rounds take turns, so that a noisy
machine disturbs all alike. Callers are raw keep-alive connections in this process, the relay is
another process; both share the machine with Postgres.

    python -m bench.http [--seconds 3] [--rounds 3] [--callers 32] [--postgres system|embedded]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import psycopg

from ablo_pg import AsyncAblo
from ablo_pg.cluster import Cluster, ClusterSettings
from ablo_pg.credentials import new_key
from ablo_pg.db.keys import create_key
from ablo_pg.testing import DatabaseHandle, make_database
from examples.tasks import schema

from .figures import figure, percentile, rates

Call = Callable[[], Awaitable[None]]
LIVE = "GET /live of the same relay"
DIRECT = "AsyncAblo on the database, same callers"


@dataclass
class Round:
    """What one kind of call did, over all rounds."""

    per_second: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


class Caller:
    """One keep-alive connection; sends a request as bytes and reads the answer."""

    def __init__(self, host: str, port: int, key: str) -> None:
        self._place = (host, port)
        self._key = key
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._sent = 0

    async def open(self) -> None:
        self._reader, self._writer = await asyncio.open_connection(*self._place)

    async def close(self) -> None:
        assert self._writer is not None
        self._writer.close()
        await self._writer.wait_closed()

    async def live(self) -> None:
        await self._call(b"GET /live HTTP/1.1\r\nhost: x\r\n\r\n")

    async def commit(self, row: str) -> None:
        self._sent += 1
        body = json.dumps({"data": {"title": f"y{self._sent}"}}).encode()
        head = (
            f"PATCH /api/v1/models/tasks/{row} HTTP/1.1\r\nhost: x\r\n"
            f"authorization: Bearer {self._key}\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        await self._call(head.encode() + body)

    async def _call(self, request: bytes) -> None:
        assert self._reader is not None
        assert self._writer is not None
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        answer = await self._reader.readexactly(length)
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(answer.decode())


async def measure(found: Round, calls: list[Call], seconds: float) -> None:
    """Let each caller call as often as it can."""
    begin = time.perf_counter()
    end = begin + seconds
    taken: list[float] = []

    async def run(call: Call) -> None:
        while (start := time.perf_counter()) < end:
            await call()
            taken.append(time.perf_counter() - start)

    await asyncio.gather(*map(run, calls))
    found.per_second.append(len(taken) / (time.perf_counter() - begin))
    found.seconds.extend(taken)


async def compare(db: DatabaseHandle, url: str, key: str, options: argparse.Namespace) -> None:
    """Run the rounds and print the figures."""
    place = urlsplit(url)
    callers = [
        Caller(str(place.hostname), int(place.port or 80), key) for _ in range(options.callers)
    ]
    await asyncio.gather(*(caller.open() for caller in callers))
    async with AsyncAblo(
        schema=schema, database_url=db.database_url, organization="acme", participant="system:b"
    ) as ablo:
        await ablo.ready()
        rows = [f"r{number}" for number in range(options.callers)]
        tasks = ablo.model("tasks")
        for row in rows:
            await tasks.create({"title": "x", "status": "todo"}, id=row)

        async def direct(row: str) -> None:
            await tasks.update(row, {"title": f"z{time.perf_counter_ns()}"})

        kinds: dict[str, list[Call]] = {
            "live": [caller.live for caller in callers],
            "http": [
                lambda c=caller, r=row: c.commit(r)
                for caller, row in zip(callers, rows, strict=True)
            ],
            "direct": [lambda r=row: direct(r) for row in rows],
            "http, alone": [lambda: callers[0].commit("r0")],
            "direct, alone": [lambda: direct("r0")],
        }
        found = {name: Round() for name in kinds}
        for _ in range(options.rounds):
            for name, calls in kinds.items():
                await measure(found[name], calls, options.seconds)
    for caller in callers:
        await caller.close()
    show(found, options.callers)


def show(found: dict[str, Round], callers: int) -> None:
    """Print the figures."""
    rate = {name: statistics.median(one.per_second) for name, one in found.items()}
    for name, one in found.items():
        more = {"callers": 1 if "alone" in name else callers} | rates(one.per_second)
        figure(f"http: {name}", rate[name], "/s", **more)
        for part in (0.5, 0.99):
            value = percentile(one.seconds, part) * 1000
            figure(f"http: {name} p{part * 100:g}", value, "ms", callers=more["callers"])
    figure("http: commits / constant", rate["http"] / rate["live"], "x", yardstick=LIVE)
    figure("http: commits / direct", rate["http"] / rate["direct"], "x", yardstick=DIRECT)
    alone = percentile(found["http, alone"].seconds, 0.5)
    direct = percentile(found["direct, alone"].seconds, 0.5)
    figure("http: a lone commit / direct, p50", alone / direct, "x", yardstick=DIRECT)


def main() -> None:
    """Run everything on a cluster of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--callers", type=int, default=32)
    parser.add_argument("--postgres", default="system", choices=["system", "embedded"])
    options = parser.parse_args()
    cluster = Cluster(prefer=options.postgres, settings=ClusterSettings(durable=True))
    with cluster as server, make_database(schema, server=server) as db:
        key = new_key()
        with psycopg.connect(db.admin_url, autocommit=True) as conn:
            create_key(conn, "acme", "system:a", key, {"prefix": "sk"})
        environment = os.environ | {
            "DATABASE_URL": db.database_url,
            "ABLO_REPLICATION_URL": db.replication_url,
        }
        limits = ["--set", "requests_per_second=1000000", "--set", "request_burst=1000000"]
        command = [sys.executable, "-m", "ablo_pg", "relay", "--port", "0", *limits]
        command += ["--log-level", "warning"]
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as relay:
            assert relay.stdout is not None
            try:
                url = json.loads(relay.stdout.readline())["url"]
                asyncio.run(compare(db, url, key, options))
            finally:
                relay.terminate()


if __name__ == "__main__":
    main()
