"""Atomic commits, and commits that join the caller's own transaction."""

from __future__ import annotations

import uuid
from typing import Any

import psycopg
import pytest

from ablo_pg import (
    AbloConflictError,
    AbloNotFoundError,
    AbloStaleContextError,
    AbloTimeoutError,
    AbloValidationError,
    AsyncAblo,
    Operation,
)
from ablo_pg.testing import DatabaseHandle

from .shared import own_organization, shared, shared_db, shared_relay  # noqa: F401 - fixtures

pytestmark = pytest.mark.anyio


def create(row_id: str, **data: Any) -> dict[str, Any]:
    return {"action": "create", "model": "tasks", "id": row_id, "data": {"title": "x", **data}}


async def test_several_models_land_together(ablo: AsyncAblo, schema: Any) -> None:
    receipt = await ablo.commits.create(
        operations=[
            Operation("create", schema.models["projects"], id="p1", data={"name": "p"}),
            create("t1", project_id="p1"),
        ]
    )
    assert (receipt.ops, receipt.status, receipt.success) == (2, "confirmed", True)
    assert receipt.created_at.utcoffset() is not None
    snap = await ablo.snapshot(tasks="t1", projects=["p1", "p2"])
    assert snap.stamp == receipt.last_sync_id
    assert snap.tasks["t1"].project_id == "p1"
    assert snap.projects["p2"] is None
    assert [row.id for row in snap.rows()] == ["t1", "p1"]
    with pytest.raises(AttributeError, match="tasks"):
        _ = snap.task


async def test_one_that_fails_takes_all_with_it(ablo: AsyncAblo) -> None:
    await ablo.tasks.create({"title": "there"}, id="t1")
    with pytest.raises(AbloConflictError) as caught:
        await ablo.commits.create([create("t0"), create("t1"), create("t2")])
    assert (caught.value.code, caught.value.field) == ("unique_violation", "id")
    with pytest.raises(AbloNotFoundError):
        await ablo.commits.create(
            [create("t0"), {"action": "update", "model": "tasks", "id": "t9", "data": {"count": 1}}]
        )
    assert [row.id for row in await ablo.tasks.list()] == ["t1"]


async def test_a_stale_premise_rejects_the_commit(ablo: AsyncAblo) -> None:
    task = await ablo.tasks.create({"title": "a"}, id="t1")
    snap = await ablo.snapshot(tasks="t1")
    await ablo.tasks.update("t1", {"title": "b"})
    for premise in (
        task,
        {"model": "tasks", "id": "t1", "read_at": snap.stamp},
        {"model": "tasks", "id": "t1", "read_at": snap.stamp, "fields": ["title"]},
        {"group": "tasks:t1", "read_at": snap.stamp},
    ):
        with pytest.raises(AbloStaleContextError):
            await ablo.commits.create([create("t2")], reads=[premise])
    untouched = {"model": "tasks", "id": "t1", "read_at": snap.stamp, "fields": ["count"]}
    await ablo.commits.create([create("t2")], reads=[untouched])


async def test_ids_made_up_under_a_key_are_the_same_in_a_retry(ablo: AsyncAblo) -> None:
    anonymous = [{"action": "create", "model": "tasks", "data": {"title": n}} for n in "ab"]
    first = await ablo.commits.create(anonymous, idempotency_key="k")
    again = await ablo.commits.create(anonymous, idempotency_key="k")
    assert first == again
    assert len(await ablo.tasks.list()) == 2


@pytest.mark.parametrize(
    ("operations", "code"),
    [
        ([], "commit_operation_required"),
        ({}, "invalid_request"),
        ([{"model": "tasks", "id": "t1"}], "commit_operation_action_required"),
        ([{"action": "upsert", "model": "tasks", "id": "t1"}], "commit_operation_unsupported"),
        ([{"action": "delete", "id": "t1"}], "commit_operation_model_required"),
        ([{"action": "delete", "model": "nope", "id": "t1"}], "server_execute_unknown_model"),
        ([{"action": "delete", "model": "tasks"}], "invalid_id"),
        ([{"action": "delete", "model": "tasks", "id": ""}], "invalid_id"),
        ([{"action": "update", "model": "tasks", "id": "t1"}], "commit_operation_invalid"),
        ([{"action": "delete", "model": "tasks", "id": "t", "x": 1}], "commit_operation_invalid"),
        ([create(f"t{n}") for n in range(2_000)], "commit_too_many_operations"),
    ],
)
async def test_bad_operations_are_refused(ablo: AsyncAblo, operations: Any, code: str) -> None:
    with pytest.raises(AbloValidationError) as caught:
        await ablo.commits.create(operations)
    assert caught.value.code == code
    assert caught.value.remedy
    assert await ablo.tasks.list() == []


