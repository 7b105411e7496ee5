"""`include=`: rows that belong to the rows of a read, of one snapshot, over both transports."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
import pytest

from ablo_pg import AbloError, AsyncAblo, Model, allow, belongs_to, define_schema, has_many, has_one
from ablo_pg.cluster import Server
from ablo_pg.testing import DatabaseHandle, apply_schema, install_kernel, make_database

from .conftest import MakeClient
from .relay_thread import GetRelay, make_key, relay_on_demand
from .shared import Shared, own_organization, shared_db, shared_relay  # noqa: F401 - fixtures

pytestmark = pytest.mark.anyio


class Country(Model, tenancy="none", mutable=False):
    name: str


class Project(Model):
    name: str
    country_id: str | None = None
    country = belongs_to("countries")
    open_tasks = has_many("tasks", field="project_id", order_by="rank")
    plan = has_one("plans")


class Plan(Model):
    text: str
    project_id: str
    project = belongs_to("projects")


class Task(Model):
    title: str
    rank: int = 0
    project_id: str | None = None
    project = belongs_to("projects", parent=True, index=True)
    notes = has_many("notes")


class Note(Model):
    text: str
    owner_id: str
    task_id: str
    task = belongs_to("tasks")
    permissions = allow(read="owner_id = actor.id")


class Entry(Model, table="entries", id_column="no"):
    """Of an application: its keys are numbers."""

    title: str
    entry_no: int | None = None
    above = belongs_to("entries", field="entry_no")
    below = has_many("entries", field="entry_no")


SCHEMA = define_schema(countries=Country, projects=Project, plans=Plan, tasks=Task, notes=Note)


@pytest.fixture(scope="module")
def shared(cluster: Server) -> Iterator[Shared]:
    with make_database(SCHEMA, server=cluster) as handle, relay_on_demand(handle) as get_relay:
        yield handle, get_relay


@pytest.fixture
async def ablo(make_client: MakeClient) -> AsyncAblo:
    made = make_client("agent:a", schema=SCHEMA)
    await made.projects.create({"name": "Move"}, id="p1")
    await made.projects.create({"name": "Stay"}, id="p2")
    await made.plans.create({"text": "first pack", "project_id": "p1"}, id="plan")
    for row_id, rank, project in (("t1", 2, "p1"), ("t2", 1, "p1"), ("t3", 3, None)):
        await made.tasks.create({"title": row_id, "rank": rank, "project_id": project}, id=row_id)
    return made


def ids(rows: list[Any]) -> list[str]:
    return [row.id for row in rows]


async def test_each_kind_of_relation_is_rows(ablo: AsyncAblo) -> None:
    project = await ablo.projects.retrieve("p1", include=["open_tasks", "plan"])
    assert ids(project.open_tasks) == ["t2", "t1"], "in the relation's order"
    assert project.plan.text == "first pack"
    other = await ablo.projects.retrieve("p2", include=["openTasks", "plan"])
    assert (other.open_tasks, other.plan) == ([], None)
    page = await ablo.tasks.list(order_by="id", include=["project"])
    assert [row.project and row.project.name for row in page] == ["Move", "Move", None]
    assert page[0].project is page[1].project
    assert await ablo.tasks.retrieve("none", include=["project"]) is None


async def test_what_was_not_included_says_how(ablo: AsyncAblo) -> None:
    task = await ablo.tasks.retrieve("t1")
    with pytest.raises(AbloError) as not_read:
        task.project  # noqa: B018
    assert not_read.value.code == "relation_not_included"
    assert 'include=["project"]' in str(not_read.value.remedy)
    for include, code in ((["projekt"], "query_unknown_relation"), ("project", "invalid_options")):
        with pytest.raises(AbloError) as refused:
            await ablo.tasks.list(include=include)
        assert (refused.value.code, refused.value.field) == (code, "include")
    with pytest.raises(AbloError, match="without `at`"):
        await ablo.tasks.retrieve("t1", at=1, include=["project"])


async def test_related_rows_are_those_that_the_reader_may_see(
    ablo: AsyncAblo, make_client: MakeClient
) -> None:
    bob = make_client("user:bob", schema=SCHEMA)
    for owner, client in (("a", ablo), ("bob", bob)):
        await client.notes.create({"text": "x", "owner_id": owner, "task_id": "t1"}, id=owner)
    for owner, client in (("a", ablo), ("bob", bob)):
        assert ids((await client.tasks.retrieve("t1", include=["notes"])).notes) == [owner]


async def test_archived_rows_are_parents_but_not_children(ablo: AsyncAblo) -> None:
    await ablo.tasks.archive("t1")
    assert ids((await ablo.projects.retrieve("p1", include=["open_tasks"])).open_tasks) == ["t2"]
    assert (await ablo.tasks.retrieve("t1", include=["project"])).project.name == "Move"
    await ablo.projects.archive("p1")
    assert (await ablo.tasks.retrieve("t2", include=["project"])).project.name == "Move"


async def test_too_many_related_rows_are_refused(ablo: AsyncAblo) -> None:
    made = [
        {"action": "create", "model": "tasks", "data": {"title": "x", "project_id": "p2"}}
        for _ in range(1001)
    ]
    for start in range(0, len(made), 500):
        await ablo.commits.create(made[start : start + 500])
    with pytest.raises(AbloError) as refused:
        await ablo.projects.retrieve("p2", include=["open_tasks"])
    assert (refused.value.code, refused.value.field) == ("response_too_large", "include")


async def test_related_rows_guard_a_write(ablo: AsyncAblo) -> None:
    task = await ablo.tasks.retrieve("t1", include=["project"])
    await ablo.projects.update("p1", {"name": "Go"})
    with pytest.raises(AbloError) as stale:
        await ablo.tasks.update("t1", {"title": "y"}, reads=[task.project])
    assert stale.value.code == "stale_context"


@pytest.mark.relay("a key")
@pytest.mark.parametrize("path", ["tasks/t1", "tasks"])
async def test_a_key_includes_only_models_that_it_may_read(
    ablo: AsyncAblo, db: DatabaseHandle, get_relay: GetRelay, organization: str, path: str
) -> None:
    narrow = make_key(db, organization, "agent:n", operations=["tasks.read"])
    wide = make_key(db, organization, "agent:w")
    async with httpx.AsyncClient(base_url=f"{get_relay().url}/api/v1/models/") as client:
        answers = [
            await client.get(f"{path}?include=project", headers={"authorization": f"Bearer {key}"})
            for key in (narrow, wide)
        ]
    assert answers[0].json()["code"] == "capability_scope_denied"
    data = answers[1].json()["data"]
    assert (data if path == "tasks/t1" else data[0])["project"]["name"] == "Move"
    async with AsyncAblo(schema=SCHEMA, base_url=get_relay().url, api_key=narrow) as limited:
        with pytest.raises(AbloError) as refused:
            await limited.tasks.list(include=["project"])
    assert refused.value.code == "capability_scope_denied"


@pytest.mark.direct("the table is the database's")
async def test_keys_that_are_numbers(cluster: Server) -> None:
    numbered = define_schema(entries=Entry)
    with make_database(server=cluster) as handle:
        with psycopg.connect(handle.admin_url) as conn:
            conn.execute(
                "create table entries (no bigint primary key, title text not null, entry_no bigint,"
                " organization_id text not null, created_at timestamptz not null default now(),"
                " updated_at timestamptz not null default now(), created_by text)"
            )
            conn.execute("insert into entries values (1, 'a', null, 'acme'), (2, 'b', 1, 'acme')")
        install_kernel(handle.admin_url)
        apply_schema(handle.admin_url, numbered)
        url = handle.database_url
        async with AsyncAblo(
            schema=numbered, organization="acme", participant="agent:a", database_url=url
        ) as ablo:
            found = await ablo.entries.list(order_by="id", include=["above", "below"])
            assert [row.above and row.above.title for row in found] == [None, "a"]
            assert [ids(row.below) for row in found] == [["2"], []]


async def test_it_is_one_snapshot(ablo: AsyncAblo, db: DatabaseHandle) -> None:
    """Both routines are STABLE: they see what the caller's statement sees."""
    with psycopg.connect(db.admin_url) as conn:
        found = conn.execute(
            "select proname from pg_proc where provolatile <> 's' and proname = any (%s)",
            (["row_list", "row_related"],),
        )
        assert found.fetchall() == []
