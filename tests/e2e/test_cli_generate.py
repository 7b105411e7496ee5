"""generate: which files it writes, and where. test_cli_generate_typed.py has the typed client."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ablo_pg.cli.main import run

Captured = pytest.CaptureFixture[str]
SCHEMA = """
from typing import Literal
from ablo_pg import Model, define_schema, model


class Task(Model):
    title: str
    status: Literal["todo", "doing", "done"]
    due: int | None = None


class Ablo(Model):
    name: str


schema = define_schema(
    {"odd key": model(x=int)}, tasks=Task, people=Ablo, plain=model(title=str)
)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with ablo/schema.py; the current folder."""
    (tmp_path / "ablo").mkdir()
    (tmp_path / "ablo" / "schema.py").write_text(SCHEMA)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "ablo"


def test_json_files_describe_rows(folder: Path, capsys: Captured) -> None:
    assert run(["generate", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["written"] is True
    assert "json_schema/tasks.json" in told["changed"]
    found = json.loads((folder / "json_schema" / "tasks.json").read_text())
    assert found["$defs"]["New"]["required"] == ["title", "status"]
    assert found["$defs"]["Row"]["properties"]["status"]["enum"] == ["todo", "doing", "done"]
    api_document = json.loads((folder / "openapi.json").read_text())
    assert any("tasks" in path for path in api_document["paths"])


def test_check_finds_what_is_outdated_and_writes_nothing(folder: Path, capsys: Captured) -> None:
    assert run(["generate", "--check"]) == 1
    assert not (folder / "ablo_client.py").exists()
    assert run(["generate"]) == 0
    assert run(["generate", "--check"]) == 0
    (folder / "schema.py").write_text(SCHEMA.replace("due: int", "due: str"))
    capsys.readouterr()
    assert run(["generate", "--check"]) == 1
    assert "outdated: ablo/json_schema/tasks.json" in capsys.readouterr().err


def test_a_file_of_somebody_elses_stays(folder: Path, capsys: Captured) -> None:
    (folder / "openapi.json").write_text('{"mine": true}')
    assert run(["generate"]) == 1
    assert "was not written by this command" in capsys.readouterr().err
    assert not (folder / "ablo_client.py").exists()
    assert run(["generate", "--out", "elsewhere"]) == 0


def test_pushed_json_has_models_without_classes(folder: Path, capsys: Captured) -> None:
    from ablo_pg.cli.target import load_target
    from ablo_pg.schema import dump_schema_json

    document = dump_schema_json(load_target("ablo/schema.py"))
    (folder / "schema.json").write_text(json.dumps(document))
    assert run(["generate", "ablo/schema.json", "--out", "out"]) == 0
    text = (folder.parent / "out" / "ablo_client.py").read_text()
    assert "def tasks(self) -> ModelClient[Model, NewTasks, TasksChanges]: ..." in text
    assert (
        """NewTasks = TypedDict('NewTasks', {
    'title': 'str',
    'status': "Literal['todo', 'doing', 'done']",
    'due': NotRequired['int | None'],
})"""
        in text
    )


def test_a_folder_that_cannot_be_written(folder: Path, capsys: Captured) -> None:
    (folder.parent / "file").write_text("")
    assert run(["generate", "--out", "file/below"]) == 1
    assert "cannot be written" in capsys.readouterr().err


def test_without_a_schema_it_says_where_one_would_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["generate"]) == 1
    told = capsys.readouterr().err
    assert "ablo/schema.py" in told
    assert "ablo-pg init" in told
