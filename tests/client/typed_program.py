"""A user's program, checked by `mypy --strict` in test_client_typed.py. It is never run."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, Literal, assert_type

from ablo_pg import (
    Ablo,
    AbloStaleContextError,
    AsyncAblo,
    Change,
    Claim,
    ClaimState,
    Column,
    Condition,
    Model,
    ModelClient,
    Operation,
    Page,
    Presence,
    Receipt,
    SessionKey,
    Snapshot,
    SyncClaim,
    actor,
    allow,
    check,
    col,
    define_schema,
    field,
    index,
    new,
    old,
)


class Task(Model):
    title: str = field(max_length=200, pattern="^[^ ]", unique=True)
    status: Literal["todo", "doing", "done"]
    count: int = field(default=0, ge=0)
    urgent: bool = False
    due_date: dt.datetime | None = field(default=None, indexed=True)
    tags: list[str] = field(default_factory=list)
    meta: dict[str, Any] | None = None
    started = check("status = 'todo' or count > 0")
    by_due = index("due_date", where="status <> 'done'")


schema = define_schema(tasks=Task)


async def asynchronous() -> None:
    async with AsyncAblo(schema=schema, organization="acme", participant="agent:triage") as ablo:
        await ablo.ready()
        tasks = ablo.model(Task)
        assert_type(tasks, ModelClient[Task])
        task = await tasks.create(data={"title": "Write", "status": "todo"})
        assert_type(task, Task)
        assert_type(task.status, Literal["todo", "doing", "done"])
        assert_type(await tasks.retrieve(id=task.id), Task | None)
        page = await tasks.list(where={"status": "todo"}, order_by="created_at", limit=20)
        assert_type(page, Page[Task])
        assert_type(page.next_cursor, str | None)
        task = await tasks.update(id=task.id, data={"status": "done"}, wait="confirmed")
        task = await tasks.update("t1", lambda current: {"title": current.title}, retries=16)

        async def slowly(current: Task) -> dict[str, str] | None:
            return {"title": current.title} if current.status == "todo" else None

        assert_type(await tasks.update(id=task.id, data=slowly, reads=[task, page]), Task)
        await ablo.tasks.update("t1", lambda current: {"count": current.count + 1})
        snap = await ablo.snapshot(tasks=task.id)
        assert_type(snap, Snapshot)
        try:
            await ablo.tasks.update(
                id=task.id,
                data={"title": "x"},
                read_at=snap.stamp,
                on_stale="reject",
                idempotency_key="task:1:rename:v1",
                timeout=20,
            )
        except AbloStaleContextError as error:
            print(error.code, error.model, error.row_id, error.remedy)
        receipt = await ablo.commits.create(
            operations=[
                Operation("archive", Task, id=task.id),
                {"action": "delete", "model": "tasks", "id": "other"},
            ],
            reads=[task, {"group": "tasks:1", "read_at": snap.stamp}],
        )
        assert_type(receipt, Receipt)
        assert_type(await tasks.delete(id=task.id), Receipt)

        async with tasks.claim(id=task.id, action="update") as claim:
            assert_type(claim, Claim[Task])
            assert_type(claim.data, Task)
            assert_type(claim.row, Task | None)
            if not claim.lost.is_set():
                print(claim.id, claim.fence_token, claim.read_at, claim.expires_at, claim.status)
        claim = await ablo.tasks.claim(id=task.id, ttl="2m", fields=["status"], on_status=print)
        await claim.release()
        assert_type(await tasks.claim(id=task.id, queue=False), Claim[Task] | None)
        assert_type(await tasks.claim.state(id=task.id), ClaimState | None)
        line = await tasks.claim.queue(id=task.id)
        assert_type(line, list[ClaimState])
        await tasks.claim.reorder(id=task.id, order=[line[0].id, line[1]])
        assert_type(await tasks.claim.release(id=task.id), bool)
        await tasks.retrieve(id=task.id, if_claimed="fail")
        await ablo.presence.set(status="online", activity={"model": "tasks"}, ttl="30s")
        assert_type(await ablo.presence.list(), Sequence[Presence])
        async for change in tasks.subscribe(cursor=receipt.last_sync_id):
            assert_type(change, Change[Task])
            assert_type(change.row, Task | None)
            print(change.sync_id, change.op, change.row)
        async with ablo.subscribe() as changes:
            print(changes.cursor)

        async def on_task(change: Change[Task]) -> None:
            print(change.id)

        handle = await tasks.on_change(on_task)
        await handle.close()
        for row in await ablo.tasks.list([("status", "=", "todo")]):
            print(row.title)


async def with_columns(tasks: ModelClient[Task], now: dt.datetime) -> None:
    assert_type(col(Task.due_date), Column[dt.datetime])
    assert_type(col(Task.status) == "todo", Condition)
    assert_type((col(Task.count) > 3) & (col(Task.due_date) < now) | ~col(Task.urgent), Condition)
    await tasks.list(col(Task.urgent))
    await tasks.list(col(Task.status).in_(["todo", "done"]) & col(Task.count).between(1, 9))
    await tasks.list(col(Task.due_date).is_null() | col(Task.created_at).is_not_null())
    assert_type(col(Task.title).lower(), Column[str])
    assert_type(col(Task.title).upper().like("A%") & (col(Task.status) != "todo"), Condition)
    tasks.local.list(col(Task.title).length() <= col(Task.count))
    tasks.local.count(col(Task.tags).contains(["a"]) & col(Task.tags).overlaps(["b"]))
    page = await tasks.list((col(Task.meta)["source"] == "import") & (col(Task.count) > 3))
    premise = {"model": Task, "where": col(Task.id) >= "t", "read_at": 3}
    await tasks.update("t1", {"title": "x"}, reads=[page, premise])


class Note(Model):
    owner_id: str
    done: bool = False
    text: str | None = field(default=None, read=actor.kind == "user")
    permissions = allow(
        read=lambda: (actor.user_id == Note.owner_id) | col(Note.done),
        create=lambda: actor.id.in_(["ann"]),
        update=lambda: new(Note.owner_id) == old(Note.owner_id),
    )


async def over_a_relay() -> None:
    async with AsyncAblo(schema=schema, base_url="https://r", api_key="sk_", local=[Task]) as ablo:
        await ablo.ready()
        tasks = ablo.model(Task)
        assert_type(tasks.local.get("t1"), Task | None)
        assert_type(tasks.local.list(where={"status": "todo"}, order_by="-created_at"), list[Task])
        assert_type(tasks.local.count(), int)
        task = await tasks.create({"title": "Write", "status": "todo"}, wait="queued")
        assert_type(task, Task)
        pending = ablo.pending(task)
        if pending is not None:
            pending.on_rejected(lambda error: print(error.code))
            assert_type(await pending.confirmed(timeout=5), Receipt)
        key = await ablo.sessions.create(
            agent="triage", can={"tasks": ["read", "update"]}, sync_groups=["tasks:t1"], ttl="1h"
        )
        assert_type(key, SessionKey)
        await ablo.sessions.revoke(key.id)


def synchronous() -> None:
    with Ablo(schema=schema, organization="acme", participant="user:ann") as ablo:
        tasks = ablo.model(Task)
        task = tasks.create({"title": "Write", "status": "todo"}, id="t1")
        assert_type(task, Task)
        assert_type(tasks.list(), Page[Task])
        task = tasks.update("t1", lambda current: {"title": current.title}, retries=16)
        assert_type(task, Task)
        tasks.update("t1", {"title": "x"}, read_at=3, on_stale="force")
        with tasks.subscribe() as changes:
            for change in changes:
                assert_type(change.row, Task | None)
                break
        with tasks.claim(id="t1", timeout=30, max_queue_depth=3, on_status=print) as claim:
            assert_type(claim, SyncClaim[Task])
            assert_type(claim.data, Task)
        assert_type(tasks.claim(id="t1", queue=False), SyncClaim[Task] | None)
        tasks.claim(id="t1", meta={"run": 1}).release()
        ablo.presence.set(status="away")
        handle = tasks.on_change(lambda change: print(change.id))
        handle.close()
        print(ablo.receipt(task), ablo.tasks.retrieve("t1"), ablo.pending(task))
        assert_type(tasks.local.list(), list[Task])
