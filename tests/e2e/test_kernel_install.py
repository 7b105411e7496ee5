"""Install and upgrade: versions, checksums, the lock, and nothing partial."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest

from ablo_pg.cluster import Server
from ablo_pg.errors import AbloError, AbloServerError, AbloTimeoutError
from ablo_pg.kernel import KernelFile, apply, install, kernel_files, kernel_script, kernel_version
from ablo_pg.kernel.install import require_supported
from ablo_pg.testing import DatabaseHandle

pytestmark = pytest.mark.smoke


@pytest.fixture
def empty(cluster: Server) -> Iterator[psycopg.Connection]:
    """An administrator's connection to a database with nothing in it."""
    name = cluster.create_database()
    with psycopg.connect(cluster.url(name), autocommit=True) as conn:
        yield conn
    cluster.drop_database(name)


def migration(number: int, text: str) -> KernelFile:
    return KernelFile(f"migrations/{number:04}_x.sql", text, f"sum of {text}")


def with_version(files: tuple[KernelFile, ...], version: int) -> tuple[KernelFile, ...]:
    setting = "'ablo.kernel_installing', '{}'"
    own, other = setting.format(kernel_version()), setting.format(version)
    return (replace(files[0], sql=files[0].sql.replace(own, other)), *files[1:])


def code_of(caught: pytest.ExceptionInfo[AbloError]) -> str:
    return caught.value.code


def test_a_second_install_changes_nothing(kernel_db: psycopg.Connection) -> None:
    state = "select xmin::text, path from ablo.kernel_file order by path"
    before = kernel_db.execute(state).fetchall()
    done = install(kernel_db)
    assert (done.before, done.changed_files) == (kernel_version(), ())
    assert kernel_db.execute(state).fetchall() == before


def test_a_newer_kernel_is_refused_by_python_and_by_sql(kernel_db: psycopg.Connection) -> None:
    kernel_db.execute("insert into ablo.kernel_version (version) values (999)")
    with pytest.raises(AbloServerError) as caught:
        install(kernel_db)
    assert code_of(caught) == "kernel_newer_than_client"
    with pytest.raises(psycopg.Error) as raised:
        kernel_db.execute(kernel_script())
    assert raised.value.sqlstate == "AB502"
    kernel_db.execute("rollback")


def test_a_migration_of_models_needs_a_kernel_of_this_release(
    kernel_db: psycopg.Connection,
) -> None:
    kernel_db.execute("update ablo.kernel_version set version = 0")
    with pytest.raises(AbloServerError, match="needs") as caught:
        apply(kernel_db, Statements("select 1"))
    assert code_of(caught) == "kernel_not_installed"


@pytest.mark.parametrize("version", [90624, 140010])
def test_an_old_server_is_refused(version: int) -> None:
    with pytest.raises(AbloServerError, match="too old"):
        require_supported(version)
    require_supported(150000)


def test_an_upgrade_runs_a_migration_once(kernel_db: psycopg.Connection) -> None:
    step = migration(1, "create table public.made_by_migration as select 1 as a")
    files = with_version((*kernel_files(), step), kernel_version() + 1)
    done = install(kernel_db, files)
    assert (done.before, done.version) == (kernel_version(), kernel_version() + 1)
    install(kernel_db, files)
    assert kernel_db.execute("select a from public.made_by_migration").fetchall() == [(1,)]


def test_a_fresh_install_notes_migrations_without_running_them(empty: psycopg.Connection) -> None:
    install(empty, (*kernel_files()[:9], migration(1, "select 1/0"), *kernel_files()[9:]))
    query = "select count(*) from ablo.kernel_file where path = 'migrations/0001_x.sql'"
    assert empty.execute(query).fetchone() == (1,)


def test_a_changed_migration_is_refused(kernel_db: psycopg.Connection) -> None:
    install(kernel_db, (*kernel_files(), migration(1, "select 1")))
    with pytest.raises(AbloError) as caught:
        install(kernel_db, (*kernel_files(), migration(1, "select 2")))
    assert code_of(caught) == "kernel_checksum_mismatch"
    assert caught.value.details["path"] == "migrations/0001_x.sql"


