"""A write's way to its subscribers, changes a second and memory: our relay and zero-cache.

One Postgres with its flush on; each system has a database of its own with the same rows, of which
its subscribers may see half, and runs alone. Ours writes through its triggers and policies, theirs
into a plain table. Both authenticate each socket and filter by organization. Milliseconds are from
just before the UPDATE is sent until the frame with the row is there, and of the two parts of that;
flat out counts from the first write until the last one has arrived, and no commit waits for the
disk. Memory is of all processes of the system; `pss` counts a page that n of them share as 1/n in
each. The rounds take turns.

    python -m bench.zero [--seconds 10] [--rounds 2] [--changes 8000] [--writers 2]
                         [--packages FOLDER]

Needs npm and a linux-x64 machine. --packages: where to install (and find) the npm packages; a
temporary folder unless given.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Final, Protocol

from ablo_pg.cluster import Cluster, ClusterSettings

from ..figures import figure, percentile
from .cache import PACKAGES, cache, npm_install
from .processes import memory
from .relay import running
from .subscribers import Door, Heard, subscribers
from .writer import write_at, write_flat_out

PACES: Final = ((1, 50.0), (50, 20.0))  # subscribers, writes a second
WARM_UP: Final = 100  # writes before each measurement
ARRIVE_SECONDS: Final = 120.0  # for the last write to arrive; beyond it the measurement fails
YARDSTICK: Final = PACKAGES[0]


class System(Door, Protocol):
    """What is measured: a door, a process, and where to write."""

    @property
    def pid(self) -> int:
        """The process whose descendants belong to it."""

    @property
    def admin_url(self) -> str:
        """Where to write."""


Found = dict[str, list[float]]


async def until(amount: Callable[[], int], wanted: int) -> None:
    """Wait until there is as much."""
    async with asyncio.timeout(ARRIVE_SECONDS):
        while True:
            if amount() >= wanted:
                return
            await asyncio.sleep(0.005)


async def measure(system: System, options: argparse.Namespace) -> Found:
    """Measure one system."""
    found: Found = {"memory, no subscriber": [memory(system.pid)["rss"]]}
    for count, rate in PACES:
        async with subscribers(system, count) as heard:
            writes = int(rate * options.seconds)
            for name, values in (await pace(system, heard, count, rate, writes)).items():
                found[f"{count} x {rate:g}/s, {name}"] = values
            for kind, value in memory(system.pid).items():
                found[f"memory, {count} subscribers, {kind}"] = [value]
            if count == 1:
                found |= await flat_out(system, heard, options)
    return found


async def pace(system: System, heard: Heard, count: int, rate: float, writes: int) -> Found:
    """Write at a pace and wait until all is heard; return milliseconds.

    From sending the write to the client, and the two parts of it: the commit, and from its return
    to the client (negative where the client had it first).
    """
    for number in (WARM_UP, writes):
        heard.forget()
        returned = await write_at(system.admin_url, number, rate)
        await until(lambda: len(heard.arrivals), number * count)
    return {
        "write to client": [(came - sent) / 1e6 for sent, came in heard.arrivals],
        "commit": [(end - sent) / 1e6 for sent, end in returned.items()],
        "committed to client": [(came - returned[sent]) / 1e6 for sent, came in heard.arrivals],
    }


async def flat_out(system: System, heard: Heard, options: argparse.Namespace) -> Found:
    """Return the changes a second that were committed, and that one subscriber got the end of."""
    heard.forget()
    begin = time.monotonic()
    await write_flat_out(system.admin_url, options.writers, options.changes // options.writers)
    committed = time.monotonic()
    await until(lambda: len(heard.marks), options.writers)
    heard_at = time.monotonic()
    return {
        "flat out, at the subscriber": [options.changes / (heard_at - begin)],
        "flat out, committed": [options.changes / (committed - begin)],
    }


def show(ours: Found, theirs: Found, options: argparse.Namespace) -> None:
    """Print the figures."""
    for name in ours:
        if "/s," in name:
            for part in (0.5, 0.99):
                values = [percentile(found[name], part) for found in (ours, theirs)]
                samples = min(len(ours[name]), len(theirs[name]))
                pair(f"{name}, p{part * 100:g}", values, "ms", samples=samples)
        else:
            values = [statistics.median(found[name]) for found in (ours, theirs)]
            unit = "changes/s" if name.startswith("flat out") else "MB"
            pair(name, values, unit, rounds=options.rounds)


def pair(name: str, values: list[float], unit: str, **more: int) -> None:
    """Print a figure of both, with ours / theirs."""
    ours, theirs = values
    figure(f"zero: {name}: zero-cache", theirs, unit, ratio=1.0, yardstick=YARDSTICK, **more)
    figure(f"zero: {name}: relay", ours, unit, ratio=ours / theirs, yardstick=YARDSTICK, **more)


def run(options: argparse.Namespace, packages: Path) -> None:
    """Run the rounds."""
    npm_install(packages)
    both: tuple[Found, Found] = ({}, {})
    settings = ClusterSettings(durable=True, tcp_port=0, extra={"wal_writer_delay": "10ms"})
    with Cluster(prefer=options.postgres, settings=settings) as cluster:
        starts: tuple[Callable[[], AbstractContextManager[System]], ...] = (
            partial(running, cluster),
            partial(cache, cluster, packages),
        )
        for _ in range(options.rounds):
            for found, start in zip(both, starts, strict=True):
                with start() as system:
                    for name, values in asyncio.run(measure(system, options)).items():
                        found.setdefault(name, []).extend(values)
    show(*both, options)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--changes", type=int, default=8000, help="flat out")
    parser.add_argument("--writers", type=int, default=2)
    parser.add_argument("--postgres", default="system", choices=["system", "embedded"])
    parser.add_argument("--packages", type=Path)
    options = parser.parse_args()
    if options.packages:
        os.makedirs(options.packages, exist_ok=True)
        run(options, options.packages.absolute())
        return
    with tempfile.TemporaryDirectory() as folder:
        run(options, Path(folder))


if __name__ == "__main__":
    main()
