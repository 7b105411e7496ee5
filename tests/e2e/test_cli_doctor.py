"""ablo-pg doctor on real servers: sound ones, damaged ones, and what --fix does."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ablo_pg.cli.main import run
from ablo_pg.cluster import Server
from ablo_pg.testing import DatabaseHandle

Captured = pytest.CaptureFixture[str]
Doctor = Callable[..., tuple[int, Any, str]]
TASKS = str(Path(__file__).parents[2] / "examples" / "tasks.py")


@pytest.fixture
def doctor(app_db: DatabaseHandle, capsys: Captured) -> Doctor:
    """Ask with all three logins, as JSON."""

    def call(*options: str) -> tuple[int, Any, str]:
        capsys.readouterr()
        urls = ["--admin-url", app_db.admin_url, "--database-url", app_db.database_url]
        urls += ["--replication-url", app_db.replication_url]
        code = run(["doctor", *urls, *options, "--json"])
        output = capsys.readouterr()
        return code, json.loads(output.out) if output.out else None, output.err

    return call


def test_a_sound_database(doctor: Doctor) -> None:
    code, told, err = doctor(TASKS)
    assert (code, err, told["ready"], told["blockers"]) == (0, "", True, [])
    named = {finding["name"] for finding in told["findings"] if finding["level"] == "ok"}
    wanted = {"server version", "kernel", "schema", "runtime login", "replication login"}
    assert wanted <= named


def test_damage_is_named_and_mended(doctor: Doctor, app_db: DatabaseHandle) -> None:
    with psycopg.connect(app_db.admin_url, autocommit=True) as conn:
        conn.execute("alter table tasks disable trigger zz_ablo_capture")
        conn.execute("alter table tasks no force row level security")
    code, told, _ = doctor()
    assert (code, told["ready"]) == (1, False)
    fixes = {blocker["fix"] for blocker in told["blockers"]}
    assert 'alter table tasks enable always trigger "zz_ablo_capture";' in fixes
    code, told, _ = doctor("--fix")
    assert (code, told["ready"]) == (0, True)
    assert len(told["fixed"]) == 2


def test_rights_that_were_revoked_are_named_and_given_back(
    doctor: Doctor, app_db: DatabaseHandle, capsys: Captured
) -> None:
    with psycopg.connect(app_db.admin_url, autocommit=True) as conn:
        conn.execute("revoke select, delete on tasks from ablo_runtime")
        conn.execute("revoke execute on all functions in schema ablo, ablo_model from ablo_runtime")
        conn.execute("revoke usage on schema ablo from ablo_replication")
    code, told, _ = doctor()
    rights = [one for one in told["findings"] if one["name"] == "rights"]
    assert (code, {one["level"] for one in rights}) == (1, {"blocker"})
    statements = [one["sql"] for one in rights]
    assert 'grant select, delete on table "public"."tasks" to ablo_runtime;' in statements
    assert "grant usage on schema ablo to ablo_replication;" in statements
    assert any("ablo.commit(text," in one and "ablo.housekeep(int)" in one for one in statements)
    (denied,) = [one for one in told["blockers"] if "permission denied" in one["problem"]]
    assert "ablo-pg connect --admin-url" in denied["fix"]
    capsys.readouterr()
    assert run(["status", "--admin-url", app_db.admin_url]) == 1
    shown = 'rights    ablo_runtime lacks select, delete on table "public"."tasks"'
    assert shown in capsys.readouterr().out
    with psycopg.connect(app_db.admin_url, autocommit=True) as conn:
        for statement in statements:
            conn.execute(statement)
        conn.execute("revoke insert on tasks from ablo_runtime")
    code, told, _ = doctor("--fix")
    assert (code, told["ready"], len(told["fixed"])) == (0, True, 1)
    assert run(["status", "--admin-url", app_db.admin_url]) == 0


def test_what_set_wise_commits_lack_is_named_and_given_back(
    doctor: Doctor, app_db: DatabaseHandle
) -> None:
    with psycopg.connect(app_db.admin_url, autocommit=True) as conn:
        conn.execute("revoke usage on schema ablo_model from ablo_writer")
        conn.execute("revoke update, delete on tasks from ablo_writer")
        conn.execute("revoke execute on function ablo_model.tasks__row(tasks) from ablo_writer")
        query = "select oid::regprocedure::text from pg_proc where proname = 'tasks__many'"
        ((many,),) = conn.execute(query)
        conn.execute(f"alter function {many} owner to ablo_owner".encode())
    code, told, _ = doctor()
    (finding,) = [one for one in told["findings"] if one["name"] == "set-wise commits"]
    assert (code, finding["level"]) == (0, "note")
    assert finding["sql"].splitlines() == [
        "grant usage on schema ablo_model to ablo_writer;",
        "grant update on table tasks to ablo_writer;",
        "grant execute on function ablo_model.tasks__row(tasks) to ablo_writer;",
        "grant delete on table tasks to ablo_writer;",
        f"alter function {many} owner to ablo_writer;",
    ]
    code, told, _ = doctor("--fix")
    assert len(told["fixed"]) == 1
    assert "set-wise commits" not in {one["name"] for one in told["findings"]}


def test_an_administrative_login_that_is_an_outsider(
    doctor: Doctor, app_db: DatabaseHandle, cluster: Server
) -> None:
    with psycopg.connect(app_db.admin_url, autocommit=True) as conn:
        conn.execute("create role doctor_outsider login password 'p'")
    try:
        outside = cluster.url(app_db.name, user="doctor_outsider", password="p")
        code, told, _ = doctor("--admin-url", outside)
        assert (code, told["blockers"][0]["problem"]) == (1, "permission denied for schema ablo")
        assert "ablo-pg connect" in told["blockers"][0]["fix"]
    finally:
        with psycopg.connect(app_db.admin_url, autocommit=True) as conn:
            conn.execute("drop role doctor_outsider")


def test_a_person_sees_the_fix_under_the_trouble(app_db: DatabaseHandle, capsys: Captured) -> None:
    with psycopg.connect(app_db.admin_url, autocommit=True) as conn:
        conn.execute("alter table tasks disable trigger zz_ablo_guard")
    assert run(["doctor", "--admin-url", app_db.admin_url]) == 1
    lines = capsys.readouterr().out.splitlines()
    at = next(n for n, line in enumerate(lines) if line.startswith("FAIL  triggers"))
    assert lines[at + 2].strip().startswith("alter table tasks enable always trigger")


def test_a_fresh_database_has_no_kernel(cluster: Server, capsys: Captured) -> None:
    name = cluster.create_database()
    try:
        assert run(["doctor", "--admin-url", cluster.url(name), "--json"]) == 1
        told = json.loads(capsys.readouterr().out)
        assert "no kernel" in told["blockers"][0]["problem"]
        assert "ablo-pg connect" in told["blockers"][0]["fix"]
    finally:
        cluster.drop_database(name)


def test_logins_that_do_not_fit(doctor: Doctor, app_db: DatabaseHandle, cluster: Server) -> None:
    code, told, _ = doctor("--database-url", app_db.admin_url)
    assert code == 1
    assert "bypasses row-level security" in told["blockers"][0]["problem"]
    assert told["blockers"][0]["fix"] == "use the DATABASE_URL that `ablo-pg connect` printed"
    assert all("alter role" not in (one["sql"] or "") for one in told["findings"])
    problems = [
        one["problem"] for one in doctor("--database-url", cluster.admin_url)[1]["blockers"]
    ]
    assert any("another database" in problem for problem in problems)
    code, told, _ = doctor("--replication-url", app_db.database_url)
    assert code == 0
    (note,) = [one for one in told["findings"] if one["name"] == "replication login"]
    assert note["level"] == "note"
    assert "replication;" in note["sql"]


def test_a_server_that_is_not_there_is_a_blocker(doctor: Doctor) -> None:
    code, told, _ = doctor("--database-url", "postgresql://nobody@/x?host=/no/such")
    assert code == 1
    assert "cannot be reached" in told["blockers"][0]["problem"]


def test_without_any_login(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ABLO_ADMIN_URL", "DATABASE_URL", "ABLO_REPLICATION_URL"):
        monkeypatch.delenv(name, raising=False)
    assert run(["doctor"]) == 1
    assert "invalid_options" in capsys.readouterr().err
