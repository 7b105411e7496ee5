"""Imports run one way."""

from __future__ import annotations

import pytest
from importlinter.cli import lint_imports

from .project import ROOT


def test_imports_run_one_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert lint_imports(no_cache=True) == 0
