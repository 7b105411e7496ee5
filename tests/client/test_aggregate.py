"""Aggregates, read and live: equal to the database's own SELECT at every stamp."""

from __future__ import annotations

import datetime as dt
import random
from decimal import Decimal
from typing import Any

import anyio
import psycopg
import pytest

from ablo_pg import Ablo, AbloValidationError, Aggregate, AsyncAblo, LiveAggregate
from ablo_pg.changefeed.totals import Totals
from ablo_pg.testing import DatabaseHandle

from .conftest import MakeClient
from .test_live import LAST, UNBOUNDED, api_change, cut_connections, sql_change

pytestmark = pytest.mark.anyio
DAY = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


@pytest.fixture
async def rows(ablo: AsyncAblo) -> None:
    for n, (status, price) in enumerate([("todo", "1.5"), ("todo", None), ("done", "2.25")]):
        data = {"title": f"t{n}", "status": status, "count": n, "due_date": DAY if n else None}
        await ablo.tasks.create({**data, "price": price}, id=f"t{n}")


async def test_totals_of_all_rows_and_by_a_field(ablo: AsyncAblo, rows: None) -> None:
    asked: dict[str, Any] = {"sum": ["price", "count"], "min": ["due_date"], "max": ["title"]}
    found = await ablo.tasks.aggregate(**asked)
    total = {"price": Decimal("3.75"), "count": 3}
    assert found == Aggregate(3, total, {"due_date": DAY}, {"title": "t2"})
    none = await ablo.tasks.aggregate({"status": "doing"}, **asked)
    zero = {"price": Decimal(0), "count": 0}
    assert none == Aggregate(0, zero, {"due_date": None}, {"title": None})
    by_status = await ablo.tasks.aggregate("count < 2", group_by="status", max=["count"])
    assert by_status == {"todo": Aggregate(2, max={"count": 1})}
    by_day = await ablo.tasks.aggregate(group_by="due_date")
    assert by_day == {None: Aggregate(1), DAY: Aggregate(2)}
    await ablo.tasks.archive("t0")
    assert (await ablo.tasks.aggregate()).count == 2
    assert (await ablo.tasks.aggregate(archived=True)).count == 3


@pytest.mark.parametrize(
    ("asked", "code", "field"),
    [
        ({"sum": ["title"]}, "invalid_request", "title"),
        ({"sum": ["nothing"]}, "query_invalid_identifier", "nothing"),
        ({"group_by": "meta"}, "invalid_request", "meta"),
        ({"min": ["urgent"]}, "invalid_request", "urgent"),
        ({"max": "count"}, "invalid_options", "max"),
        ({"where": "count = now()"}, "column_type_mismatch", "where"),
    ],
)
async def test_what_is_refused(ablo: AsyncAblo, asked: Any, code: str, field: str) -> None:
    with pytest.raises(AbloValidationError) as refused:
        await ablo.tasks.aggregate(**asked)
    assert (refused.value.code, refused.value.field) == (code, field)


async def test_too_many_groups_are_refused(ablo: AsyncAblo, db: DatabaseHandle) -> None:
    with psycopg.connect(db.admin_url) as conn:
        conn.execute(
            "insert into tasks (id, organization_id, title, count)"
            " select n, 'acme', 't', n from generate_series(1, 1001) n"
        )
    assert (await ablo.tasks.aggregate()).count == 1001
    with pytest.raises(AbloValidationError, match="1000 values"):
        await ablo.tasks.aggregate(group_by="count")


async def test_other_organizations_do_not_count(ablo: AsyncAblo, make_client: MakeClient) -> None:
    await ablo.tasks.create({"title": "a"})
    assert (await make_client(organization="other").tasks.aggregate()).count == 0


async def until(live: LiveAggregate[Any], stamp: int) -> None:
    with anyio.fail_after(15):
        while (live.stamp or 0) < stamp:
            await live._result.advance()


async def test_a_value_follows_each_commit(ablo: AsyncAblo, rows: None) -> None:
    async with ablo.tasks.live_aggregate({"status": "todo"}, sum=["price"]) as live:
        assert live.value == Aggregate(2, {"price": Decimal("1.5")})
        await ablo.tasks.update("t1", {"price": "0.25"})
        assert await anext(live) == Aggregate(2, {"price": Decimal("1.75")})
        await ablo.tasks.update("t1", {"title": "other"})
        await ablo.tasks.update("t2", {"status": "todo"})
        assert await anext(live) == Aggregate(3, {"price": Decimal("4.00")})
        await ablo.tasks.delete("t0")
        assert (await anext(live)).count == live.value.count == 2
    with pytest.raises(StopAsyncIteration):
        await anext(live)


def test_the_sync_twin_follows(sync_ablo: Ablo) -> None:
    with sync_ablo.tasks.live_aggregate(group_by="status") as live:
        sync_ablo.tasks.create({"title": "a"})
        for value in live:
            assert value == {"todo": Aggregate(1)} == live.value
            break
        assert sync_ablo.tasks.aggregate() == Aggregate(1)
        assert live.stamp is not None
    assert list(live) == []


