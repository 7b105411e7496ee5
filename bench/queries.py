"""What filters, permissions, live queries and filtered subscriptions cost.

Each beside a yardstick of the same run, in turns: a filtered list beside the same SELECT by hand
through psycopg; plain SQL under our policy of readers beside the same policy written by hand; 1,000
filtered subscribers beside 1,000 that take everything; the event of a live query, with 99 others
open, beside a plain subscription that hears of the same commit.

    python -m bench.queries [--rows 20000] [--calls 300] [--deltas 2000] [--commits 200]
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, Literal

import anyio
import psycopg
from psycopg.rows import dict_row

from ablo_pg import AsyncAblo, Model, allow, define_schema, field
from ablo_pg.changefeed.hub import Hub
from ablo_pg.delta import Delta
from ablo_pg.json_text import dumps
from ablo_pg.predicate.text import parse
from ablo_pg.schema.neutral import named_fields
from ablo_pg.testing import DatabaseHandle, make_database, throwaway_cluster

from .figures import figure, percentile, rates
from .reader import NoLog


class Task(Model):
    title: str
    status: Literal["todo", "doing", "done"] = "todo"
    count: int = field(default=0, indexed=True)


class Note(Model):
    title: str
    owner_id: str = field(indexed=True)
    permissions = allow(read="owner_id = actor.user_id")


SCHEMA = define_schema(tasks=Task, notes=Note)
FILLED = """
insert into tasks (id, organization_id, title, status, count)
  select 't' || n, 'acme', 'title ' || n, (array['todo', 'doing', 'done'])[n % 3 + 1], n % 1000
    from generate_series(1, {rows}) n;
insert into notes (id, organization_id, title, owner_id)
  select 'n' || n, 'acme', 'title ' || n, 'u' || n % 200 from generate_series(1, {rows}) n;
create table by_hand (like notes including all);
insert into by_hand select * from notes;
alter table by_hand enable row level security;
grant select on by_hand to ablo_runtime;
create policy tenant on by_hand
  using (organization_id = (select nullif(current_setting('app.current_org_id', true), '')));
create policy readers on by_hand as restrictive
  using (owner_id = (select current_setting('app.current_participant_id', true)));
update by_hand set owner_id = 'user:' || owner_id;
analyze tasks; analyze notes; analyze by_hand"""
LIST = """
select id, title, status, count, created_at, updated_at, organization_id, created_by, archived_at
  from tasks where organization_id = 'acme' and archived_at is null and status = %s and count > %s
 order by count, id limit 100"""
SORTED = LIST.replace("and count > %s", "").replace("order by count", "order by title")
SIGHT = "select id, title, owner_id from {} order by id limit 100"


async def in_turns(
    calls: int, *kinds: Callable[[int], Awaitable[object]]
) -> list[tuple[float, list[float]]]:
    """Call each in turn; return the median seconds and all of each."""
    samples: list[list[float]] = [[] for _ in kinds]
    for turn in range(calls + 20):
        for kind, found in zip(kinds, samples, strict=True):
            begin = time.perf_counter()
            await kind(turn)
            found.append(time.perf_counter() - begin)
    return [(statistics.median(one[20:]), one[20:]) for one in samples]


async def lists(db: DatabaseHandle, calls: int) -> None:
    """Filtered lists, and rows under a policy."""
    async with (
        AsyncAblo(
            schema=SCHEMA, database_url=db.database_url, organization="acme",
            participant="user:u7",
        ) as ablo,
        await psycopg.AsyncConnection.connect(
            db.database_url, autocommit=True, row_factory=dict_row
        ) as conn,
    ):  # fmt: skip
        await conn.execute(
            "select set_config('app.current_org_id', 'acme', false),"
            " set_config('app.current_participant_id', 'user:u7', false)"
        )

        async def ours(turn: int) -> None:
            where = {"status": "todo", "count": {"gt": turn % 500}}
            assert len(await ablo.tasks.list(where, order_by="count", limit=100)) == 100

        async def by_hand(turn: int) -> None:
            found = await conn.execute(LIST, ("todo", turn % 500), prepare=True)
            assert len(await found.fetchall()) == 100

        async def ours_sorted(turn: int) -> None:
            assert (
                len(await ablo.tasks.list({"status": "todo"}, order_by="title", limit=100)) == 100
            )

        async def by_hand_sorted(turn: int) -> None:
            found = await conn.execute(SORTED, ("todo",), prepare=True)
            assert len(await found.fetchall()) == 100

        async def policy(turn: int) -> None:
            await (await conn.execute(SIGHT.format("notes").encode(), prepare=True)).fetchall()

        async def hand_policy(turn: int) -> None:
            await (await conn.execute(SIGHT.format("by_hand").encode(), prepare=True)).fetchall()

        (our, _), (hand, hand_all) = await in_turns(calls, ours, by_hand)
        name = "the same SELECT through psycopg"
        figure(name, hand * 1e3, "ms, p50", **rates(hand_all))
        figure("list with where, 100 rows", our * 1e3, "ms, p50", ratio=our / hand, yardstick=name)
        (our, _), (hand, _) = await in_turns(calls, ours_sorted, by_hand_sorted)
        name = "the same SELECT in an order without an index"
        figure(name, hand * 1e3, "ms, p50")
        figure(
            "list, 100 of 6,667 rows sorted", our * 1e3, "ms, p50", ratio=our / hand, yardstick=name
        )
        (our, _), (hand, _) = await in_turns(calls, policy, hand_policy)
        name = "policy by hand"
        figure(name, hand * 1e3, "ms, p50")
        figure(
            "policy of readers, 100 rows", our * 1e3, "ms, p50", ratio=our / hand, yardstick=name
        )


def delta_of(number: int) -> Delta:
    """Make a delta that one filter in ten lets pass."""
    row = {"id": "t", "title": "x", "status": "todo", "count": number % 10, "archivedAt": None}
    given = (number, "acme", "tasks", "t", "U", ("org:acme",), dumps(row), ("count",))
    rest = (None, None, None, None, None, 1, "2026-11-23T05:13:01+00:00", (), dumps({"count": -1}))
    return Delta(*given, *rest, ())  # type: ignore[arg-type]


class Made(tuple[int, str, bytes]):
    """An arrival whose delta is there already."""

    def delta(self) -> Delta:
        """See Arrival."""
        return delta_of(self[0])


async def publish(subscribers: int, filters: int, deltas: int) -> float:
    """Return the CPU seconds that the hub takes for a delta, to the subscribers' queues."""
    hub = Hub(NoLog(), queue_count=10**9, queue_bytes=10**12)
    hub.begin_stream()
    fields = named_fields(SCHEMA.model(Task))
    compares = {"count": "order"}
    made = [parse("tasks", f"count = {n}", (), fields) for n in range(filters)]
    async with AsyncExitStack() as stack:
        for number in range(subscribers):
            chosen = None
            if filters:
                where = [made[number % filters]]
                chosen = hub.filters.get("tasks", where, fields, compares)
            await stack.enter_async_context(hub.subscribe("acme", filter=chosen))
        begin = time.process_time()
        for number in range(1, deltas + 1):
            hub.publish([Made((number, "acme", b""))])
        return (time.process_time() - begin) / deltas


