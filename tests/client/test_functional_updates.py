"""`update` with a function: read, compute, write if the row still stands; else again."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from ablo_pg import (
    Ablo,
    AbloConnectionError,
    AbloContentionError,
    AbloNotFoundError,
    AbloStaleContextError,
    AbloTimeoutError,
    AbloValidationError,
    AsyncAblo,
)
from ablo_pg.client.rows.functional import FunctionalUpdate, UpdateOptions
from ablo_pg.client.rows.requests import CommitRequest
from ablo_pg.errors import error_for
from ablo_pg.wire.committed import Receipt

from .conftest import MakeClient
from .shared import db, get_relay, organization, shared  # noqa: F401 - fixtures

pytestmark = pytest.mark.anyio


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries follow at once."""
    monkeypatch.setattr(FunctionalUpdate, "pause", lambda self: 0.0)


async def test_the_row_is_what_the_function_made_of_it(ablo: AsyncAblo) -> None:
    await ablo.tasks.create({"title": "a", "count": 3}, id="task_123")
    task = await ablo.tasks.update(
        "task_123", lambda current: {"count": current.count + 1}, retries=16
    )
    assert task.count == 4
    receipt = ablo.receipt(task)
    assert receipt is not None
    assert receipt.ops == 1

    async def slowly(current: Any) -> dict[str, Any]:
        await anyio.lowlevel.checkpoint()
        return {"title": current.title * 2}

    assert (await ablo.tasks.update(id="task_123", data=slowly)).title == "aa"


@pytest.mark.parametrize("nothing", [None, {}])
async def test_no_change_is_no_write(ablo: AsyncAblo, nothing: Any) -> None:
    task = await ablo.tasks.create({"title": "a"}, id="t1")
    head = (await ablo.snapshot(tasks=[])).stamp
    assert await ablo.tasks.update("t1", lambda current: nothing) == task
    assert (await ablo.snapshot(tasks=[])).stamp == head


async def test_a_lost_race_is_run_again_on_the_new_row(ablo: AsyncAblo, quick: None) -> None:
    await ablo.tasks.create({"title": "a", "count": 0}, id="t1")
    seen: list[int] = []

    async def hurried(current: Any) -> dict[str, Any]:
        seen.append(current.count)
        if len(seen) < 4:
            await ablo.tasks.update("t1", {"count": current.count + 10})
        return {"count": current.count + 1}

    assert (await ablo.tasks.update("t1", hurried)).count == 31
    assert seen == [0, 10, 20, 30]


async def test_a_spent_budget_says_what_stood_in_the_way(ablo: AsyncAblo, quick: None) -> None:
    await ablo.tasks.create({"title": "a"}, id="t1")
    calls = 0

    async def beaten(current: Any) -> dict[str, Any]:
        nonlocal calls
        calls += 1
        await ablo.tasks.update("t1", {"count": current.count + 10})
        return {"count": 0}

    with pytest.raises(AbloContentionError) as caught:
        await ablo.tasks.update("t1", beaten, retries=2)
    error = caught.value
    assert calls == 3
    assert (error.code, error.model, error.row_id) == ("contention_exhausted", "tasks", "t1")
    assert error.details["attempts"] == 3
    assert error.details["code"] == "stale_context"
    assert error.details["conflicts"][0]["writtenBy"] == {"kind": "agent", "id": "triage"}
    assert isinstance(error.__cause__, AbloStaleContextError)
    assert (await ablo.tasks.retrieve("t1")).count == 30


async def test_a_premise_beside_the_row_is_not_tried_again(ablo: AsyncAblo) -> None:
    await ablo.tasks.create({"title": "a"}, id="t1")
    policy = await ablo.projects.create({"name": "p"}, id="p1")
    await ablo.projects.update("p1", {"name": "q"})
    calls: list[Any] = []
    with pytest.raises(AbloStaleContextError):
        await ablo.tasks.update("t1", lambda row: calls.append(row) or {"count": 1}, reads=[policy])  # type: ignore[func-returns-value]
    assert len(calls) == 1


