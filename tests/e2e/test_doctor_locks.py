"""ablo-pg doctor names who holds the kernel's locks, and whose commits cannot go on."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from ablo_pg.cli.main import run
from ablo_pg.kernel import doctor
from ablo_pg.testing import DatabaseHandle

Captured = pytest.CaptureFixture[str]
Told = Callable[[], list[dict[str, Any]]]
INSERT = "insert into tasks (id, organization_id, title, status) values (%s, %s, 'x', 'todo')"


@pytest.fixture
def told(app_db: DatabaseHandle, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> Told:
    """What doctor says of locks, of whatever age."""
    monkeypatch.setattr(doctor, "HELD_SECONDS", 0)

    def call() -> list[dict[str, Any]]:
        capsys.readouterr()
        run(["doctor", "--admin-url", app_db.admin_url, "--json"])
        findings = json.loads(capsys.readouterr().out)["findings"]
        return [one for one in findings if one["name"] == "locks"]

    return call


@contextmanager
def at_its_commit_point(app_db: DatabaseHandle, *organizations: str) -> Iterator[Any]:
    """A transaction that has captured its changes, and goes no further."""
    with psycopg.connect(app_db.admin_url, application_name="slow importer") as conn:
        for organization in organizations:
            conn.execute(INSERT, [f"t-{organization}", organization])
        conn.execute("set constraints all immediate")
        yield conn
        conn.rollback()


def write(app_db: DatabaseHandle, organization: str) -> None:
    with psycopg.connect(app_db.admin_url, autocommit=True) as conn:
        conn.execute(INSERT, [f"first-{organization}", organization])


def test_nobody_is_named_where_nothing_is_held(app_db: DatabaseHandle, told: Told) -> None:
    with psycopg.connect(app_db.admin_url) as conn:
        conn.execute("select pg_advisory_lock(7001), pg_advisory_xact_lock_shared(4711)")
        assert told() == []  # the user's own locks


@pytest.mark.parametrize("organizations", [["acme"], ["acme", 'be"ta']])
def test_an_idle_transaction_is_named_with_its_organizations(
    app_db: DatabaseHandle, told: Told, organizations: list[str]
) -> None:
    for organization in (*organizations, "other"):
        write(app_db, organization)
    with at_its_commit_point(app_db, *organizations) as conn:
        (finding,) = told()
        assert finding["level"] == "blocker"
        assert f"process {conn.info.backend_pid} (slow importer, idle in" in finding["problem"]
        assert ", ".join(map(repr, organizations)) in finding["problem"]
        assert "other" not in finding["problem"]
        assert finding["sql"] == f"select pg_terminate_backend({conn.info.backend_pid});"
    assert told() == []


def test_those_who_wait_are_counted(app_db: DatabaseHandle, told: Told) -> None:
    write(app_db, "acme")
    with at_its_commit_point(app_db, "acme") as conn:
        waiting = threading.Thread(target=write, args=(app_db, "acme2"))
        blocked = threading.Thread(target=lambda: second(app_db))
        waiting.start()
        waiting.join()  # another organization is in nobody's way
        blocked.start()
        with psycopg.connect(app_db.admin_url, autocommit=True) as watcher:
            query = "select from pg_stat_activity where %s = any (pg_blocking_pids(pid))"
            while not watcher.execute(query, [conn.info.backend_pid]).fetchall():
                pass
        (finding,) = [one for one in told() if "slow importer" in one["problem"]]
        assert "; 1 waiting for it" in finding["problem"]
    blocked.join()


def second(app_db: DatabaseHandle) -> None:
    with psycopg.connect(app_db.admin_url, autocommit=True) as conn:
        conn.execute(INSERT, ["second", "acme"])


def test_a_prepared_transaction_is_named(app_db: DatabaseHandle, told: Told) -> None:
    for organization in ("acme", "beta"):
        write(app_db, organization)
    with psycopg.connect(app_db.admin_url) as conn:
        conn.execute(INSERT, ["t", "beta"])
        conn.execute("prepare transaction 'left ''lying'")
        conn.commit()
    with psycopg.connect(app_db.admin_url) as conn:  # one that has to do with no organization
        conn.execute("select pg_current_xact_id()")
        conn.execute("create table other ()")
        conn.execute("prepare transaction 'of another'")
        conn.commit()
    try:
        (finding,) = told()
        assert 'prepared transaction "left \'lying"' in finding["problem"]
        assert "commits of 'beta' cannot proceed" in finding["problem"]
        assert finding["sql"] == "rollback prepared 'left ''lying';"
    finally:
        with psycopg.connect(app_db.admin_url, autocommit=True) as conn:
            conn.execute("rollback prepared 'left ''lying'")
            conn.execute("rollback prepared 'of another'")
    assert told() == []
