"""A loop that shuts down ends the workers of a pool that nobody closed, whatever they are at."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import anyio
import pytest

from ablo_pg.db.pool import Database, PoolOptions
from ablo_pg.db.pooled import Pool


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


def ends(work: Callable[[], Any]) -> bool:
    """Whether `asyncio.run(work())` does, within 10 s."""
    thread = threading.Thread(target=lambda: asyncio.run(work()), daemon=True)
    thread.start()
    thread.join(30)
    return not thread.is_alive()


def url_of(listener: socket.socket) -> str:
    return f"postgresql://u@127.0.0.1:{listener.getsockname()[1]}/d?sslmode=disable"


def test_while_it_connects(silent: socket.socket) -> None:
    accepted: list[socket.socket] = []

    async def work() -> None:
        pool = await Database(url_of(silent))._start_pool()
        accepted.append((await asyncio.to_thread(silent.accept))[0])
        assert not pool.closed

    assert ends(work)
    accepted[0].close()


@pytest.mark.parametrize("where", ["_connect", "reconnect_failed"])
def test_while_it_does_something_else(
    silent: socket.socket, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    async def work() -> None:
        reached = asyncio.Event()

        async def stay(*_: Any, **__: Any) -> None:
            reached.set()
            await asyncio.Event().wait()

        async def fail(*_: Any, **__: Any) -> None:
            raise OSError("refused")

        monkeypatch.setattr(Pool, "_connect", fail)
        monkeypatch.setattr(Pool, where, stay)
        pool = await Database(url_of(silent))._start_pool()
        await reached.wait()
        await anyio.wait_all_tasks_blocked()
        assert not pool.closed

    assert ends(work)


@pytest.mark.parametrize("turns", range(6))
@pytest.mark.parametrize("size", [1, 2, 4])
def test_in_its_first_turns(silent: socket.socket, turns: int, size: int) -> None:
    """Its scheduler is woken and cancelled in one turn, which `asyncio.wait_for` forgets."""

    async def work() -> None:
        pool = await Database(url_of(silent), PoolOptions(min_size=size))._start_pool()
        for _ in range(turns):
            await asyncio.sleep(0)
        assert not pool.closed

    assert ends(work)
