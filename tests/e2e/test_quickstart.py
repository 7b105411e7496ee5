"""docs/quickstart.md, command by command and file by file, in an empty folder."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest

from ablo_pg.cli.env_file import parse_env
from ablo_pg.cluster import Server
from ablo_pg.db.admin import role_drop
from ablo_pg.kernel import login_name

from .test_cli_dev import clean_environment, home

PAGE = (Path(__file__).parents[2] / "docs" / "quickstart.md").read_text()
WAIT_SECONDS = 60
# What a command's output must hold, by its first words.
TOLD = {
    "python ablo/agent.py": "! doing  Answer the customer",
    "ablo-pg logs": "agent:triage",
    "python ablo/update.py": "refused: stale_context\ndone Answer the customer (answered)",
    "python ablo/claim.py": "while it is held: None\nthen: rewritten",
    "python ablo/watch.py": "enter Call back",
    ". ./.env && curl": "Answer the customer",
    "ablo-pg check": "tasks: fits",
    "ablo-pg push": "unchanged",
    "ablo-pg generate": "ablo_client.py",
}


class Block(NamedTuple):
    """A fenced block: its language, its title, and its text."""

    language: str
    title: str
    text: str


def blocks(page: str = PAGE) -> list[Block]:
    fence = r'^```(\w*)(?: title="(.*?)")?\n(.*?)^```$'
    found = re.findall(fence, page, re.MULTILINE | re.DOTALL)
    return [Block(*one) for one in found]


def test_every_block_is_one_that_is_run() -> None:
    kinds = {(block.language, block.title) for block in blocks()}
    assert ("sh", "Set-up") in kinds
    assert ("sh", "First terminal") in kinds
    files = {title for language, title in kinds if language == "python"}
    assert files
    assert {language for language, _ in kinds} == {"sh", "python"}
    shell = {title for language, title in kinds if language == "sh"}
    assert shell == {"", "Set-up", "First terminal"}
    assert len(re.findall(r"^```", PAGE, re.MULTILINE)) == 2 * len(blocks())
    for words in TOLD:
        assert words in PAGE


class Folder:
    """An empty folder in which the page is followed."""

    def __init__(self, path: Path, **variables: str) -> None:
        self.path = path
        self.dev: subprocess.Popen[bytes] | None = None
        self.environment = clean_environment() | variables
        self.environment["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"

    def run(self, command: str) -> str:
        """Run a command as a shell does, and return what it says."""
        done = subprocess.run(
            ["sh", "-c", command],
            cwd=self.path,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=WAIT_SECONDS,
        )
        assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}"
        return done.stdout

    def start(self, command: str) -> None:
        """Run a command until `stop`, and return when it is ready."""
        with (self.path / "dev.log").open("wb") as log:
            self.dev = subprocess.Popen(
                command.split(),
                cwd=self.path,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stderr=log,
            )
        self.wait_for("Ctrl-C")

    def save(self, name: str, text: str) -> None:
        """Write a file; a schema is then pushed by `dev`."""
        (self.path / name).write_text(text)
        if name.endswith("schema.py"):
            self.wait_for("field_added")

    def wait_for(self, text: str) -> None:
        """Wait until `dev` has said something."""
        deadline = time.monotonic() + WAIT_SECONDS
        while text not in (said := (self.path / "dev.log").read_text()):
            assert self.dev is not None
            assert self.dev.poll() is None, said
            assert time.monotonic() < deadline, said
            time.sleep(0.05)

    def stop(self) -> int:
        """End `dev` as Ctrl-C does."""
        if self.dev is None:
            return 0
        if self.dev.poll() is None:
            self.dev.send_signal(signal.SIGINT)
        return self.dev.wait(WAIT_SECONDS)


def follow(folder: Folder) -> None:
    """Do what the page says, in its order."""
    for block in blocks():
        if block.language == "python":
            folder.save(block.title, block.text)
        elif block.title == "First terminal":
            folder.start(block.text)
        elif not block.title:
            for command in block.text.strip().splitlines():
                told = folder.run(command)
                for words, expected in TOLD.items():
                    assert not command.startswith(words) or expected in told, (command, told)


@pytest.fixture
def given(cluster: Server) -> Iterator[str]:
    """The administrative URL of an empty database."""
    name = cluster.create_database()
    yield cluster.url(name)
    cluster.drop_database(name)
    with psycopg.connect(cluster.admin_url, autocommit=True) as conn:
        role_drop(conn, login_name("runtime", name))
        role_drop(conn, login_name("replication", name))


@pytest.mark.timeout(300)
def test_on_embedded_postgres(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    try:
        follow(folder)
        assert folder.stop() == 0
        assert "nothing is left running" in (tmp_path / "dev.log").read_text()
    finally:
        folder.stop()
        if home(tmp_path) != tmp_path / ".ablo/postgres":
            subprocess.run(["rm", "-rf", str(home(tmp_path))], check=True)


@pytest.mark.long
@pytest.mark.timeout(300)
def test_on_a_database_of_ones_own(tmp_path: Path, given: str) -> None:
    folder = Folder(tmp_path, ABLO_ADMIN_URL=given)
    try:
        follow(folder)
        assert folder.stop() == 0
        assert not (tmp_path / ".ablo" / "postgres").exists()
        assert parse_env(tmp_path / ".env")["ABLO_ADMIN_URL"] == given
    finally:
        folder.stop()
