"""Logins that are members of our groups and do not inherit their rights: told truly, with a cure.

On 15, where the login says whether it inherits, and on a later release, where the grant does.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from ablo_pg import Ablo, AbloPermissionError, Model, define_schema
from ablo_pg.changefeed.stream import open_stream
from ablo_pg.cli.main import run
from ablo_pg.cluster import Cluster, ClusterSettings
from ablo_pg.compile.migration import MigrateOptions
from ablo_pg.db.log import PostgresLog
from ablo_pg.db.pool import Database
from ablo_pg.db.urls import make_url, with_login
from ablo_pg.errors import AbloConflictError, AbloServerError
from ablo_pg.kernel import admin_connection, migrate, plan
from ablo_pg.kernel.roles import login_name, make_control_login
from ablo_pg.testing import DatabaseHandle, make_database, template_database

Captured = pytest.CaptureFixture[str]
TASKS = str(Path(__file__).parents[2] / "examples" / "tasks.py")
ACME = MigrateOptions(backfills={("notes", "organizationId"): "acme"})
WAYS = ["itself", "through a team"]
ROLES = ["test_team", "test_adm", "test_app", "test_first", "test_both"]


class Note(Model):
    text: str | None = None


NOTES = define_schema(notes=Note)


@pytest.fixture(scope="module", params=["system", "embedded"])
def server(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    try:
        cluster = Cluster(settings=ClusterSettings(durable=False), prefer=request.param)
    except AbloServerError as error:
        pytest.skip(error.message)
    with cluster:
        yield cluster


@pytest.fixture(scope="module")
def template(server: Cluster, tasks_schema: Any) -> Iterator[str]:
    with template_database(server, tasks_schema) as name:
        yield name


@pytest.fixture
def db(server: Cluster, template: str) -> Iterator[DatabaseHandle]:
    with (
        make_database(server=server, template=template) as handle,
        psycopg.connect(handle.admin_url, autocommit=True) as conn,
    ):
        for role in ROLES:
            conn.execute(f"create role {role} login".encode())
        yield handle
        for role in ROLES:
            conn.execute(f"drop owned by {role} cascade".encode())
            conn.execute(f"drop role {role}".encode())


def take(db: DatabaseHandle, login: str, group: str, way: str = "itself") -> None:
    """Have a login be a member of a group, and not inherit."""
    with psycopg.connect(db.admin_url, autocommit=True) as conn:
        member = login
        if way != "itself":
            conn.execute(f'revoke {group} from "{login}"'.encode())
            conn.execute(f'grant test_team to "{login}"'.encode())
            member = "test_team"
        if conn.info.server_version >= 160_000:
            conn.execute(f'grant {group} to "{member}" with inherit false'.encode())
        else:
            conn.execute(f'grant {group} to "{member}"; alter role "{member}" noinherit'.encode())


def mended(db: DatabaseHandle, error: AbloPermissionError, login: str, group: str) -> None:
    """Look at what is told, and do it."""
    assert login in error.message
    assert f"is a member of {group} but does not inherit" in error.message
    assert error.details["sql"] in str(error.remedy)
    with psycopg.connect(db.admin_url, autocommit=True) as conn:
        conn.execute(error.details["sql"])


def written_by(db: DatabaseHandle) -> set[tuple[str, str]]:
    with psycopg.connect(db.admin_url) as conn:
        return set(conn.execute("select organization_id, login from ablo.delta").fetchall())


def client(db: DatabaseHandle, organization: str = "acme") -> Ablo:
    return Ablo(
        schema=NOTES, database_url=db.database_url, organization=organization, participant="user:a"
    )


@pytest.mark.parametrize("way", WAYS)
def test_the_runtime_login(db: DatabaseHandle, way: str, capsys: Captured) -> None:
    login = login_name("runtime", db.name)
    take(db, login, "ablo_runtime", way)
    with client(db) as ablo, pytest.raises(AbloPermissionError) as caught:
        ablo.ready()
    assert caught.value.code == "permission_denied"
    urls = ["--database-url", db.database_url, "--admin-url", db.admin_url]
    assert run(["doctor", *urls, "--json"]) == 1
    findings = json.loads(capsys.readouterr().out)["findings"]
    (told,) = [finding for finding in findings if finding["level"] == "blocker"]
    assert (told["name"], told["sql"]) == ("runtime login", caught.value.details["sql"])
    assert "does not inherit" in told["problem"]
    assert run(["whoami", "--database-url", db.database_url, "--json"]) == 0
    who = json.loads(capsys.readouterr().out)
    assert who["rights"]["runtime"] is False
    assert told["sql"] in who["problem"]
    mended(db, caught.value, login, "ablo_runtime")
    with client(db) as ablo:
        ablo.ready()
    assert run(["doctor", *urls]) == 0


def test_a_login_that_acts_as_the_group_needs_no_inheritance(db: DatabaseHandle) -> None:
    """`alter role ... set role`: held to its organization, and the log names the login."""
    login = login_name("runtime", db.name)
    take(db, login, "ablo_runtime")
    with admin_connection(db.admin_url) as admin:
        admin.execute("create table notes (id text primary key, text text)")
        migrate(admin, NOTES.spec, ACME)
        admin.execute(f'alter role "{login}" set role = ablo_runtime'.encode())
    for organization in ("acme", "globex"):
        with client(db, organization) as ablo:
            ablo.ready()
            note = ablo.model(Note).create({"text": organization})
            assert ablo.model(Note).list() == [note]
    assert written_by(db) == {("acme", login), ("globex", login)}
    with psycopg.connect(db.database_url) as conn:
        assert conn.execute("select from notes").fetchall() == []


def test_the_control_login(db: DatabaseHandle, capsys: Captured) -> None:
    with admin_connection(db.admin_url) as admin:
        made = make_control_login(admin)
    url = make_url(with_login(conninfo_to_dict(db.admin_url), made.name, made.password))
    take(db, made.name, "ablo_control")
    create = ["keys", "create", "--organization", "acme", "--participant", "agent:a", "--json"]
    assert run([*create, "--database-url", url]) == 1
    told = json.loads(capsys.readouterr().err)["error"]
    error = AbloPermissionError(
        told["message"], code=told["code"], remedy=told["remedy"], details=told["details"]
    )
    mended(db, error, made.name, "ablo_control")
    assert run([*create, "--database-url", url]) == 0


def test_the_replication_login_streams_all_the_same(db: DatabaseHandle) -> None:
    """It needs its REPLICATION attribute and nothing of its group's."""
    take(db, login_name("replication", db.name), "ablo_replication")

    async def stream() -> str:
        database = Database(db.database_url)
        try:
            opened = await open_stream(db.replication_url, PostgresLog(database))
            await opened.aclose()
            return opened.slot
        finally:
            await database.close()

    assert anyio.run(stream)


