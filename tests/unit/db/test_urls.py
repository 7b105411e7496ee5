"""URLs survive libpq's own parser, whatever is in them."""

from __future__ import annotations

import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.conninfo import conninfo_to_dict

from ablo_pg.db.urls import make_url, url_parameters, with_login
from ablo_pg.errors import AbloValidationError
from ablo_pg.wire.relay_url import relay_origin

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20)
HOST = st.sampled_from(["localhost", "::1", "127.0.0.1", "/tmp/a b&c", "/var/run/pg", "a,b", None])


@given(user=TEXT, password=TEXT, database=TEXT, host=HOST, port=st.sampled_from(["5433", None]))
def test_a_url_says_what_its_parameters_said(
    user: str, password: str, database: str, host: str | None, port: str | None
) -> None:
    parameters = {"user": user, "password": password, "dbname": database}
    parameters |= {"host": host} if host else {}
    parameters |= {"port": port} if port else {}
    assert conninfo_to_dict(make_url(parameters)) == parameters


def test_a_unix_socket_url_needs_no_shell_quotes() -> None:
    url = make_url({"user": "u", "password": "p", "host": "/tmp/s", "port": 5433, "dbname": "d"})
    assert url == "postgresql://u:p@:5433/d?host=/tmp/s"


def test_another_login_inherits_the_way_and_not_the_secrets() -> None:
    admin = {
        "host": "db",
        "dbname": "d",
        "user": "root",
        "password": "x",
        "passfile": "/f",
        "sslmode": "verify-full",
        "sslrootcert": "/ca",
        "sslkey": "/key",
        "service": "prod",
    }
    assert with_login(admin, "u", "p") == {
        "host": "db",
        "dbname": "d",
        "user": "u",
        "password": "p",
        "sslmode": "verify-full",
        "sslrootcert": "/ca",
    }


# A password where libpq, or a reader of other drivers' URLs, takes it for something else.
SECRET = "s3cr3t"
MISREAD = {
    f"postgresql+asyncpg://u:{SECRET}@h/d": "postgresql+asyncpg://",
    f"postgres+psycopg2://u:{SECRET}@h/d": "another driver",
    f"jdbc:postgresql://h/d?user=u&password={SECRET}": "another driver",
    f"mysql://u:{SECRET}@h/d": "begins with mysql://",
    f"https://u:{SECRET}@h/d": "begins with https://",
    f"{SECRET}": "is not a database URL",
    f"u:{SECRET}@h/d": "is not a database URL",
    f"postgresql://u:p@{SECRET}@h/d": "special character",
    f"postgresql://u:123/{SECRET}@h/d": "special character",
    f"postgresql://u:{SECRET}/x@h/d": "special character",
    f"postgresql://u:{SECRET}#x@h/d": "special character",
    f"postgresql://u:x?{SECRET}=1@h/d": "special character",
    f"postgresql://u:{SECRET}%zz@h/d": "cannot be read by libpq",
    f"postgresql://u:x@h:{SECRET}/d": "port that is not a number",
    f"postgresql://u:x@h/d?connect_timeout={SECRET}": "connect_timeout that is not a number",
    f"postgresql://u@h/d?{SECRET}=1": "cannot be read by libpq",
    f"postgresql://u:{SECRET}@h/d?schema=public&pgbouncer=true": "pgbouncer, schema",
    f"postgresql://u:{SECRET}@h/d\n": "line break",
    f"postgresql://u:{SECRET}@h/d ": "ends with a space",
    f" postgresql://u:{SECRET}@h/d": "ends with a space",
    f"host=h password={SECRET} {SECRET}": "cannot be read by libpq",
    f"host=h passwort={SECRET}": "cannot be read by libpq",
}


@pytest.mark.parametrize(("url", "told"), MISREAD.items(), ids=range(len(MISREAD)))
def test_a_url_that_is_misread_is_refused_without_its_secret(url: str, told: str) -> None:
    with pytest.raises(AbloValidationError) as caught:
        url_parameters(url, "database_url")
    assert told in caught.value.message
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert SECRET not in shown.replace(f"{url!r}", "")
    assert caught.value.remedy
    assert caught.value.field == "database_url"


@given(TEXT, TEXT)
def test_no_error_holds_any_of_a_password(password: str, rest: str) -> None:
    secret = f"{SECRET}{password}"
    for url in (f"postgresql://u:{secret}@{rest}", f"{rest}://u:{secret}@h", f"{secret} {rest}"):
        told = ""
        try:
            url_parameters(url)
        except AbloValidationError as exc:
            told = str(exc)
        assert SECRET not in told


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:p%40s@h:5433/d?sslmode=require",
        "postgres://u@/d?host=/run/pg",
        "host=h user=u password='a b' dbname=d",
        "postgresql://u:p@a,b:5432,5433/d",
        "postgresql://",
    ],
)
def test_what_libpq_reads_is_taken(url: str) -> None:
    assert url_parameters(url) == conninfo_to_dict(url)


@pytest.mark.parametrize(
    ("url", "told"),
    [
        (f"postgresql://u:{SECRET}@h/d", "database"),
        (f"https://u:{SECRET}@h", "login"),
        (f"{SECRET}", "not the URL of a relay"),
        (f"https://h?key={SECRET}", "query"),
        (f"https://h:{SECRET}", "not the URL of a relay"),
        (f"https://h/{SECRET}\n", "not the URL of a relay"),
        ("https://", "not the URL of a relay"),
        ("http://[::1", "not the URL of a relay"),
        ("https://h/ ", "ends with a space"),
    ],
)
def test_a_relay_url_that_is_none_is_refused_without_its_secret(url: str, told: str) -> None:
    with pytest.raises(AbloValidationError) as caught:
        relay_origin(url, "base_url")
    assert told in caught.value.message
    assert SECRET not in f"{caught.value!r}{caught.value}{caught.value.remedy}"


def test_a_relay_url_may_end_in_api() -> None:
    for end in ("", "/", "/api", "/api/"):
        assert relay_origin(f"https://h:8/x{end}", "url") == ("https://h:8", "/x")
