"""docs/claims.md: its examples run as they stand, in both clients."""

from __future__ import annotations

import ast
import re
from inspect import isawaitable
from pathlib import Path
from typing import Any

import pytest

from ablo_pg import Ablo, AsyncAblo
from ablo_pg.testing import DatabaseHandle

PAGE = Path(__file__).parents[2] / "docs" / "claims.md"
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
ASYNC = [block for block in BLOCKS if "await " in block]
(SYNC,) = [block for block in BLOCKS if "await " not in block]


@pytest.mark.anyio
async def test_the_examples_run(ablo: AsyncAblo, capsys: pytest.CaptureFixture[str]) -> None:
    called: list[Any] = []

    async def model_call(row: Any) -> None:
        called.append(row)

    names: dict[str, Any] = {"ablo": ablo, "model_call": model_call}
    for source in ASYNC:
        code = compile(source, str(PAGE), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        done = eval(code, names)
        if isawaitable(done):
            await done
    assert [row.status for row in called] == ["todo"]
    task = await ablo.tasks.retrieve("task_123")
    assert task is not None
    assert task.status == "done"
    assert await ablo.tasks.claim.state("task_123") is None
    assert names["holder"].held_by == "agent:triage"
    printed = capsys.readouterr().out
    assert "ClaimStatus(status='held'" in printed
    assert "agent:triage online {'id': 'task_123', 'model': 'tasks'} []" in printed


def test_the_example_without_await_runs(db: DatabaseHandle, schema: Any) -> None:
    called: list[Any] = []
    with Ablo(
        schema=schema, database_url=db.database_url, organization="acme", participant="agent:a"
    ) as ablo:
        ablo.tasks.create({"title": "Write", "status": "todo"}, id="task_123")
        exec(compile(SYNC, str(PAGE), "exec"), {"ablo": ablo, "model_call": called.append})
        task = ablo.tasks.retrieve("task_123")
    assert task is not None
    assert task.status == "done"
    assert len(called) == 1
