"""A database of an owner, and endpoints over it by each of its drivers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from decimal import Decimal
from typing import Any, Literal

import django
import psycopg
import pytest
import sqlalchemy
from django.conf import settings
from django.db import connections

from ablo_pg import Model, belongs_to, define_schema, field, has_many
from ablo_pg.cluster import Server
from ablo_pg.source import (
    TABLES,
    Begin,
    Endpoint,
    SqlAdapter,
    Transaction,
    django_transactions,
    psycopg_transactions,
    sqlalchemy_transactions,
)
from ablo_pg.source.conformance import Caller

KEY = "sk_test_owner"
# Of the base columns, project has the id only: an owner's tables are as they are.
OWN = """
create table task (
  id text primary key, organization_id text not null default 'acme', title text not null,
  status text not null default 'todo', points bigint, price numeric,
  tags jsonb not null default '[]', "100%" text, project_id text,
  created_at timestamptz not null default now(), updated_at timestamptz not null default now(),
  created_by text, archived_at timestamptz);
create table project (id text primary key, name text not null)"""


class Project(Model, tenancy="none"):
    name: str
    tasks = has_many("task")


class Task(Model):
    title: str
    status: Literal["todo", "it's done"] = "todo"
    points: int | None = field(default=None, ge=0)
    price: Decimal | None = None
    tags: list[str] = field(default_factory=list)
    percent: str | None = field(default=None, column="100%")
    project_id: str | None = None
    project = belongs_to("project")


SCHEMA = define_schema(task=Task, project=Project)
DRIVERS = ("psycopg", "sqlalchemy", "django")
Ask = Callable[..., Any]


@pytest.fixture(scope="session")
def owner_template(cluster: Server) -> Iterator[str]:
    name = cluster.create_database()
    with psycopg.connect(cluster.url(name), autocommit=True) as conn:
        conn.execute(OWN.encode())
        for _ in range(2):  # again changes nothing
            conn.execute(TABLES.encode())
    yield name
    cluster.drop_database(name)


@pytest.fixture
def url(cluster: Server, owner_template: str) -> Iterator[str]:
    name = cluster.create_database(template=owner_template)
    yield cluster.url(name)
    cluster.drop_database(name)


@pytest.fixture
def conn(url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(url, autocommit=True) as made:
        yield made


@pytest.fixture(params=DRIVERS)
def begin(request: pytest.FixtureRequest, url: str) -> Iterator[Begin]:
    """Transactions of each driver."""
    if request.param == "psycopg":
        with closing(psycopg_transactions(url)) as made:
            yield made
    elif request.param == "sqlalchemy":
        engine = sqlalchemy.create_engine(
            "postgresql+psycopg://", creator=lambda: psycopg.connect(url)
        )
        yield sqlalchemy_transactions(engine)
        engine.dispose()
    else:
        yield from django_of(url)


settings.configure(  # as a Django project does, before anything of it is used
    DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "none"}},
    SECRET_KEY="x",
    ALLOWED_HOSTS=["*"],
    MIDDLEWARE=["django.middleware.csrf.CsrfViewMiddleware"],
    ROOT_URLCONF="",
)
django.setup()


def django_of(url: str) -> Iterator[Begin]:
    given = psycopg.conninfo.conninfo_to_dict(url)
    given.pop("dbname", None)
    name = psycopg.conninfo.conninfo_to_dict(url)["dbname"]
    described = connections["default"].settings_dict | {
        "NAME": name,
        "HOST": str(given.get("host", "")),
        "PORT": str(given.get("port", "")),
        "USER": str(given.get("user", "")),
        "PASSWORD": str(given.get("password") or ""),
    }
    connections.databases["owner"] = described
    begin = django_transactions("owner")

    @contextmanager
    def each() -> Iterator[Transaction]:
        """As a request of Django's does, which closes the connection of its thread."""
        try:
            with begin() as tx:
                yield tx
        finally:
            connections["owner"].close()

    yield each
    connections["owner"].close()
    del connections["owner"]  # else the next test's, in this thread, is of this one's database
    connections.databases.pop("owner")


@pytest.fixture
def pool(url: str) -> Iterator[Begin]:
    """Transactions of psycopg."""
    with closing(psycopg_transactions(url)) as made:
        yield made


@pytest.fixture
def endpoint(begin: Begin) -> Endpoint:
    return Endpoint(SqlAdapter(SCHEMA, begin), api_key=KEY)


def caller(endpoint: Endpoint, **scope: Any) -> Caller:
    """Call an endpoint in this process."""

    def send(body: bytes, headers: Any) -> tuple[int, bytes]:
        answer = endpoint.handle("POST", headers, body)
        return answer.status, answer.body

    return Caller("", KEY, scope=scope or None, send=send)