async def test_errors_come_through_and_write_nothing(ablo: AsyncAblo) -> None:
    with pytest.raises(AbloNotFoundError) as missing:
        await ablo.tasks.update("none", lambda current: {"count": 1})
    assert missing.value.row_id == "none"
    await ablo.tasks.create({"title": "a"}, id="t1")

    def failing(current: Any) -> dict[str, Any]:
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        await ablo.tasks.update("t1", failing)
    for wrong in ({"id": 3}, {"nope": 1}, "count", 7):
        with pytest.raises(AbloValidationError):
            await ablo.tasks.update("t1", lambda current, wrong=wrong: wrong)  # type: ignore[misc]
    for options in ({"read_at": 1}, {"on_stale": "reject"}, {"retries": -1}, {"retries": True}):
        with pytest.raises(AbloValidationError) as refused:
            await ablo.tasks.update("t1", lambda current: {"count": 1}, **options)
        assert refused.value.code == "write_options_invalid"
    with pytest.raises(AbloValidationError, match="retries"):
        await ablo.tasks.update("t1", {"count": 1}, retries=3)  # type: ignore[call-overload]
    assert (await ablo.tasks.retrieve("t1")).count == 0


async def test_the_deadline_is_for_all_attempts(ablo: AsyncAblo, quick: None) -> None:
    await ablo.tasks.create({"title": "a"}, id="t1")
    with pytest.raises(AbloTimeoutError) as caught:
        await ablo.tasks.update("t1", lambda _: anyio.sleep_forever(), timeout=0.3)
    assert caught.value.details["idempotency_key"]


async def test_a_key_applies_once_and_the_function_is_not_asked_again(ablo: AsyncAblo) -> None:
    await ablo.tasks.create({"title": "a"}, id="t1")
    await ablo.tasks.create({"title": "b"}, id="t2")

    def more(current: Any) -> dict[str, Any]:
        return {"count": current.count + 1}

    first = await ablo.tasks.update("t1", more, idempotency_key="k")
    await ablo.tasks.update("t1", {"title": "later"})
    again = await ablo.tasks.update("t1", more, idempotency_key="k")
    assert (again.count, again.title) == (1, "later")
    assert ablo.receipt(again) == ablo.receipt(first)
    other = await ablo.tasks.update("t2", more, idempotency_key="k")
    assert other.count == 1, "a key is for one row"


async def test_two_calls_under_one_key_are_one(ablo: AsyncAblo, quick: None) -> None:
    await ablo.tasks.create({"title": "a"}, id="t1")
    both = anyio.Event()
    arrived = 0

    async def more(current: Any) -> dict[str, Any]:
        nonlocal arrived
        arrived += 1
        if arrived == 2:
            both.set()
        await both.wait()
        return {"count": current.count + 1, "title": f"{arrived}"}

    rows: list[Any] = []

    async def call() -> None:
        rows.append(await ablo.tasks.update("t1", more, idempotency_key="k"))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(call)
        tasks.start_soon(call)
    assert [row.count for row in rows] == [1, 1]
    assert (await ablo.tasks.retrieve("t1")).count == 1


