"""A user's program on the public API passes mypy and pyright, both strict; wrong ones do not."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from mypy import api

PROGRAM = Path(__file__).with_name("typed_program.py")
CONFIG = Path(__file__).parents[2] / "pyproject.toml"

WRONG = {
    'await tasks.update("t", {"title": "x"}, on_stale="maybe")': "call-overload",
    'await tasks.update("t", {"title": "x"}, retries=3)': "call-overload",
    "await tasks.list(limit='many')": "arg-type",
    'Operation("upsert", Task)': "arg-type",
    'await tasks.update("t", 3)': "call-overload",
    "(await tasks.retrieve('t')).title": "union-attr",
    "await ablo.snapshot(tasks=3)": "arg-type",
    'await tasks.claim(id="t", ttl=[3])': "call-overload",
    '(await tasks.claim(id="t", queue=False)).release()': "union-attr",
    'await tasks.retrieve("t", if_claimed="perhaps")': "arg-type",
    '(await tasks.create({})).title = "x"': "misc",
    'await tasks.list(Task.status == "todo")': "arg-type",
    "await tasks.list(col(Task.titel).is_null())": "attr-defined",
    'await tasks.list(col(Task.count) > "3")': "operator",
    "await tasks.list(col(Task.due_date) == None)": "arg-type",
    "await tasks.list(col(Task.count))": "arg-type",
    "await tasks.list(not col(Task.urgent))": "arg-type",
    'col(Task.status).in_(["todo", 3])': "list-item",
    "allow(read=actor.id == 3)": "arg-type",
    'allow(read=lambda: actor.kind == "usr")': "arg-type",
    "allow(update=lambda: old(Task.count) < new(Task.title))": "arg-type",
    "allow(read=lambda: Task.title == actor.id)": "arg-type",
    "from ablo_pg import Modle": "attr-defined",
}


def with_wrong_lines(path: Path) -> Path:
    """The program, in which nothing is refused, and after it each wrong line with mypy's code."""
    wrong = "".join(f"    {line}  # {code}\n" for line, code in WRONG.items())
    path.write_text(
        f"{PROGRAM.read_text()}\n\n"
        f"async def wrong(ablo: AsyncAblo, tasks: ModelClient[Task]) -> None:\n{wrong}"
    )
    return path


@pytest.mark.timeout(180)
@pytest.mark.usefixtures("kept_types")
def test_the_typed_program_checks(tmp_path: Path) -> None:
    bad = with_wrong_lines(tmp_path / "wrong_program.py")
    found, _, _ = api.run(["--strict", "--config-file", "", str(bad)])
    errors = [line for line in found.splitlines() if ": error:" in line]
    assert len(errors) == len(WRONG), found
    for error, code in zip(errors, WRONG.values(), strict=True):
        assert f"[{code}]" in error


def pyright(folder: Path) -> list[str]:
    """The lines that pyright refuses in a folder's programs, as they stand there."""
    (folder / "pyrightconfig.json").write_text('{"typeCheckingMode": "strict"}')
    command = [sys.executable, "-m", "basedpyright", "--outputjson", "--pythonpath", sys.executable]
    done = subprocess.run(
        [*command, "-p", str(folder)], capture_output=True, text=True, check=False
    )
    return [
        Path(one["file"]).read_text().splitlines()[one["range"]["start"]["line"]].strip()
        for one in json.loads(done.stdout)["generalDiagnostics"]
        if one["severity"] == "error"
    ]


@pytest.mark.full
@pytest.mark.timeout(180)
def test_the_typed_program_checks_with_pyright(tmp_path: Path) -> None:
    with_wrong_lines(tmp_path / "typed_program.py")
    refused = [line.partition("  #")[0] for line in pyright(tmp_path)]
    assert sorted({*refused}) == sorted(WRONG), refused
