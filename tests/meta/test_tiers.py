"""The tiers import few files, and between them every one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeAlias

import pytest

from .project import ROOT, python_files

TiersOf: TypeAlias = Callable[[Path], list[str]]
TIERS: Final = {"default": "not long and not full", "full": "full and not long"}


@pytest.fixture
def tiers_of(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> TiersOf:
    """Return by path the tiers that import a file, and every folder that it is in."""

    def imported(path: Path, tier: str) -> bool:
        monkeypatch.setattr(request.config.option, "markexpr", TIERS[tier])
        inside = [path, *(each for each in path.parents if each.is_relative_to(ROOT / "tests"))]
        hook = request.session.gethookproxy(ROOT / "tests").pytest_ignore_collect
        return not any(hook(collection_path=each, config=request.config) for each in inside)

    return lambda path: [tier for tier in TIERS if imported(path, tier)]


def test_each_file_is_of_a_tier(tiers_of: TiersOf) -> None:
    files = [path for path in python_files(ROOT / "tests") if path.name.startswith("test_")]
    found = {path: tiers_of(path) for path in files}
    assert [path for path, tiers in found.items() if not tiers] == []
    assert sum(len(tiers) for tiers in found.values()) < 1.3 * len(files)


@pytest.mark.parametrize(
    ("name", "tiers"),
    [
        ("unit/test_lsn.py", ["default"]),
        ("e2e/test_drift.py", ["full"]),
        ("e2e/test_demo.py", ["default", "full"]),  # one of its tests is marked smoke
        ("unit/test_extras.py", ["default", "full"]),  # some of its tests are marked full
        ("client/test_live.py", ["default", "full"]),  # over a relay too
    ],
)
def test_marks_decide(tiers_of: TiersOf, name: str, tiers: list[str]) -> None:
    assert tiers_of(ROOT / "tests" / name) == tiers
