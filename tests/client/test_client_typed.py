"""A user's program on the public API passes mypy --strict; wrong ones do not."""

from __future__ import annotations

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
}


@pytest.mark.timeout(120)
@pytest.mark.usefixtures("kept_types")
def test_the_typed_program_checks(tmp_path: Path) -> None:
    source = PROGRAM.read_text()
    wrong = "".join(f"    {line}  # {code}\n" for line, code in WRONG.items())
    bad = tmp_path / "wrong_program.py"
    bad.write_text(
        f"{source}\n\nasync def wrong(ablo: AsyncAblo, tasks: ModelClient[Task]) -> None:\n{wrong}"
    )
    good, _, status = api.run(["--strict", "--config-file", "", str(PROGRAM)])
    assert status == 0, good
    found, _, _ = api.run(["--strict", "--config-file", "", str(bad)])
    errors = [line for line in found.splitlines() if ": error:" in line]
    assert len(errors) == len(WRONG), found
    for error, code in zip(errors, WRONG.values(), strict=True):
        assert f"[{code}]" in error
