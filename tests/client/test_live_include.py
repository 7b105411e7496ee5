"""Live queries with related rows: equal to a list with `include=` at every stamp."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import psycopg
import pytest

from ablo_pg import AbloError, AsyncAblo
from ablo_pg.changefeed.related import Related
from ablo_pg.cluster import Server
from ablo_pg.testing import DatabaseHandle, make_database

from .conftest import MakeClient
from .relay_thread import GetRelay, make_key, relay_on_demand
from .shared import Shared, own_organization, shared_db, shared_relay  # noqa: F401 - fixtures
from .test_include import SCHEMA, ids
from .test_live import replayed, until_stamp

pytestmark = pytest.mark.anyio

PROJECTS, TASKS, NOTES = (("p1", "p2", "p3"), ("t1", "t2", "t3", "t4", "t5"), ("n1", "n2", "n3"))
QUERIES: list[tuple[str, dict[str, Any]]] = [
    ("projects", {"where": "name <> 'hidden'", "include": ["open_tasks", "plan"], "limit": 2}),
    ("projects", {"order_by": "-name", "include": ["open_tasks"]}),
    (
        "tasks",
        {"where": "rank < 4", "order_by": "rank", "limit": 3, "include": ["project", "notes"]},
    ),
    ("tasks", {"where": "lower(title) like 't%'", "include": ["project"]}),
]


@pytest.fixture(scope="module")
def shared(cluster: Server) -> Iterator[Shared]:
    with make_database(SCHEMA, server=cluster) as handle, relay_on_demand(handle) as get_relay:
        yield handle, get_relay


async def test_related_rows_enter_move_and_leave(make_client: MakeClient) -> None:
    ablo = make_client("agent:a", schema=SCHEMA)
    await ablo.projects.create({"name": "Move"}, id="p1")
    await ablo.projects.create({"name": "Stay"}, id="p2")
    await ablo.tasks.create({"title": "pack", "project_id": "p1"}, id="t1")
    async with (
        ablo.projects.live(order_by="name", include=["open_tasks"]) as live,
        ablo.tasks.live(include=["project"]) as tasks,
    ):
        assert [ids(row.open_tasks) for row in live.rows] == [["t1"], []]
        await ablo.tasks.create({"title": "lift", "project_id": "p1", "rank": -1}, id="t2")
        event = await anext(live)
        assert (event.kind, event.id, ids(event.row.open_tasks)) == ("update", "p1", ["t2", "t1"])
        await ablo.tasks.update("t1", {"project_id": "p2"})
        moved = await live.batch()
        assert [(one.kind, one.id) for one in moved] == [("update", "p1"), ("update", "p2")]
        assert [ids(row.open_tasks) for row in live.rows] == [["t2"], ["t1"]]
        await ablo.tasks.update("t1", {"title": "carry"})
        assert [row.title for row in (await anext(live)).row.open_tasks] == ["carry"]
        await ablo.tasks.delete("t1")
        assert (await anext(live)).row.open_tasks == []
        last = await ablo.projects.update("p1", {"name": "Moved"})
        (event,) = await live.batch()
        assert (event.kind, event.row.name, ids(event.row.open_tasks)) == (
            "update",
            "Moved",
            ["t2"],
        )
        await until_stamp(tasks, ablo.receipt(last).last_sync_id)
        assert [(row.id, row.project.name) for row in tasks.rows] == [("t2", "Moved")]


async def test_a_change_of_other_rows_reads_nothing(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    ablo = make_client("agent:a", schema=SCHEMA)
    for row_id in ("p1", "p2"):
        await ablo.projects.create({"name": row_id}, id=row_id)
    async with ablo.projects.live({"name": "p1"}, include=["open_tasks", "plan"]) as live:
        reads: list[object] = []
        monkeypatch.setattr(live._source, "page", lambda: reads.append(1))
        await ablo.tasks.create({"title": "none"}, id="t1")
        await ablo.tasks.update("t1", {"project_id": "p2"})
        await ablo.plans.create({"text": "of p2", "project_id": "p2"}, id="plan")
        await ablo.projects.update("p2", {"name": "other"})
        last = await ablo.plans.update("plan", {"text": "of p2 still"})
        assert await until_stamp(live, ablo.receipt(last).last_sync_id) == []
        assert reads == []


async def test_what_is_not_in_the_log_is_not_followed(
    make_client: MakeClient, db: DatabaseHandle, get_relay: GetRelay, organization: str
) -> None:
    ablo = make_client("agent:a", schema=SCHEMA)
    asked: list[Callable[[], object]] = [
        lambda: ablo.countries.live(),
        lambda: ablo.countries.live_aggregate(),
        lambda: ablo.countries.subscribe(),
        lambda: ablo.subscribe(models=["projects", "countries"]),
        lambda: ablo.projects.live(include=["country"]),
    ]
    for ask in asked:
        with pytest.raises(AbloError, match="countries has no organization") as refused:
            ask()
        assert (refused.value.code, refused.value.model) == ("invalid_request", "countries")
    ablo.subscribe()  # to all that there is
    head = {"authorization": f"Bearer {make_key(db, organization)}"}
    async with httpx.AsyncClient(base_url=f"{get_relay().url}/api/v1/") as client:
        for path in (
            "models/countries/live",
            "models/projects/live?include=country",
            "stream?models=countries",
        ):
            answer = await client.get(path, headers=head)
            assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


# The oracle.


def sql_change(rng: random.Random) -> tuple[str, list[Any]]:
    project, task = rng.choice([None, *PROJECTS]), rng.choice(TASKS)
    changes: list[tuple[str, list[Any]]] = [
        ("update tasks set project_id = %s, rank = %s where id = %s",
         [project, rng.randrange(6), task]),
        ("update tasks set archived_at = case when archived_at is null then now() end"
         " where id = %s", [task]),
        ("update projects set name = %s where id = any(%s)",
         [rng.choice(["a", "b", "hidden"]), rng.sample(PROJECTS, 2)]),
        ("update projects set archived_at = case when archived_at is null then now() end"
         " where id = %s", [project or "p1"]),
        ("update notes set owner_id = %s", [rng.choice(["a", "b"])]),
        ("update plans set project_id = %s", [project or "p1"]),
        ("update notes set task_id = %s where id = %s", [task, rng.choice(NOTES)]),
        ("delete from tasks where id = %s", [task]),
        ("delete from projects where id = %s", [project]),
    ]  # fmt: skip
    return rng.choice(changes)


async def api_change(rng: random.Random, ablo: AsyncAblo) -> None:
    project, task = rng.choice(PROJECTS), rng.choice(TASKS)
    model, row_id, data = rng.choice(
        [
            ("projects", project, {"name": rng.choice(["a", "b", "c", "hidden"])}),
            ("plans", "plan", {"text": "p", "project_id": project}),
            ("tasks", task, {"title": task, "rank": rng.randrange(6), "project_id": project}),
            ("tasks", task, {"title": rng.choice(["T", "x"]), "project_id": None}),
        ]
    )
    there = await ablo.model(model).retrieve(row_id) is not None
    action = "update" if there else "create"
    await ablo.commits.create([{"action": action, "model": model, "id": row_id, "data": data}])


def spelled(rows: list[Any], include: list[str]) -> list[str]:
    return [repr((row, [getattr(row, name) for name in include])) for row in rows]


async def follow_random_writes(
    seed: int, ablo: AsyncAblo, other: AsyncAblo, db: DatabaseHandle, organization: str
) -> None:
    """Write at random; after each step compare every live query with the database's list."""
    rng = random.Random(seed)
    async with await psycopg.AsyncConnection.connect(db.admin_url, autocommit=True) as admin:
        lives = [(ablo.model(model).live(**query), model, query) for model, query in QUERIES]
        for live, _, _ in lives:
            await live.__aenter__()
        shown = [live.rows for live, _, _ in lives]
        for note in NOTES:
            await admin.execute(
                "insert into notes (id, organization_id, text, owner_id, task_id)"
                " values (%s, %s, 'n', 'a', 't1')",
                [note, organization],
            )
        for step in range(25):
            for _ in range(rng.choice([1, 1, 1, 4])):
                if rng.random() < 0.6:
                    statement, values = sql_change(rng)
                    statement += " and" if " where " in statement else " where"
                    await admin.execute(
                        f"{statement} organization_id = %s".encode(), [*values, organization]
                    )
                else:
                    await api_change(rng, other)
            mark = await other.projects.create({"name": "zz"}, id=f"mark{step}")
            await other.tasks.create({"title": "t", "rank": -9 - step}, id=f"mark{step}")
            await other.projects.delete(mark.id)
            await other.tasks.delete(f"mark{step}")
            for n, (live, model, query) in enumerate(lives):
                page = await ablo.model(model).list(**query)
                shown[n] = replayed(shown[n], await until_stamp(live, page.stamp))
                include = query["include"]
                assert spelled(live.rows, include) == spelled(page, include), (seed, step, query)
                assert spelled(shown[n], include) == spelled(page, include), (seed, step, query)
        for live, _, _ in lives:
            await live.aclose()


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.long)])
async def test_it_equals_the_database_after_random_writes(
    make_client: MakeClient, db: DatabaseHandle, organization: str, seed: int
) -> None:
    other = make_client("agent:a", schema=SCHEMA)
    await follow_random_writes(seed, make_client("agent:a", schema=SCHEMA), other, db, organization)


def forgets_moves(related: Related, deltas: Any) -> bool:
    """A mutant: a row concerns what it is related to now, not what it was."""
    related._shown = {}
    return any(map(related._concerns, deltas))


def forgets_new_rows(related: Related, deltas: Any) -> bool:
    """A mutant: only rows that are shown concern it."""
    related._keys = {name: set() for name in related._keys}
    return any(map(related._concerns, deltas))


@pytest.mark.direct("the same values serve both")
@pytest.mark.parametrize("mutant", [forgets_moves, forgets_new_rows])
async def test_the_oracle_catches_a_mutant(
    make_client: MakeClient,
    db: DatabaseHandle,
    organization: str,
    monkeypatch: pytest.MonkeyPatch,
    mutant: Any,
) -> None:
    monkeypatch.setattr(Related, "concerned", mutant)
    ablo = make_client("agent:a", schema=SCHEMA)
    with pytest.raises(AssertionError):
        await follow_random_writes(1, ablo, ablo, db, organization)
