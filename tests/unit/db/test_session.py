"""Connections are made in one place, which pins what text depends on."""

from __future__ import annotations

import re
from pathlib import Path

import ablo_pg

PACKAGE = Path(ablo_pg.__file__).parent
CONNECTS = re.compile(r"\b(psycopg|Connection|AsyncConnection)\.connect\(")


def test_nothing_else_connects() -> None:
    found = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if CONNECTS.search(path.read_text(encoding="utf-8"))
    }
    assert found == {"db/session.py"}