async def test_bad_keys_are_refused(ablo: AsyncAblo) -> None:
    for key, code in (("k" * 256, "idempotency_key_too_long"), ("", "invalid_request")):
        with pytest.raises(AbloValidationError) as caught:
            await ablo.tasks.create({"title": "x"}, idempotency_key=key)
        assert caught.value.code == code
    assert (await ablo.tasks.create({"title": "x"}, idempotency_key="k" * 255)).title == "x"


@pytest.mark.direct("a relay is in nobody's transaction")
async def test_a_joined_commit_lands_with_the_callers_transaction(
    ablo: AsyncAblo, db: DatabaseHandle
) -> None:
    async with await psycopg.AsyncConnection.connect(db.admin_url) as conn:
        await conn.execute("create table ledger (note text)")
        await conn.commit()
        await conn.execute("insert into ledger values ('kept')")
        receipt = await ablo.commits.create([create("t1")], connection=conn)
        assert receipt.ops == 1
        assert await ablo.tasks.retrieve("t1") is None
        await conn.commit()
        assert (await ablo.tasks.retrieve("t1")).created_by == "agent:triage"

        await conn.execute("insert into ledger values ('lost')")
        await ablo.commits.create([create("t2")], connection=conn)
        await conn.rollback()
        assert await ablo.tasks.retrieve("t2") is None
        notes = await (await conn.execute("select note from ledger")).fetchall()
        assert notes == [("kept",)]


@pytest.mark.direct("a relay is in nobody's transaction")
async def test_a_blocking_connection_can_be_joined_too(ablo: AsyncAblo, db: DatabaseHandle) -> None:
    with psycopg.connect(db.database_url) as conn:
        with conn.transaction(force_rollback=True):
            await ablo.commits.create([create("t1")], connection=conn)
        with conn.transaction():
            await ablo.commits.create([create("t2")], connection=conn)
    assert [row.id for row in await ablo.tasks.list()] == ["t2"]


@pytest.mark.direct("a relay is in nobody's transaction")
async def test_a_joined_failure_leaves_the_savepoint_to_the_caller(
    ablo: AsyncAblo, db: DatabaseHandle
) -> None:
    await ablo.tasks.create({"title": "there"}, id="t1")
    async with await psycopg.AsyncConnection.connect(db.database_url) as conn:
        with pytest.raises(AbloConflictError):
            async with conn.transaction():
                await ablo.commits.create([create("t1")], connection=conn)
        await ablo.commits.create([create("t2")], connection=conn)
    assert sorted(row.id for row in await ablo.tasks.list()) == ["t1", "t2"]


@pytest.mark.direct("a relay is in nobody's transaction")
async def test_what_cannot_be_joined_is_refused(ablo: AsyncAblo, db: DatabaseHandle) -> None:
    autocommit = await psycopg.AsyncConnection.connect(db.database_url, autocommit=True)
    async with autocommit:
        for wrong in (autocommit, object()):
            with pytest.raises(AbloValidationError) as caught:
                await ablo.commits.create([create("t1")], connection=wrong)  # type: ignore[arg-type]
            assert (caught.value.code, caught.value.field) == ("invalid_options", "connection")
    serializable = await psycopg.AsyncConnection.connect(db.database_url)
    async with serializable:
        await serializable.set_isolation_level(psycopg.IsolationLevel.SERIALIZABLE)
        with pytest.raises(AbloValidationError) as caught:
            await ablo.commits.create([create("t1")], connection=serializable)
        assert caught.value.code == "isolation_level_unsupported"
    assert await ablo.tasks.list() == []


async def test_a_commit_that_waits_too_long_says_what_to_do(
    ablo: AsyncAblo, db: DatabaseHandle
) -> None:
    await ablo.tasks.create({"title": "a"}, id="t1")
    key = str(uuid.uuid4())
    async with await psycopg.AsyncConnection.connect(db.admin_url) as conn:
        await conn.execute("select from tasks where id = 't1' for update")
        with pytest.raises(AbloTimeoutError) as caught:
            await ablo.tasks.update("t1", {"title": "b"}, timeout=0.3, idempotency_key=key)
        assert caught.value.code == "wait_for_timeout"
        assert caught.value.details["idempotency_key"] == key
        assert "idempotency_key" in (caught.value.remedy or "")
    changed = await ablo.tasks.update("t1", {"title": "b"}, idempotency_key=key)
    assert changed.title == "b"
    with pytest.raises(AbloValidationError) as refused:
        await ablo.tasks.update("t1", {"title": "b"}, timeout=-1)
    assert refused.value.code == "duration_invalid"
