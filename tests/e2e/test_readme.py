"""The README's example runs as it stands."""

from __future__ import annotations

import re
import sys
import types
from pathlib import Path
from typing import Any

import anyio
import pytest

from ablo_pg import AsyncAblo
from ablo_pg.testing import DatabaseHandle

pytestmark = pytest.mark.smoke

README = Path(__file__).parents[2] / "README.md"


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """The Python block of the README, as a module."""
    (source,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    module = types.ModuleType("readme_example")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(compile(source, str(README), "exec", dont_inherit=True), vars(module))
    return module


def test_the_example_runs(
    example: types.ModuleType, app_db: DatabaseHandle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", app_db.database_url)
    monkeypatch.setenv("ABLO_REPLICATION_URL", app_db.replication_url)
    anyio.run(follow_the_example, example)


async def follow_the_example(example: types.ModuleType) -> None:
    """Run it, write once it follows changes, and end it when it has printed what arrived."""
    printed: list[tuple[Any, ...]] = []
    seen = anyio.Event()

    def show(*values: Any) -> None:
        printed.append(values)
        seen.set()

    vars(example)["print"] = show
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(example.work)
        async with AsyncAblo(
            schema=example.schema, organization="acme", participant="user:tester"
        ) as other:
            with anyio.fail_after(30):
                # The example subscribes from now on, so a change is made until it has seen one.
                while not seen.is_set():
                    rows = await other.model("tasks").list(where={"title": "x"})
                    for row in rows:
                        await other.model("tasks").update(row.id, {"status": "doing"})
        tasks.cancel_scope.cancel()
    await follow_the_agent(example)
    sync_id, op, row = printed[0]
    assert isinstance(sync_id, int)
    assert op == "update"
    assert row.title == "x"


async def follow_the_agent(example: types.ModuleType) -> None:
    """Run the example's agent on a row, and see that the model was called under its claim."""
    holders: list[str] = []

    async with AsyncAblo(
        schema=example.schema, organization="acme", participant="agent:writer"
    ) as ablo:
        tasks = ablo.model("tasks")
        task = await tasks.create({"title": "x", "status": "todo"})

        async def model_call(row: Any) -> str:
            state = await tasks.claim.state(id=row.id)
            holders.append("" if state is None else f"{state.held_by}: {state.action}")
            return "  a summary  "

        await example.agent(ablo, task, model_call)
        row = await tasks.retrieve(task.id)
        assert holders == ["agent:writer: summarise"]
        assert (row.title, row.status) == ("a summary", "done")
        assert await tasks.claim.state(id=task.id) is None
