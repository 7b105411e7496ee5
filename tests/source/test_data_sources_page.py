"""docs/data-sources.md: its examples run, and its tests of an adapter pass."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import psycopg

from ablo_pg.source import TABLES
from ablo_pg.source.conformance import CHECKS

from .conftest import KEY

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = (ROOT / "docs" / "data-sources.md").read_text()
GIVEN: Final = """
import os
DATABASE_URL, API_KEY = os.environ["DATABASE_URL"], os.environ["API_KEY"]
"""


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_the_examples_run(url: str, conn: psycopg.Connection[Any]) -> None:
    endpoint, others, _ = blocks("python")
    names: dict[str, Any] = {"__name__": "app", "DATABASE_URL": url, "API_KEY": KEY}
    conn.execute(TABLES.encode())
    try:
        for source in (endpoint, others):
            exec(compile(source, "docs", "exec", dont_inherit=True), names)
    finally:
        for adapter in (names["endpoint"]._adapter, names["adapter"]):
            adapter._begin.close()
        names["begin"].close()
    assert conn.execute("select model, entity_id from ablo_outbox").fetchall() == [("task", "t1")]


def test_the_tests_of_an_adapter_pass(url: str, tmp_path: Path) -> None:
    endpoint, _, tests = blocks("python")
    file = tmp_path / "test_owner.py"
    file.write_text(GIVEN + endpoint + tests)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:xdist", str(file)],
        cwd=tmp_path, capture_output=True, text=True, check=False,
        env={**os.environ, "DATABASE_URL": url, "API_KEY": KEY, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(CHECKS)} passed" in done.stdout


def test_old_records_and_events_are_deleted_as_it_says(conn: psycopg.Connection[Any]) -> None:
    (sql,) = blocks("sql")
    conn.execute(
        """insert into ablo_idempotency (client_tx_id, response, created_at)
           values ('old', '[]', now() - interval '8 days'), ('new', '[]', now());
           insert into ablo_outbox (id, model, entity_id, type, created_at)
           values ('old', 'task', 't', 'U', now() - interval '8 days'),
                  ('new', 'task', 't', 'U', now())"""
    )
    conn.execute(sql.encode())
    assert conn.execute("select client_tx_id from ablo_idempotency").fetchall() == [("new",)]
    assert conn.execute("select id from ablo_outbox").fetchall() == [("new",)]
