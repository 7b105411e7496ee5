"""What a call asks of the event loop, counted: its time depends on the machine."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from ablo_pg import AsyncAblo

pytestmark = pytest.mark.anyio
UPDATES = 10


@pytest.mark.direct("is about a database's connections")
async def test_a_lone_update_waits_once_and_sets_two_timers(
    ablo: AsyncAblo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its timers: the call's deadline, and psycopg's look at the socket."""
    loop, counts = asyncio.get_running_loop(), Counter[str]()

    def counted(name: str) -> Callable[..., Any]:
        method = getattr(loop, name)

        def call(*args: Any, **options: Any) -> Any:
            counts[name] += 1
            return method(*args, **options)

        return call

    task = await ablo.tasks.create({"title": "a"})
    pool: Any = ablo._session.link._database._pool  # type: ignore[attr-defined]
    for name in ("add_reader", "call_at"):
        monkeypatch.setattr(loop, name, counted(name))
    acquired, caller = pool._lock.acquire, asyncio.current_task()

    def acquire() -> Any:
        if asyncio.current_task() is caller:  # and not a worker that adds a connection
            counts["lock"] += 1
        return acquired()

    monkeypatch.setattr(pool._lock, "acquire", acquire)
    for count in range(UPDATES):
        await ablo.tasks.update(task.id, {"count": count})
    monkeypatch.undo()
    assert UPDATES <= counts["add_reader"] <= UPDATES + 5, counts  # an answer may come in two parts
    assert counts["call_at"] <= 2 * UPDATES + 5, counts
    assert counts["lock"] == 0, counts  # the pool had an idle connection
