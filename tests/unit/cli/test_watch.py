"""What counts as a save, and when it has settled; loading in a process of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from ablo_pg.cli.fresh import load_fresh
from ablo_pg.cli.watch import SETTLE_SECONDS, Watch, files_of
from ablo_pg.errors import AbloError

SCHEMA = """
from ablo_pg import Model, define_schema

class Task(Model):
    title: str

print("noise on stdout")
schema = define_schema(tasks=Task)
"""


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "schema.py"
    path.write_text(SCHEMA)
    return path


def test_a_save_is_told_once_it_has_settled_and_only_once(file: Path) -> None:
    clock = Clock()
    watch = Watch(str(file), clock)
    assert not watch.settled()
    file.write_text(SCHEMA + "#")
    assert not watch.settled()
    clock.now += SETTLE_SECONDS / 2
    file.write_text(SCHEMA + "##")
    assert not watch.settled()
    clock.now += SETTLE_SECONDS * 0.9
    assert not watch.settled()
    clock.now += SETTLE_SECONDS * 0.2
    assert watch.settled()
    assert not watch.settled()


def test_a_neighbour_counts_and_a_file_that_vanishes_too(file: Path) -> None:
    clock = Clock()
    other = file.with_name("types.py")
    watch = Watch(str(file), clock)
    other.write_text("x = 1")
    assert not watch.settled()
    clock.now += 1
    assert watch.settled()
    other.unlink()
    watch.settled()
    clock.now += 1
    assert watch.settled()


def test_which_files_belong_to_a_target(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(file.parent)
    assert files_of("schema.json") == [Path("schema.json")]
    assert files_of("schema.py:schema") == [Path("schema.py")]
    assert Path("schema.py") in files_of("schema:schema")
    (file.parent / "app").mkdir()
    assert Path("app/__init__.py") in files_of("app")


def test_a_schema_comes_whole_from_its_process(file: Path) -> None:
    spec = load_fresh(str(file))
    assert [model.key for model in spec.models] == ["tasks"]
    assert spec.hash


def test_an_error_comes_as_it_would_here(file: Path) -> None:
    file.write_text("import os\nos._exit(7)\n")
    with pytest.raises(AbloError, match="ended the process") as caught:
        load_fresh(str(file))
    assert caught.value.code == "schema_definition_invalid"
    file.write_text(SCHEMA.replace("title: str", "title: complex"))
    with pytest.raises(AbloError, match="complex") as caught:
        load_fresh(str(file))
    assert caught.value.model == "tasks"
