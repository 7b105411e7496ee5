"""Undo and restore: what is taken back, what is left, and that nobody else's change is lost."""

from __future__ import annotations

import datetime as dt
import random
import uuid
from decimal import Decimal
from typing import Any

import pytest

from ablo_pg import Ablo, AbloClaimedError, AbloError, AbloValidationError, AsyncAblo, Left
from ablo_pg.client.rows import undo as undo_module

from .conftest import MakeClient
from .shared import own_organization, shared, shared_db, shared_relay  # noqa: F401 - fixtures

pytestmark = pytest.mark.anyio
FIELDS = ("title", "status", "count")


async def rows(ablo: AsyncAblo) -> dict[str, dict[str, Any]]:
    """All tasks by id, without what the table sets itself."""
    own = ("created_at", "updated_at", "created_by")
    page = await ablo.tasks.list(archived=True, limit=1000)
    return {one.id: {k: v for k, v in dict(one).items() if k not in own} for one in page}


async def test_a_commit_is_undone_and_so_is_the_undo(
    ablo: AsyncAblo, make_client: MakeClient
) -> None:
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


async def test_a_claim_s_writes_are_undone(ablo: AsyncAblo, make_client: MakeClient) -> None:
    agent = make_client("agent:b")
    await ablo.tasks.create({"title": "a"}, id="t1")
    async with agent.tasks.claim(id="t1") as claim:
        await agent.tasks.update("t1", {"title": "b"})
        await agent.tasks.update("t1", {"count": 3})
        with pytest.raises(AbloClaimedError):  # an undo is held to claims like any commit
            await ablo.undo(claim=claim.id)
    await agent.tasks.update("t1", {"status": "done"})
    done = await ablo.undo(claim=claim.id)
    assert done.left == ()
    row = await ablo.tasks.retrieve("t1")
    assert (row.title, row.count, row.status) == ("a", 0, "done")
    last = (await ablo.tasks.history("t1"))[0]
    assert (last.actor, last.claim_id) == ("agent:triage", None)


async def test_a_row_is_restored_to_a_position(ablo: AsyncAblo, make_client: MakeClient) -> None:
    ann = make_client("user:ann")
    await ablo.tasks.create({"title": "a"}, id="t1")
    early = (await ablo.commits.create([update("t1", title="b", count=1)])).last_sync_id
    await ann.tasks.update("t1", {"title": "c", "tags": ["x"]})
    await ann.tasks.archive("t1")
    await ann.tasks.delete("t1")
    await ablo.tasks.restore("t1", at=early)
    row = await ablo.tasks.retrieve("t1")
    assert (row.title, row.count, row.tags, row.archived_at) == ("b", 1, [], None)
    assert (await ablo.tasks.restore("t1", at=early)).receipt is None
    await ablo.tasks.restore("t1", at=0)
    assert await rows(ablo) == {}
    with pytest.raises(AbloValidationError) as told:
        await ablo.tasks.restore("t1", at=-1)
    assert told.value.field == "at"


async def test_owners_come_first_and_go_last(ablo: AsyncAblo, make_client: MakeClient) -> None:
    """A task needs its project: the foreign key would refuse the wrong order, either way."""
    agent = make_client("agent:b")
    start = (await ablo.commits.create([project("kept")])).last_sync_id
    await ablo.commits.create([project("p1")])
    await ablo.tasks.create({"title": "a", "project_id": "p1"}, id="t1")
    gone = await agent.commits.create(
        [
            {"action": "delete", "model": "tasks", "id": "t1"},
            {"action": "delete", "model": "projects", "id": "p1"},
        ]
    )
    done = await ablo.undo(commit=gone)
    assert [one.id for one in done.steps] == ["p1", "t1"]
    back = await ablo.undo(actor="agent:triage", since=start, preview=True)
    assert [(one.action, one.id) for one in back.steps] == [("delete", "t1"), ("delete", "p1")]
    assert {(one.reason, one.by) for one in back.left} == {("deleted", "agent:b")}
    again = await ablo.undo(commit=done.receipt)
    assert [(one.action, one.id) for one in again.steps] == [("delete", "t1"), ("delete", "p1")]


def project(id: str) -> dict[str, Any]:
    return {"action": "create", "model": "projects", "id": id, "data": {"name": id}}


