"""Foreign keys of adopted tables find rows of every organization: over a relay none may be used."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from ablo_pg import Model, define_schema
from ablo_pg.cluster import Server
from ablo_pg.db.admin import admin_connection
from ablo_pg.kernel.migrate import migrate
from ablo_pg.testing import DatabaseHandle, make_database

DDL = """
create table owners (
  id text primary key, organization_id text not null, serial_number bigint unique);
create table bills (
  id text primary key, organization_id text not null,
  owner_id text references owners on delete cascade,
  number_of bigint references owners (serial_number),
  later_id text references owners deferrable initially deferred,
  previous_id text references bills)"""


class Owner(Model):
    serial_number: int | None = None


class Bill(Model):
    owner_id: str | None = None
    number_of: int | None = None
    later_id: str | None = None
    previous_id: str | None = None


SCHEMA = define_schema(owners=Owner, bills=Bill)


@pytest.fixture(scope="module")
def site(cluster: Server, kernel_template: str) -> Iterator[DatabaseHandle]:
    with make_database(server=cluster, template=kernel_template) as handle:
        with admin_connection(handle.admin_url) as conn:
            for statement in DDL.split(";"):
                conn.execute(statement.encode())
            migrate(conn, SCHEMA.spec)
            conn.execute("insert into owners values ('theirs', 'other', 7), ('mine', 'acme', 8)")
            conn.execute(
                "insert into bills (id, organization_id, owner_id)"
                " values ('old', 'acme', 'theirs'), ('far', 'other', null), ('own', 'acme', null)"
            )
        yield handle


def commit(
    site: DatabaseHandle, *operations: dict[str, Any], transport: str | None = "http"
) -> tuple[str, str | None]:
    """Commit for acme; return what came of it: a SQLSTATE, and the constraint."""
    arguments = [str(uuid4()), json.dumps({"operations": operations}), transport]
    query = "select ablo.commit('acme', 'user:a', %s, %s, null, null, %s)"
    with psycopg.connect(site.database_url, autocommit=True) as conn:
        try:
            conn.execute(query, arguments)
        except psycopg.Error as exc:
            return str(exc.sqlstate), exc.diag.constraint_name
    return "done", None


def bill(row_id: str = "", action: str = "create", **data: Any) -> dict[str, Any]:
    return {"action": action, "model": "bills", "id": row_id or str(uuid4()), "data": data}


@pytest.mark.parametrize(
    ("field", "theirs", "nobodys", "mine"),
    [
        ("ownerId", "theirs", "none", "mine"),
        ("numberOf", 7, 9, 8),
        ("laterId", "theirs", "none", "mine"),
        ("previousId", "far", "none", "own"),
    ],
)
def test_a_row_of_another_organization_is_answered_like_none(
    site: DatabaseHandle, field: str, theirs: Any, nobodys: Any, mine: Any
) -> None:
    for row in ({}, {"row_id": "own", "action": "update"}):
        found, missing = [
            commit(site, bill(**row, **{field: value})) for value in (theirs, nobodys)
        ]
        assert found == missing
        assert found[0] == "23503"
        assert commit(site, bill(**row, **{field: mine})) == ("done", None)


def test_what_a_row_refers_to_already_may_stay(site: DatabaseHandle) -> None:
    assert commit(site, bill("old", "update", ownerId="theirs")) == ("done", None)


def test_a_row_may_refer_to_itself_and_to_one_that_comes_later(site: DatabaseHandle) -> None:
    row, later = str(uuid4()), str(uuid4())
    owner = {"action": "create", "model": "owners", "id": later, "data": {}}
    assert commit(site, bill(row, previousId=row)) == ("done", None)
    assert commit(site, bill(laterId=later), owner) == ("done", None)


def test_the_database_url_is_every_organization(site: DatabaseHandle) -> None:
    assert commit(site, bill(ownerId="theirs"), transport=None) == ("done", None)
