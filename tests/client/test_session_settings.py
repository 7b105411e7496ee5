"""The same value, whatever a database, a role, a URL or the environment says.

Each setting stands at an odd value, in each of the four places; what is written, read, listed,
paged, logged, streamed and claimed, by the API and by a writer of plain SQL, is what a neutral
session has.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from typing import Any, Final
from urllib.parse import quote

import psycopg
import pytest
from _pytest.mark import ParameterSet

from ablo_pg import AbloError, AsyncAblo
from ablo_pg.cluster import Server
from ablo_pg.db import session
from ablo_pg.testing import DatabaseHandle, apply_schema, make_database

from .kinds import DDL, SCHEMA, transcript
from .relay_thread import RelayThread, make_key

pytestmark = [pytest.mark.anyio, pytest.mark.direct("of the client's own connections")]

ODD: Final = {
    "timezone": ("America/St_Johns", "Asia/Kathmandu"),
    "datestyle": ("German, DMY", "SQL, DMY", "Postgres, YMD"),
    "intervalstyle": ("sql_standard",),
    "extra_float_digits": ("0", "-15"),
    "bytea_output": ("escape",),
    "client_encoding": ("LATIN1", "SQL_ASCII", "EUC_JP"),
    "default_transaction_isolation": ("serializable", "repeatable read"),
    "default_transaction_read_only": ("on",),
    "default_transaction_deferrable": ("on",),
    "row_security": ("off",),
    "standard_conforming_strings": ("off",),
    "quote_all_identifiers": ("on",),
    "array_nulls": ("off",),
    "transform_null_equals": ("on",),
    "xmloption": ("document",),
    "search_path": ("ablo, pg_temp",),
}
PLACES: Final = ("database", "role", "url", "environment")
# What has no part in rendering today is tried in two places; a second odd value in one.
MINOR: Final = (
    "intervalstyle", "bytea_output", "default_transaction_deferrable", "quote_all_identifiers",
    "array_nulls", "transform_null_equals", "xmloption",
)  # fmt: skip
CASES: Final = [
    (name, value, place)
    for name, values in ODD.items()
    for number, value in enumerate(values)
    for place in (PLACES[2:3] if number else PLACES[::2] if name in MINOR else PLACES)
]
ENVIRONMENT: Final = {
    "timezone": "PGTZ", "datestyle": "PGDATESTYLE", "client_encoding": "PGCLIENTENCODING",
}  # fmt: skip
_ORGANIZATIONS: Final = itertools.count(1)


@pytest.fixture(scope="module")
def adopted(cluster: Server, kernel_template: str) -> Iterator[DatabaseHandle]:
    """One database for all: each run has an organization of its own."""
    with make_database(server=cluster, template=kernel_template) as handle:
        with psycopg.connect(handle.admin_url, autocommit=True) as conn:
            conn.execute(DDL.encode())
        apply_schema(handle.admin_url, SCHEMA)
        yield handle


@contextmanager
def defaults(handle: DatabaseHandle, place: str, name: str, value: str) -> Iterator[None]:
    """Set it for the database, or for every role that comes."""
    if place == "database":
        targets = [f"database {handle.name}"]
    else:
        targets = [
            f"role {role} in database {handle.name}"
            for role in (login(handle.database_url), login(handle.replication_url), "current_user")
        ]
    with psycopg.connect(handle.admin_url, autocommit=True) as conn:
        for target in targets:
            conn.execute(f"alter {target} set {name} = {setting(value)}".encode())
        yield
        conn.execute("set default_transaction_read_only = off")
        for target in targets:
            conn.execute(f"alter {target} reset {name}".encode())


def login(url: str) -> str:
    return str(psycopg.conninfo.conninfo_to_dict(url)["user"])


def setting(value: str) -> str:
    return value if "," in value else f"'{value}'"


def odd_url(url: str, name: str, value: str) -> str:
    options = f"-c {name}=" + value.replace(" ", "\\ ")
    more = f"&client_encoding={value}" if name == "client_encoding" else ""
    return f"{url}&options={quote(options)}{more}"


async def run(handle: DatabaseHandle, odd: tuple[str, str] | None = None) -> Any:
    """Return the transcript of one run; odd: what the URLs say."""
    urls = [handle.database_url, handle.replication_url, handle.admin_url]
    if odd is not None:
        urls = [odd_url(url, *odd) for url in urls]
    organization = f"org{next(_ORGANIZATIONS)}-"
    async with (
        AsyncAblo(
            schema=SCHEMA, database_url=urls[0], replication_url=urls[1],
            organization=organization, participant="user:a", timeout=30,
        ) as ablo,
        await psycopg.AsyncConnection.connect(urls[2], autocommit=True) as writer,
    ):  # fmt: skip
        await writer.execute("set default_transaction_read_only = off")
        return await transcript(ablo, writer, organization)


_NEUTRAL: list[Any] = []


async def neutral(handle: DatabaseHandle) -> Any:
    if not _NEUTRAL:
        _NEUTRAL.append(await run(handle))
    return _NEUTRAL[0]


def case(each: tuple[str, str, str]) -> ParameterSet:
    """By default each setting stands at one odd value in one place, where it prevails."""
    name, value, place = each
    marks = () if (value, place) == (ODD[name][0], "url") else pytest.mark.full
    return pytest.param(*each, id=f"{name}={value} by {place}", marks=marks)


async def test_a_neutral_session_sees_what_was_written(adopted: DatabaseHandle) -> None:
    seen = await neutral(adopted)
    first, second, third = seen["read"]
    assert (first["name"], first["code"], first["kind"], first["double"]) == (
        "né", "b", "near", 0.1 + 0.2,
    )  # fmt: skip
    assert (second["real"], second["code"], second["price"]) == (0.3, "b1", Decimal("100.00"))
    assert third["double"] == 0.4
    assert seen["pages"]["double"] == ["1", "2", "3", "3", "2", "1"]
    assert {"".join(sorted(ids)) for ids in seen["pages"].values()} == {"112233"}
    assert all("2" in ids for ids in seen["found"].values())


@pytest.mark.parametrize(("name", "value", "place"), [*map(case, CASES)])
async def test_nothing_that_a_session_may_set_changes_a_value(
    adopted: DatabaseHandle, monkeypatch: pytest.MonkeyPatch, name: str, value: str, place: str
) -> None:
    expected = await neutral(adopted)
    if place in ("database", "role"):
        with defaults(adopted, place, name, value):
            assert await run(adopted) == expected
    elif place == "url":
        assert await run(adopted, (name, value)) == expected
    else:
        options = f"-c {name}=" + value.replace(" ", "\\ ")
        monkeypatch.setenv("PGOPTIONS", options)
        if name in ENVIRONMENT:
            monkeypatch.setenv(ENVIRONMENT[name], value)
        assert await run(adopted) == expected


@pytest.mark.parametrize(
    "name", ["default_transaction_isolation", "default_transaction_read_only", "client_encoding"]
)
async def test_a_build_that_pins_nothing_is_caught(
    adopted: DatabaseHandle, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    expected = await neutral(adopted)
    monkeypatch.setattr(session, "PIN", "select")
    monkeypatch.setattr(session, "ENCODING", {})
    try:
        seen = await run(adopted, (name, ODD[name][0]))
    except (AbloError, psycopg.Error, UnicodeError):
        return
    assert seen != expected


@pytest.mark.full
async def test_a_relay_serves_the_same_under_all_of_them_at_once(adopted: DatabaseHandle) -> None:
    expected = await neutral(adopted)
    organization = f"org{next(_ORGANIZATIONS)}-"
    key = make_key(adopted, organization, "user:a")
    with ExitStack() as stack:
        for name, values in ODD.items():
            if name != "default_transaction_read_only":  # those that are set after it need to write
                stack.enter_context(defaults(adopted, "database", name, values[0]))
        relay = stack.enter_context(RelayThread(adopted))
        async with (
            AsyncAblo(schema=SCHEMA, base_url=relay.url, api_key=key, timeout=30) as ablo,
            await psycopg.AsyncConnection.connect(adopted.admin_url, autocommit=True) as writer,
        ):
            assert await transcript(ablo, writer, organization) == expected
