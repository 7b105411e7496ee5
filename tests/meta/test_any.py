"""The package has few `Any`: behind one, no checker follows a value. The limit may only fall."""

from __future__ import annotations

import ast
import re
from typing import Final

from .project import PACKAGE, parse, python_files, relative

LIMIT: Final = 300
_IN_TEXT: Final = re.compile(r"[\w\[\], .|]*\[[\w\[\], .|]*\bAny\b[\w\[\], .|]*")


def anys(tree: ast.Module) -> int:
    """Count the names `Any` in the code, and the texts of types that contain one; no imports."""
    return sum(
        (isinstance(node, ast.Name) and node.id == "Any")
        or (isinstance(node, ast.Attribute) and node.attr == "Any")
        or (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and _IN_TEXT.fullmatch(node.value) is not None
        )
        for node in ast.walk(tree)
    )


def test_what_is_counted() -> None:
    code = """
from typing import Any
import typing
"Any text with [brackets]!"
def call(one: dict[str, Any], *more: typing.Any) -> "list[Any]":
    return cast("tuple[Any, ...]", one)
"""
    assert anys(ast.parse(code)) == 4


def test_few_any() -> None:
    files = [path for path in python_files(PACKAGE) if "Any" in path.read_text()]
    counts = {relative(path): anys(parse(path)) for path in files}
    most = sorted(counts.items(), key=lambda each: -each[1])[:5]
    assert sum(counts.values()) < LIMIT, most
