"""Files and functions stay readable: hard limits."""

from __future__ import annotations

import ast
from typing import Final

from .project import PACKAGE, ROOT, SQL, functions, parse, python_files, relative

FILE_LINES: Final = 400
FUNCTION_LINES: Final = 50
ROUTINE_LINES: Final = 150
COMMAND_LINES: Final = 15


def lines_of(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """The lines of a function without its docstring."""
    first = node.body[0]
    documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    docstring = (first.end_lineno or first.lineno) - first.lineno + 1 if documented else 0
    return (node.end_lineno or node.lineno) - node.lineno + 1 - docstring


def body_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """The lines of a function's statements alone."""
    first = node.body[0]
    rest = node.body[1:] if isinstance(first, ast.Expr) else node.body
    return (rest[-1].end_lineno or 0) - rest[0].lineno + 1 if rest else 0


def is_command(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(
        isinstance(each, ast.Call) and ast.unparse(each.func) in {"click.command", "click.group"}
        for each in node.decorator_list
    )


def test_python_files() -> None:
    paths = python_files(PACKAGE, ROOT / "tests")
    sizes = {relative(path): len(path.read_text().splitlines()) for path in paths}
    assert not {name: size for name, size in sizes.items() if size > FILE_LINES}


def test_functions() -> None:
    found = [
        f"{relative(path)}:{node.lineno} {node.name}: {lines_of(node)}"
        for path in python_files(PACKAGE)
        for node in functions(parse(path))
        if lines_of(node) > FUNCTION_LINES
    ]
    assert not found


def test_sql_files() -> None:
    paths = [path for path in SQL.glob("*/*.sql") if path.parent.name != "migrations"]
    sizes = {relative(path): len(path.read_text().splitlines()) for path in paths}
    assert not {name: size for name, size in sizes.items() if size > ROUTINE_LINES}


def test_command_bodies() -> None:
    commands = [
        (path, node)
        for path in python_files(PACKAGE / "cli")
        for node in functions(parse(path))
        if is_command(node)
    ]
    assert commands
    long = {relative(path): body_lines(node) for path, node in commands}
    assert not {name: size for name, size in long.items() if size > COMMAND_LINES}
