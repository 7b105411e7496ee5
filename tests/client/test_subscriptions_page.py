"""docs/subscriptions.md: its examples run as they stand, in order, in both clients, each way."""

from __future__ import annotations

from typing import Any

import anyio.to_thread
import pytest

from ablo_pg import AsyncAblo

from .conftest import MakeSync, wait_until
from .pages import Names, blocks, run, run_blocking, without_await

BLOCKS = blocks("subscriptions.md")
CLOSES = "handle.close()"
SAID = [
    "create tasks task_1 agent:triage Write",
    "Write -> Draft",
    "update Rewrite ['title', 'updated_at']",
    "update done",
    "projects project_1",
    "enter update task_9",
    "['delete']",
]


@pytest.mark.anyio
async def test_the_examples_run(ablo: AsyncAblo, capsys: pytest.CaptureFixture[str]) -> None:
    names: Names = {"ablo": ablo}
    for source in BLOCKS:
        if CLOSES in source:
            await anyio.to_thread.run_sync(wait_until, lambda: names["seen"])
        await run(source, names)
    assert capsys.readouterr().out.splitlines() == SAID


def test_the_examples_run_without_await(
    make_sync: MakeSync, capsys: pytest.CaptureFixture[str]
) -> None:
    names: dict[str, Any] = {"ablo": make_sync()}
    for source in map(without_await, BLOCKS):
        if CLOSES in source:
            wait_until(lambda: names["seen"])
        run_blocking(source, names)
    assert capsys.readouterr().out.splitlines() == SAID
