"""Holding a claim: the grant, writes under it, re-entrancy, release."""

from __future__ import annotations

from typing import Any

import anyio
import psycopg
import pytest

from ablo_pg import (
    AbloClaimedError,
    AbloNotFoundError,
    AbloStaleContextError,
    AbloValidationError,
    AsyncAblo,
    Operation,
)
from ablo_pg.testing import DatabaseHandle

from .asked import on_ask
from .shared import own_organization, shared, shared_db, shared_relay  # noqa: F401 - fixtures

pytestmark = pytest.mark.anyio


@pytest.fixture
async def task(ablo: AsyncAblo) -> str:
    await ablo.tasks.create({"title": "Write", "count": 1}, id="task_123")
    return "task_123"


@pytest.fixture
def other(make_client: Any) -> AsyncAblo:
    client: AsyncAblo = make_client(participant="agent:other")
    return client


def plain_sql(db: DatabaseHandle, organization: str, change: str) -> None:
    """Write past the API, as psql would."""
    query = f"update tasks set {change} where organization_id = %s and id = 'task_123'"
    with psycopg.connect(db.admin_url, autocommit=True) as conn:
        assert conn.execute(query.encode(), [organization]).rowcount == 1


async def test_work_under_a_claim(ablo: AsyncAblo, task: str) -> None:
    async with ablo.tasks.claim(id="task_123", action="update") as claim:
        assert claim.status == "held"
        assert not claim.lost.is_set()
        if claim.data.status != "done":
            await ablo.tasks.update(id="task_123", data={"status": "done"}, wait="confirmed")
        await ablo.tasks.update(id="task_123", data={"count": 2})  # own writes do not go stale
        state = await ablo.tasks.claim.state(id="task_123")
        assert state is not None
        assert (state.id, state.held_by, state.action) == (claim.id, "agent:triage", "update")
        assert (state.model, state.row_id, state.fields) == ("tasks", task, None)
        assert state.expires_at > state.declared_at
    assert claim.status == "released"
    assert await ablo.tasks.claim.state(id="task_123") is None
    await ablo.tasks.update(id="task_123", data={"count": 3})


async def test_awaited_and_released_by_hand(ablo: AsyncAblo, other: AsyncAblo, task: str) -> None:
    claim = await ablo.tasks.claim(id=task, meta={"run": 7}, ttl="2m")
    assert claim.state.meta == {"run": 7}
    assert claim.state.ttl == 120
    assert await other.tasks.claim(id=task, queue=False) is None
    assert await claim.release()
    assert not await claim.release()
    taken = await other.tasks.claim(id=task, queue=False)
    assert taken is not None
    assert taken.fence_token > claim.fence_token
    assert await other.tasks.claim.release(id=task)
    assert taken.status == "released"
    assert not await other.tasks.claim.release(id=task)


async def test_another_participant_may_not_write(
    ablo: AsyncAblo, other: AsyncAblo, task: str
) -> None:
    async with ablo.tasks.claim(id=task, action="rewriting"):
        with pytest.raises(AbloClaimedError, match="rewriting") as caught:
            await other.tasks.update(task, {"count": 9})
        assert caught.value.code == "entity_claimed"
        assert caught.value.details["heldBy"] == "agent:triage"
    await other.tasks.update(task, {"count": 9})


async def test_reading_what_somebody_has_claimed(
    ablo: AsyncAblo, other: AsyncAblo, task: str
) -> None:
    async with ablo.tasks.claim(id=task, action="rewriting"):
        assert await ablo.tasks.retrieve(id=task, if_claimed="fail") is not None
        assert await other.tasks.retrieve(id=task) is not None
        with pytest.raises(AbloClaimedError, match="agent:triage") as caught:
            await other.tasks.retrieve(id=task, if_claimed="fail")
        assert caught.value.code == "model_claimed"
        assert caught.value.details["heldBy"] == "agent:triage"
    assert await other.tasks.retrieve(id=task, if_claimed="fail") is not None
    with pytest.raises(AbloValidationError):
        await other.tasks.retrieve(id=task, if_claimed="maybe")  # type: ignore[arg-type]
    with pytest.raises(AbloValidationError, match="current row") as refused:
        await other.tasks.retrieve(id=task, if_claimed="fail", at=0)
    assert (refused.value.code, refused.value.field) == ("invalid_options", "if_claimed")


