"""dev: from an empty folder to live rows, through a mistake, a dead Postgres and a restart."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from ablo_pg.cli.dev.database import database
from ablo_pg.cli.dev.port import free_port
from ablo_pg.cli.env_file import parse_env
from ablo_pg.cli.main import run
from ablo_pg.cluster import Server
from ablo_pg.cluster.paths import is_server_of
from ablo_pg.db.admin import role_drop
from ablo_pg.errors import AbloError
from ablo_pg.kernel import login_name

pytestmark = pytest.mark.timeout(180)
PRIVATE = ("DATABASE_URL", "ABLO_ADMIN_URL", "ABLO_REPLICATION_URL", "ABLO_API_KEY", "ABLO_API_URL")


class Dev:
    """A `dev` in a process of its own, without a terminal, speaking JSON."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self.process, self.folder = process, folder

    def event(self, name: str) -> dict[str, Any]:
        """Wait for an event, and return it; those before it are passed over."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            told: dict[str, Any] = json.loads(line)
            if told["event"] == name:
                return told
        raise AssertionError(f"dev ended without {name}: {self.errors()}")

    def next_event(self) -> str:
        """Wait for whatever is told next, and return its name."""
        assert self.process.stdout is not None
        return str(json.loads(self.process.stdout.readline())["event"])

    def errors(self) -> str:
        """What it has written to stderr."""
        return (self.folder / "stderr").read_text()

    def stop(self) -> int:
        """Interrupt it as Ctrl-C does, and return its exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(30)


def clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in PRIVATE}


@contextmanager
def dev(folder: Path, *options: str, **variables: str) -> Iterator[Dev]:
    """Run dev in a folder; kill it, with what it started, if the block fails."""
    command = [sys.executable, "-m", "ablo_pg", "dev", "--json", "--port", "0", *options]
    with (folder / "stderr").open("w") as stderr:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=clean_environment() | variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
    try:
        yield Dev(process, folder)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(30)
        assert process.stdout is not None
        process.stdout.close()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which `init --yes` has run."""
    monkeypatch.chdir(tmp_path)
    for name in PRIVATE:
        monkeypatch.delenv(name, raising=False)
    assert run(["init", "--yes"]) == 0
    return tmp_path


def run_agent(folder: Path) -> str:
    """Run ablo/agent.py as a person would."""
    command = [sys.executable, "ablo/agent.py"]
    done = subprocess.run(
        command, cwd=folder, env=clean_environment(), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def home(folder: Path) -> Path:
    """Where the embedded server's files are; a server started by root may not enter the folder."""
    location = folder / ".ablo/postgres/location"
    return Path(location.read_text().strip()) if location.exists() else folder / ".ablo/postgres"


def server_pid(folder: Path) -> int:
    return int((home(folder) / "data/postmaster.pid").read_text().split()[0])


def alive(pid: int, folder: Path) -> bool:
    """Whether the server runs; one that has ended may stay a zombie until its parent looks."""
    return is_server_of(pid, home(folder) / "data")


@pytest.mark.way("dev", "happy", "headless", "json")
def test_from_an_empty_folder_to_rows_and_through_a_mistake(project: Path) -> None:
    schema = project / "ablo" / "schema.py"
    good = schema.read_text()
    page = "http://localhost:3000"
    with dev(project, "--ephemeral", "--allow-origin", page) as running:
        assert running.event("pushed")["version"] == 1
        url = running.event("ready")["url"]
        asked = {"origin": page, "access-control-request-method": "GET"}
        preflight = httpx.options(f"{url}/api/v1/models/tasks", headers=asked)
        assert preflight.headers["access-control-allow-origin"] == page
        settings = parse_env(project / ".env")
        assert settings["ABLO_API_URL"] == url
        assert "! doing  Answer the customer" in run_agent(project).splitlines()[0]
        schema.write_text("def broken(:\n")
        assert "SyntaxError" in running.event("error")["message"]
        schema.write_text(good.replace("title: str", "title: str\n    note: str | None = None"))
        assert running.event("pushed")["changes"][0]["field"] == "note"
        schema.write_text(good.replace("    title: str\n", ""))
        refused = running.event("error")
        assert refused["code"] == "incompatible_change"
        assert "--force" in refused["remedy"]
        # The other commands find everything in .env.
        command = [sys.executable, "-m", "ablo_pg", "push", "--dry-run", "--force", "--json"]
        done = subprocess.run(
            command, cwd=project, env=clean_environment(), capture_output=True, text=True
        )
        assert json.loads(done.stdout)["applied"] is False
        assert running.stop() == 0
        assert running.errors() == ""
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(settings["DATABASE_URL"])


