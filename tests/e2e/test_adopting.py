"""Tables of three kinds of applications, with rows: pulled, checked, migrated."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from ablo_pg.cli.main import run
from ablo_pg.cli.target import load_target
from ablo_pg.cluster import Server

Captured = pytest.CaptureFixture[str]
FOLDER = Path(__file__).parent / "adopted"
# By file: its organization column, the models that come of it, and what is left out.
EXPECTED = {
    "web_framework": ("organization_id", 8, ["session"]),
    "film_rental": (
        "organization_id",
        1,
        [
            *("actor", "customer_list", "film", "film_actor", "language"),
            *("payment", "payment_2026", "totals"),
        ],
    ),
    "music_shop": ("tenant_id", 5, []),
}


@pytest.fixture
def url(cluster: Server, kernel_template: str) -> Iterator[str]:
    """The administrative URL of a database with the kernel."""
    name = cluster.create_database(template=kernel_template)
    yield cluster.url(name)
    cluster.drop_database(name)


@pytest.mark.parametrize("name", EXPECTED)
def test_pulled_tables_fit_and_migrate(
    name: str, url: str, tmp_path: Path, capsys: Captured
) -> None:
    organization, models, left_out = EXPECTED[name]
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute((FOLDER / f"{name}.sql").read_text())  # type: ignore[call-overload]
    written = str(tmp_path / "schema.py")
    arguments = ["pull", "--database-url", url, "--out", written, "--json"]
    assert run([*arguments, "--organization-column", organization]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["leftOut"] == [f"public.{table}" for table in left_out]
    assert len(told["models"]) == models == len(load_target(written).models)
    assert run(["check", written, "--database-url", url]) == 0
    assert run(["migrate", written, "--admin-url", url]) == 0
    assert run(["check", written, "--database-url", url]) == 0
    capsys.readouterr()
    assert run(["compile", written, "--diff", "pushed", "--database-url", url, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["changes"] == []
