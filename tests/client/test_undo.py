"""Undo and restore: what is taken back, what is left, and that nobody else's change is lost."""

from __future__ import annotations

import datetime as dt
import random
import uuid
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from ablo_pg import (
    Ablo,
    AbloClaimedError,
    AbloError,
    AbloStaleContextError,
    AbloValidationError,
    AsyncAblo,
    Left,
)
from ablo_pg.client.rows import undo as undo_module
from ablo_pg.testing import DatabaseHandle

from .conftest import MakeClient

pytestmark = pytest.mark.anyio
FIELDS = ("title", "status", "count")


async def rows(ablo: AsyncAblo) -> dict[str, dict[str, Any]]:
    """All tasks by id, without what the table sets itself."""
    own = ("created_at", "updated_at", "created_by")
    page = await ablo.tasks.list(archived=True, limit=1000)
    return {one.id: {k: v for k, v in dict(one).items() if k not in own} for one in page}


async def test_a_commit_is_undone_and_the_undo_too(ablo: AsyncAblo, make_client: MakeClient) -> None:
    project = await ablo.projects.create({"name": "p"})
    everything = {
        "title": "é\n\"", "status": "doing", "count": -3, "price": Decimal("12.50"), "score": 1e-9,
        "urgent": True, "due_date": dt.datetime(2026, 2, 28, 23, 59, 0, 123456, tzinfo=dt.UTC),
        "day": dt.date(2024, 2, 29), "ref": uuid.uuid4(), "tags": ["a", "b, c"],
        "meta": {"deep": [1, None, {"x": "y"}]}, "project_id": project.id,
    }  # fmt: skip
    await ablo.tasks.create(everything, id="kept")
    await ablo.tasks.create({"title": "goes"}, id="goes")
    await ablo.tasks.create({"title": "shelved"}, id="shelved")
    before = await rows(ablo)
    agent = make_client("agent:b")
    receipt = await agent.commits.create(
        [
            {"action": "update", "model": "tasks", "id": "goes", "data": {"title": "other"}},
            {"action": "delete", "model": "tasks", "id": "kept"},
            {"action": "create", "model": "tasks", "id": "new", "data": {"title": "n"}},
            {"action": "archive", "model": "tasks", "id": "shelved"},
        ]
    )
    after = await rows(ablo)
    assert after.keys() == {"goes", "new", "shelved"}

    told = await ablo.undo(commit=receipt, preview=True)
    assert told.receipt is None
    assert [(one.action, one.id) for one in told.steps] == [
        ("create", "kept"), ("update", "goes"), ("unarchive", "shelved"), ("delete", "new")
    ]  # fmt: skip
    assert told.steps[1].data == {"title": "goes"}
    assert await rows(ablo) == after

    done = await ablo.undo(commit=receipt)
    assert (done.steps, done.left) == (told.steps, ())
    assert await rows(ablo) == before
    assert done.receipt
    again = await agent.undo(commit=done.receipt.server_tx_id)
    assert again.receipt
    found = await rows(ablo)
    assert found["shelved"].pop("archived_at") is not None
    assert after["shelved"].pop("archived_at") is not None
    assert found == after
    # The redo has written these rows since: it is what must be undone now, not the first commit.
    first = await ablo.undo(commit=receipt)
    assert (first.receipt, first.steps) == (None, ())
    assert {one.by for one in first.left} == {"agent:b"}


async def test_what_others_changed_since_is_left(ablo: AsyncAblo, make_client: MakeClient) -> None:
    agent, ann = make_client("agent:b"), make_client("user:ann")
    for one in ("t1", "t2", "t3", "t4"):
        await ablo.tasks.create({"title": one}, id=one)
    since = (await ablo.commits.create([update("t1", count=1)])).last_sync_id
    await agent.commits.create(
        [
            update("t1", title="b", status="doing"),
            update("t2", title="b"),
            {"action": "delete", "model": "tasks", "id": "t4"},
            {"action": "create", "model": "tasks", "id": "t5", "data": {"title": "b"}},
        ]
    )
    await ann.tasks.update("t1", {"status": "done"})
    gone = await ann.tasks.delete("t2")
    await agent.tasks.update("t3", {"title": "b"})
    await ann.tasks.update("t3", {"title": "ann"})
    last = await agent.commits.create([update("t3", title="b again")])
    await ann.tasks.create({"title": "ann's"}, id="t4")
    await ann.tasks.update("t5", {"title": "kept"})
    done = await ablo.undo(actor="agent:b", since=since)
    assert {(one.id, one.reason, one.fields, one.by) for one in done.left} == {
        ("t1", "changed", ("status",), "user:ann"),
        ("t2", "deleted", (), "user:ann"),
        ("t3", "changed", ("title",), "user:ann"),
        ("t4", "recreated", (), "user:ann"),
        ("t5", "changed", (), "user:ann"),
    }
    assert gone.last_sync_id in {one.sync_id for one in done.left}
    found = await rows(ablo)
    assert (found["t1"]["title"], found["t1"]["status"]) == ("t1", "done")
    # The agent's last change is taken back, to what ann wrote before it; not the one before hers.
    assert found["t3"]["title"] == "ann"
    assert last.last_sync_id > since
    assert (found["t4"]["title"], found["t5"]["title"]) == ("ann's", "kept")