async def test_changes_are_added_without_asking(
    ablo: AsyncAblo, rows: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only where the smallest or greatest value leaves is the database asked."""
    async with ablo.tasks.live_aggregate(sum=["count"], max=["count"]) as live:
        reads = 0
        page = live._source.page

        async def counted() -> Any:
            nonlocal reads
            reads += 1
            return await page()

        monkeypatch.setattr(live._source, "page", counted)
        for n in range(3, 9):
            await ablo.tasks.create({"title": "n", "count": n}, id=f"t{n}")
        last = await ablo.tasks.update("t5", {"count": 6})
        await until(live, ablo.receipt(last).last_sync_id)
        assert (live.value.sum["count"], live.value.max["count"], reads) == (37, 8, 0)
        gone = await ablo.tasks.delete("t8")
        await until(live, gone.last_sync_id)
        assert (live.value.max["count"], reads) == (7, 1)


QUERIES: list[tuple[dict[str, Any], str]] = [
    (
        {"where": {"status": "todo"}, "sum": ["price", "count"], "max": ["count"]},
        "select null, count(*), json_build_object('price', coalesce(sum(price), 0), 'count',"
        " coalesce(sum(count), 0)), '{}'::json, json_build_object('count', max(count))"
        " from tasks where archived_at is null and status = 'todo'",
    ),
    (
        {"where": "count > 2 or urgent", "group_by": "status", "sum": ["score"], "min": ["price"]},
        "select status, count(*), json_build_object('score', coalesce(sum(score), 0)),"
        " json_build_object('price', min(price)), '{}'::json"
        " from tasks where archived_at is null and (count > 2 or urgent) group by 1",
    ),
    (
        {"group_by": "due_date", "min": ["count"], "max": ["title"], "archived": True},
        "select due_date::text, count(*), '{}'::json, json_build_object('count', min(count)),"
        " json_build_object('title', max(title)) from tasks group by 1",
    ),
]


def plain(value: Any) -> Any:
    """Numbers as floats and times as text, so that both spellings of a value are one."""
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        value = float(value)
    if isinstance(value, dt.datetime):
        return value.isoformat(sep=" ").replace("+00:00", "+00")
    return repr(value) if isinstance(value, float) else "nan" if value == "NaN" else value


def told(groups: dict[Any, Aggregate]) -> dict[Any, Any]:
    return {
        plain(key): (one.count, plain(one.sum), plain(one.min), plain(one.max))
        for key, one in groups.items()
    }


async def agree(lives: list[Any], db: DatabaseHandle, stamp: int) -> bool:
    async with await psycopg.AsyncConnection.connect(
        db.admin_url, autocommit=True, options="-c timezone=UTC"
    ) as conn:
        for live, (_, statement) in zip(lives, QUERIES, strict=True):
            await until(live, stamp)
            wanted = await (await conn.execute(statement.encode())).fetchall()
            rows = {row[0]: (row[1], *map(plain, row[2:])) for row in wanted}
            if told(live._totals.groups) != rows:
                return False
    return True


async def drive(
    ablo: AsyncAblo, db: DatabaseHandle, seed: int, steps: int, *, cuts: bool = True
) -> bool:
    """Make random changes; whether all live aggregates agree with SQL after each."""
    rng = random.Random(seed)
    ids = [f"t{n}" for n in range(8)]
    admin = await psycopg.AsyncConnection.connect(db.admin_url, autocommit=True)
    async with admin:
        await admin.execute(UNBOUNDED.encode())
        lives = [ablo.tasks.live_aggregate(**asked) for asked, _ in QUERIES]
        for live in lives:
            await live.__aenter__()
        try:
            for step in range(steps):
                if rng.random() < 0.5:
                    statement, values = sql_change(rng, ids)
                    await admin.execute(statement.encode(), values)
                else:
                    await api_change(rng, ablo, ids)
                if cuts and step % 15 == 14:
                    await cut_connections(admin)
                await admin.execute(LAST.encode())
                head = await (await admin.execute("select ablo.log_head('acme')")).fetchone()
                assert head is not None
                if not await agree(lives, db, head[0]):
                    return False
        finally:
            for live in lives:
                await live.aclose()
    return True


@pytest.mark.timeout(120)
@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.long)])
async def test_they_equal_select_at_each_stamp(
    ablo: AsyncAblo, db: DatabaseHandle, seed: int
) -> None:
    assert await drive(ablo, db, seed, 60)


def nothing_leaves(self: Totals[Any], groups: Any, key: Any, values: Any) -> None:
    pass


def least_is_kept(self: Totals[Any], groups: Any, key: Any, values: Any) -> None:
    group = groups[key]
    groups[key] = Aggregate(group.count - 1, group.sum, group.min, group.max)


@pytest.mark.direct("the code is the same")
@pytest.mark.timeout(120)
@pytest.mark.parametrize("mutant", [nothing_leaves, least_is_kept])
async def test_the_oracle_sees_a_wrong_total(
    ablo: AsyncAblo, db: DatabaseHandle, monkeypatch: pytest.MonkeyPatch, mutant: Any
) -> None:
    monkeypatch.setattr(Totals, "_take", mutant)
    assert not await drive(ablo, db, 1, 60, cuts=False)
