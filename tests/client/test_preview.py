"""`commits.preview`: what a commit would change, without a trace of it."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from ablo_pg import Ablo, AbloError, AbloStaleContextError, AsyncAblo
from ablo_pg.testing import DatabaseHandle

from .conftest import MakeClient

pytestmark = pytest.mark.anyio
# Everything that a commit writes, and who waits for what.
STATE = """
select (select count(*) from ablo.delta), (select count(*) from ablo.receipt),
       (select count(*) from ablo.claim), (select count(*) from ablo.track),
       (select count(*) from ablo.receipt_replay),
       (select array_agg(t::text order by t.id) from tasks t),
       (select array_agg(p::text order by p.id) from projects p)"""


def op(action: str, model: str, id: str, **data: Any) -> dict[str, Any]:
    return {"action": action, "model": model, "id": id} | ({"data": data} if data else {})


async def test_it_tells_what_a_commit_then_does(
    ablo: AsyncAblo, db: DatabaseHandle, make_client: MakeClient
) -> None:
    await ablo.projects.create({"name": "p"}, id="p1")
    for one in ("t1", "t2", "t3"):
        await ablo.tasks.create({"title": one, "project_id": "p1"}, id=one)
    operations = [
        op("update", "tasks", "t1", title="new", tags=["a"]),
        op("archive", "tasks", "t2"),
        op("create", "tasks", "t4", title="four"),
        op("delete", "tasks", "missing"),
        op("delete", "projects", "p1"),
    ]
    with psycopg.connect(db.admin_url, autocommit=True) as conn:
        before = conn.execute(STATE).fetchall()
        told = await ablo.commits.preview(operations)
        assert conn.execute(STATE).fetchall() == before
    receipt = await ablo.commits.create(operations)
    assert (told.ops, told.missing_ids) == (receipt.ops, receipt.missing_ids)
    assert told.missing_ids == ("missing",)
    done = {}
    for name in ("t1", "t2", "t3", "t4"):
        for entry in await ablo.tasks.history(name):
            if entry.sync_id > receipt.last_sync_id - len(told.changes):
                done[name, entry.op] = entry
    shown = {(one.id, one.op): one for one in told.changes if one.model == "tasks"}
    assert shown.keys() == done.keys()
    assert {one.id for one in told.changes if one.op == "delete"} == {"p1", "t1", "t2", "t3"}
    for key, change in shown.items():
        assert set(change.changed) == set(done[key].changed)
    update: Any = shown["t1", "update"]
    assert (update.row.title, update.before["title"]) == ("new", "t1")


async def test_what_refuses_a_commit_refuses_its_preview(
    ablo: AsyncAblo, make_client: MakeClient
) -> None:
    ann = make_client("user:ann")
    row = await ablo.tasks.create({"title": "a"}, id="t1")
    await ann.tasks.update("t1", {"title": "b"})
    with pytest.raises(AbloStaleContextError):
        await ablo.commits.preview([op("update", "tasks", "t1", title="c")], reads=[row])
    with pytest.raises(AbloError) as told:
        await ablo.commits.preview([op("create", "tasks", "t1", title="c")])
    assert told.value.code == "unique_violation"
    async with ann.tasks.claim(id="t1"):
        with pytest.raises(AbloError) as held:
            await ablo.commits.preview([op("update", "tasks", "t1", title="c")])
        assert held.value.code == "entity_claimed"
    notify = {**op("update", "tasks", "t1", title="c"), "read_at": 1, "on_stale": "notify"}
    told_so = await ablo.commits.preview([notify])
    (one,) = told_so.notifications
    assert (told_so.changes, one.current_values and one.current_values["title"]) == ((), "b")
    assert (await ablo.tasks.retrieve("t1")).title == "b"


async def test_a_previewed_row_is_no_evidence(ablo: AsyncAblo) -> None:
    told = await ablo.commits.preview([op("create", "tasks", "t1", title="a")])
    row = told.changes[0].row
    assert row is not None
    with pytest.raises(AbloError, match="was not read through a client"):
        await ablo.commits.create([op("create", "tasks", "t2", title="b")], reads=[row])


def test_the_blocking_client_previews(sync_ablo: Ablo) -> None:
    (one,) = sync_ablo.commits.preview([op("create", "tasks", "t1", title="a")]).changes
    assert (one.op, one.id) == ("create", "t1")
    assert sync_ablo.tasks.retrieve("t1") is None