def test_postgres_dies_and_dev_is_killed_and_started_again(project: Path) -> None:
    schema = project / "ablo" / "schema.py"
    good = schema.read_text()
    schema.write_text("from nowhere import nothing\n")
    with dev(project) as running:
        # A mistake from the start: everything else runs, and the screen says what is missing.
        assert running.event("error")["code"] == "schema_definition_invalid"
        assert running.event("ready")["version"] is None
        schema.write_text(good)
        assert running.event("pushed")["version"] == 1
        key = parse_env(project / ".env")["ABLO_API_KEY"]
        first = server_pid(project)
        os.kill(first, signal.SIGKILL)
        assert running.next_event() == "postgres_ended"
        assert running.next_event() == "postgres_started", "no alarm of what is being mended"
        assert running.event("pushed")["unchanged"] is True  # what was saved meanwhile is pushed
        assert running.errors() == ""
        assert server_pid(project) != first
        run_agent(project)
        running.process.kill()
        running.process.wait()
    left_over = server_pid(project)
    assert alive(left_over, project)
    with dev(project) as running:
        assert running.event("pushed")["unchanged"] is True
        running.event("ready")
        assert server_pid(project) == left_over
        assert parse_env(project / ".env")["ABLO_API_KEY"] == key
        assert len(run_agent(project).splitlines()) == 4  # the rows of before, and two more
        assert running.stop() == 0
    assert not alive(left_over, project)
    shutil.rmtree(home(project))


def test_two_in_one_folder_and_a_port_that_is_taken(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert free_port(None, first=port) > port
        assert free_port(0) == 0
        with pytest.raises(AbloError, match="is taken"):
            free_port(port)
        # Told before anything is started for it.
        assert run(["dev", "--port", str(port), "--json"]) == 1
        error = json.loads(capsys.readouterr().err)["error"]
        assert "--port" in error["remedy"]
        assert not (project / ".ablo").exists()
    twice = pytest.raises(AbloError, match="another `ablo-pg dev`")
    with database({}, ephemeral=True), twice, database({}, ephemeral=True):
        pass


def test_push_over_the_relay(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a key and no database URL: the relay applies it, refuses, and names the flag."""
    schema = project / "ablo" / "schema.py"
    good = schema.read_text()
    with dev(project, "--ephemeral", "--no-watch") as running:
        url = running.event("ready")["url"]
        monkeypatch.setenv("ABLO_API_KEY", parse_env(project / ".env")["ABLO_API_KEY"])

        def push(*options: str) -> tuple[int, dict[str, Any]]:
            capsys.readouterr()
            code = run(["push", "--url", f"{url}/api/", "--json", *options])
            told = capsys.readouterr()
            return code, json.loads(told.out or told.err)

        assert push()[1]["unchanged"] is True
        schema.write_text(good.replace("title: str", "title: str\n    note: str | None = None"))
        code, told = push("--dry-run")
        assert (code, told["applied"]) == (0, False)
        added = [(one["kind"], one["model"], one["field"]) for one in told["changes"]]
        assert (told["version"], added) == (2, [("field_added", "tasks", "note")])
        assert push("--dry-run")[1] == told
        assert push()[1]["version"] == 2
        run_agent(project)
        schema.write_text(good.replace("title: str", "name: str"))
        code, told = push()
        assert (code, told["error"]["code"]) == (3, "incompatible_change")
        code, tried = push("--dry-run")
        for key in ("code", "message", "remedy"):
            assert tried["error"][key] == told["error"][key]
        for key in ("unexecutable", "warnings"):
            assert tried["error"]["details"][key] == told["error"]["details"][key]
        assert code == 3
        flags = [item["flag"] for item in told["error"]["details"]["unexecutable"]]
        assert any("--force" in flag for flag in flags)
        assert push("--rename", "tasks.title:name", "--force")[1]["version"] == 3
        monkeypatch.setenv("ABLO_API_KEY", "sk_" + "A" * 36)
        assert push()[1]["error"]["code"] == "apikey_invalid"
        assert running.stop() == 0


@pytest.fixture
def given(cluster: Server) -> Iterator[str]:
    """The administrative URL of an empty database of a server that is the user's."""
    name = cluster.create_database()
    yield cluster.url(name)
    cluster.drop_database(name)
    with psycopg.connect(cluster.admin_url, autocommit=True) as conn:
        role_drop(conn, login_name("runtime", name))
        role_drop(conn, login_name("replication", name))


def test_a_database_of_ones_own(project: Path, given: str) -> None:
    with dev(project, DATABASE_URL=given) as running:
        running.event("ready")
        assert not (project / ".ablo" / "postgres").exists()
        settings = parse_env(project / ".env")
        assert settings["ABLO_ADMIN_URL"] == given
        assert len(run_agent(project).splitlines()) == 2
        assert running.stop() == 0
    # Once more, from .env alone: the logins stay as they were.
    with dev(project) as running:
        running.event("ready")
        again = parse_env(project / ".env")
        assert again["DATABASE_URL"] == settings["DATABASE_URL"]
        assert len(run_agent(project).splitlines()) == 4
        assert running.stop() == 0


@pytest.mark.way("dev", "worst")
def test_a_login_that_may_not_install_says_what_to_set(
    project: Path, given: str, cluster: Server
) -> None:
    with psycopg.connect(given, autocommit=True) as conn:
        conn.execute("create role dev_plain login")
    try:
        url = cluster.url(str(psycopg.conninfo.conninfo_to_dict(given)["dbname"]), user="dev_plain")
        refused = pytest.raises(AbloError, match="may not install")
        with refused as caught, database({"DATABASE_URL": url}, ephemeral=False):
            pass
        assert "ABLO_ADMIN_URL" in str(caught.value.remedy)
    finally:
        with psycopg.connect(given, autocommit=True) as conn:
            conn.execute("drop role dev_plain")