async def fanout(deltas: int) -> None:
    """Filtered subscribers beside ones that take everything."""
    kinds = [(1000, 0), (1000, 10), (10, 10), (0, 0)]
    found: dict[tuple[int, int], list[float]] = {kind: [] for kind in kinds}
    for _ in range(3):
        for subscribers, filters in kinds:
            found[subscribers, filters].append(await publish(max(subscribers, 1), filters, deltas))
    middle = {kind: statistics.median(times) * 1e6 for kind, times in found.items()}
    name = "hub, 1,000 subscribers without a filter"
    figure(name, middle[1000, 0], "us of CPU a delta", **rates(found[1000, 0]))
    for subscribers in (1000, 10):
        value = middle[subscribers, 10]
        what = f"hub, {subscribers:,} subscribers with 10 filters"
        figure(what, value, "us of CPU a delta", ratio=value / middle[1000, 0], yardstick=name)


async def live(db: DatabaseHandle, commits: int) -> None:
    """From the return of a commit to the event, with 100 live queries open."""
    options: dict[str, Any] = {"schema": SCHEMA, "organization": "acme"}
    urls = {"database_url": db.database_url, "replication_url": db.replication_url}
    async with (
        AsyncAblo(participant="user:w", **options, **urls) as writer,
        AsyncAblo(participant="user:r", **options, **urls) as reader,
        AsyncExitStack() as stack,
    ):
        queries = [
            await stack.enter_async_context(reader.tasks.live(f"count = {100_000 + n}"))
            for n in range(100)
        ]
        plain = await stack.enter_async_context(reader.tasks.subscribe())
        heard: dict[str, dict[int, float]] = {"plain": {}, "live": {}}

        async def follow_plain() -> None:
            async for change in plain:
                heard["plain"][change.row.count] = time.perf_counter()

        async def follow(number: int) -> None:
            async for event in queries[number]:
                heard["live"].setdefault(int(event.row.title), time.perf_counter())

        async with anyio.create_task_group() as group:
            group.start_soon(follow_plain)
            for number in range(100):
                group.start_soon(follow, number)
            await anyio.sleep(0.5)
            done: dict[int, float] = {}
            for number in range(commits):
                data = {"title": str(number), "count": 100_000 + number % 100}
                await writer.tasks.create(data)
                done[number] = time.perf_counter()
                await anyio.sleep(0.02)
            await anyio.sleep(1)
            group.cancel_scope.cancel()
    late = [heard["live"][n] - at for n, at in done.items() if n in heard["live"]]
    # The plain subscription hears of every commit; the last of each count is what it kept.
    base = [heard["plain"][100_000 + n % 100] - at for n, at in list(done.items())[-100:]]
    name = "plain subscription, after the commit returned"
    figure(name, statistics.median(base) * 1e3, "ms, p50", p99=percentile(base, 0.99) * 1e3)
    figure(
        "event of one of 100 live queries",
        statistics.median(late) * 1e3,
        "ms, p50",
        p99=percentile(late, 0.99) * 1e3,
        beyond=(statistics.median(late) - statistics.median(base)) * 1e3,
        yardstick=name,
        samples=len(late),
    )


def main() -> None:
    """Measure each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--calls", type=int, default=300)
    parser.add_argument("--deltas", type=int, default=2000)
    parser.add_argument("--commits", type=int, default=200)
    options = parser.parse_args()
    with throwaway_cluster(prefer="system") as server, make_database(SCHEMA, server=server) as db:
        with psycopg.connect(db.admin_url, autocommit=True) as conn:
            for statement in FILLED.split(";"):
                conn.execute(
                    statement.replace("{rows}", str(options.rows)).replace("%%", "%").encode()
                )
        asyncio.run(lists(db, options.calls))
        asyncio.run(fanout(options.deltas))
        asyncio.run(live(db, options.commits))


if __name__ == "__main__":
    main()
