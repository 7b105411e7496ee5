"""Connection URLs from libpq parameters, so that they fit in a .env file and in other drivers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from ablo_pg.errors import error_for


def url_parameters(url: str) -> dict[str, Any]:
    """Return a URL's libpq parameters. Raises invalid_options for one that libpq cannot read."""
    try:
        return conninfo_to_dict(url)
    except ProgrammingError as exc:
        raise error_for(
            "invalid_options",
            f"the URL cannot be read: {exc}".strip(),
            remedy="write it as postgresql://user:password@host:5432/database",
        ) from None


def make_url(parameters: Mapping[str, Any]) -> str:
    """Return a postgresql:// URL of libpq parameters (as `conninfo_to_dict` gives them).

    A unix socket's folder and lists of hosts go into the query, where every driver takes them.
    """
    rest = {key: str(value) for key, value in parameters.items() if value not in (None, "")}
    user = rest.pop("user", "")
    password = rest.pop("password", "")
    database = rest.pop("dbname", "")
    credentials = quote(user, safe="")
    if password:
        credentials += f":{quote(password, safe='')}"
    host, port = rest.get("host", ""), rest.get("port", "")
    address = ""
    if "," not in host + port:
        rest.pop("port", None)
        if not host.startswith(("/", "@")):
            rest.pop("host", None)
            address = f"[{host}]" if ":" in host else quote(host, safe="")
        # Also without a host: no `&` is left then, and a shell can source the .env file.
        address += f":{port}" if port else ""
    start = f"{credentials}@" if credentials else ""
    query = urlencode(rest, safe="/,", quote_via=quote)
    return f"postgresql://{start}{address}/{quote(database, safe='')}" + (
        f"?{query}" if query else ""
    )


def with_login(
    parameters: Mapping[str, Any], user: str, password: str, **changed: str
) -> dict[str, Any]:
    """Return parameters for another login at the same place.

    What belongs to the first login (its password and key files) is dropped, and so is what belongs
    to one session; how to reach the server stays.
    """
    kept = {key: value for key, value in parameters.items() if key not in _OF_A_LOGIN}
    return kept | {"user": user, "password": password} | changed


_OF_A_LOGIN = frozenset(
    {
        *("user", "password", "passfile", "service", "sslcert", "sslkey", "sslpassword"),
        *("sslcertmode", "require_auth", "options", "application_name", "replication"),
        *("fallback_application_name", "connect_timeout", "target_session_attrs"),
    }
)


def without_password(url: str | None) -> str | None:
    """Return a URL that may be shown: what is secret in it is left out.

    >>> without_password("postgresql://me:secret@localhost/app")
    'postgresql://me@localhost/app'
    """
    if url is None:
        return None
    try:
        parameters = conninfo_to_dict(url)
    except ProgrammingError:
        return "(not a database URL)"
    return make_url({k: v for k, v in parameters.items() if k not in ("password", "sslpassword")})
