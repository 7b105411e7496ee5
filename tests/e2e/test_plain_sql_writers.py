"""What operations.md says of plain SQL: identity, COPY, subscriptions, names, constraints."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from ablo_pg import Model, define_schema
from ablo_pg.cluster import Server
from ablo_pg.testing import DatabaseHandle, make_database, template_database


class Note(Model):
    text: str | None = None


SCHEMA = define_schema(notes=Note)
ORGANIZATION = "select set_config('app.current_org_id', %s, true)"
INSERT = "insert into notes (id, organization_id, text) values (%s, %s, 'x')"
COUNT = "select count(*) from notes"


@pytest.fixture(scope="module")
def filled(cluster: Server) -> Iterator[str]:
    """A database with a row in each of two organizations, to be cloned."""
    with template_database(cluster, SCHEMA) as name:
        with psycopg.connect(cluster.url(name), autocommit=True) as conn:
            for organization in ("acme", "globex"):
                conn.execute(INSERT, ["1", organization])
        yield name


@pytest.fixture
def site(cluster: Server, filled: str) -> Iterator[DatabaseHandle]:
    with make_database(server=cluster, template=filled) as handle:
        yield handle


@pytest.fixture
def login(site: DatabaseHandle) -> Iterator[psycopg.Connection[Any]]:
    """A session of the runtime login."""
    with psycopg.connect(site.database_url, autocommit=True) as conn:
        yield conn


@pytest.mark.parametrize(("organization", "rows"), [(None, 0), ("", 0), ("nobody", 0), ("acme", 1)])
def test_a_runtime_login_sees_the_organization_that_is_set(
    login: psycopg.Connection[Any], organization: str | None, rows: int
) -> None:
    with login.transaction():
        if organization is not None:
            login.execute(ORGANIZATION, [organization])
        assert login.execute(COUNT).fetchone() == (rows,)
        assert login.execute("update notes set text = 'y'").rowcount == rows
        other = "globex" if organization == "acme" else "acme"
        with pytest.raises(psycopg.errors.InsufficientPrivilege), login.transaction():
            login.execute(INSERT, ["2", other])
    assert login.execute(COUNT).fetchone() == (0,)  # the setting ended with its transaction


@pytest.mark.parametrize("name", ["notes", "public.notes"])
def test_names_are_the_sessions_own(login: psycopg.Connection[Any], name: str) -> None:
    """Triggers of ours are qualified: no search_path of a writer is in their way."""
    with login.transaction():
        login.execute(ORGANIZATION, ["acme"])
        if "." in name:
            login.execute("set local search_path = ''")
        assert login.execute(f"update {name} set text = 'y'".encode()).rowcount == 1


def test_copy_from_needs_a_login_that_policies_do_not_bind(
    site: DatabaseHandle, login: psycopg.Connection[Any]
) -> None:
    command = "copy notes (id, organization_id, text) from stdin"
    with pytest.raises(psycopg.errors.FeatureNotSupported) as caught, login.transaction():
        login.cursor().copy(command).__enter__()
    assert "row-level security" in str(caught.value)
    with psycopg.connect(site.admin_url) as admin:
        admin.execute("select set_config('app.current_participant_id', 'system:import', true)")
        with admin.cursor() as cursor, cursor.copy(command) as copy:
            for row in ("2", "3"):
                copy.write_row([row, "acme", "copied"])
    with psycopg.connect(site.admin_url) as admin:
        query = "select row_id, actor from ablo.delta where row_id in ('2', '3') order by 1"
        assert admin.execute(query).fetchall() == [("2", "system:import"), ("3", "system:import")]


def test_a_subscription_writes_synced_tables_as_its_owner(
    cluster: Server, site: DatabaseHandle
) -> None:
    """The table's owner is bound by the policies; a superuser's subscription is not."""
    publisher = cluster.create_database()
    slot = f"plain_sql_{publisher}"
    try:
        with psycopg.connect(cluster.url(publisher), autocommit=True) as source:
            source.execute("create table notes (id text, organization_id text, text text)")
            source.execute("alter table notes add primary key (organization_id, id)")
            source.execute("create publication notes for table notes")
            create_slot = "select pg_create_logical_replication_slot(%s, 'pgoutput')"
            source.execute(create_slot, [slot])
            source.execute(INSERT, ["9", "acme"])
            with psycopg.connect(site.admin_url, autocommit=True) as admin:
                as_owner = ", run_as_owner = true" if admin.info.server_version >= 160_000 else ""
                options = f"create_slot = false, slot_name = '{slot}', copy_data = false{as_owner}"
                conninfo = psycopg.conninfo.make_conninfo(cluster.url(publisher))
                admin.execute(
                    psycopg.sql.SQL(
                        "create subscription notes connection {} publication notes with ("
                        + options
                        + ")"
                    ).format(psycopg.sql.Literal(conninfo))
                )
                arrived(source, admin)
                query = "select op, actor from ablo.delta where row_id = '9'"
                assert admin.execute(query).fetchall() == [("I", "system:postgres")]
                admin.execute("alter subscription notes disable")
                admin.execute("alter subscription notes set (slot_name = none)")
                admin.execute("drop subscription notes")
                source.execute(
                    "select pg_terminate_backend(active_pid) from pg_replication_slots"
                    " where slot_name = %s and active",
                    [slot],
                )
    finally:
        with psycopg.connect(cluster.url("postgres"), autocommit=True) as conn:
            gone = "select pg_drop_replication_slot(slot_name) from pg_replication_slots"
            conn.execute(gone + " where slot_name = %s and not active", [slot])
        cluster.drop_database(publisher)


def arrived(source: psycopg.Connection[Any], admin: psycopg.Connection[Any]) -> None:
    """Ask until the delta of the row is there; it is in the same commit."""
    end = source.execute("select pg_current_wal_lsn()").fetchone()
    assert end is not None
    reached = "select latest_end_lsn >= %s from pg_stat_subscription where subname = 'notes'"
    query = "select exists (select from ablo.delta where row_id = '9')"
    for _ in range(20_000):
        if admin.execute(query).fetchone() == (True,):
            return
    pytest.fail(f"nothing came: {admin.execute(reached, end).fetchall()}")
