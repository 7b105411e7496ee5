"""Imports run one way."""

from __future__ import annotations

import subprocess
import sys

from .project import ROOT

# A process of its own: the linter configures logging, which silences the loggers of other tests.
PROGRAM = "from importlinter.cli import lint_imports as lint; exit(lint(no_cache=True))"


def test_imports_run_one_way() -> None:
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
