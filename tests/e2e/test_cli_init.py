"""init: what it writes, that it never overwrites, and that what it writes type-checks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from mypy import api

from ablo_pg.cli.main import run
from ablo_pg.cli.target import load_target

Captured = pytest.CaptureFixture[str]
FILES = ["ablo/schema.py", "ablo/client.py", "ablo/agent.py", ".env", ".gitignore"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, and the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_it_writes_a_project(folder: Path, capsys: Captured) -> None:
    assert run(["init", "--yes", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == {"created": FILES, "extended": [], "kept": []}
    assert (folder / ".env").read_text() == "ABLO_ORGANIZATION=acme\n"
    assert ".env" in (folder / ".gitignore").read_text().splitlines()
    assert [model.key for model in load_target("ablo/schema.py").models] == ["tasks"]


def test_it_never_overwrites(folder: Path, capsys: Captured) -> None:
    (folder / "ablo").mkdir()
    (folder / "ablo" / "schema.py").write_text("# mine\n")
    (folder / ".env").write_text("SECRET=1\n")
    (folder / ".gitignore").write_text("*.log\n")
    assert run(["init", "--yes", "--organization", "umbrella", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["kept"] == ["ablo/schema.py"]
    assert told["extended"] == [".env", ".gitignore"]
    assert (folder / "ablo" / "schema.py").read_text() == "# mine\n"
    assert (folder / ".env").read_text() == "SECRET=1\nABLO_ORGANIZATION=umbrella\n"
    assert (folder / ".gitignore").read_text().startswith("*.log\n")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert run(["init", "--yes", "--organization", "other"]) == 0
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_in_a_terminal_it_asks(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    answers = iter(["umbrella", "y"])
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("click.termui.visible_prompt_func", lambda text: next(answers))
    assert run(["init"]) == 0
    assert (folder / ".env").read_text() == "ABLO_ORGANIZATION=umbrella\n"


def test_a_no_writes_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    answers = iter(["", "n"])
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("click.termui.visible_prompt_func", lambda text: next(answers))
    assert run(["init"]) == 130
    assert list(folder.iterdir()) == []


def test_without_a_terminal_it_asks_nothing(folder: Path, capsys: Captured) -> None:
    assert run(["init"]) == 0
    assert "ablo-pg dev" in capsys.readouterr().err
    assert (folder / "ablo" / "agent.py").exists()


def test_a_folder_that_is_in_the_way(folder: Path, capsys: Captured) -> None:
    (folder / "ablo").write_text("a file")
    assert run(["init", "--yes", "--json"]) == 1
    assert json.loads(capsys.readouterr().err)["error"]["code"] == "invalid_options"


@pytest.mark.parametrize("name", ["a\nDATABASE_URL=evil", "a\0b", "\x1b[2J"])
def test_an_organization_that_is_none(folder: Path, capsys: Captured, name: str) -> None:
    assert run(["init", "--yes", "--organization", name]) == 1
    assert list(folder.iterdir()) == []


def test_rows_behind_an_endpoint_are_refused_before_anything_is_written(
    folder: Path, capsys: Captured
) -> None:
    assert run(["init", "--yes", "--storage", "endpoint", "--json"]) == 1
    error = json.loads(capsys.readouterr().err)["error"]
    assert (error["code"], error["field"]) == ("invalid_options", "storage")
    assert "--storage direct" in error["remedy"]
    assert list(folder.iterdir()) == []
    assert run(["init", "--yes", "--storage", "direct"]) == 0


@pytest.mark.timeout(180)
@pytest.mark.usefixtures("kept_types")
def test_what_it_writes_type_checks(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    assert run(["init", "--yes"]) == 0
    monkeypatch.setenv("MYPYPATH", str(folder / "ablo"))
    paths = [str(folder / name) for name in FILES if name.endswith(".py")]
    out, _, status = api.run(["--strict", "--config-file", "", *paths])
    assert status == 0, out
