"""Imports run one way."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from functools import lru_cache
from graphlib import CycleError, TopologicalSorter
from typing import TypeAlias

import pytest

from .project import PACKAGE, ROOT, parse, python_files

Graph: TypeAlias = dict[str, set[str]]

# A process of its own: the linter configures logging, which silences the loggers of other tests.
PROGRAM = "from importlinter.cli import lint_imports as lint; exit(lint(no_cache=True))"


def test_imports_run_one_way() -> None:
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_documented_layers_are_those_that_are_checked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    contract, *_ = project["tool"]["importlinter"]["contracts"]
    layers = [layer.replace("ablo_pg.", "") for layer in contract["layers"]]
    documented = "".join(f"    {layer}\n" for layer in layers)
    assert f"\n\n{documented}\n" in (ROOT / "docs" / "architecture.md").read_text()


@lru_cache
def imports() -> Graph:
    """Which modules of the package each module imports: at its top, in functions, for types."""
    modules = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for path in python_files(PACKAGE)
    }
    found: Graph = {}
    for name, path in modules.items():
        named: set[str] = set()
        for node in ast.walk(parse(path)):
            if isinstance(node, ast.Import):
                named.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{name} imports by a relative name"
                for alias in node.names:
                    module = f"{node.module}.{alias.name}"
                    named.add(module if module in modules else node.module or "")
        found[name] = named & modules.keys()
    return found


def circle(graph: Graph) -> list[str]:
    """One circle in a graph; empty if there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_module_imports_itself_through_others() -> None:
    graph = imports()
    assert len(graph) > 300
    assert circle(graph) == []


@pytest.mark.parametrize("through", ["ablo_pg.changefeed.channel", "ablo_pg.changefeed.catchup"])
def test_a_circle_of_imports_is_found(through: str) -> None:
    graph = imports() | {through: {*imports()[through], "ablo_pg.changefeed.subscription"}}
    assert {through, "ablo_pg.changefeed.subscription"} <= set(circle(graph))
