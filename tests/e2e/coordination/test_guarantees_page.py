"""docs/guarantees.md names tests and routines that are there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "guarantees.md").read_text()


def test_every_test_that_is_named_is_there() -> None:
    named = set(re.findall(r"`(tests/[\w/.]+)`", PAGE))
    assert len(named) > 15
    assert [name for name in sorted(named) if not (ROOT / name).is_file()] == []


def test_every_routine_that_is_named_is_there() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| ") and "`" in line]
    named = {word for row in rows for word in re.findall(r"`([a-z]+_[a-z_]+)`", row)}
    files = {path.stem for path in (ROOT / "sql").rglob("*.sql")}
    others = {"claim_target", "claims_bind_sql", "ablo_writer"}
    assert {"claim_guard", "claim_bind", "premise_check"} <= named
    assert sorted(named - files - others) == []
