"""Exit codes, and how errors are shown."""

from __future__ import annotations

import json
from pathlib import Path

import click
import psycopg
import pytest

from ablo_pg._version import __version__
from ablo_pg.cli import cli
from ablo_pg.cli.main import run
from ablo_pg.errors import AbloServerError

Captured = pytest.CaptureFixture[str]


@pytest.mark.parametrize(
    "arguments",
    [["nonsense"], ["keys"], ["connect", "--bad"], ["demo", "--seconds", "many"], ["migrate"]],
)
def test_wrong_usage_is_2_and_goes_to_stderr(arguments: list[str], capsys: Captured) -> None:
    assert run(arguments) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert "Usage:" in output.err


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["-h"], *([name, "--help"] for name in cli.list_commands(click.Context(cli)))],
)
def test_help_is_0(arguments: list[str], capsys: Captured) -> None:
    assert run(arguments) == 0
    assert "Examples:" in capsys.readouterr().out


def test_version(capsys: Captured) -> None:
    assert run(["--version"]) == 0
    assert __version__ in capsys.readouterr().out


def test_an_expected_error_is_1_without_a_traceback(capsys: Captured) -> None:
    assert run(["compile", "missing.py"]) == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert "missing.py" in output.err
    assert "fix:" in output.err
    assert "Traceback" not in output.err


def test_with_json_an_error_is_one_object(capsys: Captured) -> None:
    url = "postgresql://nobody@/x?host=/no/such/folder"
    assert run(["connect", "--admin-url", url, "--json"]) == 1
    error = json.loads(capsys.readouterr().err)["error"]
    assert error["code"] == "database_unreachable"
    assert error["remedy"]


@pytest.mark.parametrize("arguments", [["nonsense"], ["keys", "list", "--bad"], ["migrate"]])
def test_with_json_wrong_usage_is_one_object_too(arguments: list[str], capsys: Captured) -> None:
    assert run([*arguments, "--json"]) == 2
    output = capsys.readouterr()
    error = json.loads(output.err)["error"]
    assert (output.out, error["code"]) == ("", "invalid_options")
    assert "--help" in error["remedy"]


def test_a_url_that_is_none_is_told_apart_from_a_server_that_is_not_there(capsys: Captured) -> None:
    assert run(["status", "--admin-url", "postgresql://[bad"]) == 1
    assert "invalid_options" in capsys.readouterr().err


def test_ctrl_c_is_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(target: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("ablo_pg.cli.compile.load_target", interrupted)
    assert run(["compile", "x.py"]) == 130


def test_the_servers_log_is_shown(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    def failing(target: str) -> None:
        raise AbloServerError("it failed", remedy="try", details={"log": ["FATAL: no room"]})

    monkeypatch.setattr("ablo_pg.cli.compile.load_target", failing)
    assert run(["compile", "x.py"]) == 1
    assert "FATAL: no room" in capsys.readouterr().err


def test_output_goes_to_a_file(tmp_path: Path, capsys: Captured) -> None:
    target = str(Path(__file__).parents[3] / "examples" / "tasks.py")
    assert run(["compile", target]) == 0
    printed = capsys.readouterr().out
    assert run(["compile", target, "-o", str(tmp_path / "x.sql")]) == 0
    assert (tmp_path / "x.sql").read_text() == printed
    assert run(["compile", target, "-o", str(tmp_path / "no" / "x.sql")]) == 1


def test_output_that_cannot_be_written_is_a_typed_error(tmp_path: Path, capsys: Captured) -> None:
    target = str(Path(__file__).parents[3] / "examples" / "tasks.py")
    path = tmp_path / "no" / "x.sql"
    assert run(["compile", target, "-o", str(path), "--json"]) == 1
    output = capsys.readouterr()
    error = json.loads(output.err)["error"]
    assert (output.out, error["code"], error["field"]) == ("", "invalid_options", "output")
    assert str(path) in error["message"]


def test_an_error_of_postgres_that_nobody_translated(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    def failing(target: str) -> None:
        raise psycopg.errors.InsufficientPrivilege("permission denied for schema ablo")

    monkeypatch.setattr("ablo_pg.cli.compile.load_target", failing)
    assert run(["compile", "x.py", "--json"]) == 1
    error = json.loads(capsys.readouterr().err)["error"]
    assert error["code"] == "admin_role_insufficient"
    assert "permission denied for schema ablo" in error["message"]
