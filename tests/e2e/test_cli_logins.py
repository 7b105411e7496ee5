"""Administrative commands with a login that may not, is cut short, or is refused: no traceback."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest
from psycopg import sql

from ablo_pg.cli.main import run
from ablo_pg.cluster import Cluster, ClusterSettings, Server
from ablo_pg.db.admin import role_drop
from ablo_pg.testing import DatabaseHandle

Captured = pytest.CaptureFixture[str]
Refused = Callable[..., dict[str, Any]]
ADMIN: Final = "--admin-url"
# As typed: TARGET stands for a schema file, URL for the login's.
COMMANDS: Final = (
    ("status", ADMIN, "URL"),
    ("push", "TARGET", ADMIN, "URL"),
    ("push", "TARGET", "--dry-run", ADMIN, "URL"),
    ("migrate", "TARGET", ADMIN, "URL"),
    ("migrate", "TARGET", "--dry-run", ADMIN, "URL"),
    ("audit", "head", ADMIN, "URL"),
)
READERS: Final = (("pull", "--database-url", "URL"), ("check", "TARGET", "--database-url", "URL"))
OWN: Final = "create table own (id text primary key, title text); insert into own values ('a', 'b')"
OWNER: Final = "select tableowner::text from pg_tables where tablename = 'own'"


@pytest.fixture
def target(tmp_path: Path) -> str:
    """A schema of one table, `own`."""
    path = tmp_path / "schema.py"
    path.write_text(
        "from ablo_pg import Model, define_schema\n\n\nclass Own(Model):\n"
        "    title: str\n\n\nschema = define_schema(own=Own)\n"
    )
    return str(path)


@pytest.fixture
def visitor(cluster: Server, app_db: DatabaseHandle) -> Iterator[str]:
    """A login that is no member of any role; another, keeper_..., owns what a test gives it."""
    name = str(psycopg.conninfo.conninfo_to_dict(app_db.admin_url)["dbname"])
    logins = [f"visitor_{name}", f"keeper_{name}"]
    with psycopg.connect(app_db.admin_url, autocommit=True) as conn:
        for login in logins:
            conn.execute(sql.SQL("create role {} login").format(sql.Identifier(login)))
    yield cluster.url(name, user=logins[0])
    with psycopg.connect(app_db.admin_url, autocommit=True) as conn:
        conn.execute("drop table if exists own cascade")  # an adopted table stays its owner's
        for login in logins:
            role_drop(conn, login)


@pytest.fixture
def refused(target: str, capsys: Captured) -> Refused:
    """Run a command as it is, then with --json; return the error."""

    def call(command: tuple[str, ...], url: str) -> dict[str, Any]:
        known = {"TARGET": target, "URL": url}
        arguments = [known.get(word, word) for word in command]
        capsys.readouterr()
        code = run(arguments)
        said = capsys.readouterr()
        assert (code in (1, 3), said.out) == (True, "")
        assert run([*arguments, "--json"]) == code
        told = capsys.readouterr()
        assert told.out == ""
        error: dict[str, Any] = json.loads(told.err)["error"]
        assert error["message"].splitlines()[0] in said.err
        return error

    return call


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_login_outside_ablo_owner_is_told_who_may(
    refused: Refused, visitor: str, command: tuple[str, ...], app_db: DatabaseHandle, target: str
) -> None:
    error = refused(command, visitor)
    assert error["code"] == "admin_role_insufficient"
    assert "visitor_" in error["message"]
    assert "ablo-pg connect" in error["remedy"]
    with psycopg.connect(app_db.admin_url, autocommit=True) as conn:
        conn.execute(error["details"]["sql"])
    known = {"TARGET": target, "URL": visitor}
    if command[0] == "push":  # the schema of `own` alone drops tasks
        command = (*command, "--force")
    assert run([known.get(word, word) for word in command]) == 0


@pytest.mark.parametrize("command", [*COMMANDS, *READERS], ids=" ".join)
def test_a_statement_that_is_cut_short_names_the_limit(
    refused: Refused,
    app_db: DatabaseHandle,
    command: tuple[str, ...],
) -> None:
    """A lock that is not to be had, so that no machine is too fast for the limit."""
    held = "ablo.kernel_version, ablo.schema_version, ablo.audit_seal, pg_catalog.pg_constraint"
    with psycopg.connect(app_db.admin_url) as holder:
        holder.execute(f"lock table {held} in access exclusive mode")
        short = psycopg.conninfo.make_conninfo(app_db.admin_url, options="-c statement_timeout=50")
        error = refused(command, short)
    assert error["code"] == "wait_for_timeout"
    assert "statement timeout" in error["message"]
    assert "PGOPTIONS='-c statement_timeout=0'" in error["remedy"]


def test_the_remedy_lifts_the_limit_of_a_database(
    app_db: DatabaseHandle, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    with psycopg.connect(app_db.admin_url, autocommit=True) as conn:
        name = sql.Identifier(conn.info.dbname)
        conn.execute(sql.SQL("alter database {} set statement_timeout = '1ms'").format(name))
    monkeypatch.setenv("PGOPTIONS", "-c statement_timeout=0")
    assert run(["status", ADMIN, app_db.admin_url]) == 0
    assert "kernel" in capsys.readouterr().out


@pytest.mark.parametrize("way", ["alter table", "grant"])
@pytest.mark.parametrize("more", [[], ["--backfill", "own.organizationId=acme"]])
def test_a_table_of_another_owner_is_refused_by_the_plan(
    refused: Refused, visitor: str, app_db: DatabaseHandle, target: str, way: str, more: list[str]
) -> None:
    keeper = visitor_name(visitor).replace("visitor_", "keeper_")
    with psycopg.connect(app_db.admin_url, autocommit=True) as conn:
        conn.execute(OWN)
        query = sql.SQL("alter table own owner to {}; grant ablo_owner to {}")
        names = (sql.Identifier(keeper), sql.Identifier(visitor_name(visitor)))
        conn.execute(query.format(*names))
        for dry in ([], ["--dry-run"]):
            error = refused(("migrate", "TARGET", ADMIN, "URL", *more, *dry), visitor)
            assert error["code"] == "incompatible_change"
            (problem,) = error["details"]["problems"]
            assert keeper in problem["message"]
        statement = next(p for p in problem["remedy"].split("; or: ") if way in p)
        conn.execute(way + statement.partition(way)[2].rstrip(";"))
        owner = visitor_name(visitor) if way == "alter table" else keeper
        assert run(["migrate", target, ADMIN, visitor, *more]) == 0
        assert conn.execute(OWNER).fetchone() == (owner,), "it keeps its owner"
        row = conn.execute("select organization_id from own").fetchone()
        assert row == (("acme",) if more else (None,))


def visitor_name(url: str) -> str:
    return str(psycopg.conninfo.conninfo_to_dict(url)["user"])


def test_a_wrong_password_is_told_apart_from_a_server_that_is_not_there(
    refused: Refused,
) -> None:
    with Cluster(settings=ClusterSettings(durable=False, tcp_port=0)) as cluster:
        with psycopg.connect(cluster.admin_url, autocommit=True) as conn:
            conn.execute("create role admin superuser login password 'right'")
        assert cluster.tcp_url is not None
        place = Server(cluster.tcp_url)
        for user in ("admin", "nobody"):
            error = refused(
                ("status", ADMIN, "URL"), place.url("postgres", user=user, password="wrong")
            )
            assert error["code"] == "database_unreachable"
            assert error["message"].startswith("The login or its password was refused")
            assert "user and password" in error["remedy"]
