"""Pages of docs/ whose examples run as they stand, in order; and what they are without await."""

from __future__ import annotations

import ast
import re
from inspect import isawaitable
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[2] / "docs"
Names = dict[str, Any]


def blocks(page: str) -> list[str]:
    """The Python examples of a page, in order."""
    return re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)


def without_await(source: str) -> str:
    """An example for `AsyncAblo`, word for word, as it is for `Ablo`."""
    return re.sub(r"\bawait |\basync (?=with|for|def)", "", source)


async def run(source: str, names: Names) -> None:
    """Run an example of the async client."""
    code = compile(source, "docs", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    done = eval(code, names)
    if isawaitable(done):
        await done


def run_blocking(source: str, names: Names) -> None:
    """Run an example without await."""
    exec(compile(source, "docs", "exec"), names)