@pytest.mark.parametrize(
    "command", [["status"], ["migrate", TASKS, "--dry-run"], ["audit", "head"], ["connect"]]
)
@pytest.mark.parametrize("way", WAYS)
def test_an_administrator(
    db: DatabaseHandle, capsys: Captured, command: list[str], way: str
) -> None:
    take(db, "test_adm", "ablo_owner", way)
    place = conninfo_to_dict(db.admin_url) | {"user": "test_adm"}
    asked = [*command, "--admin-url", make_url(place), "--json"]
    assert run(asked) == 1
    told = json.loads(capsys.readouterr().err)["error"]
    assert told["code"] == "admin_role_insufficient"
    assert "test_adm" in told["message"]
    assert "inherit" in told["message"].lower()
    if command == ["connect"]:  # may not make logins either
        return
    assert "is a member of ablo_owner but does not inherit" in told["message"]
    with psycopg.connect(db.admin_url, autocommit=True) as conn:
        conn.execute(told["details"]["sql"])
    assert run(asked) == 0, capsys.readouterr()


def test_connect_makes_logins_inherit_again(db: DatabaseHandle, capsys: Captured) -> None:
    for kind, group in (("runtime", "ablo_runtime"), ("replication", "ablo_replication")):
        take(db, login_name(kind, db.name), group)  # type: ignore[arg-type]
    assert run(["connect", "--admin-url", db.admin_url, "--json"]) == 0
    urls = json.loads(capsys.readouterr().out)
    found = ["--database-url", urls["databaseUrl"], "--replication-url", urls["replicationUrl"]]
    assert run(["doctor", *found, "--admin-url", db.admin_url]) == 0, capsys.readouterr()


