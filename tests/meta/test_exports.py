"""`__all__` is sorted, and every name in it can be imported."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest

import ablo_pg

from .project import PACKAGE, ROOT, parse, python_files, relative


def declares_all(path: Path) -> bool:
    """Read as text: every process that collects the tests looks at every file."""
    return "\n__all__ = " in path.read_text(encoding="utf-8")


def rank(name: str) -> tuple[int, str]:
    """CONSTANTS, then Classes, then the rest: the order that ruff keeps (RUF022)."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)


MODULES = [path for path in python_files(PACKAGE) if declares_all(path)]


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_exports_are_sorted_and_importable(path: Path) -> None:
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    module = importlib.import_module(name)
    exported = module.__all__
    assert list(exported) == sorted(set(exported), key=rank)
    for each in exported:
        getattr(module, each)


def test_every_package_with_names_to_export_lists_them() -> None:
    silent = [
        relative(path)
        for path in PACKAGE.rglob("__init__.py")
        if any(isinstance(node, ast.ImportFrom) for node in parse(path).body)
        and not declares_all(path)
    ]
    assert not silent


def test_public_names_are_shown_under_the_package() -> None:
    """`repr` names what users import: ablo_pg.Receipt, not the module that defines it."""
    exported = {name: getattr(ablo_pg, name) for name in ablo_pg.__all__}
    assert {name: repr(each) for name, each in exported.items() if "ablo_pg." in repr(each)} == {
        name: f"<class 'ablo_pg.{each.__name__}'>"
        for name, each in exported.items()
        if isinstance(each, type)
    }
