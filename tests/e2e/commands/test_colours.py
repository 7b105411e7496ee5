"""Colours are for a terminal alone, and for nobody who has set NO_COLOR."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .world import clean

COMMAND = [sys.executable, "-m", "ablo_pg", "compile", "missing.py"]


def said_in_a_terminal(folder: Path, **variables: str) -> str:
    """Run a command that fails, with stderr in a terminal; return what the terminal gets."""
    ours, theirs = os.openpty()
    environment = clean(os.environ) | {"TERM": "xterm-256color"} | variables
    try:
        done = subprocess.run(
            COMMAND,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stderr=theirs,
            timeout=60,
        )
        assert done.returncode == 1
        return os.read(ours, 65_536).decode()
    finally:
        os.close(ours)
        os.close(theirs)


@pytest.mark.timeout(180)
def test_an_error_is_coloured_in_a_terminal(tmp_path: Path) -> None:
    coloured = said_in_a_terminal(tmp_path)
    plain = said_in_a_terminal(tmp_path, NO_COLOR="1")
    assert "\x1b[31m" in coloured
    assert "\x1b" not in plain
    assert "error: there is no file missing.py" in plain
