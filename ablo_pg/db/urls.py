"""Connection URLs: parsed, with a reason if that fails, and built from libpq's parameters.

A reason never quotes the URL, and never libpq, which quotes it: an unencoded password ends up where
a host or a port is expected.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlencode

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from ablo_pg.errors import error_for

_SHAPE: Final = "write it as postgresql://user:password@host:5432/database"
_ENCODE: Final = "percent-encode these in user and password: @ as %40, / as %2F, : as %3A"
# Parameters that other programs put into a URL, and libpq does not know.
_OF_OTHERS: Final = frozenset(
    {
        *("schema", "pgbouncer", "connection_limit", "pool_timeout", "socket_timeout", "sslaccept"),
        *(
            "statement_cache_size",
            "prepared_statement_cache_size",
            "prepareThreshold",
            "sslidentity",
        ),
        *(
            "currentSchema",
            "ssl",
            "pool_size",
            "max_overflow",
            "supa",
            "uselibpqcompat",
            "workaround",
        ),
    }
)

# libpq reads these only when it connects, and quotes one that is not a number.
_NUMBERS: Final = (
    *("port", "connect_timeout", "tcp_user_timeout", "keepalives"),
    *("keepalives_idle", "keepalives_interval", "keepalives_count"),
)


def url_parameters(url: str, name: str = "the URL") -> dict[str, Any]:
    """Return a URL's libpq parameters; `name` is the caller's name for it, for the error.

    Raises invalid_options for one that libpq cannot read, or reads differently than intended. The
    error contains only the URL's scheme.
    """
    reason, remedy = _misread(url)
    if not reason:
        try:
            found = conninfo_to_dict(url)
        except ProgrammingError:
            reason, remedy = "cannot be read by libpq", f"{_SHAPE}; {_ENCODE}"
        else:
            wrong = [
                key for key in _NUMBERS if not re.fullmatch(r"[\d,]*", str(found.get(key, "")))
            ]
            if not wrong:
                return found
            reason, remedy = f"has a {wrong[0]} that is not a number", f"{_SHAPE}; {_ENCODE}"
    field = name if name.isidentifier() else None
    raise error_for("invalid_options", f"{name} {reason}", field=field, remedy=remedy) from None


def _misread(url: str) -> tuple[str, str]:
    """Return why libpq would misread a URL, with the remedy; or two empty strings."""
    scheme, mark, rest = url.partition("://")
    if not url.isprintable():
        return "contains a line break or another control character", "remove it"
    if url != url.strip():
        return "begins or ends with a space", "remove it"
    if not mark:
        return ("", "") if "=" in url else ("is not a database URL", _SHAPE)
    if not re.fullmatch(r"postgres(ql)?", scheme):
        return _of_another(scheme)
    login, at, place = rest.partition("@")
    if "@" in place.partition("?")[0] or (at and re.search(r"[/?#]", login)):
        return "has a special character in its user or password", _ENCODE
    query = place.partition("?")[2] if at else rest.partition("?")[2]
    foreign = sorted({key for key, _ in parse_qsl(query, keep_blank_values=True)} & _OF_OTHERS)
    if foreign:
        return f"has parameters of another driver: {', '.join(foreign)}", "remove them from it"
    return "", ""


def _of_another(scheme: str) -> tuple[str, str]:
    if re.fullmatch(r"(jdbc:)?postgres(ql)?(\+[a-z0-9_]+)?", scheme):
        return (
            f"is for another driver: it begins with {scheme}://",
            "begin it with postgresql://",
        )
    if re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]{0,30}", scheme):
        return f"is not a database URL: it begins with {scheme}://", _SHAPE
    return "is not a database URL", _SHAPE


def make_url(parameters: Mapping[str, object]) -> str:
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
        # Even without a host: no `&` is left then, and a shell can source the .env file.
        address += f":{port}" if port else ""
    start = f"{credentials}@" if credentials else ""
    query = urlencode(rest, safe="/,", quote_via=quote)
    return f"postgresql://{start}{address}/{quote(database, safe='')}" + (
        f"?{query}" if query else ""
    )


def with_login(
    parameters: Mapping[str, object], user: str, password: str, **changed: str
) -> dict[str, Any]:
    """Return parameters for another login at the same place.

    Values that belong to the first login (its password and key files) or to one session are
    dropped; how to reach the server is kept.
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
    """Return a URL that may be shown, without its secrets.

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
