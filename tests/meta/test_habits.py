"""What never enters the repository: sleeps in tests, unfinished code, this machine's own names."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Final

from .project import PACKAGE, ROOT, parse, python_files, relative, text_files

SLEEPS: Final = {"time.sleep", "asyncio.sleep", "anyio.sleep", "sleep"}
# Spelt so that this file does not match itself.
UNFINISHED: Final = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b|NotImplemented" r"Error")
FOREIGN: Final = re.compile(
    r"/wo" r"rk/|WI" r"RE\.md|DES" r"IGN\.md|STY" r"LE\.md|/opt/py" r"pi|index-" r"url"
)


def test_tests_never_sleep() -> None:
    """A race is staged and observed; a sleep makes it rare, not impossible.

    `sleep(0)` yields, and a helper called wait... or until... may look again and again.
    """
    found = [
        f"{relative(path)}:{line}"
        for path in python_files(ROOT / "tests")
        if "sleep" in path.read_text()
        for line in sleeps_in(parse(path))
    ]
    assert not found


def sleeps_in(tree: ast.AST) -> Iterator[int]:
    """The lines of sleeps, but for those in helpers that wait for a condition."""
    for node in ast.iter_child_nodes(tree):
        named = getattr(node, "name", "") if "Def" in type(node).__name__ else ""
        if named.lstrip("_").startswith(("wait", "until")):
            continue
        if (
            isinstance(node, ast.Call)
            and ast.unparse(node.func) in SLEEPS
            and not (node.args and ast.unparse(node.args[0]) == "0")
        ):
            yield node.lineno
        yield from sleeps_in(node)


def test_nothing_is_left_unfinished() -> None:
    found = [
        f"{relative(path)}:{number}: {line.strip()}"
        for path in [*python_files(PACKAGE), *sorted((ROOT / "sql").rglob("*.sql"))]
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if UNFINISHED.search(line)
    ]
    assert not found


def test_no_path_or_page_of_one_machine() -> None:
    found = [
        f"{relative(path)}:{number}"
        for path in text_files()
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if FOREIGN.search(line)
    ]
    assert not found
