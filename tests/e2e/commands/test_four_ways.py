"""Every command on its happy path, on its worst input, without a terminal, and with --json."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from ablo_pg.errors import CODES
from ablo_pg.testing import DatabaseHandle

from .marked import marked_ways
from .table import TABLE, WAYS, Row, spelt
from .world import Said, World, clean, commands

Captured = pytest.CaptureFixture[str]
COMMANDS = sorted(commands())
SHORT = [name for name in COMMANDS if name in TABLE and TABLE[name].says]
HEADLESS = pytest.mark.timeout(180)  # a process of its own, on a busy machine


@pytest.fixture
def world(app_db: DatabaseHandle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A project in the current folder, with the environment that its .env stands for."""
    made = World(tmp_path, app_db)
    made.fill()
    (tmp_path / "broken.py").write_text("def broken(:\n")
    (tmp_path / "broken.json").write_text("{")
    for name in os.environ.keys() - clean(os.environ).keys():
        monkeypatch.delenv(name)
    for name, value in made.variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    return made


def ways_tested(rows: Iterable[str], marked: dict[str, set[str]]) -> dict[str, set[str]]:
    """Return command -> the ways in which some test runs it."""
    found = {name: {"worst"} | (set(WAYS) if TABLE[name].says else set()) for name in rows}
    for name, ways in marked.items():
        found.setdefault(name, set()).update(ways)
    return found


def missing(known: Iterable[str], tested: dict[str, set[str]]) -> list[tuple[str, str]]:
    """Return the commands and ways that no test has."""
    return [(name, way) for name in known for way in WAYS if way not in tested.get(name, set())]


def test_every_command_is_tested_in_four_ways() -> None:
    assert missing(COMMANDS, ways_tested(TABLE, marked_ways())) == []
    assert TABLE.keys() - COMMANDS == set()


def test_a_command_without_a_row_is_missed() -> None:
    tested = ways_tested([name for name in TABLE if name != "logs"], {"dev": {"happy"}})
    assert [way for name, way in missing(COMMANDS, tested) if name == "logs"] == list(WAYS)
    assert ("dev", "json") in missing(COMMANDS, tested)


def ran_on(world: World, arguments: list[str]) -> Said:
    """Run a command that goes on, interrupt it once it has said where it serves."""
    with subprocess.Popen(
        [sys.executable, "-m", "ablo_pg", *arguments],
        cwd=world.folder,
        env=clean(os.environ) | world.variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=take_interrupts,
    ) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    return Said(process.returncode, first + out, err)


def take_interrupts() -> None:
    """A runner started in the background ignores ^C, and so would its children."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def run_here(world: World, arguments: list[str], capsys: Captured) -> Said:
    capsys.readouterr()
    code = world.here(arguments)
    said = capsys.readouterr()
    return Said(code, said.out, said.err)


def prepared(name: str, world: World) -> Row:
    """Return a command's row, after what has to go before it."""
    row = TABLE[name]
    if row.before:
        assert world.here(spelt(row.before, world)) == 0
    return row


def told(row: Row, world: World) -> str:
    return spelt([row.says], world)[0]


@HEADLESS
@pytest.mark.parametrize("name", SHORT)
def test_happy(name: str, world: World, capsys: Captured) -> None:
    row = prepared(name, world)
    arguments = row.arguments(name, world)
    said = ran_on(world, arguments) if row.runs_on else run_here(world, arguments, capsys)
    assert said.code == 0, said
    assert told(row, world) in said.out + said.err


@HEADLESS
@pytest.mark.parametrize("name", SHORT)
def test_headless(name: str, world: World) -> None:
    """Nothing is asked, nothing waits for an answer, and no escape code is in what is written."""
    row = prepared(name, world)
    arguments = row.arguments(name, world)
    said = ran_on(world, arguments) if row.runs_on else world.without_terminal(arguments)
    assert said.code == 0, said
    assert told(row, world) in said.out + said.err
    assert "\x1b" not in said.out + said.err


@HEADLESS
@pytest.mark.parametrize("name", SHORT)
def test_json(name: str, world: World, capsys: Captured) -> None:
    row = prepared(name, world)
    arguments = row.arguments(name, world, "--json")
    said = ran_on(world, arguments) if row.runs_on else run_here(world, arguments, capsys)
    assert said.code == 0, said
    objects: list[dict[str, Any]] = [json.loads(line) for line in said.out.splitlines()]
    assert objects
    assert all(set(row.names) <= one.keys() for one in objects), objects


@HEADLESS
@pytest.mark.parametrize("name", [name for name in COMMANDS if name in TABLE])
def test_worst(name: str, world: World, capsys: Captured) -> None:
    """Refused with the exit code and an error of ours that says what to do; nothing is left."""
    files = contents(world)
    for worst in TABLE[name].worst:
        arguments = [*name.split(), *spelt(worst.typed, world)]
        said = run_here(world, arguments, capsys)
        assert (said.code, said.out) == (worst.exit_code, ""), (worst.typed, said)
        assert "Traceback" not in said.err
        assert "\x1b[2J" not in said.err
        said = run_here(world, [*arguments, "--json"], capsys)
        assert (said.code, said.out) == (worst.exit_code, ""), (worst.typed, said)
        error = json.loads(said.err)["error"]
        assert (error["code"], bool(error["remedy"])) == (worst.code, True), (worst.typed, error)
        assert worst.code in CODES
        assert len(error["message"]) < 2_000
        assert contents(world) == files


def contents(world: World) -> dict[str, bytes]:
    """Return the files of the project."""
    found = (path for path in world.folder.rglob("*") if "__pycache__" not in path.parts)
    return {str(path): path.read_bytes() for path in found if path.is_file()}