async def test_a_plain_sql_write_makes_the_holder_stale(
    ablo: AsyncAblo, task: str, db: DatabaseHandle, organization: str
) -> None:
    async with ablo.tasks.claim(id=task) as claim:
        plain_sql(db, organization, "count = 50")
        for write in (
            lambda: ablo.tasks.update(task, {"count": claim.data.count + 1}),
            lambda: ablo.tasks.archive(task),
            lambda: ablo.tasks.delete(task),
            lambda: ablo.commits.create([Operation("update", "tasks", task, {"count": 2})]),
        ):
            with pytest.raises(AbloStaleContextError):
                await write()
        await ablo.tasks.update(task, {"count": 51}, on_stale="overwrite", read_at=claim.read_at)
    async with ablo.tasks.claim(id=task) as claim:
        assert claim.data.count == 51


async def test_a_claim_on_fields(
    ablo: AsyncAblo, other: AsyncAblo, db: DatabaseHandle, organization: str
) -> None:
    await ablo.tasks.create({"title": "Write"}, id="task_123")
    async with (
        ablo.tasks.claim(id="task_123", fields=["status", "due_date"]) as mine,
        other.tasks.claim(id="task_123", fields=["count"]) as theirs,
    ):
        assert mine.state.fields == ("due_date", "status")
        await ablo.tasks.update("task_123", {"status": "doing"})
        await other.tasks.update("task_123", {"count": 1})
        await ablo.tasks.update("task_123", {"status": "done"})
        with pytest.raises(AbloClaimedError):
            await ablo.tasks.update("task_123", {"count": 2})
        await ablo.tasks.update("task_123", {"title": "claimed by nobody"})
        plain_sql(db, organization, "count = 7")
        await ablo.tasks.update("task_123", {"status": "todo"})
        with pytest.raises(AbloStaleContextError):
            await other.tasks.update("task_123", {"count": 8})
        assert theirs.status == "held"


async def test_fields_are_checked(ablo: AsyncAblo, task: str) -> None:
    for fields, code in (
        (["statu"], "unknown_field"),
        ([], "invalid_options"),
        ("status", "invalid_options"),
    ):
        with pytest.raises(AbloValidationError) as caught:
            ablo.tasks.claim(id=task, fields=fields)
        assert caught.value.code == code
    with pytest.raises(AbloValidationError) as caught:
        ablo.tasks.claim(id=task, ttl="soon")
    assert (caught.value.code, caught.value.field) == ("duration_invalid", "ttl")


async def test_re_entrant_within_one_client(ablo: AsyncAblo, task: str) -> None:
    async with ablo.tasks.claim(id=task) as outer:
        async with ablo.tasks.claim(id=task) as inner:
            assert inner.id == outer.id
            await ablo.tasks.update(task, {"count": 2})
        assert inner.status == "released"
        assert outer.status == "held"
        assert await ablo.tasks.claim.state(task) is not None
        await ablo.tasks.update(task, {"count": 3})
    assert await ablo.tasks.claim.state(task) is None


async def test_tasks_of_one_client_share_a_claim(
    ablo: AsyncAblo, other: AsyncAblo, task: str
) -> None:
    """The first to leave does not take the row from the others, whatever overtakes what."""
    ids = set()

    async def work() -> None:
        for _ in range(10):
            async with ablo.tasks.claim(id=task) as claim:
                ids.add(claim.id)
                await ablo.tasks.update(task, {"count": 1})
                assert claim.status == "held"

    async with anyio.create_task_group() as group:
        for _ in range(4):
            group.start_soon(work)
    assert ids
    assert await other.tasks.claim(id=task, queue=False) is not None


async def test_released_on_an_exception_and_on_cancellation(
    ablo: AsyncAblo, other: AsyncAblo, task: str
) -> None:
    with pytest.raises(RuntimeError, match="mine"):
        async with ablo.tasks.claim(id=task):
            raise RuntimeError("mine")
    assert await ablo.tasks.claim.state(task) is None

    async with anyio.create_task_group() as group:

        async def hold(scope: anyio.CancelScope) -> None:
            with scope:
                async with ablo.tasks.claim(id=task):
                    scope.cancel()
                    await anyio.sleep_forever()

        group.start_soon(hold, anyio.CancelScope())
    assert await other.tasks.claim.state(task) is None