def test_a_first_install_by_a_login_that_does_not_inherit(
    server: Cluster, db: DatabaseHandle, capsys: Captured
) -> None:
    """Before 16 nothing that it is granted reaches it: refused before anything is changed."""
    name = server.create_database()
    with psycopg.connect(db.admin_url, autocommit=True) as conn:
        conn.execute("alter role test_first createrole noinherit")
        conn.execute(f"alter database {name} owner to test_first".encode())
        if conn.info.server_version >= 160_000:  # the groups are there, of another's making
            for group in ("ablo_owner", "ablo_runtime", "ablo_replication"):
                conn.execute(f"grant {group} to test_first with admin option".encode())
            conn.execute("grant ablo_owner to test_first with inherit false")
        place = conninfo_to_dict(server.url(name)) | {"user": "test_first"}
        try:
            command = ["connect", "--admin-url", make_url(place), "--json"]
            code = run(command)
            if conn.info.server_version < 160_000:
                told = json.loads(capsys.readouterr().err)["error"]
                assert (code, told["code"]) == (1, "admin_role_insufficient")
                assert told["details"]["sql"] == 'alter role "test_first" inherit;'
                conn.execute(told["details"]["sql"])
                code = run(command)
            assert code == 0, capsys.readouterr()
        finally:
            server.drop_database(name)
            for kind in ("runtime", "replication"):
                conn.execute(f'drop role if exists "{login_name(kind, name)}"'.encode())


def test_the_plan_of_a_table_whose_app_does_not_inherit(db: DatabaseHandle) -> None:
    """The app acts as its team by SET ROLE: the plan lists the team, and the app runs on."""
    take(db, "test_app", "test_team")
    with admin_connection(db.admin_url) as admin:
        admin.execute("create table notes (id text primary key, text text)")
        admin.execute("insert into notes values ('a', 'x')")
        admin.execute("grant select, insert on notes to test_team")
        roles = {one.role: one for one in plan(admin, NOTES.spec, ACME).roles}
        assert roles["test_team"].rights == ("select", "insert")
        assert "test_app" not in roles
        admin.execute("grant select on notes to test_app")
        roles = {one.role: one for one in plan(admin, NOTES.spec, ACME).roles}
        assert (roles["test_app"].by, roles["test_app"].rights) == ("grant", ("select",))
        assert roles["test_app"].changes == ()
        migrate(admin, NOTES.spec, ACME)
    place = conninfo_to_dict(db.admin_url) | {"user": "test_app"}
    with psycopg.connect(make_url(place), autocommit=True) as app:
        assert app.execute("select id from notes").fetchall() == [("a",)]
        app.execute("set role test_team")
        app.execute("insert into notes values ('b', 'y')")
        assert app.execute("select count(*) from notes").fetchone() == (2,)


@pytest.mark.parametrize("rights", ["by a grant", "as the owner", "as the owner, inherited"])
def test_a_login_of_ours_that_nothing_would_bind_is_refused(
    db: DatabaseHandle, rights: str
) -> None:
    """It would not be held to one organization, or be refused when a service starts as it."""
    with admin_connection(db.admin_url) as admin:
        admin.execute("create table notes (id text primary key, text text)")
        if rights == "by a grant":
            take(db, "test_both", "ablo_runtime")
            admin.execute("grant select, insert on notes to test_both")
        else:
            admin.execute("grant ablo_runtime to test_both")
            admin.execute("alter table notes owner to test_team")
            if rights.endswith("inherited"):
                admin.execute("grant test_team to test_both")
            else:
                take(db, "test_both", "test_team")
        with pytest.raises(AbloConflictError) as caught:
            migrate(admin, NOTES.spec, ACME)
        (problem,) = caught.value.details["problems"]
        assert "test_both" in problem["message"]
        admin.execute(problem["remedy"].partition(";")[0])
        migrate(admin, NOTES.spec, ACME)
