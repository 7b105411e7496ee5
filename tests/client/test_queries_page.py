"""docs/queries.md: its examples run as they stand, and find what they say."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from ablo_pg import AbloStaleContextError, AbloValidationError, AsyncAblo

from .conftest import MakeClient
from .pages import blocks, run

pytestmark = pytest.mark.anyio
SOON = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)


@pytest.fixture
async def found(ablo: AsyncAblo) -> AsyncAblo:
    rows: list[dict[str, Any]] = [
        {"title": "A plan", "status": "todo", "count": 4},
        {"title": "Another", "status": "todo", "count": 1, "urgent": True, "tags": ["a", "b"]},
        {"title": "A PLAN", "status": "done", "count": 2, "tags": ["c"]},
        {"title": "Late", "status": "doing", "due_date": SOON, "meta": {"source": "import"}},
    ]
    for n, row in enumerate(rows):
        await ablo.tasks.create(row, id=f"t{n}")
    return ablo


async def test_the_examples_run(found: AsyncAblo) -> None:
    for source in blocks("queries.md"):
        await run(source, {"ablo": found})


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("status = 'todo' and (count > 3 or urgent)", "01"),
        (("lower(title) like $1 and count in ($2)", ["%plan%", [1, 2, 3]]), "2"),
        ("due_date < now() + interval '2 days' and meta ->> 'source' = 'import'", "3"),
        ("due_date is null and not urgent", "02"),
        ("tags @> array['a', 'b']", "1"),
        ("tags && array['b', 'c']", "12"),
        ("length(title) > count * 3 or count between 4 and 5", "013"),
        ("true", "0123"),
        ("false", ""),
    ],
)
async def test_lists_and_local_copies_find_the_same(
    found: AsyncAblo, make_client: MakeClient, where: Any, expected: str
) -> None:
    copying = make_client(participant="agent:copy", local=["tasks"])
    await copying.ready()
    for page in (await found.tasks.list(where), copying.tasks.local.list(where)):
        assert "".join(sorted(row.id[1:] for row in page)) == expected
    assert copying.tasks.local.count(where) == len(expected)


async def test_a_page_that_text_filtered_is_a_premise(found: AsyncAblo) -> None:
    page = await found.tasks.list("status = 'todo' and (count > 3 or urgent)")
    await found.tasks.update("t2", {"count": 9})  # still outside
    await found.tasks.update("t3", {"title": "b"}, reads=[page])
    await found.tasks.update("t2", {"status": "todo"})  # enters
    with pytest.raises(AbloStaleContextError):
        await found.tasks.update("t3", {"title": "c"}, reads=[page])


async def test_what_is_not_allowed_is_refused_before_anything_is_sent(found: AsyncAblo) -> None:
    refused: tuple[Any, ...] = (
        "pg_sleep(1) is null",
        ("count = $1", "3"),
        b"count = 1",
        ("count = $1", []),
    )
    for where in refused:
        with pytest.raises(AbloValidationError) as caught:
            await found.tasks.list(where)
        assert caught.value.remedy