def test_a_failing_install_leaves_nothing(empty: psycopg.Connection) -> None:
    broken = KernelFile("95_broken/x.sql", "select 1/0;", "x")
    with pytest.raises(AbloServerError) as caught:
        install(empty, (*kernel_files(), broken))
    assert code_of(caught) == "migration_failed"
    assert caught.value.details["sqlstate"] == "22012"
    assert empty.execute("select to_regnamespace('ablo')").fetchone() == (None,)


def test_eight_installs_at_once_are_one_after_another(cluster: Server) -> None:
    name = cluster.create_database()
    failures: list[BaseException] = []

    def work() -> None:
        try:
            with psycopg.connect(cluster.url(name), autocommit=True) as conn:
                install(conn)
        except BaseException as exc:
            failures.append(exc)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    cluster.drop_database(name)
    assert failures == []


def second_session(conn: psycopg.Connection) -> psycopg.Connection:
    """Another connection like that one; `dsn` leaves out the password."""
    info = conn.info
    return psycopg.connect(info.dsn, password=info.password or None, autocommit=True)


class Statements:
    """A compiled schema of the test's own."""

    def __init__(self, *statements: str) -> None:
        self.statements = statements


def test_a_failing_migration_names_the_statement_and_leaves_nothing(
    kernel_db: psycopg.Connection,
) -> None:
    with pytest.raises(AbloServerError) as caught:
        apply(kernel_db, Statements("create table t (a int)", "select 1", "select oops"))
    assert code_of(caught) == "migration_failed"
    details = caught.value.details
    assert (details["index"], details["statement"]) == (2, "select oops")
    assert details["sqlstate"] == "42703"
    assert kernel_db.execute("select to_regclass('t')").fetchone() == (None,)


def test_a_failure_at_commit_is_named_too(kernel_db: psycopg.Connection) -> None:
    kernel_db.execute("create table t (a int unique deferrable initially deferred)")
    with pytest.raises(AbloServerError) as caught:
        apply(kernel_db, Statements("insert into t values (1), (1)"))
    assert caught.value.details["statement"] == "(commit)"
    assert caught.value.details["sqlstate"] == "23505"


def test_a_second_migration_waits_and_gives_up(
    kernel_db: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock is held in one session; the other is refused with SQLSTATE 55P03."""

    def impatient(conn: psycopg.Connection, schema: str) -> None:
        conn.execute("set local lock_timeout = '50ms'")
        key = f"provision:{schema}"
        conn.execute("select pg_advisory_xact_lock(hashtext(%s))", [key])

    monkeypatch.setattr(sys.modules["ablo_pg.kernel.apply"], "lock_provisioning", impatient)
    with second_session(kernel_db) as other:
        other.execute("select pg_advisory_lock(hashtext('provision:public'))")
        with pytest.raises(AbloServerError) as caught:
            apply(kernel_db, Statements("select 1"))
    assert caught.value.details["sqlstate"] == "55P03"
    assert caught.value.details["index"] == -1


def test_an_install_gives_up_on_a_lock_with_a_typed_error(kernel_db: psycopg.Connection) -> None:
    files = kernel_files()
    hurried = replace(files[0], sql=files[0].sql.replace("'30s'", "'50ms'"))
    assert hurried.sql != files[0].sql
    with second_session(kernel_db) as other:
        other.execute("select pg_advisory_lock(hashtext('ablo:kernel'))")
        with pytest.raises(AbloTimeoutError) as caught:
            install(kernel_db, (hurried, *files[1:]))
    assert code_of(caught) == "lock_timeout"


def test_the_testing_kit_gives_least_privilege(app_db: DatabaseHandle) -> None:
    with psycopg.connect(app_db.database_url) as conn:
        assert conn.execute("select current_setting('is_superuser')").fetchone() == ("off",)
        conn.execute("select from tasks")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute("truncate tasks")
