"""Where a throw-away cluster's files go."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ablo_pg.cluster import paths
from ablo_pg.cluster.paths import temporary_home
from ablo_pg.cluster.user import ServerUser


class Anybody(ServerUser):
    """A user who may enter everywhere, and takes nothing."""

    def can_enter(self, folder: Path) -> bool:
        return True

    def give(self, path: Path) -> None:
        pass


USER = Anybody("anybody", 0, 0)


@pytest.fixture
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "memory"
    folder.mkdir()
    monkeypatch.setattr(paths, "MEMORY", folder)
    monkeypatch.setattr(paths, "MEMORY_FREE", 1)
    monkeypatch.delenv("TMPDIR", raising=False)
    return folder


def test_in_memory_where_there_is_room(memory: Path) -> None:
    assert temporary_home(USER, in_memory=True).parent == memory


@pytest.mark.parametrize("why", ["not wanted", "no room", "not there", "TMPDIR is set"])
def test_on_disk_otherwise(memory: Path, monkeypatch: pytest.MonkeyPatch, why: str) -> None:
    if why == "no room":
        free = shutil.disk_usage(memory).free
        monkeypatch.setattr(paths, "MEMORY_FREE", 2 * free)
    if why == "not there":
        memory.rmdir()
    if why == "TMPDIR is set":
        monkeypatch.setenv("TMPDIR", "/tmp")
    home = temporary_home(USER, in_memory=why != "not wanted")
    home.rmdir()
    assert home.parent != memory
