"""connect, migrate, compile and status against a real server."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from ablo_pg.cli.main import run
from ablo_pg.cluster import Cluster, ClusterSettings, Server
from ablo_pg.db.admin import role_drop
from ablo_pg.kernel import login_name

TASKS = str(Path(__file__).parents[2] / "examples" / "tasks.py")
Captured = pytest.CaptureFixture[str]


@pytest.fixture
def empty(cluster: Server) -> Iterator[str]:
    """The administrative URL of a database with nothing in it; its logins are dropped after."""
    name = cluster.create_database()
    yield cluster.url(name)
    cluster.drop_database(name)
    with psycopg.connect(cluster.admin_url, autocommit=True) as conn:
        role_drop(conn, login_name("runtime", name))
        role_drop(conn, login_name("replication", name))
        role_drop(conn, login_name("control", name))


def connected(admin_url: str, capsys: Captured) -> dict[str, str]:
    """Run connect, and read its stdout as a .env file."""
    capsys.readouterr()
    assert run(["connect", "--admin-url", admin_url]) == 0
    lines = capsys.readouterr().out.splitlines()
    return dict(line.split("=", 1) for line in lines)


def test_connect_prints_two_urls_that_work_and_nothing_else(empty: str, capsys: Captured) -> None:
    urls = connected(empty, capsys)
    assert list(urls) == ["DATABASE_URL", "ABLO_REPLICATION_URL"]
    with psycopg.connect(urls["DATABASE_URL"]) as conn:
        conn.execute("select ablo.identity_check()")
        row = conn.execute(
            "select rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication "
            "from pg_roles where rolname = current_user"
        ).fetchone()
        assert row == (False, False, False, False, False)
    with psycopg.connect(urls["ABLO_REPLICATION_URL"]) as conn:
        conn.execute("select from ablo.delta limit 0")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute("select from ablo.kernel_file")


def test_the_replication_login_may_stream(empty: str, capsys: Captured) -> None:
    urls = connected(empty, capsys)
    url = psycopg.conninfo.make_conninfo(urls["ABLO_REPLICATION_URL"], replication="database")
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("CREATE_REPLICATION_SLOT s TEMPORARY LOGICAL pgoutput NOEXPORT_SNAPSHOT")


def test_connect_again_changes_the_passwords_and_says_so(empty: str, capsys: Captured) -> None:
    first = connected(empty, capsys)
    assert run(["connect", "--admin-url", empty]) == 0
    output = capsys.readouterr()
    second = dict(line.split("=", 1) for line in output.out.splitlines())
    assert first.keys() == second.keys()
    assert first["DATABASE_URL"] != second["DATABASE_URL"]
    assert "its password was changed" in output.err
    psycopg.connect(second["DATABASE_URL"]).close()


def test_passwords_are_asked_for_and_replaced(capsys: Captured) -> None:
    """Over TCP, where a password counts: the new one works, the earlier one does not any more."""
    with Cluster(settings=ClusterSettings(durable=False, tcp_port=0)) as cluster:
        with psycopg.connect(cluster.admin_url, autocommit=True) as conn:
            conn.execute("create role admin superuser login password 'a:@/ b'")
        assert cluster.tcp_url is not None
        admin = Server(cluster.tcp_url).url("postgres", user="admin", password="a:@/ b")
        first = connected(admin, capsys)
        second = connected(admin, capsys)
        for url in second.values():
            psycopg.connect(url).close()
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(first["DATABASE_URL"])


def test_a_socket_that_takes_no_password_is_left_for_loopback(capsys: Captured) -> None:
    """Debian's default: the unix socket lets in only logins named like the system's user."""
    with Cluster(settings=ClusterSettings(durable=False, tcp_port=0)) as cluster:
        rules = cluster.paths.data / "pg_hba.conf"
        local = "local all postgres trust\nlocal all all reject\n"
        rules.write_text(local + "host all all 127.0.0.1/32 scram-sha-256\n")
        with psycopg.connect(cluster.admin_url, autocommit=True) as conn:
            conn.execute("select pg_reload_conf()")
            urls = connected(cluster.admin_url, capsys)
        assert "@127.0.0.1:" in urls["DATABASE_URL"]
        psycopg.connect(urls["DATABASE_URL"]).close()


def test_connect_says_which_rights_it_restored(empty: str, capsys: Captured) -> None:
    connected(empty, capsys)
    with psycopg.connect(empty, autocommit=True) as conn:
        conn.execute("revoke execute on all functions in schema ablo from ablo_runtime")
        conn.execute("revoke select on ablo.delta from ablo_replication")
    assert run(["connect", "--admin-url", empty]) == 0
    told = capsys.readouterr().err
    assert "rights on it were restored" in told
    assert "ablo_replication had lost select on table ablo.delta" in told
    assert "ablo_runtime had lost execute on function ablo.delta_readable(" in told
    assert run(["connect", "--admin-url", empty]) == 0
    assert "nothing changed" in capsys.readouterr().err


@pytest.mark.parametrize("variable", ["DATABASE_URL", "ABLO_REPLICATION_URL"])
def test_a_login_that_programs_run_as_is_no_administrator(
    empty: str, capsys: Captured, variable: str
) -> None:
    url = connected(empty, capsys)[variable]
    assert run(["connect", "--admin-url", url]) == 1
    told = capsys.readouterr().err
    assert "admin_role_insufficient" in told
    assert "is the login that programs run as" in told
    assert "grant ablo_owner" not in told
    psycopg.connect(url).close()  # and it goes on as it was


def test_json_has_the_same_urls(empty: str, capsys: Captured) -> None:
    assert run(["connect", "--admin-url", empty, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    psycopg.connect(told["databaseUrl"]).close()
    psycopg.connect(told["replicationUrl"]).close()


@pytest.fixture
def plain(cluster: Server) -> Iterator[str]:
    """The URL of a login that owns its database and may not create roles."""
    name = cluster.create_database()
    owner = f"owner_{name}"
    with psycopg.connect(cluster.admin_url, autocommit=True) as conn:
        role = sql.SQL("create role {} login password 'p'").format(sql.Identifier(owner))
        conn.execute(role)
        query = "alter database {} owner to {}"
        conn.execute(sql.SQL(query).format(sql.Identifier(name), sql.Identifier(owner)))
    yield cluster.url(name, user=owner, password="p")
    cluster.drop_database(name)
    with psycopg.connect(cluster.admin_url, autocommit=True) as conn:
        for role in (owner, login_name("runtime", name), login_name("replication", name)):  # type: ignore[assignment]
            role_drop(conn, role)  # type: ignore[arg-type]


def test_without_the_right_to_create_roles_the_sql_is_printed_and_works(
    cluster: Server, plain: str, capsys: Captured
) -> None:
    assert run(["connect", "--admin-url", plain, "--json"]) == 1
    output = capsys.readouterr()
    assert output.out == ""
    error = json.loads(output.err)["error"]
    assert error["code"] == "admin_role_insufficient"
    name = psycopg.conninfo.conninfo_to_dict(plain)["dbname"]
    with psycopg.connect(cluster.url(str(name)), autocommit=True) as conn:
        assert conn.execute("select to_regnamespace('ablo')").fetchone() == (None,)
        conn.execute(error["details"]["sql"])
    # The kernel can now be installed, and the URLs that were printed work; the passwords stay.
    assert run(["connect", "--admin-url", plain]) == 1
    assert "keep your current URLs" in capsys.readouterr().err
    assert run(["migrate", TASKS, "--admin-url", plain]) == 0
    with psycopg.connect(error["details"]["DATABASE_URL"]) as conn:
        conn.execute("select ablo.identity_check()")
        conn.execute("select from tasks")
    psycopg.connect(error["details"]["ABLO_REPLICATION_URL"]).close()


def test_a_login_with_createrole_needs_no_superuser(capsys: Captured) -> None:
    """As managed Postgres gives it. Since 16 the creator of a role is not a full member of it."""
    with Cluster(settings=ClusterSettings(durable=False)) as cluster:
        with psycopg.connect(cluster.admin_url, autocommit=True) as conn:
            conn.execute("create role chief login createrole")
            conn.execute("create database app owner chief")
        admin = cluster.url("app", user="chief")
        for _ in range(2):
            urls = connected(admin, capsys)
            assert list(urls) == ["DATABASE_URL"]
            assert run(["migrate", TASKS, "--admin-url", admin]) == 0
            assert "replication;" not in capsys.readouterr().out
        with psycopg.connect(urls["DATABASE_URL"]) as conn:
            conn.execute("select ablo.identity_check()")


def test_migrate_applies_once_and_again(empty: str, capsys: Captured) -> None:
    connected(empty, capsys)
    assert run(["migrate", TASKS, "--admin-url", empty, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["models"] == ["tasks"]
    assert run(["migrate", TASKS, "--admin-url", empty]) == 0
    assert run(["status", "--admin-url", empty]) == 0
    assert told["schema"] in capsys.readouterr().out


def test_a_dry_run_leaves_nothing(empty: str, capsys: Captured) -> None:
    connected(empty, capsys)
    assert run(["migrate", TASKS, "--admin-url", empty, "--dry-run"]) == 0
    with psycopg.connect(empty) as conn:
        assert conn.execute("select to_regclass('public.tasks')").fetchone() == (None,)


def test_migrate_without_a_kernel_says_what_to_run(empty: str, capsys: Captured) -> None:
    assert run(["migrate", TASKS, "--admin-url", empty]) == 1
    error = capsys.readouterr().err
    assert "kernel_not_installed" in error
    assert "ablo-pg connect" in error


def test_status_of_an_empty_database_is_1(empty: str, capsys: Captured) -> None:
    assert run(["status", "--admin-url", empty]) == 1
    assert "no kernel" in capsys.readouterr().err


def test_status_names_a_changed_file_and_a_disabled_trigger(empty: str, capsys: Captured) -> None:
    connected(empty, capsys)
    assert run(["migrate", TASKS, "--admin-url", empty]) == 0
    with psycopg.connect(empty, autocommit=True) as conn:
        conn.execute("update ablo.kernel_file set checksum = 'x' where path like '%raise_error%'")
        conn.execute("alter table tasks disable trigger zz_ablo_capture")
    capsys.readouterr()
    assert run(["status", "--admin-url", empty]) == 1
    told = capsys.readouterr().out
    assert "00_base/raise_error.sql" in told
    assert "zz_ablo_capture" in told


def program(cluster: Server, name: str) -> str:
    """A client program: of the cluster's own binaries, or of the system."""
    if isinstance(cluster, Cluster) and Path(cluster.binaries.program(name)).exists():
        return cluster.binaries.program(name)
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"no {name}")
    with psycopg.connect(cluster.admin_url) as conn:
        server = conn.info.server_version // 10_000
    version = subprocess.check_output([found, "--version"], text=True)
    if int(re.findall(r"\d+", version)[0]) < server:
        pytest.skip(f"{name} is older than the server")
    return found


def test_psql_runs_the_compiled_script_twice_to_the_same_catalogue(
    cluster: Server, empty: str, tmp_path: Path
) -> None:
    script = tmp_path / "all.sql"
    assert run(["compile", TASKS, "--kernel", "-o", str(script)]) == 0
    psql, dump = program(cluster, "psql"), program(cluster, "pg_dump")
    dumps = []
    for _ in range(2):
        command = [psql, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", str(script), empty]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        text = subprocess.check_output([dump, "-s", empty], text=True)
        # Newer releases bracket a dump with a random key.
        dumps.append([line for line in text.splitlines() if "restrict" not in line])
    assert "CREATE TABLE public.tasks" in "\n".join(dumps[0])
    assert dumps[0] == dumps[1]