async def test_a_write_between_plan_and_commit_is_not_lost(
    ablo: AsyncAblo, make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent, ann = make_client("agent:b"), make_client("user:ann")
    await ablo.tasks.create({"title": "a"}, id="t1")
    receipt = await agent.commits.create([update("t1", title="b", status="doing")])
    commit = undo_module._commit
    tries: list[int] = []

    async def interrupted(*arguments: Any) -> Any:
        tries.append(len(tries))
        if len(tries) == 1:
            await ann.tasks.update("t1", {"title": "ann's"})
        return await commit(*arguments)

    monkeypatch.setattr(undo_module, "_commit", interrupted)
    done = await ablo.undo(commit=receipt)
    assert len(tries) == 2
    assert done.left == (
        Left("tasks", "t1", "changed", ("title",), "user:ann", done.left[0].sync_id),
    )
    row = await ablo.tasks.retrieve("t1")
    assert (row.title, row.status) == ("ann's", "todo")


async def test_a_retry_under_one_key_undoes_once(ablo: AsyncAblo, make_client: MakeClient) -> None:
    await ablo.tasks.create({"title": "a"}, id="t1")
    receipt = await make_client("agent:b").commits.create([update("t1", title="b")])
    first = await ablo.undo(commit=receipt, idempotency_key="k")
    await make_client("agent:b").undo(commit=first.receipt)
    again = await ablo.undo(commit=receipt, idempotency_key="k")
    assert again.receipt == first.receipt
    assert (await ablo.tasks.retrieve("t1")).title == "b"


async def test_what_names_no_changes_is_refused(ablo: AsyncAblo) -> None:
    for options, field in (
        ({}, "commit"),
        ({"commit": "a", "claim": "b"}, "commit"),
        ({"commit": 7}, "commit"),
        ({"actor": "user:ann"}, "since"),
        ({"actor": "user:ann", "since": dt.datetime(2026, 1, 1)}, "since"),
        ({"actor": "user:ann", "since": True}, "since"),
        ({"claim": "c", "since": 1}, "since"),
    ):
        with pytest.raises(AbloValidationError) as told:
            await ablo.undo(**options)
        assert told.value.field == field
    with pytest.raises(AbloError) as missing:
        await ablo.undo(commit="stx_1_999999999")
    assert missing.value.code == "entity_not_found"


async def test_times_count_from_the_database_s_clock(ablo: AsyncAblo) -> None:
    await ablo.tasks.create({"title": "a"}, id="t1")
    at = (await ablo.tasks.history("t1"))[0].at
    await ablo.tasks.update("t1", {"title": "b"})
    later = (await ablo.tasks.history("t1"))[0].at
    assert later > at
    done = await ablo.undo(actor="agent:triage", since=later)
    assert [(one.action, one.data) for one in done.steps] == [("update", {"title": "a"})]


def test_the_blocking_client_undoes(sync_ablo: Ablo) -> None:
    sync_ablo.tasks.create({"title": "a"}, id="t1")
    receipt = sync_ablo.commits.create([update("t1", title="b")])
    assert sync_ablo.undo(commit=receipt).receipt is not None
    assert sync_ablo.tasks.retrieve("t1").title == "a"
    sync_ablo.tasks.restore("t1", at=receipt.last_sync_id)
    assert sync_ablo.tasks.retrieve("t1").title == "b"


def update(id: str, **data: Any) -> dict[str, Any]:
    return {"action": "update", "model": "tasks", "id": id, "data": data}


@pytest.mark.parametrize("seed", range(6))
async def test_random_changes_against_an_oracle(make_client: MakeClient, seed: int) -> None:
    chance = random.Random(seed)
    clients = {name: make_client(name) for name in ("agent:b", "user:ann")}
    first = clients["user:ann"]
    ids = [f"t{n}" for n in range(5)]
    log: list[Entry] = []
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
        log.append((name, one, old, new))
        state.pop(one, None)
        state |= {} if new is None else {one: new}
    expected = expected_after_undo(log, state, "agent:b")
    found = await first.undo(actor="agent:b", since=since)
    assert {k: {f: v[f] for f in FIELDS} for k, v in (await rows(first)).items()} == expected
    if found.receipt is not None:
        await first.undo(commit=found.receipt)
        assert {k: {f: v[f] for f in FIELDS} for k, v in (await rows(first)).items()} == state


Row = dict[str, Any]
Entry = tuple[str, str, Row | None, Row | None]  # who, which row, before, after


def expected_after_undo(log: list[Entry], state: dict[str, Row], actor: str) -> dict[str, Row]:
    """Return the tasks after an undo of all that the actor did."""
    found = {
        one: undone([entry for entry in log if entry[1] == one], state.get(one), actor)
        for one in {entry[1] for entry in log} | state.keys()
    }
    return {one: row for one, row in found.items() if row is not None}


def undone(entries: list[Entry], now: Row | None, actor: str) -> Row | None:
    """Undo one row's changes, a life at a time.

    A life that is the actor's alone never was; its fields, else, get the values from before the
    actor's last unbroken run of changes of each.
    """
    if now is None:
        if not entries or entries[-1][0] != actor:
            return None
        now = entries[-1][2]
        entries = entries[:-1]
    start = max((n for n, entry in enumerate(entries) if entry[2] is None), default=None)
    life = entries[start:]
    if start is not None and all(who == actor for who, *_ in life):
        return undone(entries[:start], None, actor)
    result = dict(now or {})
    for field in FIELDS:
        for who, _, old, new in reversed(life):
            if old is None or new is None or old[field] == new[field]:
                continue
            if who != actor:
                break
            result[field] = old[field]
    return result
