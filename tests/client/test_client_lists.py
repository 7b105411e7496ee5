"""Lists: filters against a Python oracle, order, pages, and what bad filters get."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from ablo_pg import AbloValidationError, AsyncAblo

from .shared import db, get_relay, organization, shared  # noqa: F401 - fixtures

pytestmark = pytest.mark.anyio
UTC = dt.UTC


@pytest.fixture
async def rows(ablo: AsyncAblo) -> list[Any]:
    data = [
        {"title": "Alpha", "status": "todo", "count": 1, "price": Decimal("1.50")},
        {"title": "alpine", "status": "done", "count": 2, "urgent": True},
        {"title": "Beta_1", "status": "todo", "count": 3, "meta": {"k": 1}},
        {"title": "Beta%1", "status": "doing", "count": 3, "score": 2.5},
        {
            "title": "",
            "status": "todo",
            "count": -1,
            "due_date": dt.datetime(2026, 1, 1, tzinfo=UTC),
        },
    ]
    operations = [
        {"action": "create", "model": "tasks", "id": f"t{n}", "data": one}
        for n, one in enumerate(data)
    ]
    await ablo.commits.create(operations)
    return list(await ablo.tasks.list(order_by="id"))


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (None, "01234"),
        ({}, "01234"),
        ({"status": "todo"}, "024"),
        ({"status": "todo", "count": 3}, "2"),
        ({"count": {"gt": 1, "lte": 3}}, "123"),
        ({"count": {"gte": 3}}, "23"),
        ({"count": {"lt": 2}}, "04"),
        ({"status": ["todo", "done"]}, "0124"),
        ({"status": {"in": []}}, ""),
        ({"status": {"not_in": ["todo"]}}, "13"),
        ({"status": {"ne": "todo"}}, "13"),
        ({"price": None}, "1234"),
        ({"price": {"ne": None}}, "0"),
        ({"price": Decimal("1.5")}, "0"),
        ({"score": {"gt": 2}}, "3"),
        ({"urgent": True}, "1"),
        ({"title": {"like": "al%"}}, "1"),
        ({"title": {"ilike": "AL%"}}, "01"),
        ({"title": {"not_ilike": "a%"}}, "234"),
        ({"title": {"like": "Beta\\_1"}}, "2"),
        ({"title": "Beta%1"}, "3"),
        ({"title": ""}, "4"),
        ({"meta": {"eq": {"k": 1}}}, "2"),
        ({"due_date": {"lt": dt.datetime(2026, 1, 1, 1, tzinfo=UTC)}}, "4"),
        ([("count", ">", 0), ("count", "<", 3)], "01"),
        ([("id", "in", ("t0", "t4"))], "04"),
        ({"title": "' or true --"}, ""),
    ],
)
async def test_filters(ablo: AsyncAblo, rows: list[Any], where: Any, expected: str) -> None:
    found = await ablo.tasks.list(where=where, order_by="id")
    assert "".join(row.id[1:] for row in found) == expected


async def test_order_by_several_fields(ablo: AsyncAblo, rows: list[Any]) -> None:
    found = await ablo.tasks.list(order_by=["-count", "title"])
    oracle = sorted(rows, key=lambda row: (-row.count, row.title))
    assert [row.count for row in found] == [row.count for row in oracle]
    assert found[-1].id == "t4"
    by_pair = await ablo.tasks.list(order_by=[("count", "desc"), ("id", "asc")])
    assert [row.id for row in by_pair] == ["t2", "t3", "t1", "t0", "t4"]


@pytest.mark.parametrize("order_by", [None, "count", "-count", ["status", "-count"], "price"])
async def test_pages_join_without_gap_or_repeat(
    ablo: AsyncAblo, rows: list[Any], order_by: Any
) -> None:
    whole = [row.id for row in await ablo.tasks.list(order_by=order_by)]
    seen: list[str] = []
    after = None
    while True:
        page = await ablo.tasks.list(order_by=order_by, limit=2, after=after)
        seen += [row.id for row in page]
        if not page.has_more:
            break
        after = page.next_cursor
        assert after is not None
    assert page.next_cursor is None
    assert seen == whole
    assert sorted(seen) == ["t0", "t1", "t2", "t3", "t4"]


async def test_a_page_carries_the_watermark(ablo: AsyncAblo, rows: list[Any]) -> None:
    page = await ablo.tasks.list(limit=1)
    changed = await ablo.tasks.update(page[0].id, {"count": 9})
    receipt = ablo.receipt(changed)
    assert receipt is not None
    assert page.stamp == receipt.last_sync_id - 1


@pytest.mark.parametrize(
    ("options", "code", "name"),
    [
        ({"where": {"titel": "x"}}, "query_invalid_identifier", "titel"),
        ({"order_by": "titel"}, "query_invalid_identifier", "titel"),
        ({"where": {"title": {"~": "x"}}}, "query_unsupported_operator", "title"),
        ({"where": {"count": {"like": "x"}}}, "query_unsupported_operator", "count"),
        ({"where": {"meta": {"gt": 1}}}, "query_unsupported_operator", "meta"),
        ({"where": {"count": "three"}}, "column_type_mismatch", "count"),
        ({"where": {"title": {"like": 3}}}, "column_type_mismatch", "title"),
        ({"where": {"count": {"gt": None}}}, "column_type_mismatch", "count"),
        ({"where": {"status": {"in": "todo"}}}, "column_type_mismatch", "status"),
        ({"where": {"status": ["todo", None]}}, "column_type_mismatch", "status"),
        ({"where": {"title": {"like": "x\\"}}}, "query_invalid_like_pattern", "title"),
        ({"where": {"due_date": "yesterday"}}, "column_type_mismatch", "due_date"),
        ({"where": [("count", ">")]}, "invalid_request", None),
        ({"where": "status"}, "invalid_request", None),
        ({"limit": 0}, "invalid_options", "limit"),
        ({"limit": 1001}, "invalid_options", "limit"),
        ({"after": "nonsense"}, "cursor_invalid", None),
        ({"order_by": [("count", "up")]}, "invalid_options", "count"),
    ],
)
async def test_bad_queries_are_refused_by_name(
    ablo: AsyncAblo, options: dict[str, Any], code: str, name: str | None
) -> None:
    with pytest.raises(AbloValidationError) as caught:
        await ablo.tasks.list(**options)
    assert caught.value.code == code
    assert caught.value.model == "tasks"
    if name is not None:
        assert caught.value.field == name
    assert caught.value.remedy
