"""`live(...).watch(callback)`: a live query that calls back, in both clients."""

from __future__ import annotations

import queue
import threading
from typing import Any

import anyio
import pytest

from ablo_pg import Ablo, AsyncAblo

from .shared import own_organization, shared, shared_db, shared_relay  # noqa: F401 - fixtures

pytestmark = pytest.mark.anyio


async def test_a_callback_gets_the_rows_and_what_changed(ablo: AsyncAblo) -> None:
    seen: list[tuple[list[str], list[str]]] = []
    came = [anyio.Event() for _ in range(3)]

    def show(rows: list[Any], events: list[Any]) -> None:
        seen.append(([row.id for row in rows], [one.kind for one in events]))
        came[len(seen) - 1].set()
        if len(seen) == 2:
            raise ValueError("its error is logged")

    handle = await ablo.tasks.live({"status": "todo"}, order_by="count").watch(show)
    with anyio.fail_after(15):
        await came[0].wait()
        await ablo.tasks.create({"title": "a"}, id="a")
        await came[1].wait()
        await ablo.tasks.update("a", {"status": "done"})
        await came[2].wait()
    await handle.close()
    await handle.close()
    assert seen == [([], []), (["a"], ["enter"]), ([], ["leave"])]


def test_the_sync_callback_runs_in_its_own_thread(sync_ablo: Ablo) -> None:
    seen: queue.SimpleQueue[tuple[int, int]] = queue.SimpleQueue()
    live = sync_ablo.tasks.live()
    handle = live.watch(lambda rows, events: seen.put((len(rows), threading.get_ident())))
    assert seen.get(timeout=15)[0] == 0
    sync_ablo.tasks.create({"title": "a"})
    count, thread = seen.get(timeout=15)
    assert (count, thread != threading.get_ident()) == (1, True)
    handle.close()
    sync_ablo.tasks.create({"title": "b"})
    assert seen.empty()
