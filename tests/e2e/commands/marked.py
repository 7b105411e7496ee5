"""Tests elsewhere that run a command in some of the four ways, and say so with a mark."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Final

TESTS: Final = Path(__file__).parents[2]


def marked_ways() -> dict[str, set[str]]:
    """Return command -> ways, of every @pytest.mark.way("command", "way", ...) of the tests.

    A mark counts only if its test, or a helper of its file, types the command's name.
    """
    found: dict[str, set[str]] = {}
    for path in sorted(TESTS.rglob("test_*.py")):
        text = path.read_text(encoding="utf-8")
        if "pytest.mark.way(" not in text:
            continue
        for words in marks_in(ast.parse(text)):
            name, *ways = words
            if any(f'"{part}"' in text.replace(mark_text(words), "") for part in name.split()):
                found.setdefault(name, set()).update(ways)
    return found


def marks_in(tree: ast.Module) -> list[list[str]]:
    """Return the words of every such mark of a test function."""
    return [
        [str(word.value) for word in mark.args if isinstance(word, ast.Constant)]
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for mark in node.decorator_list
        if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.way"
    ]


def mark_text(words: list[str]) -> str:
    """Return a mark's arguments as they stand in the file."""
    return ", ".join(f'"{word}"' for word in words)