def update(id: str, **data: Any) -> dict[str, Any]:
    return {"action": "update", "model": "tasks", "id": id, "data": data}


@pytest.mark.parametrize("seed", range(4))
async def test_random_changes_against_an_oracle(
    make_client: MakeClient, seed: int
) -> None:
    chance = random.Random(seed)
    clients = {name: make_client(name) for name in ("agent:b", "user:ann")}
    first = clients["user:ann"]
    ids = [f"t{n}" for n in range(5)]
    log: list[tuple[int, str, str, dict[str, Any] | None, dict[str, Any] | None]] = []
    state: dict[str, dict[str, Any]] = {}
    for one in ids[:3]:
        state[one] = {"title": one, "status": "todo", "count": 0}
        await first.tasks.create(dict(state[one]), id=one)
    since = (await first.commits.create([update("t0", count=0)])).last_sync_id
    for step in range(40):
        name = chance.choice(list(clients))
        one = chance.choice(ids)
        old = state.get(one)
        if old is None:
            new: dict[str, Any] | None = {"title": f"new {step}", "status": "todo", "count": step}
            await clients[name].tasks.create(dict(new or {}), id=one)
        elif chance.random() < 0.15:
            new = None
            await clients[name].tasks.delete(one)
        else:
            data = {
                "title": f"{name} {step}", "status": chance.choice(["todo", "doing", "done"]),
                "count": step,
            }  # fmt: skip
            data = {k: data[k] for k in chance.sample(FIELDS, chance.randint(1, 3))}
            new = {**old, **data}
            await clients[name].tasks.update(one, data)
        log.append((step, name, one, old, new))
        state = {**state, one: new} if new is not None else {k: v for k, v in state.items() if k != one}
    expected = expected_after_undo(log, state, "agent:b")
    found = await first.undo(actor="agent:b", since=since)
    assert {k: {f: v[f] for f in FIELDS} for k, v in (await rows(first)).items()} == expected
    if found.receipt is not None:
        await first.undo(commit=found.receipt)
        assert {k: {f: v[f] for f in FIELDS} for k, v in (await rows(first)).items()} == state


def expected_after_undo(
    log: list[Any], state: dict[str, dict[str, Any]], actor: str
) -> dict[str, dict[str, Any]]:
    """What the tasks are after an undo of all that the actor did, by one row's lives at a time.

    A field gets the value from before the actor's last unbroken run of changes of it.
    """
    expected = {}
    for one in {entry[2] for entry in log} | state.keys():
        own = [entry for entry in log if entry[2] == one]
        now = state.get(one)
        # The changes of the row's last life, and the delete at its end, if it has ended.
        start = max((n for n, e in enumerate(own) if e[3] is None), default=0)
        life = own[start:]
        if now is None:
            if not life or life[-1][1] != actor:
                continue
            now = life.pop()[3]
        others = any(e[1] != actor for e in life)
        if life and life[0][3] is None and life[0][1] == actor and not others:
            # Made by the actor, and touched by nobody else. Its delete and create cancel out.
            continue
        if life and life[0][3] is None and life[0][1] == actor:
            if one in state:
                expected[one] = now
            continue
        result = dict(now)
        for field in FIELDS:
            for _, name, _, old, new in reversed(life):
                if old is None or old[field] == new[field]:
                    continue
                if name != actor:
                    break
                result[field] = old[field]
        expected[one] = result
    return expected
