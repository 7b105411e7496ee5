"""`ablo-pg relay` as a process: settings shown, requests taken, an end in order or none at all."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import psycopg
import pytest

from ablo_pg.cli.main import run
from ablo_pg.credentials import new_key
from ablo_pg.db.keys import create_key
from ablo_pg.testing import DatabaseHandle

SESSIONS = (
    "select count(*) from pg_stat_activity where datname = %s and application_name like 'ablo%%'"
)


@dataclass
class Process:
    """A running relay."""

    popen: subprocess.Popen[str]
    url: str

    def get(self, path: str, key: str = "", **options: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {key}"} if key else {}
        return httpx.get(self.url + path, headers=headers, timeout=60, **options)


@contextmanager
def relay(db: DatabaseHandle, *arguments: str) -> Iterator[Process]:
    """Run `ablo-pg relay` until the block ends."""
    environment = os.environ | {
        "DATABASE_URL": db.database_url,
        "ABLO_REPLICATION_URL": db.replication_url,
    }
    command = [sys.executable, "-m", "ablo_pg", "relay", "--port", "0", *arguments]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            yield Process(process, json.loads(process.stdout.readline())["url"])
        finally:
            process.kill()


def sessions(db: DatabaseHandle) -> int:
    with psycopg.connect(db.admin_url, autocommit=True) as conn:
        row = conn.execute(SESSIONS, [db.name]).fetchone()
    return row[0] if row else -1


def slots(db: DatabaseHandle) -> int:
    with psycopg.connect(db.admin_url, autocommit=True) as conn:
        row = conn.execute(
            "select count(*) from pg_replication_slots where database = %s", [db.name]
        ).fetchone()
    return row[0] if row else -1


def wait_for_nothing(db: DatabaseHandle) -> None:
    while sessions(db) or slots(db):  # the test's own deadline ends this
        time.sleep(0.01)


def make_key(db: DatabaseHandle) -> str:
    key = new_key()
    with psycopg.connect(db.admin_url, autocommit=True) as conn:
        create_key(conn, "acme", "system:a", key, {"prefix": "sk"})
    return key


def test_it_serves_and_ends_in_order(app_db: DatabaseHandle) -> None:
    key = make_key(app_db)
    with relay(app_db) as process:
        assert process.get("/live").status_code == 200
        assert process.get("/api/v1/models/tasks", key).json()["data"] == []
        process.popen.send_signal(signal.SIGTERM)
        out, err = process.popen.communicate(timeout=60)
        assert process.popen.returncode == 0
        assert out == ""  # stdout has had its one object
        lines = [json.loads(line) for line in err.splitlines() if line.startswith("{")]
        assert any(line.get("route") == "/api/v1/models/{model}" for line in lines)
        assert key not in err
        assert (sessions(app_db), slots(app_db)) == (0, 0)


def test_what_runs_may_end_and_nothing_new_begins(app_db: DatabaseHandle) -> None:
    key = make_key(app_db)
    headers = {"authorization": f"Bearer {key}"}
    with relay(app_db) as process, psycopg.connect(app_db.admin_url) as conn:
        body = {"id": "t1", "data": {"title": "x", "status": "todo"}}
        rows = f"{process.url}/api/v1/models/tasks"
        assert httpx.post(rows, json=body, headers=headers).status_code == 201
        conn.execute("select from tasks where id = 't1' for update")
        late = subprocess.Popen(
            [
                *("curl", "-s", "-X", "PATCH", f"{rows}/t1", "-d", '{"data":{"title":"late"}}'),
                *("-H", f"Authorization: Bearer {key}"),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        wait_for_a_waiter(app_db)
        process.popen.send_signal(signal.SIGTERM)
        while True:  # until the listener is gone
            try:
                process.get("/live")
            except httpx.TransportError:
                break
        conn.rollback()
        answer, _ = late.communicate(timeout=60)
        assert json.loads(answer)["status"] == "confirmed"
        assert process.popen.wait(15) == 0


def wait_for_a_waiter(db: DatabaseHandle) -> None:
    with psycopg.connect(db.admin_url, autocommit=True) as conn:
        query = "select 1 from pg_stat_activity where cardinality(pg_blocking_pids(pid)) > 0"
        while conn.execute(query).fetchone() is None:
            time.sleep(0.005)


def test_killed_it_leaves_nothing_behind(app_db: DatabaseHandle) -> None:
    key = make_key(app_db)
    with relay(app_db) as process:
        assert process.get("/api/v1/models/tasks", key).status_code == 200
        assert sessions(app_db) > 0
        process.popen.kill()
        process.popen.wait(10)
    wait_for_nothing(app_db)


def test_print_config_shows_all_but_the_passwords(
    app_db: DatabaseHandle, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = "postgresql://me:hush@db.example/app"
    places = ["--database-url", secret, "--replication-url", secret, "--admin-url", secret]
    limits = ["--set", "pool_size=3", "--set", "header_seconds=1.5", "--allow-origin", "https://a"]
    assert run(["relay", *places, *limits, "--print-config"]) == 0
    shown = capsys.readouterr().out
    assert "hush" not in shown
    config = json.loads(shown)
    assert config["database_url"] == "postgresql://me@db.example/app"
    assert (config["pool_size"], config["header_seconds"]) == (3, 1.5)
    assert config["allowed_origins"] == ["https://a"]
    assert config["body_bytes"] == 1 << 20


@pytest.mark.parametrize(
    ("change", "code"),
    [("nope=1", 2), ("pool_size", 2), ("pool_size=many", 2), ("pool_size=0", 1)],
)
def test_wrong_limits_are_named(change: str, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["relay", "--database-url", "postgresql://x", "--set", change]) == code
    assert change.partition("=")[0] in capsys.readouterr().err


def test_a_superusers_url_is_refused_at_the_start(
    app_db: DatabaseHandle, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["relay", "--port", "0", "--database-url", app_db.admin_url]) == 1
    assert "database_role_cannot_enforce_rls" in capsys.readouterr().err


def test_a_taken_port_is_named(app_db: DatabaseHandle, capsys: pytest.CaptureFixture[str]) -> None:
    with relay(app_db) as process:
        port = process.url.rpartition(":")[2]
        assert run(["relay", "--port", port, "--database-url", app_db.database_url]) == 1
        assert port in capsys.readouterr().err
