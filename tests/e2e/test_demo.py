"""`ablo-pg demo` ends by itself, tells the truth, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

DEMO = [sys.executable, "-m", "ablo_pg", "demo"]


def environment(tmp_path: Path) -> dict[str, str]:
    """An environment whose temporary folder is the test's own, and without anybody's URLs."""
    kept = {name: value for name, value in os.environ.items() if not name.endswith("_URL")}
    return kept | {"TMPDIR": str(tmp_path)}


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    """A temporary folder that any user can enter, as /tmp is."""
    folder = tmp_path
    while folder != folder.parent:
        if folder.stat().st_uid == os.geteuid() and not folder.stat().st_mode & 0o001:
            folder.chmod(folder.stat().st_mode | 0o011)
        folder = folder.parent
    tmp_path.chmod(0o1777)
    return tmp_path


def left_over(folder: Path) -> list[str]:
    """What is left in the folder, and the processes whose command line names it."""
    processes = []
    for each in Path("/proc").glob("[0-9]*"):
        try:
            command = (each / "cmdline").read_bytes()
        except OSError:
            continue
        if str(folder).encode() in command:
            processes.append(command.decode(errors="replace"))
    return [*processes, *(path.name for path in folder.iterdir())]


@pytest.mark.smoke
@pytest.mark.way("demo", "happy", "headless", "json")
@pytest.mark.timeout(180)
def test_the_demo_proves_itself_and_leaves_nothing(temporary: Path) -> None:
    done = subprocess.run(
        [*DEMO, "--seconds", "2", "--json"],
        env=environment(temporary),
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["ok"] is True
    assert told["problems"] == []
    assert told["writes"] == told["arrived"] > 20
    assert told["reader"] == "wal"
    assert "Every write arrived once and in order." in done.stderr
    assert left_over(temporary) == []


@pytest.mark.timeout(180)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_demo_leaves_nothing(temporary: Path, number: signal.Signals) -> None:
    # Who is started in the background ignores ^C, and so do its children.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with subprocess.Popen(
        [*DEMO, "--seconds", "30"],
        env=environment(temporary) | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as demo:
        assert demo.stdout is not None
        for line in demo.stdout:
            if "writers started" in line:
                break
        watched = family(demo.pid)
        demo.send_signal(number)
        demo.communicate(timeout=40)
    for pid in watched:
        wait_until_gone(pid)
    assert left_over(temporary) == []
    if number == signal.SIGINT:
        assert demo.returncode == 130


def family(pid: int) -> list[int]:
    """The process ids of all descendants."""
    parents: dict[int, int] = {}
    for each in Path("/proc").glob("[0-9]*"):
        try:
            fields = (each / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(each.name)] = int(fields[1])
    found = [pid]
    for child in found:
        found += [each for each, parent in parents.items() if parent == child]
    return found[1:]


def wait_until_gone(pid: int) -> None:
    """Wait for the end of a process that is not our child, without polling."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    ready, _, _ = select.select([handle], [], [], 20)
    os.close(handle)
    assert ready, f"process {pid} still runs"
