"""Connection URLs from libpq parameters, so that they fit in a .env file and in other drivers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode


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
    host = rest.get("host", "")
    address = ""
    if host and not host.startswith(("/", "@")) and "," not in host:
        rest.pop("host")
        port = rest.pop("port", "")
        address = (f"[{host}]" if ":" in host else quote(host, safe="")) + (f":{port}" if port else "")
    start = f"{credentials}@" if credentials else ""
    query = urlencode(rest, safe="/,", quote_via=quote)
    return f"postgresql://{start}{address}/{quote(database, safe='')}" + (f"?{query}" if query else "")
