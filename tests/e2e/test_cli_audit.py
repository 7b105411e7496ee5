"""ablo-pg audit: seal, verify and head as a person and a program use them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ablo_pg.cli.main import run
from ablo_pg.testing import DatabaseHandle

SECRET = "5a" * 32
Captured = pytest.CaptureFixture[str]
Audit = Callable[..., tuple[int, str, str]]
INSERT = """
insert into tasks (organization_id, id, title, status)
select %s, 'r' || n, 'x', 'todo' from generate_series(%s::int, %s::int) n"""


@pytest.fixture
def admin(app_db: DatabaseHandle) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(app_db.admin_url, autocommit=True) as conn:
        conn.execute(INSERT, ("acme", 1, 1200))
        conn.execute(INSERT, ("globex", 1, 3))
        yield conn


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "audit.key"
    path.write_text(f"k1:{SECRET}\n")
    return path


@pytest.fixture
def audit(app_db: DatabaseHandle, key_file: Path, capsys: Captured) -> Audit:
    """Run a command; return exit code, stdout, stderr. No output ever holds the key."""

    def call(command: str, *options: str, key: bool = True) -> tuple[int, str, str]:
        capsys.readouterr()
        keys = ["--key-file", str(key_file)] if key else []
        code = run(["audit", command, "--admin-url", app_db.admin_url, *keys, *options])
        output = capsys.readouterr()
        assert SECRET not in output.out + output.err
        return code, output.out, output.err

    return call


def test_seal_then_verify(audit: Audit, admin: psycopg.Connection[Any]) -> None:
    code, out, err = audit("seal")
    assert (code, out) == (0, "")
    assert "sealed 1,203 deltas of 2 organizations: 3 seals" in err
    admin.execute(INSERT, ("acme", 2000, 2001))
    code, out, err = audit("verify")
    assert code == 0
    assert "acme: 2 seals, 1,200 deltas as sealed; through sync id 1200; 2 not sealed yet" in out
    assert "sound: 2 organizations" in err
    code, out, _ = audit("seal", "--organization", "acme", "--json")
    assert json.loads(out) == {"organizations": 1, "seals": 1, "deltas": 2, "refused": 0}


def test_the_first_broken_link_is_named(audit: Audit, admin: psycopg.Connection[Any]) -> None:
    audit("seal")
    admin.execute("update ablo.delta set actor = 'user:eve' where sync_id in (17, 1100)")
    admin.execute("delete from ablo.delta where sync_id = 1202")
    code, out, err = audit("verify")
    assert code == 1
    assert (
        "  BROKEN sync id 17, seal 1: altered (its content differs from what was sealed)\n" in out
    )
    assert "broken: 3 links, the first is acme, sync id 17, seal 1: altered [audit_broken]" in err
    code, out, _ = audit("verify", "--json")
    told = json.loads(out)
    assert (code, told["sound"]) == (1, False)
    assert told["firstBroken"]["syncId"] == 17
    acme, globex = told["organizations"]
    assert [(one["kind"], one["syncId"], one["seal"]) for one in acme["broken"]] == [
        ("altered", 17, 1),
        ("altered", 1100, 2),
    ]
    assert [(one["kind"], one["syncId"]) for one in globex["broken"]] == [("missing", 1202)]
    assert (acme["sound"], acme["brokenCount"], acme["deltas"]) == (False, 2, 1198)
    assert audit("verify", "--organization", "globex")[0] == 1


def test_many_broken_links_are_counted(audit: Audit, admin: psycopg.Connection[Any]) -> None:
    audit("seal")
    admin.execute("delete from ablo.delta where sync_id between 5 and 154")
    code, out, _ = audit("verify", "--organization", "acme")
    assert code == 1
    assert out.count("BROKEN") == 100
    assert out.index("sync id 5, seal 1: missing") < out.index("sync id 6, seal 1: missing")
    assert "and 50 more" in out


def test_an_anchor_misses_a_cut(
    audit: Audit, admin: psycopg.Connection[Any], tmp_path: Path
) -> None:
    anchor = ["--anchor", str(tmp_path / "anchor")]
    assert audit("seal", *anchor)[0] == 0
    assert audit("verify", *anchor)[0] == 0
    admin.execute("delete from ablo.audit_seal where organization_id = 'acme' and number = 2")
    admin.execute(INSERT, ("globex", 4, 5))
    assert audit("verify")[0] == 0
    code, out, _ = audit("verify", *anchor)
    assert code == 1
    assert "BROKEN seal 2: seal_missing (the anchor names it, with sync ids through 1200)" in out
    code, _, err = audit("seal", *anchor)
    assert code == 1
    assert "seal 2 of acme, which the anchor names, is gone [audit_broken]" in err
    assert "sealed 2 deltas of 1 organizations" in err
    code, _, err = audit("head", *anchor, key=False)
    assert (code, "audit_broken" in err) == (1, True)


def test_head_shows_and_notes_the_ends(
    audit: Audit, admin: psycopg.Connection[Any], tmp_path: Path
) -> None:
    assert audit("head", key=False) == (0, "", "")
    audit("seal")
    path = tmp_path / "anchor"
    code, out, _ = audit("head", "--anchor", str(path), key=False)
    assert code == 0
    assert out.splitlines()[0].startswith("acme  seal 2  sync id 1200  key k1  ")
    assert audit("verify", "--anchor", str(path))[0] == 0
    told = json.loads(audit("head", "--json", key=False)[1])["organizations"]
    assert told == json.loads(path.read_text())["organizations"]
    assert told["globex"]["lastSyncId"] == 1203


def test_the_key_comes_from_the_environment_too(
    audit: Audit, admin: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ABLO_AUDIT_KEY", raising=False)
    code, _, err = audit("verify", key=False)
    assert code == 1
    assert "no audit key was given [invalid_options]" in err
    monkeypatch.setenv("ABLO_AUDIT_KEY", f"k1:{SECRET}")
    assert audit("seal", key=False)[0] == 0
    monkeypatch.setenv("ABLO_AUDIT_KEY", f"k1:{SECRET}x")
    assert audit("verify", "--json", key=False)[0] == 1


def test_what_is_missing_is_a_typed_error(audit: Audit, key_file: Path, tmp_path: Path) -> None:
    code, _, err = audit("verify", "--anchor", str(tmp_path / "nowhere"), "--json")
    assert (code, json.loads(err)["error"]["field"]) == (1, "anchor")
    code, _, err = audit("verify", "--organization", "acmee", "--json")
    assert (code, json.loads(err)["error"]["field"]) == (1, "organization")
    key_file.unlink()
    code, _, err = audit("verify", "--json")
    assert (code, json.loads(err)["error"]["code"]) == (1, "invalid_options")


def test_without_a_kernel_it_says_what_to_run(
    cluster: Any, key_file: Path, capsys: Captured
) -> None:
    name = cluster.create_database()
    try:
        url = cluster.url(name)
        assert run(["audit", "verify", "--admin-url", url, "--key-file", str(key_file)]) == 1
        assert "kernel_not_installed" in capsys.readouterr().err
    finally:
        cluster.drop_database(name)


def sealer(url: str, key_file: Path, *options: str) -> subprocess.Popen[str]:
    """Start `ablo-pg audit seal --follow` in a process of its own."""
    command = [sys.executable, "-m", "ablo_pg", "audit", "seal", "--follow", "--interval", "0.1"]
    environment = os.environ | {"ABLO_ADMIN_URL": url}
    return subprocess.Popen(
        [*command, "--key-file", str(key_file), "--json", *options],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_follow_seals_what_comes_until_it_is_ended(
    audit: Audit, admin: psycopg.Connection[Any], app_db: DatabaseHandle, key_file: Path
) -> None:
    process = sealer(app_db.admin_url, key_file)
    try:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["deltas"] == 1203
        admin.execute(INSERT, ("initech", 1, 2))
        assert json.loads(process.stdout.readline())["deltas"] == 2
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 128 + signal.SIGTERM
    finally:
        process.kill()
        process.communicate()
    assert audit("verify")[0] == 0


def test_a_killed_sealer_is_gone_on_from(
    audit: Audit, admin: psycopg.Connection[Any], app_db: DatabaseHandle, key_file: Path
) -> None:
    """kill -9 in the middle of an append, which the table's lock holds open."""
    with psycopg.connect(app_db.admin_url) as gate:
        gate.execute("lock table ablo.audit_seal in share mode")
        process = sealer(app_db.admin_url, key_file)
        try:
            _wait_until_blocked_by(admin, gate.info.backend_pid)
        finally:
            process.kill()
            process.communicate()
    code, _, err = audit("seal")
    assert code == 0, err
    code, out, _ = audit("verify")
    assert code == 0
    assert "1,200 deltas as sealed" in out


def _wait_until_blocked_by(admin: psycopg.Connection[Any], pid: int) -> None:
    query = "select 1 from pg_stat_activity where %s = any (pg_blocking_pids(pid))"
    while admin.execute(query, (pid,)).fetchone() is None:
        time.sleep(0.005)  # bounded by the test's own time limit