async def test_a_claim_on_a_row_that_is_not_there(ablo: AsyncAblo, other: AsyncAblo) -> None:
    async with ablo.tasks.claim(id="new") as claim:
        assert claim.row is None
        with pytest.raises(AbloNotFoundError) as caught:
            _ = claim.data
        assert (caught.value.code, caught.value.row_id) == ("entity_not_found", "new")
        with pytest.raises(AbloClaimedError):
            await other.tasks.create({"title": "theirs"}, id="new")
        await ablo.tasks.create({"title": "mine"}, id="new")
        await ablo.tasks.update("new", {"count": 1})
    row = await other.tasks.retrieve("new")
    assert row is not None
    assert row.title == "mine"


async def test_a_broken_claim_is_lost_at_once_in_the_client(
    ablo: AsyncAblo, task: str, db: DatabaseHandle, organization: str
) -> None:
    """The database says so once; then no write of the block goes out any more."""
    async with ablo.tasks.claim(id=task) as claim:
        with psycopg.connect(db.admin_url, autocommit=True) as conn:
            assert conn.execute(
                "select ablo.claim_break(%s, 'user:boss', %s)", [organization, claim.id]
            ).fetchone() == (True,)
        with pytest.raises(AbloClaimedError) as caught:
            await ablo.tasks.update(task, {"count": 2})
        assert caught.value.code == "claim_lost"
        assert await claim.lost.wait(timeout=1)
        assert claim.status == "lost"
        sent = ablo._session.transport.commit
        ablo._session.transport.commit = None  # type: ignore[method-assign, assignment]
        with pytest.raises(AbloClaimedError) as caught:
            await ablo.tasks.update(task, {"count": 2})
        assert caught.value.code == "claim_lost"
        assert caught.value.details["claimId"] == claim.id
        ablo._session.transport.commit = sent  # type: ignore[method-assign]
    await ablo.tasks.update(task, {"count": 3})


async def test_close_gives_claims_back(make_client: Any, other: AsyncAblo) -> None:
    client = make_client()
    claims = [await client.tasks.claim(id=str(n)) for n in range(5)]
    await client.close()
    assert {claim.status for claim in claims} == {"released"}
    for n in range(5):
        assert await other.tasks.claim.state(str(n)) is None
    async with claims[0]:
        pass


async def test_leaving_is_bounded_and_does_not_hide_the_error(
    ablo: AsyncAblo, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The database does not answer: the block ends all the same, and so does the lease."""
    monkeypatch.setattr("ablo_pg.client.claims.handle.LEAVE_SECONDS", 0.1)
    door: Any = ablo._session.transport.claims
    claim = await ablo.tasks.claim(id="t")

    async def work() -> None:
        async with claim:
            on_ask(ablo, "claim_release", never)
            raise RuntimeError("mine")

    with anyio.fail_after(30), pytest.raises(RuntimeError, match="mine"):
        await work()
    assert claim.status == "released"
    assert f"{claim.id} was not released within 0.1 s" in caplog.text
    assert not door._joined().keeper._all()


async def never(*args: object) -> None:
    await anyio.sleep_forever()


async def test_a_claim_that_nobody_awaits_is_noticed(ablo: AsyncAblo) -> None:
    with pytest.warns(RuntimeWarning, match="never awaited"):
        ablo.tasks.claim(id="x")


async def test_operations_may_name_a_claim_themselves(
    ablo: AsyncAblo, make_client: Any, task: str
) -> None:
    """Another client of the participant writes under it by its id and token."""
    again = make_client()
    async with ablo.tasks.claim(id=task) as claim:
        operation = {"action": "update", "model": "tasks", "id": task, "data": {"count": 4}}
        named = {"claim_id": claim.id, "fenceToken": claim.fence_token, "read_at": claim.read_at}
        assert (await again.commits.create([operation | named])).ops == 1
        with pytest.raises(AbloClaimedError) as caught:
            await again.commits.create([operation | {"claim_id": "clm_none"}])
        assert caught.value.code == "claim_lost"
    old = {"action": "update", "model": "tasks", "id": task, "data": {"count": 5}, **named}
    with pytest.raises(AbloClaimedError):
        await again.commits.create([old])