async def test_an_answer_that_was_lost_is_found_by_the_next_call(
    ablo: AsyncAblo, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ablo.tasks.create({"title": "a"}, id="t1")
    transport = ablo._session.transport
    send = transport.commit

    async def lossy(request: CommitRequest) -> Receipt:
        await send(request)
        monkeypatch.undo()
        raise error_for("database_unreachable", "the answer was lost")

    monkeypatch.setattr(transport, "commit", lossy)

    def more(current: Any) -> dict[str, Any]:
        return {"count": current.count + 1}

    with pytest.raises(AbloConnectionError):
        await ablo.tasks.update("t1", more, idempotency_key="k")
    assert (await ablo.tasks.update("t1", more, idempotency_key="k")).count == 1


async def test_lists_grow_by_every_acknowledged_append(make_client: MakeClient) -> None:
    clients = [make_client(participant=f"agent:{n}") for n in range(4)]
    await clients[0].tasks.create({"title": "list", "tags": []}, id="t1")

    async def append(client: AsyncAblo, number: int) -> None:
        for n in range(4):
            tag = f"{number}.{n}"
            await client.tasks.update("t1", lambda row, tag=tag: {"tags": [*row.tags, tag]})  # type: ignore[misc]

    async with anyio.create_task_group() as tasks:
        for number, client in enumerate(clients):
            tasks.start_soon(append, client, number)
    tags = (await clients[0].tasks.retrieve("t1")).tags
    assert sorted(tags) == sorted(f"{number}.{n}" for number in range(4) for n in range(4))


async def test_updates_of_one_holder_do_not_undo_each_other(
    make_client: MakeClient, quick: None
) -> None:
    """Beside each other under a claim, and beside those of another client of the participant."""
    one, other = make_client(), make_client()
    task = await one.tasks.create({"title": "a", "count": 0})

    async def add(ablo: AsyncAblo) -> None:
        await ablo.tasks.update(task.id, lambda row: {"count": row.count + 1}, retries=64)

    async with one.tasks.claim(id=task.id), anyio.create_task_group() as group:
        for ablo in (one, other):
            for _ in range(6):
                group.start_soon(add, ablo)
    found = await one.tasks.retrieve(task.id)
    assert found is not None
    assert found.count == 12


def test_the_pause_grows_and_varies() -> None:
    options = UpdateOptions(None, 16, None, 9.0)
    update: Any = FunctionalUpdate(None, ENTRY, "t1", options)  # type: ignore[arg-type]
    first = {update.pause() for _ in range(50)}
    assert len(first) > 1
    assert all(0.06 <= pause <= 0.12 for pause in first)
    update._failures = [error_for("stale_context", "x")] * 10
    assert 0.46 <= update.pause() <= 0.52


class ENTRY:
    key = typename = "tasks"


def test_the_sync_client_calls_the_function_on_the_callers_thread(sync_ablo: Ablo) -> None:
    ablo = sync_ablo
    ablo.tasks.create({"title": "a"}, id="task_123")
    threads: list[Any] = []

    def more(current: Any) -> dict[str, Any]:
        threads.append(threading.current_thread())
        if len(threads) == 1:
            ablo.tasks.update("task_123", {"count": current.count + 10})  # may use the client
        return {"count": current.count + 1}

    assert ablo.tasks.update("task_123", more, retries=16).count == 11
    assert threads == [threading.current_thread()] * 2
    assert ablo.tasks.update("task_123", lambda current: None).count == 11
    again = ablo.tasks.update("task_123", lambda row: {"title": "b"}, idempotency_key="k")
    assert ablo.tasks.update("task_123", lambda row: 1 / 0, idempotency_key="k") == again  # type: ignore[arg-type, return-value]


def test_the_sync_client_refuses_what_it_cannot_run(sync_ablo: Ablo) -> None:
    sync_ablo.tasks.create({"title": "a"}, id="t1")

    async def coroutine(current: Any) -> dict[str, Any]:
        return {"count": 1}

    with pytest.raises(AbloValidationError, match="coroutine"):
        sync_ablo.tasks.update("t1", coroutine)  # type: ignore[arg-type]
    with pytest.raises(AbloValidationError, match="retries"):
        sync_ablo.tasks.update("t1", {"count": 1}, retries=3)  # type: ignore[call-overload]
    with pytest.raises(AbloNotFoundError):
        sync_ablo.tasks.update("t9", lambda current: {"count": 1})

    def beaten(current: Any) -> dict[str, Any]:
        sync_ablo.tasks.update("t1", {"count": current.count + 10})
        return {"count": 0}

    with pytest.raises(AbloContentionError):
        sync_ablo.tasks.update("t1", beaten, retries=1)
    with pytest.raises(AbloTimeoutError):
        sync_ablo.tasks.update("t1", beaten, timeout=0.2)


def test_threads_count_together(sync_ablo: Ablo) -> None:
    sync_ablo.tasks.create({"title": "a"}, id="t1")

    def add(_: int) -> int:
        row = sync_ablo.tasks.update("t1", lambda current: {"count": current.count + 1})
        return int(row.count)

    with ThreadPoolExecutor(4) as pool:
        assert max(pool.map(add, range(12))) == 12
