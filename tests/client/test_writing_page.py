"""docs/writing.md: its examples run as they stand, in order, in both clients, each way."""

from __future__ import annotations

from typing import Any

import pytest

from ablo_pg import AbloStaleContextError, AsyncAblo

from .conftest import MakeClient, MakeSync
from .pages import Names, blocks, run, run_blocking, without_await

BLOCKS = blocks("writing.md")


@pytest.mark.anyio
async def test_the_examples_run(
    ablo: AsyncAblo, make_client: MakeClient, capsys: pytest.CaptureFixture[str]
) -> None:
    names = names_for(ablo, make_client("user:ann"))
    for source in BLOCKS:
        await run(source, names)
    check(await ablo.tasks.list({"title": "unique"}), names, capsys.readouterr().out)


def test_the_examples_run_without_await(
    make_sync: MakeSync, capsys: pytest.CaptureFixture[str]
) -> None:
    ablo = make_sync()
    names = names_for(ablo, make_sync("user:ann"))
    for source in BLOCKS:
        run_blocking(without_await(source), names)
    check(ablo.tasks.list({"title": "unique"}), names, capsys.readouterr().out)


def names_for(ablo: Any, other: Any) -> Names:
    return {"ablo": ablo, "other": other, "AbloStaleContextError": AbloStaleContextError}


def check(unique: list[Any], names: Names, printed: str) -> None:
    """What the examples did and said, whichever client ran them."""
    told, refused, *changes, steps, left, previewed = printed.splitlines()
    assert steps.startswith("[('update', '")
    assert steps.endswith("', {'title': 'Draft'})]")
    assert left.endswith("', 'changed', ('status',), 'agent:triage')]")
    assert previewed == "[('delete', 'tasks', 'Rewritten')]"
    assert told.startswith("tasks task_123 user:ann {")
    assert refused == "read it again, then track it again or untrack it"
    assert [line.split()[:3] for line in changes] == [
        ["update", "user:ann", "None"],
        ["update", "user:ann", "None"],
        *[["update", "agent:triage", "None"]] * 5,
        ["create", "agent:triage", "None"],
    ]
    task, first = names["task"], names["first_version"]
    assert (task.title, task.status, task.count) == ("changed again", "doing", 7)
    assert (first.title, first.status, first.count) == ("Write", "todo", 0)
    assert len(unique) == 1
