"""URLs survive libpq's own parser, whatever is in them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from psycopg.conninfo import conninfo_to_dict

from ablo_pg.db.urls import make_url, with_login

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
