"""docs/data-sources.md: its examples run, in order, and print what it says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ablo_pg.source import TABLES

from .conftest import KEY

PAGE = Path(__file__).parents[2] / "docs" / "data-sources.md"


def test_the_examples_run(
    url: str, conn: psycopg.Connection[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(blocks) == 3
    names: dict[str, Any] = {"__name__": "app", "DATABASE_URL": url, "API_KEY": KEY}
    conn.execute(TABLES.encode())
    try:
        for source in blocks:
            exec(compile(source, "docs", "exec", dont_inherit=True), names)
    finally:
        for name in ("endpoint", "adapter"):
            owner = names.get(name)
            getattr(owner, "_adapter", owner)._begin.close()
        names["begin"].close()
    assert capsys.readouterr().out == "[]\n"
