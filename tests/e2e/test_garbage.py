"""Generated garbage for some seconds; the long version is `python -m bench.garbage`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run(seed: int, seconds: float) -> tuple[int, list[dict[str, object]]]:
    command = [sys.executable, "-m", "bench.garbage", "--seed", str(seed)]
    done = subprocess.run(
        [*command, "--minutes", str(seconds / 60)], capture_output=True, text=True, cwd=ROOT
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines, done.stderr
    return done.returncode, lines


@pytest.mark.timeout(180)
def test_some_seconds_of_garbage_harm_nothing() -> None:
    code, lines = run(seed=3, seconds=4)
    assert [line for line in lines if "fault" in line] == []
    assert code == 0


@pytest.mark.long
@pytest.mark.timeout(900)
def test_minutes_of_garbage_harm_nothing() -> None:
    code, lines = run(seed=4, seconds=360)
    assert [line for line in lines if "fault" in line] == []
    assert code == 0
