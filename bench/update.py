"""What one update costs through AsyncAblo, against the bare statement that it sends.

Yardstick in the same run: `select ablo.commit(...)` on a psycopg AsyncConnection, prepared, whose
answer is not even read. The two take turns, one call each, so that a noisy machine disturbs both
alike.

    python -m bench.update [--seconds 10] [--rounds 3] [--postgres system|embedded]

Each round has a client, a connection and rows of its own; a figure is the median of the rounds'.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
import uuid
from collections.abc import Awaitable, Callable

import psycopg

from ablo_pg import AsyncAblo
from ablo_pg.cluster import Cluster, ClusterSettings
from ablo_pg.testing import DatabaseHandle, make_database
from examples.tasks import schema

from .figures import figure, rates

ROWS = 100
WARM = 50  # calls of each before anything counts: plans, pages, the pool
YARDSTICK = "select ablo.commit(...) on a psycopg AsyncConnection"
BARE = "select ablo.commit('org1', 'agent:bench', %s, %s::jsonb)"
REQUEST = '{"operations":[{"action":"update","data":{"title":"%s"},"id":"%s","model":"tasks"}]}'


async def round_of(db: DatabaseHandle, seconds: float) -> tuple[float, float]:
    """Return the median seconds of an update, and of the bare statement."""
    client = AsyncAblo(
        schema=schema, database_url=db.database_url, organization="org1", participant="agent:bench"
    )
    async with (
        client as ablo,
        await psycopg.AsyncConnection.connect(db.database_url, autocommit=True) as conn,
    ):
        ids = [
            (await ablo.tasks.create({"title": "x", "status": "todo"})).id for _ in range(2 * ROWS)
        ]

        async def update(turn: int) -> None:
            await ablo.tasks.update(ids[turn % ROWS], {"title": f"y{turn}"})

        async def bare(turn: int) -> None:
            request = REQUEST % (f"y{turn}", ids[ROWS + turn % ROWS])
            await conn.execute(BARE, (str(uuid.uuid4()), request))

        kinds: list[tuple[Callable[[int], Awaitable[None]], list[float]]] = [
            (update, []),
            (bare, []),
        ]
        end = time.monotonic() + seconds
        turn = 0
        while time.monotonic() < end:
            for call, samples in kinds:
                begin = time.perf_counter()
                await call(turn)
                samples.append(time.perf_counter() - begin)
            turn += 1
        ours, yardstick = (statistics.median(samples[WARM:]) for _, samples in kinds)
        return ours, yardstick


def main() -> None:
    """Take turns, then print medians and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--postgres", choices=["system", "embedded"], default="system")
    options = parser.parse_args()
    with (
        Cluster(settings=ClusterSettings(), prefer=options.postgres) as cluster,
        make_database(schema, server=cluster) as db,
    ):
        found = [asyncio.run(round_of(db, options.seconds)) for _ in range(options.rounds)]
    yardstick = statistics.median(one[1] for one in found)
    figure(YARDSTICK, yardstick * 1e3, "ms, p50", **rates([one[1] for one in found]))
    figure(
        "AsyncAblo.update, one caller",
        statistics.median(one[0] for one in found) * 1e3,
        "ms, p50",
        ratio=statistics.median(one[0] / one[1] for one in found),
        yardstick=YARDSTICK,
        limit="the flush of the commit, then the CPU of one Python thread",
        **rates([one[0] for one in found]),
    )


if __name__ == "__main__":
    main()
