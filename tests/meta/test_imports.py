"""Imports run one way."""

from __future__ import annotations

import subprocess
import sys
import tomllib

from .project import ROOT

# A process of its own: the linter configures logging, which silences the loggers of other tests.
PROGRAM = "from importlinter.cli import lint_imports as lint; exit(lint(no_cache=True))"


def test_imports_run_one_way() -> None:
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_documented_layers_are_those_that_are_checked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    (contract,) = project["tool"]["importlinter"]["contracts"]
    layers = [layer.replace("ablo_pg.", "") for layer in contract["layers"]]
    documented = "".join(f"    {layer}\n" for layer in layers)
    assert f"\n\n{documented}\n" in (ROOT / "docs" / "architecture.md").read_text()
