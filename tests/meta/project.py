"""Where the project's files are, for the checks of this folder."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent.parent
PACKAGE: Final = ROOT / "ablo_pg"
SQL: Final = ROOT / "sql"


def python_files(*folders: Path) -> list[Path]:
    """Every Python file under these folders, by default the package's."""
    return sorted(path for folder in folders or (PACKAGE,) for path in folder.rglob("*.py"))


def text_files() -> Iterator[Path]:
    """Every file of ours that people read or machines run."""
    folders = ["ablo_pg", "sql", "tests", "bench", "docs", "examples", "deploy", ".ci"]
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path
    yield from sorted(path for path in ROOT.glob("*") if path.suffix in {".md", ".toml"})


def parse(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function and method."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def docstrings(tree: ast.Module) -> set[ast.Constant]:
    """The string constants that are docstrings, of attributes too."""
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }


def relative(path: Path) -> str:
    """A path as people write it."""
    return path.relative_to(ROOT).as_posix()
