"""ablo-pg claims and whoami."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from ablo_pg.cli.main import run
from ablo_pg.testing import DatabaseHandle

from .test_relay_process import make_key, relay

Captured = pytest.CaptureFixture[str]
Command = Callable[..., tuple[int, str, str]]
ACQUIRE = "select ablo.claim_acquire('acme', %s, 'tasks', %s, %s)"


@pytest.fixture
def runtime(app_db: DatabaseHandle) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(app_db.admin_url, autocommit=True) as conn:
        conn.execute(
            "insert into tasks (organization_id, id, title, status) "
            "values ('acme', 'r1', 'x', 'todo'), ('acme', 'r2', 'x', 'todo')"
        )
    with psycopg.connect(app_db.database_url, autocommit=True) as conn:
        yield conn


@pytest.fixture
def claims(app_db: DatabaseHandle, capsys: Captured) -> Command:
    def call(*options: str) -> tuple[int, str, str]:
        capsys.readouterr()
        place = ["--database-url", app_db.database_url, "--organization", "acme"]
        code = run(["claims", *place, *options])
        output = capsys.readouterr()
        return code, output.out, output.err

    return call


def acquire(conn: psycopg.Connection[Any], who: str, row_id: str, **request: Any) -> str:
    row = conn.execute(ACQUIRE, [who, row_id, Jsonb(request)]).fetchone()
    assert row is not None
    return str(row[0]["claim"]["id"])


def test_holders_and_their_line(claims: Command, runtime: psycopg.Connection[Any]) -> None:
    held = acquire(runtime, "agent:a", "r1", description="rewriting\x1b[2J")
    waits = acquire(runtime, "user:ann", "r1")
    other = acquire(runtime, "agent:b", "r2", fields=["title"])
    code, out, err = claims()
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert [line.split()[0] for line in lines] == ["held", "waits", "held"]
    assert 'tasks r1  agent:a  "rewriting\\x1b[2J"' in lines[0]
    assert lines[1].endswith(waits)
    assert "(title)" in lines[2]
    told = json.loads(claims("--json", "--model", "Tasks", "--id", "r1")[1])["claims"]
    assert [(c["claimId"], c["status"], c["participant"]) for c in told] == [
        (held, "held", "agent:a"),
        (waits, "queued", "user:ann"),
    ]
    assert other not in json.dumps(told)


def test_nobody(claims: Command, runtime: psycopg.Connection[Any]) -> None:
    acquire(runtime, "agent:a", "r1")
    assert claims("--organization", "globex")[1] == ""
    assert json.loads(claims("--organization", "globex", "--json")[1]) == {"claims": []}


def test_a_broken_claim_tells_who_did_it(claims: Command, runtime: psycopg.Connection[Any]) -> None:
    held = acquire(runtime, "agent:a", "r1")
    waits = acquire(runtime, "agent:b", "r1")
    code, out, _ = claims("--break", held, "--as", "user:ann", "--json")
    assert code == 0
    assert json.loads(out) == {"claimId": held, "broken": True, "by": "user:ann"}
    left = json.loads(claims("--json")[1])["claims"]
    assert [(c["claimId"], c["status"]) for c in left] == [(waits, "held")]
    row = runtime.execute("select ablo.claim_get('acme', 'agent:a', %s)", [held]).fetchone()
    assert row is not None
    assert (row[0]["claim"]["status"], row[0]["claim"]["meta"]["brokenBy"]) == (
        "canceled",
        "user:ann",
    )
    assert "had ended already" in claims("--break", held, "--as", "user:ann")[2]


def test_who_broke_whose_claim_is_kept_for_good(
    claims: Command,
    runtime: psycopg.Connection[Any],
    app_db: DatabaseHandle,
    capsys: Captured,
) -> None:
    held = acquire(runtime, "agent:a", "r1", description="rewriting\x1b[2J")
    assert claims("--break", held, "--as", "user:ann")[0] == 0
    assert claims("--break", held, "--as", "user:bob")[0] == 0, "again: nothing is done, or noted"
    with psycopg.connect(app_db.admin_url, autocommit=True) as conn:
        conn.execute("delete from ablo.claim")  # as it is forgotten after some minutes
    place = ["--admin-url", app_db.admin_url, "--organization"]
    assert run(["audit", "acts", *place, "acme", "--json"]) == 0
    (act,) = json.loads(capsys.readouterr().out)["acts"]
    assert (act["organization"], act["actor"], act["act"]) == ("acme", "user:ann", "claim_break")
    assert (act["subject"]["claimId"], act["subject"]["heldBy"]) == (held, "agent:a")
    assert run(["audit", "acts", *place, "acme"]) == 0
    assert f'user:ann ended {held} of agent:a on tasks r1 ("rewriting\\x1b[2J")' in (
        capsys.readouterr().out
    )
    assert run(["audit", "acts", *place, "globex", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"acts": []}
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        runtime.execute("select * from ablo.audit_act")


def test_the_trail_does_not_grow_without_end(app_db: DatabaseHandle) -> None:
    with psycopg.connect(app_db.admin_url, autocommit=True) as conn:
        conn.execute(
            "insert into ablo.audit_act (organization_id, actor, act, subject)"
            " select org, 'user:a', 'claim_break', '{}'"
            " from generate_series(1, 10000), unnest(array['acme', 'globex']) org"
        )
        conn.execute("select ablo.audit_note('acme', 'user:b', 'claim_break', '{}')")
        found = conn.execute(
            "select organization_id, count(*), max(actor) from ablo.audit_act group by 1 order by 1"
        ).fetchall()
    assert found == [("acme", 10_000, "user:b"), ("globex", 10_000, "user:a")]


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--break", "clm_none"], "claim_not_found"),
        (["--break", "clm_none", "--as", "agent:a"], "permission_denied"),
        (["--break", "clm_none", "--as", "nobody"], "invalid_participant_kind"),
        (["--model", "nothing"], "server_execute_unknown_model"),
    ],
)
@pytest.mark.usefixtures("runtime")
def test_what_cannot_be(claims: Command, options: list[str], code: str) -> None:
    exit_code, out, err = claims("--json", *options)
    assert (exit_code, out) == (1, "")
    assert json.loads(err)["error"]["code"] == code


def test_watching_shows_every_change(
    app_db: DatabaseHandle, runtime: psycopg.Connection[Any]
) -> None:
    command = [sys.executable, "-m", "ablo_pg", "claims", "--watch", "--json"]
    where = {"DATABASE_URL": app_db.database_url, "ABLO_ORGANIZATION": "acme"}
    program = subprocess.Popen(command, stdout=subprocess.PIPE, env=os.environ | where, text=True)
    with program:
        try:
            assert program.stdout is not None
            assert json.loads(program.stdout.readline()) == {"claims": []}
            held = acquire(runtime, "agent:a", "r1")
            assert held in program.stdout.readline()
            runtime.execute("select ablo.claim_release('acme', 'agent:a', %s)", [held])
            assert json.loads(program.stdout.readline()) == {"claims": []}
        finally:
            program.terminate()


def test_who_the_runtime_login_is(
    app_db: DatabaseHandle, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", app_db.database_url)
    monkeypatch.setenv("ABLO_ORGANIZATION", "acme")
    assert run(["whoami", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["login"] == f"ablo_runtime_{app_db.name}"
    assert (told["database"], told["organization"]) == (app_db.name, "acme")
    assert told["rights"] == {
        "superuser": False,
        "bypassesRls": False,
        "runtime": True,
        "owner": False,
        "replication": False,
    }
    assert psycopg.conninfo.conninfo_to_dict(app_db.database_url)["password"] not in str(told)  # type: ignore[operator]
    assert run(["whoami", "--database-url", app_db.admin_url]) == 0
    assert "refused for programs" in capsys.readouterr().out


@pytest.mark.timeout(180)
def test_what_a_key_stands_for_at_a_relay(
    app_db: DatabaseHandle, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("ABLO_API_KEY", make_key(app_db))
    with relay(app_db) as process:
        monkeypatch.setenv("ABLO_API_URL", process.url)
        assert run(["whoami", "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert (told["url"], told["organization"]) == (process.url, "acme")
        assert told["participant"] == "system:a"
        assert "tasks.update" in told["operations"]
        assert "org:acme" in told["syncGroups"]
        assert run(["whoami", "--url", f"{process.url}/api/"]) == 0
        assert "participant   system:a" in capsys.readouterr().out
        monkeypatch.setenv("ABLO_API_KEY", "sk_" + "A" * 36)
        assert run(["whoami", "--json"]) == 1
        refused = capsys.readouterr()
        assert json.loads(refused.err)["error"]["code"] == "apikey_invalid"
        assert "A" * 36 not in refused.out + refused.err
    assert run(["whoami", "--json"]) == 1
    gone = json.loads(capsys.readouterr().err)["error"]
    assert (gone["code"], bool(gone["remedy"])) == ("database_unreachable", True)


def test_nobody_to_ask(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "ABLO_API_URL", "ABLO_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    assert run(["whoami"]) == 1
    assert "invalid_options" in capsys.readouterr().err
