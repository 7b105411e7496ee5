"""docs/queries.md: its examples run as they stand, and find what they say."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from ablo_pg import Ablo, AbloStaleContextError, AbloValidationError, AsyncAblo, col

from .conftest import MakeClient, Project, Task
from .pages import blocks, run
from .shared import db, get_relay, organization, shared  # noqa: F401 - fixtures

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
        await run(source, {"ablo": found, "Task": Task})


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
        ((col(Task.status) == "todo") & ((col(Task.count) > 3) | col(Task.urgent)), "01"),
        (col(Task.title).lower().like("%plan%") & col(Task.count).in_([1, 2, 3]), "2"),
        (col(Task.due_date).is_null() & ~col(Task.urgent), "02"),
        (col(Task.due_date) < dt.datetime.now(dt.UTC) + dt.timedelta(days=2), "3"),
        (col(Task.title).length() > col(Task.count), "0123"),
        (col(Task.meta)["source"] == "import", "3"),
        (col(Task.meta) == {"source": "import"}, "3"),
        (col(Task.tags) != ["c"], "013"),
        (col(Task.tags).contains(["a", "b"]) | col(Task.tags).overlaps(["c", "d"]), "12"),
        (col(Task.urgent) & col(Task.urgent), "1"),
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


async def test_a_premise_may_be_an_expression(found: AsyncAblo) -> None:
    stamp = (await found.tasks.list(limit=1)).stamp
    premise = {"model": Task, "where": col(Task.count) > 8, "read_at": stamp}
    await found.tasks.update("t2", {"count": 3})
    await found.tasks.update("t3", {"title": "b"}, reads=[premise])
    await found.tasks.update("t2", {"count": 9})  # enters
    with pytest.raises(AbloStaleContextError):
        await found.tasks.update("t3", {"title": "c"}, reads=[premise])


def test_the_sync_client_takes_expressions(sync_ablo: Ablo) -> None:
    for count in (1, 2):
        sync_ablo.tasks.create({"title": "x", "count": count}, id=f"s{count}")
    assert [row.id for row in sync_ablo.tasks.list(col(Task.count) >= 2)] == ["s2"]


async def test_what_is_not_allowed_is_refused_before_anything_is_sent(found: AsyncAblo) -> None:
    refused: tuple[Any, ...] = (
        "pg_sleep(1) is null",
        ("count = $1", "3"),
        b"count = 1",
        ("count = $1", []),
        Task.count == "1",
        col(Project.name) == "a",
        Project.__name__ == "Task",  # a bool
    )
    for where in refused:
        with pytest.raises(AbloValidationError) as caught:
            await found.tasks.list(where)
        assert caught.value.remedy
