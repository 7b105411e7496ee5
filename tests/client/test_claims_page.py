"""docs/claims.md: its examples run as they stand, in both clients, each way."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from ablo_pg import Ablo, AsyncAblo

from .conftest import MakeSync, wait_until
from .pages import Names, blocks, run, run_blocking, without_await

BLOCKS = blocks("claims.md")
ASYNC = [block for block in BLOCKS if "await " in block]
(SYNC,) = [block for block in BLOCKS if "await " not in block]
LINED_UP = "claim.queue("


class Line:
    """Others who stand in line for the row of the page while an example about the line runs."""

    def __init__(self, make_sync: MakeSync) -> None:
        self._holder = make_sync("agent:triage")  # who runs the page: that claim is re-entrant
        self._waiters = {name: make_sync(name) for name in ("agent:first", "agent:second")}
        self.served: list[str] = []

    @contextmanager
    def behind(self, source: str) -> Iterator[None]:
        """Line them up for an example about the line; they are served when it lets go."""
        if LINED_UP not in source:
            yield
            return
        with self._holder.tasks.claim("task_123", ttl="24h"):
            threads = [
                threading.Thread(target=self._wait, args=one) for one in self._waiters.items()
            ]
            for number, thread in enumerate(threads, 1):
                thread.start()
                wait_until(lambda n=number: len(self._holder.tasks.claim.queue("task_123")) == n)  # type: ignore[misc]
            yield
        for thread in threads:
            thread.join(30)

    def _wait(self, name: str, client: Ablo) -> None:
        with client.tasks.claim("task_123", timeout=30):
            self.served.append(name)


@pytest.mark.anyio
async def test_the_examples_run(
    ablo: AsyncAblo, make_sync: MakeSync, capsys: pytest.CaptureFixture[str]
) -> None:
    called: list[Any] = []

    async def model_call(row: Any) -> None:
        called.append(row)

    names: Names = {"ablo": ablo, "model_call": model_call}
    await ablo.tasks.create({"title": "Count", "status": "todo"}, id="job")
    line = Line(make_sync)
    for source in ASYNC:
        with line.behind(source):
            await run(source, names)
    task = await ablo.tasks.retrieve("task_123")
    assert await ablo.tasks.claim.state("task_123") is None
    check(names, task, called, line, capsys.readouterr().out)


def test_the_examples_run_without_await(
    make_sync: MakeSync, capsys: pytest.CaptureFixture[str]
) -> None:
    called: list[Any] = []
    ablo = make_sync()
    names: Names = {"ablo": ablo, "model_call": called.append}
    ablo.tasks.create({"title": "Count", "status": "todo"}, id="job")
    line = Line(make_sync)
    for source in map(without_await, ASYNC):
        with line.behind(source):
            run_blocking(source, names)
    task = ablo.tasks.retrieve("task_123")
    assert ablo.tasks.claim.state("task_123") is None
    check(names, task, called, line, capsys.readouterr().out)


def check(names: Names, task: Any, called: list[Any], line: Line, printed: str) -> None:
    """What the examples did and said, whichever client ran them."""
    assert [row.status for row in called] == ["todo"]
    assert task.status == "done"
    assert names["holder"].held_by == "agent:triage"
    assert "0 agent:first ['agent:triage']\n" in printed
    assert "1 agent:second ['agent:triage', 'agent:first']\n" in printed
    assert line.served == ["agent:second", "agent:first"]  # reordered, then released
    assert names["done"] == ["job"]
    assert names["claim"].status == "released"
    assert "ClaimStatus(status='held'" in printed
    assert "agent:triage online {'id': 'task_123', 'model': 'tasks'} []" in printed


def test_the_example_without_await_runs(make_sync: MakeSync) -> None:
    called: list[Any] = []
    ablo = make_sync()
    ablo.tasks.create({"title": "Write", "status": "todo"}, id="task_123")
    run_blocking(SYNC, {"ablo": ablo, "model_call": called.append})
    task = ablo.tasks.retrieve("task_123")
    assert task is not None
    assert task.status == "done"
    assert len(called) == 1
