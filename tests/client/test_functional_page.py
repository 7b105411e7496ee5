"""docs/writing.md: its examples run as they stand, in order, in one session."""

from __future__ import annotations

import ast
import re
from inspect import isawaitable
from pathlib import Path
from typing import Any

import pytest

from ablo_pg import AbloStaleContextError, AsyncAblo

from .conftest import MakeClient

pytestmark = pytest.mark.anyio

PAGE = Path(__file__).parents[2] / "docs" / "writing.md"


def blocks() -> list[str]:
    return re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)


async def test_the_examples_run(
    ablo: AsyncAblo, make_client: MakeClient, capsys: pytest.CaptureFixture[str]
) -> None:
    names: dict[str, Any] = {"ablo": ablo, "other": make_client(participant="user:ann")}
    names["AbloStaleContextError"] = AbloStaleContextError
    for source in blocks():
        code = compile(source, str(PAGE), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        done = eval(code, names)
        if isawaitable(done):
            await done
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith("tasks task_123 user:ann {")
    assert printed[-1] == "read it again, then track it again or untrack it"
    task = await ablo.tasks.retrieve("task_123")
    assert (task.title, task.status, task.count) == ("changed again", "doing", 7)
    assert len(await ablo.tasks.list({"title": "unique"})) == 1
