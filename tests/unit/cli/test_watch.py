"""What counts as a save, and when it has settled; loading in a process of its own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from ablo_pg.cli import watch
from ablo_pg.cli.fresh import load_fresh
from ablo_pg.cli.watch import path_of, saves
from ablo_pg.errors import AbloError

SCHEMA = """
from ablo_pg import Model, define_schema

class Task(Model):
    title: str

print("noise on stdout")
schema = define_schema(tasks=Task)
"""
QUIET_STEPS = 4  # as many steps are longer than a save takes to settle


@pytest.fixture(autouse=True)
def a_quarter_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a save is does not depend on how long it may take; every step is waited for."""
    for name in ("SETTLE_MS", "LOOK_MS"):
        monkeypatch.setattr(watch, name, getattr(watch, name) // 4)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "schema.py"
    path.write_text(SCHEMA)
    return path


def one_save(found: Iterator[bool]) -> None:
    """Wait for a save, and see that none follows it."""
    while not next(found):
        pass
    assert not any(next(found) for _ in range(QUIET_STEPS))


def test_a_save_is_reported_once_it_has_settled_and_only_once(file: Path) -> None:
    found = saves(str(file))
    file.write_text(SCHEMA + "#")  # before the first look: watching has begun already
    file.write_text(SCHEMA + "##")
    one_save(found)


def test_a_neighbour_counts_and_a_file_that_vanishes_too(file: Path) -> None:
    found = saves(str(file))
    other = file.with_name("types.py")
    other.write_text("x = 1")
    one_save(found)
    other.unlink()
    one_save(found)
    file.with_name("notes.txt").write_text("no module")
    assert not any(next(found) for _ in range(QUIET_STEPS))


def test_a_schema_in_json_counts_alone(file: Path) -> None:
    target = file.with_suffix(".json")
    found = saves(str(target))
    file.with_name("other.json").write_text("{}")
    file.write_text("#")
    assert not any(next(found) for _ in range(QUIET_STEPS))
    target.write_text("{}")
    one_save(found)


def test_a_link_and_a_file_that_is_replaced_by_a_rename(file: Path) -> None:
    folder = file.parent / "app"
    folder.mkdir()
    (folder / "schema.py").symlink_to(file)
    found = saves(str(folder / "schema.py"))
    draft = file.with_suffix(".tmp")
    draft.write_text(SCHEMA + "#")
    draft.replace(file)
    one_save(found)


def test_a_folder_that_is_removed_and_made_again_is_watched_again(file: Path) -> None:
    folder = file.parent / "app"
    found = saves(str(folder / "schema.py"))
    for _ in range(2):
        assert not any(next(found) for _ in range(QUIET_STEPS))
        folder.mkdir()
        (folder / "schema.py").write_text(SCHEMA)
        while not next(found):
            pass
        shutil.rmtree(folder)
        for _ in range(QUIET_STEPS):  # the file that vanishes may be reported, too
            next(found)


def test_files_are_polled_if_the_system_has_no_watch_left(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import watchfiles

    asked: list[bool | None] = []

    def scarce(*folders: Path, force_polling: bool | None, **options: object) -> Iterator[object]:
        asked.append(force_polling)
        if not force_polling:
            raise RuntimeError("Too many open files (os error 24)")
        yield from watchfiles.watch(*folders, force_polling=True, **options)  # type: ignore[arg-type]

    os.utime(file, (1, 1))  # polling compares seconds
    monkeypatch.setattr("ablo_pg.cli.watch.watch", scarce)
    found = saves(str(file))
    file.write_text(SCHEMA + "# longer")
    while not next(found):
        pass
    assert asked == [None, True]


def test_which_file_is_behind_a_target(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(file.parent)
    assert path_of("schema.json") == Path("schema.json")
    assert path_of("schema.py:schema") == Path("schema.py")
    assert path_of("schema:schema") == Path("schema.py")
    (file.parent / "app").mkdir()
    assert path_of("app") == Path("app/__init__.py")


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
